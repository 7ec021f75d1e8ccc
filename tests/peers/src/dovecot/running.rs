//! The process: started, seen ready, stopped on drop.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::configuration;
use crate::ports::Ports;
use crate::{PeerError, installed};

/// A running master process. Dropping it ends it with all its children.
#[derive(Debug)]
pub(super) struct Running {
    master: Child,
}

impl Running {
    /// Starts the master on the configuration in `root`; returns when it greets on its port.
    pub(super) fn start(root: &Path, ports: Ports) -> Result<Self, PeerError> {
        let binary = program("dovecot")?;
        // Its configuration names LMTP and POP3, and Dovecot does not start without them.
        installed::program("lmtp", "dovecot-lmtpd")?;
        installed::program("pop3", "dovecot-pop3d")?;
        // Dovecot tells its service manager when it listens; here that is us.
        let socket = root.join("ready");
        let _ = std::fs::remove_file(&socket);
        let manager = UnixDatagram::bind(&socket).map_err(PeerError::file(&socket))?;
        manager
            .set_read_timeout(Some(LOOK_AGAIN))
            .map_err(PeerError::system("cannot bound the wait for Dovecot"))?;
        let complaints = root.join(STDERR);
        let complaints = File::create(&complaints).map_err(PeerError::file(&complaints))?;
        let master = Command::new(binary)
            .arg("-F")
            .arg("-c")
            .arg(root.join(configuration::MAIN))
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints)
            .spawn()
            .map_err(PeerError::system("cannot run dovecot"))?;
        let mut running = Self { master };
        running.wait_until_ready(&manager, root)?;
        greeted(ports).map_err(|source| not_started(root, &format!("no greeting: {source}")))?;
        Ok(running)
    }

    fn wait_until_ready(&mut self, manager: &UnixDatagram, root: &Path) -> Result<(), PeerError> {
        let mut message = [0; 4096];
        for _ in 0..LOOKS {
            match manager.recv(&mut message) {
                Ok(length) if message[..length].starts_with(b"READY=1") => return Ok(()),
                Ok(_) => {}
                Err(error) if is_time_over(error.kind()) => {}
                Err(error) => return Err(not_started(root, &error.to_string())),
            }
            if let Ok(Some(status)) = self.master.try_wait() {
                return Err(not_started(root, &format!("it ended with {status}")));
            }
        }
        Err(not_started(root, "it never said that it is ready"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.master.id()).ok().and_then(Pid::from_raw);
        // The master ends its children on TERM, and returns when they are gone.
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        if !asked {
            let _ = self.master.kill();
        }
        let _ = self.master.wait();
    }
}

/// Finds a program of Dovecot's packages.
pub(super) fn program(name: &'static str) -> Result<PathBuf, PeerError> {
    installed::program(name, "dovecot-imapd")
}

/// What has been logged under `root`.
pub(super) fn log(root: &Path) -> String {
    // What it says before it has read where to log goes to its standard error.
    [STDERR, configuration::LOG]
        .iter()
        .filter_map(|name| std::fs::read_to_string(root.join(name)).ok())
        .collect()
}

fn greeted(ports: Ports) -> std::io::Result<()> {
    let stream = TcpStream::connect(ports.clear())?;
    stream.set_read_timeout(Some(LOOK_AGAIN * LOOKS))?;
    let mut greeting = String::new();
    BufReader::new(stream.take(GREETING_AT_MOST)).read_line(&mut greeting)?;
    if greeting.starts_with("* OK") {
        Ok(())
    } else {
        Err(std::io::Error::other(greeting))
    }
}

fn not_started(root: &Path, reason: &str) -> PeerError {
    PeerError::NotStarted {
        program: "dovecot",
        reason: reason.to_owned(),
        log: log(root),
    }
}

fn is_time_over(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKS: u32 = 300;
const GREETING_AT_MOST: u64 = 8_192;
const STDERR: &str = "stderr.log";
