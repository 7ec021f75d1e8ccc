//! Ten thousand messages in Dovecot, and the programs that fetch them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, large_message};
use tempfile::TempDir;

use crate::{Stopwatch, count_files, until};

/// Dovecot with the messages, and what was fetched. Nothing is deleted before the end: ext4 does
/// not use an inode again within seconds of its end, and searches for another at length when ten
/// thousand were just freed.
#[derive(Debug)]
pub struct Downloads {
    identity: IdentityEndpoint,
    dovecot: Dovecot,
    programs: Vec<Program>,
    folders: Vec<TempDir>,
}

impl Downloads {
    /// How many messages there are.
    pub const MESSAGES: usize = 10_000;

    /// Starts Dovecot with the messages: 1 to 16 KiB each, the same on every run.
    pub fn prepare() -> anyhow::Result<Self> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        for number in 0..Self::MESSAGES {
            let size = 1_024 + (number * 7_919) % 15_360;
            dovecot.deliver(USER, "INBOX", &large_message(size))?;
        }
        Ok(Self {
            identity,
            dovecot,
            programs: Vec::new(),
            folders: Vec::new(),
        })
    }

    /// `gatepost serve` puts them into a Maildir, and stores each durably before it moves on.
    pub fn serve(&mut self, read: &str) -> anyhow::Result<Duration> {
        let rest = format!(
            "[sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n\
             [[watch]]\nmailbox = \"{USER}\"\nfrom = \"beginning\"\nsinks = [\"archive\"]\n"
        );
        let program = self.program(read, &rest)?;
        let new = program.folder().join("Mail/new");
        let watch = Stopwatch::start();
        let mut running = program.start(&["serve"])?;
        until("the download", || {
            if !running.is_alive() {
                bail!("gatepost ended early\n{}", program.log());
            }
            Ok(count_files(&new) == Self::MESSAGES)
        })?;
        let elapsed = watch.elapsed();
        if !running.stop() {
            bail!("gatepost did not stop well\n{}", program.log());
        }
        self.programs.push(program);
        Ok(elapsed)
    }

    /// `gatepost export` puts them into a Maildir, with a manifest.
    pub fn export(&mut self) -> anyhow::Result<Duration> {
        let program = self.program("imap", "")?;
        let watch = Stopwatch::start();
        let output = program.run(&["export", USER, "--to", "Mail", "--folder", "INBOX"])?;
        let elapsed = watch.elapsed();
        let arrived = count_files(&program.folder().join("Mail/INBOX/cur"));
        if !output.status.success() || arrived != Self::MESSAGES {
            bail!(
                "the export has {arrived} messages\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        self.programs.push(program);
        Ok(elapsed)
    }

    /// `mbsync` fetches them by IMAP into a Maildir. It syncs its files, which is its default.
    pub fn mbsync(&mut self) -> anyhow::Result<Duration> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("mbsyncrc");
        std::fs::create_dir(folder.path().join("Mail"))?;
        std::fs::write(&file, self.mbsyncrc(folder.path()))?;
        let mut command = Command::new("mbsync");
        command.arg("--config").arg(&file).arg("all");
        self.fetched(command, folder, "Mail/INBOX/new")
    }

    /// `fetchmail` fetches them by POP3, and has a shell put each into a Maildir, which is the least
    /// that can be done with one. It syncs nothing.
    pub fn fetchmail(&mut self) -> anyhow::Result<Duration> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir_all(folder.path().join("Mail/new"))?;
        let file = folder.path().join("fetchmailrc");
        let text = self.fetchmailrc(folder.path());
        gatepost_host::files::write_private(&file, text.as_bytes())?;
        let mut command = Command::new("fetchmail");
        command.args(["--nosyslog", "--nodetach", "--silent", "--fetchmailrc"]);
        command.arg(&file).env("FETCHMAILHOME", folder.path());
        self.fetched(command, folder, "Mail/new")
    }

    fn program(&self, read: &str, rest: &str) -> anyhow::Result<Program> {
        let mailbox = format!(
            "[mailbox.\"{USER}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\
             read = \"{read}\"\n\n{rest}"
        );
        Ok(Program::new(&self.identity, &self.dovecot, &mailbox)?)
    }

    fn fetched(
        &mut self,
        mut command: Command,
        folder: TempDir,
        new: &str,
    ) -> anyhow::Result<Duration> {
        let watch = Stopwatch::start();
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {command:?}"))?;
        let elapsed = watch.elapsed();
        let arrived = count_files(&folder.path().join(new));
        if !output.status.success() || arrived != Self::MESSAGES {
            bail!(
                "{command:?} brought {arrived} messages\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        self.folders.push(folder);
        Ok(elapsed)
    }

    fn mbsyncrc(&self, folder: &Path) -> String {
        format!(
            "IMAPAccount peers\nHost localhost\nPort {}\nUser {USER}\nPass {}\nSSLType IMAPS\n\
             CertificateFile {}\nAuthMechs PLAIN\n\n\
             IMAPStore far\nAccount peers\n\n\
             MaildirStore near\nPath {folder}/Mail/\nInbox {folder}/Mail/INBOX\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\n\
             Expunge None\nSyncState *\n",
            self.dovecot.imaps().port(),
            Dovecot::PASSWORD,
            self.identity.authority().certificate_file().display(),
            folder = folder.display(),
        )
    }

    fn fetchmailrc(&self, folder: &Path) -> String {
        format!(
            "poll localhost service {} protocol pop3\nuser \"{USER}\" password \"{}\"\n\
             ssl sslcertck sslcertfile \"{}\"\nkeep fetchall norewrite\n\
             mda \"exec cat >{}/Mail/new/$$\"\n",
            self.dovecot.pop3s().port(),
            Dovecot::PASSWORD,
            self.identity.authority().certificate_file().display(),
            folder.display(),
        )
    }
}

const USER: &str = "ada@contoso.com";
