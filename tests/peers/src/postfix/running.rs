//! The process: started, seen ready, stopped on drop.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::configuration;
use crate::ports::Ports;
use crate::{PeerError, installed};

/// A running master process in a process group of its own. Dropping it ends the whole group.
#[derive(Debug)]
pub(super) struct Running {
    master: Child,
}

impl Running {
    /// Starts the master on the configuration in `root`; returns when it greets on its port.
    pub(super) fn start(root: &Path, ports: Ports) -> Result<Self, PeerError> {
        let binary = installed::program("master", "postfix")?;
        if !rustix::process::geteuid().is_root() {
            return Err(PeerError::NeedsRoot { program: "postfix" });
        }
        let complaints = root.join(STDERR);
        let complaints = File::create(&complaints).map_err(PeerError::file(&complaints))?;
        let master = Command::new(binary)
            .arg("-d")
            .arg("-c")
            .arg(root.join(configuration::FOLDER))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints)
            .spawn()
            .map_err(PeerError::system("cannot run the master of postfix"))?;
        let mut running = Self { master };
        running.wait_until_ready(root, ports)?;
        Ok(running)
    }

    /// It tells nobody when it listens, so it is tried until it does or has ended.
    fn wait_until_ready(&mut self, root: &Path, ports: Ports) -> Result<(), PeerError> {
        let watching = "cannot watch postfix start";
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty())
            .map_err(|error| PeerError::system(watching)(error.into()))?;
        for _ in 0..LOOKS {
            if let Ok(stream) = TcpStream::connect(ports.clear()) {
                return greeted(stream)
                    .map_err(|source| not_started(root, &format!("no greeting: {source}")));
            }
            // Readable means that it has ended.
            let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
            let count = poll(&mut ended, Some(&LOOK_AGAIN))
                .map_err(|error| PeerError::system(watching)(error.into()))?;
            if count > 0 {
                return Err(not_started(root, "it ended at once"));
            }
        }
        Err(not_started(root, "it never listened"))
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.master.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id is a small positive number")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked politely, it sleeps a second before it ends. Nothing here outlives the test.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.master.wait();
    }
}

/// What has been logged under `root`.
pub(super) fn log(root: &Path) -> String {
    [STDERR, configuration::LOG]
        .iter()
        .filter_map(|name| std::fs::read_to_string(root.join(name)).ok())
        .collect()
}

fn greeted(stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut greeting = String::new();
    BufReader::new(stream.take(GREETING_AT_MOST)).read_line(&mut greeting)?;
    if greeting.starts_with("220 ") {
        Ok(())
    } else {
        Err(std::io::Error::other(greeting))
    }
}

fn not_started(root: &Path, reason: &str) -> PeerError {
    PeerError::NotStarted {
        program: "postfix",
        reason: reason.to_owned(),
        log: log(root),
    }
}

const LOOK_AGAIN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};
const LOOKS: u32 = 3_000;
const PATIENCE: Duration = Duration::from_secs(30);
const GREETING_AT_MOST: u64 = 8_192;
const STDERR: &str = "stderr.log";
