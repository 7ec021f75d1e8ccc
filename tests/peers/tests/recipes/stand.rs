//! A home directory in which a recipe is followed, and the servers that it is followed against.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gatepost_peers::{Dovecot, IdentityEndpoint, Postfix, Program, RawImap, installed};
use tempfile::TempDir;

use crate::document::Recipe;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Whose mailbox the recipes open.
pub(crate) const ADA: &str = "ada@contoso.com";
/// To whom they send.
pub(crate) const BOB: &str = "bob@contoso.com";

/// Everything a recipe needs.
#[derive(Debug)]
pub(crate) struct Stand {
    home: TempDir,
    program: Program,
    postfix: Postfix,
    dovecot: Dovecot,
    identity: IdentityEndpoint,
}

impl Stand {
    /// Starts the servers; `programs` with their packages must be there.
    pub(crate) fn new(programs: &[(&'static str, &'static str)]) -> Result<Self, Failure> {
        for (program, package) in programs {
            installed(program, package)?;
        }
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let postfix = Postfix::start(&identity, &dovecot)?;
        let mailbox = format!(
            "[mailbox.\"{ADA}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n"
        );
        let program = Program::new(&identity, &dovecot, &mailbox)?;
        let home = tempfile::Builder::new()
            .prefix("gatepost-recipe-")
            .tempdir()?;
        fs::create_dir(home.path().join("bin"))?;
        let binary = program.command().get_program().to_owned();
        symlink(binary, home.path().join("bin/gatepost"))?;
        Ok(Self {
            home,
            program,
            postfix,
            dovecot,
            identity,
        })
    }

    /// Writes the files of a recipe, runs its commands, and returns what they printed.
    pub(crate) fn follow(&self, recipe: &Recipe) -> Result<Vec<u8>, Failure> {
        self.write(recipe)?;
        let mut printed = Vec::new();
        for command in &recipe.commands {
            printed.extend(self.run(&self.here(command))?);
        }
        Ok(printed)
    }

    /// Writes the files of a recipe.
    pub(crate) fn write(&self, recipe: &Recipe) -> Result<(), Failure> {
        for (name, content) in &recipe.files {
            let path = self.home.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(self.home.path()))?;
            fs::write(&path, self.here(content))?;
            let mode = if content.starts_with("#!") {
                0o700
            } else {
                0o600
            };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Runs shell lines in the home directory; they must succeed.
    pub(crate) fn run(&self, lines: &str) -> Result<Vec<u8>, Failure> {
        let authority = self.identity.authority().certificate_file();
        let output = Command::new("sh")
            .args(["-e", "-c", lines])
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", self.path())
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env(
                "GATEPOST_CONFIG",
                self.program.folder().join("gatepost.toml"),
            )
            .env("SSL_CERT_FILE", authority)
            .env("CURL_CA_BUNDLE", authority)
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(format!(
            "`{lines}` ended with {}\n{}{}\nPostfix: {}\nDovecot: {}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.postfix.log(),
            self.dovecot.log()
        )
        .into())
    }

    /// A file in the home directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// What a file in the home directory holds.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        read(&self.file(name))
    }

    /// The content of every file in a folder of the home directory, in no order that matters.
    pub(crate) fn read_all(&self, folder: &str) -> Result<Vec<Vec<u8>>, Failure> {
        let mut all = Vec::new();
        for entry in fs::read_dir(self.file(folder))? {
            all.push(read(&entry?.path())?);
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
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let mut bob = RawImap::connect(&self.identity, &self.dovecot)?;
        bob.sign_in(BOB, &token)?;
        let mut exists = bob.command("EXAMINE INBOX")?;
        bob.idle()?;
        while !exists.contains(&format!("* {count} EXISTS")) {
            exists = bob.line()?;
        }
        Ok(self.dovecot.inbox(BOB)?)
    }

    /// A line of a recipe with the servers of this test for Microsoft's.
    fn here(&self, text: &str) -> String {
        let ports = [
            ("993", self.dovecot.imaps().port()),
            ("587", self.postfix.submission().port()),
        ];
        let mut text = text
            .replace("outlook.office365.com", "localhost")
            .replace("smtp.office365.com", "localhost")
            .replace(
                "/etc/ssl/certs/ca-certificates.crt",
                &self
                    .identity
                    .authority()
                    .certificate_file()
                    .to_string_lossy(),
            );
        for (theirs, ours) in ports {
            text = with_number(&text, theirs, &ours.to_string());
        }
        text
    }

    fn path(&self) -> String {
        format!(
            "{}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            self.file("bin").display()
        )
    }
}

/// Replaces a number that stands alone.
fn with_number(text: &str, number: &str, other: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(number) {
        let (before, from) = rest.split_at(at);
        let behind = &from[number.len()..];
        let alone = !before.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !behind.starts_with(|c: char| c.is_ascii_alphanumeric());
        replaced.push_str(before);
        replaced.push_str(if alone { other } else { number });
        rest = behind;
    }
    replaced.push_str(rest);
    replaced
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

#[test]
fn only_whole_numbers_are_replaced() {
    assert_eq!(
        with_number("587 x:587 1587 587a", "587", "1"),
        "1 x:1 1587 587a"
    );
}
