//! The real program, `gatepost`, against the counterparts.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::fs::inotify;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Dovecot, IdentityEndpoint, PeerError, Postfix, SmallDisk, folder};

/// The program with a configuration for the counterparts, in a folder of its own.
#[derive(Debug)]
pub struct Program {
    folder: TempDir,
    binary: PathBuf,
}

impl Program {
    /// Writes a configuration with the cloud and the registration `peers`, and `rest` behind it.
    pub fn new(
        identity: &IdentityEndpoint,
        dovecot: &Dovecot,
        rest: &str,
    ) -> Result<Self, PeerError> {
        Self::with_cloud(identity, dovecot, ("", rest))
    }

    /// The same, with `postfix` to send by.
    pub fn sending(
        identity: &IdentityEndpoint,
        dovecot: &Dovecot,
        postfix: &Postfix,
        rest: &str,
    ) -> Result<Self, PeerError> {
        let smtp = format!("smtp = \"localhost:{}\"\n", postfix.submissions().port());
        Self::with_cloud(identity, dovecot, (&smtp, rest))
    }

    fn with_cloud(
        identity: &IdentityEndpoint,
        dovecot: &Dovecot,
        (of_cloud, rest): (&str, &str),
    ) -> Result<Self, PeerError> {
        let binary = binary()?;
        let folder = folder::temporary("gatepost-program-")?;
        let secret = folder.path().join("client.secret");
        folder::write_private(&secret, IdentityEndpoint::CLIENT_SECRET)?;
        let text = format!(
            "state = \"state\"\n\n\
             [cloud.peers]\n\
             login = \"{}\"\n\
             imap = \"localhost:{}\"\n\
             pop3 = \"localhost:{}\"\n\
             ca_file = \"{}\"\n{of_cloud}\n\
             [registration.peers]\n\
             cloud = \"peers\"\n\
             tenant = \"{}\"\n\
             client_id = \"{}\"\n\
             secret = {{ file = \"client.secret\" }}\n\n\
             {rest}",
            identity.login_url(),
            dovecot.imaps().port(),
            dovecot.pop3s().port(),
            identity.authority().certificate_file().display(),
            IdentityEndpoint::TENANT,
            IdentityEndpoint::CLIENT_ID,
        );
        folder::write(&folder.path().join(CONFIGURATION), text)?;
        Ok(Self { folder, binary })
    }

    /// The folder of the configuration, to which its paths are relative.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with its configuration; what it is to do comes behind.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(self.folder().join(CONFIGURATION))
            .current_dir(self.folder())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Result<Output, PeerError> {
        self.command()
            .args(arguments)
            .output()
            .map_err(PeerError::system("cannot run gatepost"))
    }

    /// Starts it; it is killed when the value is dropped. Its log is kept.
    pub fn start(&self, arguments: &[&str]) -> Result<Running, PeerError> {
        let mut command = self.command();
        command.args(arguments);
        self.started(command)
    }

    /// The same, with a file system of so many MiB over one folder below that of the
    /// configuration.
    pub fn start_on(
        &self,
        (folder, mebibytes): (&str, u32),
        arguments: &[&str],
    ) -> Result<(Running, SmallDisk), PeerError> {
        let folder = self.folder().join(folder);
        folder::private(&folder)?;
        let mut program = self.command();
        program.args(arguments);
        let mut command = SmallDisk::below(&program, (&folder, mebibytes));
        command.stdin(Stdio::null());
        let running = self.started(command)?;
        let disk = SmallDisk::of(running.id(), &folder);
        Ok((running, disk))
    }

    fn started(&self, mut command: Command) -> Result<Running, PeerError> {
        let log = self.folder().join(LOG);
        let complaints = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(PeerError::file(&log))?;
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .map_err(PeerError::system("cannot start gatepost"))?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        Ok(Running {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    /// Waits until a line of the log has all of these words, and returns it.
    pub fn logged(&self, words: &[&str]) -> Result<String, PeerError> {
        let watched = PeerError::system("cannot watch the log");
        let growth = || -> std::io::Result<_> {
            let growth = inotify::init(inotify::CreateFlags::CLOEXEC)?;
            let path = self.folder().join(LOG);
            inotify::add_watch(&growth, path, inotify::WatchFlags::MODIFY)?;
            Ok(growth)
        };
        let growth = growth().map_err(watched)?;
        let mut told = [0; 4_096];
        loop {
            let log = self.log();
            let line = log
                .lines()
                .find(|line| words.iter().all(|word| line.contains(word)));
            if let Some(line) = line {
                return Ok(line.to_owned());
            }
            let grown = rustix::io::read(&growth, &mut told);
            grown.map_err(|error| PeerError::system("cannot watch the log")(error.into()))?;
        }
    }

    /// What started programs wrote to standard error so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join(LOG)).unwrap_or_default()
    }
}

/// The program while it runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Waits for the next line on its standard output; `None` when it has ended.
    pub fn line(&mut self) -> Option<String> {
        self.lines.next().and_then(Result::ok)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to stop, and waits until it has; `true` if it ended well.
    pub fn stop(mut self) -> bool {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let asked = pid.is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        asked && self.child.wait().is_ok_and(|status| status.success())
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The bare program, for a configuration of the test's own.
pub fn gatepost() -> Result<Command, PeerError> {
    Ok(Command::new(binary()?))
}

/// The program that was built with this test: cargo puts it beside the folder of test programs.
fn binary() -> Result<PathBuf, PeerError> {
    let test = std::env::current_exe().map_err(PeerError::system("cannot tell where we are"))?;
    let built = test
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("gatepost"));
    built
        .into_iter()
        .find(|path| path.is_file())
        .ok_or(PeerError::NotBuilt)
}

const CONFIGURATION: &str = "gatepost.toml";
const LOG: &str = "gatepost.log";
