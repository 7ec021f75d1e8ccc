//! Asking a running `serve`. Blocking and without a runtime: `gatepost token` must be quick.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use gatepost_host::Clock;
use gatepost_store::StateFolder;
use jiff::Timestamp;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use zeroize::Zeroizing;

use super::{Answer, ControlError, MOST, Question, socket};

/// What the running `serve` of this state folder answers; `None` if none runs, or it ended
/// meanwhile, in which case the caller does the work itself.
pub fn ask(state: &StateFolder, question: &Question) -> Result<Option<Answer>, ControlError> {
    ask_within(state, question, question.patience())
}

/// The same within `limit`.
pub fn ask_within(
    state: &StateFolder,
    question: &Question,
    limit: Duration,
) -> Result<Option<Answer>, ControlError> {
    let path = socket(state);
    if !is_there(&path)? {
        return Ok(None);
    }
    let deadline = Deadline::after(limit);
    let mut answer = exchange(&path, question, &deadline);
    if answer.as_ref().is_ok_and(|answer| answer.is_empty()) {
        // A `serve` that is just ending says nothing either, and does not listen a second time.
        answer = exchange(&path, question, &deadline);
    }
    match answer {
        Ok(answer) => match serde_json::from_str(&answer) {
            Ok(answer) => Ok(Some(answer)),
            Err(_) => Err(ControlError::OtherVersion { path }),
        },
        Err(error) if is_over(&error) => Err(ControlError::Silent { path, limit }),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let owner = std::fs::symlink_metadata(&path).map_or(0, |socket| socket.uid());
            Err(ControlError::Foreign { path, owner })
        }
        Err(_) => Ok(None),
    }
}

/// Whether there is a socket, and one that tells the truth: what another user answers is not
/// what this one's `serve` says. For root, everybody's is.
fn is_there(path: &Path) -> Result<bool, ControlError> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(false);
    };
    let ours = rustix::process::geteuid().as_raw();
    if is_foreign(found.uid(), ours) {
        return Err(ControlError::Foreign {
            path: path.to_owned(),
            owner: found.uid(),
        });
    }
    Ok(found.file_type().is_socket())
}

/// Whether a socket of `owner` is none that `ours` relies on.
fn is_foreign(owner: u32, ours: u32) -> bool {
    ours != ROOT && owner != ours
}

fn exchange(
    path: &Path,
    question: &Question,
    deadline: &Deadline,
) -> io::Result<Zeroizing<String>> {
    let mut stream = connect(path, deadline)?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.set_write_timeout(Some(deadline.left()?))?;
    stream.write_all(&line)?;
    let mut answer = Zeroizing::new(Vec::new());
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while !answer.ends_with(b"\n") && answer.len() < MOST {
        // Anew each time: who answers one octet a second must not take for ever.
        stream.set_read_timeout(Some(deadline.left()?))?;
        match stream.read(&mut chunk[..]) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let text = std::str::from_utf8(&answer).map_err(io::Error::other)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Connects. If nobody accepts connections and the queue is full, that waits too; the kernel lets
/// it wait as long as sending may (unix(7), `SO_SNDTIMEO`).
fn connect(path: &Path, deadline: &Deadline) -> io::Result<UnixStream> {
    let kind = (AddressFamily::UNIX, SocketType::STREAM);
    let socket = rustix::net::socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(deadline.left()?))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn is_over(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// A time by which all must be done.
struct Deadline {
    clock: Clock,
    at: Timestamp,
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        let clock = Clock::system();
        let at = clock.now().checked_add(limit).unwrap_or(Timestamp::MAX);
        Self { clock, at }
    }

    /// What is left; never nothing, which would mean for ever.
    fn left(&self) -> io::Result<Duration> {
        Duration::try_from(self.at.duration_since(self.clock.now()))
            .ok()
            .filter(|left| !left.is_zero())
            .ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

const ROOT: u32 = 0;
const CHUNK: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use gatepost_fault::Fault as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = StateFolder::new(folder.path());
        (folder, state)
    }

    #[test]
    fn where_nobody_serves_nobody_is_waited_for() {
        let (_folder, state) = folder();
        let limit = Duration::from_hours(1);
        let nothing = ask_within(&state, &Question::Health, limit).expect("there is nothing");
        assert!(nothing.is_none());
        drop(UnixListener::bind(socket(&state)).expect("a new socket"));
        let left_behind = ask_within(&state, &Question::Health, limit).expect("nobody listens");
        assert!(left_behind.is_none());
    }

    #[test]
    fn an_answer_of_another_version_is_no_absence() {
        for said in ["", "{\"answer\":\"poem\"}\n", "\n"] {
            let (_folder, state) = folder();
            let other = UnixListener::bind(socket(&state)).expect("a new socket");
            let asked = if said.is_empty() { 2 } else { 1 };
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    for stream in other.incoming().take(asked) {
                        let mut stream = stream.expect("a connection");
                        let mut question = String::new();
                        let mut reader = io::BufReader::new(&stream);
                        io::BufRead::read_line(&mut reader, &mut question).expect("a question");
                        stream.write_all(said.as_bytes()).expect("it is read");
                    }
                });
                let answer = ask_within(&state, &Question::Health, Duration::from_hours(1));
                let error = answer.err().expect("it cannot be read");
                assert_eq!(error.code(), "serve_of_other_version", "{said:?}");
            });
        }
    }

    #[test]
    fn only_root_asks_the_serve_of_another_user() {
        assert!(is_foreign(1_000, 1_001));
        assert!(
            is_foreign(ROOT, 1_001),
            "not even root's, which would turn it away"
        );
        assert!(!is_foreign(1_001, 1_001));
        assert!(!is_foreign(1_001, ROOT));
    }

    #[test]
    fn a_serve_that_hangs_is_left_when_the_time_is_over() {
        let (_folder, state) = folder();
        let silent = UnixListener::bind(socket(&state)).expect("a new socket");
        let limit = Duration::from_millis(50);
        let answer = ask_within(&state, &Question::Health, limit);
        let error = answer.err().expect("it never answers");
        assert_eq!(error.code(), "serve_silent");
        // Not even connections are taken any more: the queue is full.
        let mut queue = Vec::new();
        loop {
            match connect(&socket(&state), &Deadline::after(limit)) {
                Ok(stream) => queue.push(stream),
                Err(error) => break assert!(is_over(&error), "{error}"),
            }
        }
        let answer = ask_within(&state, &Question::Health, limit);
        let error = answer.err().expect("it never accepts");
        assert_eq!(error.code(), "serve_silent");
        drop((silent, queue));
    }
}
