//! Debian's Dovecot, with XOAUTH2 and its own check of our tokens.

mod configuration;
mod running;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::folder::{self, Owner};
use crate::ports::Ports;
use crate::{IdentityEndpoint, PeerError};
use configuration::{Configuration, Entrance};
use running::Running;

/// A Dovecot of our own: any user of the tenant exists as soon as somebody signs in or mail is
/// delivered. Delegated tokens open the mailbox of their `upn`, app-only tokens every mailbox.
#[derive(Debug)]
pub struct Dovecot {
    folder: TempDir,
    owner: Owner,
    ports: Ports,
    pop3_ports: Ports,
    running: Option<Running>,
    delivered: AtomicU64,
}

impl Dovecot {
    /// The password of everybody, for clients that know no tokens.
    pub const PASSWORD: &'static str = "no-secret";

    /// Starts Dovecot, which accepts the tokens of `identity` and shows a certificate of the
    /// same authority. Returns when it greets.
    pub fn start(identity: &IdentityEndpoint) -> Result<Self, PeerError> {
        Self::start_taking(identity, "xoauth2")
    }

    /// The same where tokens are shown in other ways, as SASL calls them.
    pub fn start_taking(
        identity: &IdentityEndpoint,
        mechanisms: &'static str,
    ) -> Result<Self, PeerError> {
        let keys = identity.published_keys();
        Self::start_with(identity, Entrance::Tokens { keys, mechanisms })
    }

    /// Starts a Dovecot whose `settings` say who comes in and where that leads, such as to another
    /// one. It shows a certificate of the authority of `identity`.
    pub fn start_in_front(identity: &IdentityEndpoint, settings: &str) -> Result<Self, PeerError> {
        Self::start_with(identity, Entrance::Settings(settings))
    }

