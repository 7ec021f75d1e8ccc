//! The side of the control socket that `serve` holds.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatepost_gateway::admission::{Pardoned, PasswordId};
use gatepost_host::{Clock, Elapsed};
use gatepost_mailroom::Call;
use gatepost_oauth::TokenSource as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{Answer, ControlError, Lockout, Question, RelayedFault, WireToken};
use crate::compose::Gatepost;
use crate::daemon::Daemon;

/// Binds the socket. The caller holds the lock of the state folder, so what is left there is a
/// socket of a process that is gone.
pub fn bind(path: &Path) -> Result<UnixListener, ControlError> {
    let failed = |source| ControlError::Unusable {
        path: path.to_owned(),
        source,
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Answers questions until the tasks end.
pub async fn serve(listener: UnixListener, daemon: Daemon) {
    let gatepost = daemon.gatepost();
    let stop = gatepost.tasks.stop();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let accepted = stop.or(listener.accept()).await;
        let stream = match accepted {
            None => return,
            Some(Ok((stream, _))) => stream,
            Some(Err(error)) => {
                tracing::warn!("the control socket accepts no one: {error}");
                gatepost.clock.sleep(PAUSE).await;
                continue;
            }
        };
        if !is_ours(&stream) {
            tracing::warn!("somebody else's process was turned away at the control socket");
            continue;
        }
        let Some(Ok(place)) = stop.or(Arc::clone(&places).acquire_owned()).await else {
            return;
        };
        let (daemon, stop) = (daemon.clone(), stop.clone());
        gatepost.tasks.start("control connection", async move {
            // Whoever connects and says nothing must not hold up the end.
            let answered = stop.or(answer(stream, &daemon)).await;
            if let Some(Err(error)) = answered {
                tracing::debug!("a question at the control socket broke off: {error}");
            }
            drop(place);
        });
    }
}

/// Whether the other side is the same user, or root.
fn is_ours(stream: &UnixStream) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == ours || peer.uid() == 0)
}

async fn answer(mut stream: UnixStream, daemon: &Daemon) -> io::Result<()> {
    let clock = daemon.gatepost().clock.clone();
    let in_time = |_| io::Error::from(io::ErrorKind::TimedOut);
    let (reading, mut writing) = stream.split();
    let mut line = String::new();
    let mut reading = BufReader::new(reading.take(MOST_ASKED));
    clock
        .within(LIMIT, reading.read_line(&mut line))
        .await
        .map_err(in_time)??;
    if line.is_empty() {
        return Ok(());
    }
    let answer = match serde_json::from_str::<Question>(&line) {
        Ok(question) => {
            let limit = question.limit();
            let answer = Box::pin(answered(question, daemon));
            within(&clock, limit, answer).await
        }
        Err(source) => {
            let unknown = ControlError::UnknownQuestion { source };
            Answer::Fault(RelayedFault::of(&unknown))
        }
    };
    let mut text = Zeroizing::new(serde_json::to_vec(&answer)?);
    text.push(b'\n');
    clock
        .within(LIMIT, writing.write_all(&text))
        .await
        .map_err(in_time)?
}

/// The answer, or that it takes too long. Who asked waits for longer than `limit`.
async fn within(clock: &Clock, limit: Duration, answer: impl Future<Output = Answer>) -> Answer {
    let answer = clock.within(limit, answer).await;
    answer
        .unwrap_or_else(|Elapsed| Answer::Fault(RelayedFault::of(&ControlError::Overdue { limit })))
}

async fn answered(question: Question, daemon: &Daemon) -> Answer {
    let mailroom = &daemon.mailroom;
    match question {
        Question::Token { mailbox, graph } => token(&daemon.gatepost(), &mailbox, graph).await,
        Question::Health => Answer::Health {
            watches: mailroom.board.mailboxes(),
            sinks: mailroom.board.sinks(),
        },
        Question::Credentials => Answer::Credentials {
            credentials: daemon.gatepost().credentials(),
        },
        Question::Deliver => {
            mailroom.bell.urge();
            Answer::Done
        }
        Question::Send { urgent } => {
            let call = if urgent { Call::Urgent } else { Call::Look };
            daemon.office.ring_all(call);
            Answer::Done
        }
        Question::Passwords { revoked } => match (daemon.gatekeeper.look().await, revoked) {
            (Ok(()), None) => Answer::Done,
            (Ok(()), Some(id)) => Answer::Revoked {
                sessions: daemon.gatekeeper.left_with(&PasswordId::new(id)),
            },
            (Err(error), _) => Answer::Fault(RelayedFault::of(&error)),
        },
        Question::Lockouts { lift } => lockouts(daemon, lift.as_deref()),
        Question::Reload => match daemon.reload().await {
            Ok(changes) => Answer::Reloaded(changes),
            Err(failure) => Answer::Fault(RelayedFault::of(failure.fault())),
        },
    }
}

fn lockouts(daemon: &Daemon, lift: Option<&str>) -> Answer {
    let lifted = lift.map(|whom| daemon.gatekeeper.pardon(&Pardoned::named(whom)));
    let lifted = lifted.unwrap_or_default();
    if let Some(whom) = lift.filter(|_| !lifted.is_empty()) {
        tracing::info!(whom, "a lockout was lifted");
    }
    let mut holding = daemon.gatekeeper.locked_out();
    let more = holding.len().saturating_sub(MOST_LOCKOUTS);
    holding.truncate(MOST_LOCKOUTS);
    Answer::Lockouts {
        lifted: lifted.into_iter().map(Lockout::from).collect(),
        holding: holding.into_iter().map(Lockout::from).collect(),
        more,
    }
}

async fn token(gatepost: &Gatepost, mailbox: &str, graph: bool) -> Answer {
    let settings = match crate::verbs::named_mailbox(&gatepost.config, mailbox) {
        Ok(settings) => settings,
        Err(error) => return Answer::Fault(RelayedFault::of(&error)),
    };
    match gatepost
        .keeper(settings)
        .token(Question::audience(graph))
        .await
    {
        Ok(token) => Answer::Token(WireToken::of(&token)),
        Err(error) => Answer::Fault(RelayedFault::of(&error)),
    }
}

/// Connections at once.
const AT_ONCE: usize = 64;
/// Lockouts of one answer: nobody reads more, and a flood makes tens of thousands.
const MOST_LOCKOUTS: usize = 1_000;
/// A question names one mailbox.
const MOST_ASKED: u64 = 4 * 1024;
/// What a question may take to arrive, and an answer to be read.
const LIMIT: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use gatepost_fault::Fault as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_takes_too_long_is_one_too() {
        let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
        let limit = Question::Reload.limit();
        let Answer::Fault(fault) = within(&clock, limit, std::future::pending()).await else {
            panic!("it never ends");
        };
        assert_eq!(fault.code(), "serve_silent");
        assert!(fault.to_string().contains("5 min"), "{fault}");
    }
}
