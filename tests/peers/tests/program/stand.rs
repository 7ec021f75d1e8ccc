//! The counterparts, the program, and what it prints.

use std::fs;
use std::path::Path;
use std::process::Output;

use gatepost_peers::{Dovecot, IdentityEndpoint, Program, Running};
use rustix::fs::inotify;
use serde_json::Value;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The person most tests are about.
pub(crate) const ADA: &str = "ada@contoso.com";

/// Everything a test needs.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) program: Program,
    pub(crate) dovecot: Dovecot,
    pub(crate) identity: IdentityEndpoint,
}

impl Stand {
    /// The program knows Ada's mailbox; `rest` is what else its configuration says.
    pub(crate) fn new(rest: &str) -> Result<Self, Failure> {
        Self::with(rest, "imap")
    }

    /// The same where her mailbox is read by this transport.
    pub(crate) fn with(rest: &str, read: &str) -> Result<Self, Failure> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let mailbox = format!(
            "[mailbox.\"{ADA}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\
             read = \"{read}\"\n\n{rest}"
        );
        let program = Program::new(&identity, &dovecot, &mailbox)?;
        Ok(Self {
            program,
            dovecot,
            identity,
        })
    }

    /// Runs a verb that must succeed, and returns what it printed.
    pub(crate) fn printed(&self, arguments: &[&str]) -> Result<Vec<u8>, Failure> {
        let Output {
            status,
            stdout,
            stderr,
        } = self.program.run(arguments)?;
        let said = String::from_utf8_lossy(&stderr);
        if !status.success() {
            return Err(format!("{arguments:?} ended with {status}: {said}").into());
        }
        Ok(stdout)
    }

    /// Runs a verb with `--json`, and returns what it listed.
    pub(crate) fn listed(&self, arguments: &[&str]) -> Result<Vec<Value>, Failure> {
        let json = self.printed(&[arguments, &["--json"]].concat())?;
        match serde_json::from_slice(&json)? {
            Value::Array(rows) => Ok(rows),
            other => Err(format!("not a list: {other}").into()),
        }
    }

    /// The subjects of the next `count` messages that a running program tells of, in order.
    pub(crate) fn subjects(
        &self,
        running: &mut Running,
        count: usize,
    ) -> Result<Vec<String>, Failure> {
        let mut subjects = Vec::new();
        while subjects.len() < count {
            let line = running
                .line()
                .ok_or_else(|| format!("it ended: {}", self.program.log()))?;
            let told = Told::read(&line)?;
            if told.kind == "mail.received" {
                subjects.push(told.subject);
            }
        }
        Ok(subjects)
    }
}

/// A short message with a subject.
pub(crate) fn message(subject: &str) -> Vec<u8> {
    format!(
        "From: Grace <grace@example.com>\r\nTo: {ADA}\r\nSubject: {subject}\r\n\
         Message-ID: <{subject}@example.com>\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\n\r\n\
         {subject}\r\n"
    )
    .into_bytes()
}

/// An event as a sink is told it.
struct Told {
    kind: String,
    subject: String,
}

impl Told {
    fn read(line: &str) -> Result<Self, Failure> {
        let event: Value = serde_json::from_str(line)?;
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Self {
            kind: text("/type"),
            subject: text("/data/envelope/subject"),
        })
    }
}

/// Waits until there are so many files in a folder, told by the kernel of each that comes.
pub(crate) fn until_it_holds(folder: &Path, files: usize) -> Result<(), Failure> {
    let arrivals = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    let coming = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&arrivals, folder, coming)?;
    let mut told = [0; 4_096];
    while fs::read_dir(folder)?.count() < files {
        rustix::io::read(&arrivals, &mut told)?;
    }
    Ok(())
}

pub(crate) const TO_STANDARD_OUTPUT: &str = "\
[sink.screen]
kind = \"stream\"

[[watch]]
mailbox = \"ada@contoso.com\"
folder = \"INBOX\"
from = \"beginning\"
sinks = [\"screen\"]
";

pub(crate) const TO_A_MAILDIR: &str = "\
[sink.archive]
kind = \"maildir\"
path = \"Mail\"

[sink.screen]
kind = \"stream\"

[[watch]]
mailbox = \"ada@contoso.com\"
from = \"beginning\"
sinks = [\"archive\", \"screen\"]
";
