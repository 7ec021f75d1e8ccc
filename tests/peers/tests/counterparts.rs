//! The counterparts themselves: what other tests rely on, seen through a socket.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use gatepost_peers::{Dovecot, IdentityEndpoint};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Failure = Box<dyn std::error::Error>;

#[test]
fn an_app_only_token_opens_any_mailbox_and_finds_what_was_delivered() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: one\r\n\r\nhello\r\n")?;
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;

    let mut ada = Imap::connect(&identity, &dovecot)?;
    assert!(
        ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"),
        "{}",
        dovecot.log()
    );
    assert!(ada.command("EXAMINE INBOX")?.contains("* 1 EXISTS"));

    let mut bob = Imap::connect(&identity, &dovecot)?;
    assert!(bob.sign_in("bob@contoso.com", &token)?.starts_with("a OK"));
    assert!(bob.command("EXAMINE INBOX")?.contains("* 0 EXISTS"));
    Ok(())
}

#[test]
fn a_delegated_token_opens_its_own_mailbox_only() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.delegated_token(IdentityEndpoint::CLIENT_ID, "ada@contoso.com")?;

    let mut ada = Imap::connect(&identity, &dovecot)?;
    assert!(
        ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"),
        "{}",
        dovecot.log()
    );
    let mut bob = Imap::connect(&identity, &dovecot)?;
    let answer = bob.sign_in("bob@contoso.com", &token)?;
    assert!(!answer.starts_with("a OK"), "{}", dovecot.log());
    Ok(())
}

#[test]
fn an_expired_token_is_refused() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.expired_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = Imap::connect(&identity, &dovecot)?;
    assert!(!ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"));
    assert!(dovecot.log().contains("expired"), "{}", dovecot.log());
    Ok(())
}

#[test]
fn idle_is_told_of_a_delivery() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = Imap::connect(&identity, &dovecot)?;
    ada.sign_in("ada@contoso.com", &token)?;
    ada.command("EXAMINE INBOX")?;
    ada.send("b IDLE")?;
    assert!(ada.line()?.starts_with('+'));
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: now\r\n\r\n")?;
    assert_eq!(ada.line()?.trim_end(), "* 1 EXISTS");
    Ok(())
}

#[test]
fn recreating_and_renumbering_change_uidvalidity() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let ada = "ada@contoso.com";
    dovecot.create_folder(ada, "Kunden/Überblick")?;
    dovecot.deliver(ada, "Kunden/Überblick", b"Subject: one\r\n\r\n")?;
    let state = |folder: &str| {
        dovecot.doveadm(&[
            "mailbox",
            "status",
            "-u",
            ada,
            "messages uidvalidity",
            folder,
        ])
    };
    let before = state("Kunden/Überblick")?;
    dovecot.renumber_folder(ada, "Kunden/Überblick")?;
    let renumbered = state("Kunden/Überblick")?;
    assert_ne!(before, renumbered);
    assert!(renumbered.contains("messages=1"), "{renumbered}");
    dovecot.recreate_folder(ada, "Kunden/Überblick")?;
    let recreated = state("Kunden/Überblick")?;
    assert!(recreated.contains("messages=0"), "{recreated}");
    assert_ne!(renumbered, recreated);
    Ok(())
}

#[test]
fn a_restart_keeps_ports_and_mail() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let mut dovecot = Dovecot::start(&identity)?;
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: one\r\n\r\n")?;
    let ports = (dovecot.imap(), dovecot.imaps());
    dovecot.restart()?;
    assert_eq!(ports, (dovecot.imap(), dovecot.imaps()));
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = Imap::connect(&identity, &dovecot)?;
    ada.sign_in("ada@contoso.com", &token)?;
    assert!(ada.command("EXAMINE INBOX")?.contains("* 1 EXISTS"));
    Ok(())
}

#[test]
fn nothing_listens_after_the_drop() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let address = dovecot.imap();
    drop(dovecot);
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}

/// Just enough of an IMAP client to judge the counterpart without Gatepost's own.
struct Imap {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Imap {
    fn connect(identity: &IdentityEndpoint, dovecot: &Dovecot) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(
            identity.authority().certificate_file(),
        )?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost")?)?;
        let socket = TcpStream::connect(dovecot.imaps())?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut imap = Self {
            stream: BufReader::new(StreamOwned::new(tls, socket)),
        };
        let greeting = imap.line()?;
        assert!(greeting.starts_with("* OK"), "{greeting}{}", dovecot.log());
        Ok(imap)
    }

    fn sign_in(&mut self, user: &str, token: &str) -> Result<String, Failure> {
        let response = format!("user={user}\x01auth=Bearer {token}\x01\x01");
        let response = base64::engine::general_purpose::STANDARD.encode(response);
        self.send(&format!("a AUTHENTICATE XOAUTH2 {response}"))?;
        loop {
            let line = self.line()?;
            if line.starts_with('+') {
                self.send("")?;
            } else if line.starts_with('a') {
                return Ok(line);
            }
        }
    }

    fn command(&mut self, command: &str) -> Result<String, Failure> {
        self.send(&format!("a {command}"))?;
        let mut answer = String::new();
        loop {
            let line = self.line()?;
            answer.push_str(&line);
            if line.starts_with("a ") {
                return Ok(answer);
            }
        }
    }

    fn send(&mut self, line: &str) -> Result<(), Failure> {
        let stream = self.stream.get_mut();
        stream.write_all(line.as_bytes())?;
        stream.write_all(b"\r\n")?;
        Ok(stream.flush()?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        assert!(!line.is_empty(), "the server closed the connection");
        Ok(line)
    }
}