    fn start_with(identity: &IdentityEndpoint, entrance: Entrance<'_>) -> Result<Self, PeerError> {
        let server = identity.authority().issue(&["localhost", "127.0.0.1"])?;
        let owner = Owner::of_this_process();
        let folder = folder::temporary("gatepost-dovecot-")?;
        let mail = folder.path().join("mail");
        folder::make(&mail)?;
        folder::give(&mail, owner)?;
        folder::write(&folder.path().join("server.pem"), &server.certificate_pem)?;
        folder::write(&folder.path().join("server.key"), &server.key_pem)?;
        let mut last = None;
        // Between choosing a free port and Dovecot's bind, somebody else may take it.
        for _ in 0..START_ATTEMPTS {
            let (ports, pop3_ports) = (Ports::free()?, Ports::free()?);
            let configuration = Configuration {
                root: folder.path(),
                owner,
                imap: ports,
                pop3: pop3_ports,
                entrance,
            };
            configuration.write()?;
            match Running::start(folder.path(), ports) {
                Ok(running) => {
                    let running = Some(running);
                    return Ok(Self {
                        folder,
                        owner,
                        ports,
                        pop3_ports,
                        running,
                        delivered: AtomicU64::new(0),
                    });
                }
                Err(missing @ PeerError::Missing { .. }) => return Err(missing),
                Err(other) => last = Some(other),
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    /// The address with TLS from the first byte. Its certificate names `localhost` and `127.0.0.1`.
    pub fn imaps(&self) -> SocketAddr {
        self.ports.tls()
    }

    /// The address in clear, for STARTTLS.
    pub fn imap(&self) -> SocketAddr {
        self.ports.clear()
    }

    /// Where it speaks POP3 with TLS from the first byte.
    pub fn pop3s(&self) -> SocketAddr {
        self.pop3_ports.tls()
    }

    /// Where it speaks POP3 in clear, for STLS.
    pub fn pop3(&self) -> SocketAddr {
        self.pop3_ports.clear()
    }

    /// What it serves of a stored message: IMAP knows no zero octet (RFC 9051 §4.3.1), so it
    /// writes 0x80 in its place.
    pub fn serves(stored: &[u8]) -> Vec<u8> {
        let served = stored.iter().map(|octet| match octet {
            0 => 0x80,
            other => *other,
        });
        served.collect()
    }

    /// Stops it: connected clients are cut off, the ports refuse.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Stops it, and starts it again on the same ports with the same mail.
    pub fn restart(&mut self) -> Result<(), PeerError> {
        self.stop();
        let mut last = None;
        // A dying login process may hold the port for a moment longer than its master.
        for _ in 0..START_ATTEMPTS {
            match Running::start(self.folder.path(), self.ports) {
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
                Err(other) => last = Some(other),
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    /// Delivers one message into a folder that exists, as a delivery agent would: written to
    /// `tmp`, moved to `new`. A client in IDLE is told at once.
    pub fn deliver(&self, user: &str, folder: &str, message: &[u8]) -> Result<(), PeerError> {
        let maildir = self.maildir(user, folder)?;
        let number = self.delivered.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number:010}.{}.peers", std::process::id());
        let (tmp, new) = (
            maildir.join("tmp").join(&name),
            maildir.join("new").join(&name),
        );
        folder::write(&tmp, message)?;
        folder::give(&tmp, self.owner)?;
        fs::rename(&tmp, &new).map_err(PeerError::file(new))
    }

    /// Makes a folder; `/` parts the levels. INBOX exists without this.
    pub fn create_folder(&self, user: &str, folder: &str) -> Result<(), PeerError> {
        self.doveadm(&["mailbox", "create", "-u", user, folder])
            .map(drop)
    }

    /// Removes a folder and makes an empty one of the same name: its UIDVALIDITY is another.
    pub fn recreate_folder(&self, user: &str, folder: &str) -> Result<(), PeerError> {
        self.doveadm(&["mailbox", "delete", "-u", user, folder])?;
        self.create_folder(user, folder)
    }

    /// Gives every message of a folder a new UID under a new UIDVALIDITY, as a restored backup
    /// does. The messages stay.
    pub fn renumber_folder(&self, user: &str, folder: &str) -> Result<(), PeerError> {
        let status = self.doveadm(&[
            "-f",
            "flow",
            "mailbox",
            "status",
            "-u",
            user,
            "uidvalidity",
            folder,
        ])?;
        let (_, present) = status.trim_end().rsplit_once('=').unwrap_or_default();
        let present: u32 = present
            .parse()
            .map_err(PeerError::unexpected("doveadm answered no UIDVALIDITY"))?;
        let uidvalidity = (present + 1).to_string();
        self.doveadm(&[
            "mailbox",
            "update",
            "-u",
            user,
            "--uid-validity",
            &uidvalidity,
            folder,
        ])
        .map(drop)
    }

    /// Runs an administrative command of Dovecot and returns what it printed.
    pub fn doveadm(&self, arguments: &[&str]) -> Result<String, PeerError> {
        let output = Command::new(running::program("doveadm")?)
            .arg("-c")
            .arg(self.folder.path().join(configuration::MAIN))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(PeerError::system("cannot run doveadm"))?;
        answered(arguments, &output)
    }

    /// Every message in a person's INBOX as it lies on the disk, oldest first.
    pub fn inbox(&self, user: &str) -> Result<Vec<Vec<u8>>, PeerError> {
        let home = self.maildir(user, "INBOX")?;
        let mut messages = BTreeMap::new();
        for folder in ["cur", "new"].map(|name| home.join(name)) {
            for entry in fs::read_dir(&folder).map_err(PeerError::file(&folder))? {
                let path = entry.map_err(PeerError::file(&folder))?.path();
                let octets = fs::read(&path).map_err(PeerError::file(&path))?;
                messages.insert(path.file_name().map(ToOwned::to_owned), octets);
            }
        }
        Ok(messages.into_values().collect())
    }

    /// The socket by which a submission server has sign-ins checked.
    pub(crate) fn auth_socket(&self) -> PathBuf {
        self.folder.path().join(configuration::AUTH)
    }

    /// The socket that takes mail for delivery, in LMTP.
    pub(crate) fn lmtp_socket(&self) -> PathBuf {
        self.folder.path().join(configuration::LMTP)
    }

    /// What Dovecot has logged so far.
    pub fn log(&self) -> String {
        running::log(self.folder.path())
    }

    /// Where the messages of a folder are, made on first use for INBOX.
    fn maildir(&self, user: &str, folder: &str) -> Result<PathBuf, PeerError> {
        let home = self.folder.path().join("mail").join(user);
        if folder.eq_ignore_ascii_case("INBOX") {
            if !home.join("tmp").is_dir() {
                self.make_maildir(&home)?;
            }
            return Ok(home);
        }
        let listed = self.doveadm(&["mailbox", "path", "-u", user, folder])?;
        Ok(PathBuf::from(listed.trim_end_matches('\n')))
    }

    fn make_maildir(&self, home: &Path) -> Result<(), PeerError> {
        for path in [
            home.to_owned(),
            home.join("cur"),
            home.join("new"),
            home.join("tmp"),
        ] {
            folder::make(&path)?;
            folder::give(&path, self.owner)?;
        }
        Ok(())
    }
}

fn answered(arguments: &[&str], output: &Output) -> Result<String, PeerError> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(PeerError::Refused {
        command: format!("doveadm {}", arguments.join(" ")),
        status: output.status.to_string(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

const START_ATTEMPTS: usize = 20;
