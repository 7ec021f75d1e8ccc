//! The outbox against Postfix, and what arrives.

use std::fs::{self, File};
use std::process::Stdio;

use gatepost_peers::{
    Dovecot, IdentityEndpoint, Offer, Postfix, Program, RawImap, Specimen, corpus,
};

use crate::stand::{ADA, Failure};

/// Who gets it.
pub(crate) const BOB: &str = "bob@contoso.com";

/// Ada's mailbox sends by a Postfix, and Bob reads.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) program: Program,
    postfix: Postfix,
    dovecot: Dovecot,
    identity: IdentityEndpoint,
}

impl Post {
    /// Starts the servers; `rest` is what else the configuration says.
    pub(crate) fn new(rest: &str) -> Result<Self, Failure> {
        Self::offering(rest, Offer::default())
    }

    /// The same with another offer of Postfix.
    pub(crate) fn offering(rest: &str, offer: Offer) -> Result<Self, Failure> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let postfix = Postfix::start_offering(&identity, &dovecot, offer)?;
        let mailbox = format!(
            "[mailbox.\"{ADA}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\
             send = \"smtp\"\n\n{rest}"
        );
        let program = Program::sending(&identity, &dovecot, &postfix, &mailbox)?;
        Ok(Self {
            program,
            postfix,
            dovecot,
            identity,
        })
    }

    /// Runs a verb that must succeed, with a file as its standard input.
    fn fed(&self, arguments: &[&str], octets: &[u8]) -> Result<(), Failure> {
        let path = self.program.folder().join("message.eml");
        fs::write(&path, octets)?;
        let mut command = self.program.command();
        command.args(arguments).stdin(File::open(path)?);
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = output.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{arguments:?}: {said}\nPostfix: {}", self.postfix.log()).into())
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

    /// Waits until Bob has a message with this subject, and returns it.
    pub(crate) fn arrived_with(&self, subject: &str) -> Result<Vec<u8>, Failure> {
        let subject = format!("Subject: {subject}");
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let mut bob = RawImap::connect(&self.identity, &self.dovecot)?;
        bob.sign_in(BOB, &token)?;
        bob.command("EXAMINE INBOX")?;
        bob.idle()?;
        loop {
            let inbox = self.dovecot.inbox(BOB)?;
            let found = inbox.into_iter().find(|octets| {
                let text = String::from_utf8_lossy(octets);
                text.lines().any(|line| line == subject)
            });
            if let Some(found) = found {
                return Ok(found);
            }
            bob.line()?;
        }
    }

    /// What the servers say, for a test that fails.
    pub(crate) fn log(&self) -> String {
        format!("{}\n{}", self.postfix.log(), self.dovecot.log())
    }
}

#[test]
fn what_the_outbox_sends_arrives_octet_for_octet() -> Result<(), Failure> {
    let post = Post::new("")?;
    let specimens = corpus().into_iter().filter(|one| is_sound(&one.octets));
    let specimens: Vec<Specimen> = specimens.collect();
    assert!(specimens.len() > 10, "{} are left", specimens.len());
    for (sent, specimen) in specimens.iter().enumerate() {
        let name = specimen.name;
        let head = format!("Message-ID: <{name}@contoso.com>\r\n{DATE}From: <{ADA}>\r\n");
        let message = [head.as_bytes(), &specimen.octets].concat();
        post.fed(&["send", ADA, "--to", BOB], &message)
            .map_err(|error| format!("{name}: {error}"))?;
        let arrived = post.arrived(sent + 1)?;
        let mut expected = message;
        if !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        let found = arrived.iter().any(|octets| {
            let octets = with_crlf(octets);
            octets.ends_with(&expected) && is_trace(&octets[..octets.len() - expected.len()])
        });
        assert!(found, "{name} is not among what arrived");
    }
    Ok(())
}

/// Whether a server of mail takes it as it is: no line is too long for it (RFC 5321 §4.5.3.1.6), CR
/// and LF only stand together, and there is no zero (RFC 5322 §2.3). A header that stands in front
/// of it belongs to it.
fn is_sound(octets: &[u8]) -> bool {
    let lines = || octets.split(|octet| *octet == b'\n');
    let last = lines().count() - 1;
    let has_header = lines().next().is_some_and(|line| {
        let name = line.split(|octet| *octet == b':').next().unwrap_or(line);
        name.len() < line.len() && name.iter().all(u8::is_ascii_graphic)
    });
    // Postfix takes these out of every header (message_drop_headers), and Gatepost the last one.
    let is_kept = ["return-path:", "content-length:", "bcc:"]
        .iter()
        .all(|name| {
            let mut header = lines().take_while(|line| !line.trim_ascii().is_empty());
            header.all(|line| {
                let start = line.get(..name.len()).unwrap_or_default();
                !start.eq_ignore_ascii_case(name.as_bytes())
            })
        });
    // Where the empty line behind the header is missing, it is added.
    let is_complete = octets.windows(4).any(|four| four == b"\r\n\r\n");
    has_header
        && is_complete
        && is_kept
        && octets.is_ascii()
        && !octets.contains(&0)
        && lines().enumerate().all(|(at, line)| {
            let text = line.strip_suffix(b"\r");
            let is_ended = text.is_some() || at == last;
            let text = text.unwrap_or(line);
            is_ended && text.len() <= LONGEST && !text.contains(&b'\r')
        })
}

/// Only fields that servers write on top (RFC 5321 §4.4).
fn is_trace(head: &[u8]) -> bool {
    let names = [&b"Return-Path:"[..], b"Delivered-To:", b"Received:"];
    head.split_inclusive(|octet| *octet == b'\n').all(|line| {
        line.starts_with(b" ")
            || line.starts_with(b"\t")
            || names.iter().any(|name| line.starts_with(name))
    })
}

/// With the line ends of the wire: a Maildir has those of Unix.
pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(bare) => {
                text.extend_from_slice(bare.strip_suffix(b"\r").unwrap_or(bare));
                text.extend_from_slice(b"\r\n");
            }
            None => text.extend_from_slice(line),
        }
    }
    text
}

const DATE: &str = "Date: Sun, 22 Nov 2026 08:00:00 +0000\r\n";
const LONGEST: usize = 998;
