//! One run of a program, within its bounds.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use gatepost_host::Clock;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin};

use crate::Spooled;

/// A program that is about to run.
pub(super) struct Run<'a> {
    pub(super) command: tokio::process::Command,
    pub(super) message: Option<&'a dyn Spooled>,
    pub(super) clock: &'a Clock,
    pub(super) time_limit: Duration,
}

/// How a run ended. The text is the end of what the program wrote to its standard error.
pub(super) enum Ended {
    NotStarted(io::Error),
    MessageUnreadable(io::Error),
    TooLong(String),
    Exited(ExitStatus, String),
}

impl Run<'_> {
    pub(super) async fn until_its_end(mut self) -> Ended {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own: whatever the program starts ends with it.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => return Ended::NotStarted(error),
        };
        let group = Group::of(&child);
        let stdin = child.stdin.take();
        let mut said = Said::new(child.stderr.take());
        let ended = {
            let feeding = feed(self.message, stdin);
            let work = fed_until_the_end(&mut child, &mut said, feeding);
            self.clock.within(self.time_limit, work).await
        };
        match ended {
            Ok(Ok(status)) => {
                // What it started may hold its standard error open; that is not waited for.
                let _ = self.clock.within(LAST_WORDS, said.listen()).await;
                group.disband();
                Ended::Exited(status, said.text())
            }
            Ok(Err(error)) => {
                self.end(&mut child, group).await;
                Ended::MessageUnreadable(error)
            }
            Err(_) => {
                self.end(&mut child, group).await;
                let _ = self.clock.within(LAST_WORDS, said.listen()).await;
                Ended::TooLong(said.text())
            }
        }
    }

    async fn end(&self, child: &mut Child, group: Group) {
        group.signal(Signal::TERM);
        let _ = self.clock.within(GRACE, child.wait()).await;
        group.signal(Signal::KILL);
        let _ = child.wait().await;
        group.disband();
    }
}

/// Feeds the program and listens to it until it ends. One that ends without having read
/// everything has read what it wanted.
async fn fed_until_the_end(
    child: &mut Child,
    said: &mut Said,
    feeding: impl Future<Output = io::Result<()>>,
) -> io::Result<ExitStatus> {
    tokio::pin!(feeding);
    let mut fed = false;
    let mut silent = false;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            result = &mut feeding, if !fed => {
                result?;
                fed = true;
            }
            () = said.listen(), if !silent => silent = true,
        }
    }
}

/// Writes the message to the program and closes its standard input.
async fn feed(message: Option<&dyn Spooled>, stdin: Option<ChildStdin>) -> io::Result<()> {
    let (Some(message), Some(mut stdin)) = (message, stdin) else {
        return Ok(());
    };
    let mut octets = message.open().await?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = octets.read(&mut buffer).await?;
        // A program that no longer reads has closed its end; how it ends says the rest.
        if read == 0 || stdin.write_all(&buffer[..read]).await.is_err() {
            let _ = stdin.shutdown().await;
            return Ok(());
        }
    }
}

/// The program and everything it started, unless that left the group.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self(number.and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails when nobody is left, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Leaves what the program started to itself.
    fn disband(mut self) {
        self.0 = None;
    }
}

/// A run that is given up ends with everything it started.
impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// The end of what the program writes to its standard error.
struct Said {
    stderr: Option<ChildStderr>,
    kept: Vec<u8>,
}

impl Said {
    fn new(stderr: Option<ChildStderr>) -> Self {
        Self {
            stderr,
            kept: Vec::new(),
        }
    }

    /// Listens until the program is silent for good.
    async fn listen(&mut self) {
        let Some(stderr) = &mut self.stderr else {
            return;
        };
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            self.kept.extend_from_slice(&buffer[..read]);
            let too_much = self.kept.len().saturating_sub(KEPT);
            self.kept.drain(..too_much);
        }
        self.stderr = None;
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

/// How long a program may take to end after it was told to.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// How long its last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How much of them is kept, in octets.
const KEPT: usize = 4096;
const BUFFER: usize = 64 * 1024;
