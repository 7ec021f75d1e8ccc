//! A gateway in front of Dovecot and Postfix, and a home directory for the programs that use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use gatepost_peers::{Dovecot, IdentityEndpoint, Postfix, Program, RawImap, Running, installed};
use tempfile::TempDir;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Whose mailbox is opened.
pub(crate) const ADA: &str = "ada@contoso.com";
/// To whom is sent.
pub(crate) const BOB: &str = "bob@contoso.com";

/// Everything that a program needs to work by password.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) dovecot: Dovecot,
    pub(crate) identity: IdentityEndpoint,
    /// The app password of Ada's mailbox.
    pub(crate) password: String,
    home: TempDir,
    program: Program,
    postfix: Postfix,
    _serve: Running,
}

impl Stand {
    /// Starts the servers and the gateway; `programs` with their packages must be there.
    pub(crate) fn new(programs: &[(&'static str, &'static str)]) -> Result<Self, Failure> {
        for (program, package) in programs {
            installed(program, package)?;
        }
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let postfix = Postfix::start(&identity, &dovecot)?;
        let program = Program::new(&identity, &dovecot, &rest())?;
        let shown = identity.authority().issue(&["localhost"])?;
        let folder = program.folder();
        fs::write(folder.join("door.pem"), shown.certificate_pem)?;
        let key = folder.join("door.key");
        fs::write(&key, "")?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        fs::write(&key, shown.key_pem)?;
        let file = folder.join("gatepost.toml");
        let smtp = format!(
            "smtp = \"localhost:{}\"\npop3 = ",
            postfix.submissions().port()
        );
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replacen("pop3 = ", &smtp, 1))?;
        let password = add_password(&program, ADA)?;
        let serve = program.start(&["serve"])?;
        program.logged(&["gatepost serves"])?;
        let home = tempfile::Builder::new()
            .prefix("gatepost-gateway-")
            .tempdir()?;
        Ok(Self {
            dovecot,
            identity,
            password,
            home,
            program,
            postfix,
            _serve: serve,
        })
    }

    /// Makes an app password for a mailbox.
    pub(crate) fn add_password(&self, mailbox: &str) -> Result<String, Failure> {
        add_password(&self.program, mailbox)
    }

    /// Has the configuration read again.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        let reloaded = self.program.run(&["reload"])?;
        if reloaded.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&reloaded.stderr).into())
    }

    /// What `serve` wrote to its log.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }

    /// The port of a door.
    pub(crate) fn port(&self, door: &str) -> Result<u16, Failure> {
        let line = self
            .program
            .logged(&["the door listens", &format!("door=\"{door}\"")])?;
        let address = line.rsplit("address=127.0.0.1:").next().unwrap_or_default();
        Ok(address
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse()?)
    }

    /// Writes a file into the home directory; `PORT:door`, `PASSWORD` and `CA` stand for what they
    /// say.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), Failure> {
        let path = self.file(name);
        fs::write(&path, self.here(content)?)?;
        Ok(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(0o600),
        )?)
    }

    /// Runs shell lines in the home directory; they must succeed.
    pub(crate) fn run(&self, lines: &str) -> Result<Vec<u8>, Failure> {
        let authority = self.identity.authority().certificate_file();
        let output = Command::new("timeout")
            .args(["60", "sh", "-e", "-c", &self.here(lines)?])
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env("SSL_CERT_FILE", authority)
            .env("CURL_CA_BUNDLE", authority)
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(format!(
            "`{lines}` ended with {}\n{}{}\nGatepost: {}\nPostfix: {}\nDovecot: {}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.program.log(),
            self.postfix.log(),
            self.dovecot.log()
        )
        .into())
    }

    /// A file in the home directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The content of every file in a folder of the home directory, in no order that matters.
    pub(crate) fn read_all(&self, folder: &str) -> Result<Vec<Vec<u8>>, Failure> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.file(folder))? {
            all.push(fs::read(entry?.path())?);
        }
        Ok(all)
    }

    /// Puts a message into Ada's inbox.
    pub(crate) fn deliver(&self, message: &[u8]) -> Result<(), Failure> {
        self.dovecot.deliver(ADA, "INBOX", message)?;
        // One look after each, so that Dovecot numbers them in this order.
        self.dovecot
            .doveadm(&["mailbox", "status", "-u", ADA, "messages", "INBOX"])?;
        Ok(())
    }

    /// Waits until Bob has `count` messages, and returns them.
    pub(crate) fn arrived(&self, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(RawImap::arrived(
            (&self.identity, &self.dovecot),
            BOB,
            count,
        )?)
    }

    fn here(&self, text: &str) -> Result<String, Failure> {
        let authority = self.identity.authority().certificate_file();
        let mut text = text
            .replace("PASSWORD", &self.password)
            .replace("CA", &authority.to_string_lossy());
        for (door, _) in DOORS.iter().chain(&SPOOLS) {
            let place = format!("PORT:{door}:");
            if text.contains(&place) {
                text = text.replace(&place, &self.port(door)?.to_string());
            }
        }
        Ok(text)
    }
}

/// Every protocol in every way in which it is protected.
const DOORS: [(&str, &str); 9] = [
    ("imap", "off"),
    ("imap-starttls", "starttls"),
    ("imaps", "implicit"),
    ("pop3", "off"),
    ("pop3-stls", "starttls"),
    ("pop3s", "auto"),
    ("smtp", "off"),
    ("smtp-starttls", "starttls"),
    ("smtps", "implicit"),
];

/// Doors into the outbox, and how they are protected.
const SPOOLS: [(&str, &str); 2] = [("smtp-spool", "off"), ("smtp-spool-starttls", "starttls")];

fn add_password(program: &Program, mailbox: &str) -> Result<String, Failure> {
    let made = program.run(&["password", "add", mailbox])?;
    if made.status.success() {
        return Ok(String::from_utf8(made.stdout)?.trim_end().to_owned());
    }
    Err(String::from_utf8_lossy(&made.stderr).into())
}

fn rest() -> String {
    let mut text = format!(
        "[mailbox.\"{ADA}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\
         send = \"smtp\"\n\n\
         [login.\"*@contoso.com\"]\nregistration = \"peers\"\n\n"
    );
    for (door, tls) in DOORS.into_iter().chain(SPOOLS) {
        let protocol = door.split('-').next().unwrap_or_default();
        let protocol = protocol.trim_end_matches('s');
        text.extend([format!(
            "[gateway.{door}]\nprotocol = \"{protocol}\"\nlisten = \"127.0.0.1:0\"\n\
             connections_per_address = 200\n"
        )]);
        if door.contains("spool") {
            text += "upstream = \"spool\"\n";
        }
        if tls != "off" {
            text.extend([format!("tls = \"{tls}\"\n")]);
            text += "certificate = { file = \"door.pem\", key = \"door.key\" }\n";
        }
    }
    text
}
