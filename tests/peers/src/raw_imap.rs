//! Just enough of an IMAP client to judge a server, or be compared with, without Gatepost's own.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::{Dovecot, IdentityEndpoint, PeerError};

/// A blocking connection with TLS, line by line.
#[derive(Debug)]
pub struct RawImap {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl RawImap {
    /// Connects, and reads the greeting.
    pub fn connect(identity: &IdentityEndpoint, dovecot: &Dovecot) -> Result<Self, PeerError> {
        let connecting = "cannot set up TLS for a test client";
        let mut roots = RootCertStore::empty();
        let authority = identity.authority().certificate_pem();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes())
            .map_err(PeerError::unexpected(connecting))?;
        roots
            .add(authority)
            .map_err(PeerError::unexpected(connecting))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(PeerError::unexpected(connecting))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").map_err(PeerError::unexpected(connecting))?;
        let tls = ClientConnection::new(Arc::new(config), name)
            .map_err(PeerError::unexpected(connecting))?;
        let socket = TcpStream::connect(dovecot.imaps())
            .map_err(PeerError::system("cannot connect to Dovecot"))?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| socket.set_nodelay(true))
            .map_err(PeerError::system("cannot set up a socket"))?;
        let mut imap = Self {
            stream: BufReader::new(StreamOwned::new(tls, socket)),
        };
        let greeting = imap.line()?;
        if greeting.starts_with("* OK") {
            Ok(imap)
        } else {
            Err(said("greeted", &greeting))
        }
    }

    /// Waits until somebody's INBOX has `count` messages, and returns them as they lie on the disk.
    pub fn arrived(
        (identity, dovecot): (&IdentityEndpoint, &Dovecot),
        user: &str,
        count: usize,
    ) -> Result<Vec<Vec<u8>>, PeerError> {
        let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let mut imap = Self::connect(identity, dovecot)?;
        imap.sign_in(user, &token)?;
        let mut exists = imap.command("EXAMINE INBOX")?;
        imap.idle()?;
        while !exists.contains(&format!("* {count} EXISTS")) {
            exists = imap.line()?;
        }
        dovecot.inbox(user)
    }

    /// Signs in with a token, and returns the tagged answer.
    pub fn sign_in(&mut self, user: &str, token: &str) -> Result<String, PeerError> {
        let response = STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
        self.send(&format!("a AUTHENTICATE XOAUTH2 {response}"))?;
        loop {
            let line = self.line()?;
            if line.starts_with('+') {
                // A refusal is a challenge that wants an empty answer.
                self.send("")?;
            } else if line.starts_with("a ") {
                return Ok(line);
            }
        }
    }

    /// Sends a command, and returns everything up to its tagged answer.
    pub fn command(&mut self, command: &str) -> Result<String, PeerError> {
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

    /// Starts IDLE; what the server tells comes line by line.
    pub fn idle(&mut self) -> Result<(), PeerError> {
        self.send("a IDLE")?;
        let line = self.line()?;
        if line.starts_with('+') {
            Ok(())
        } else {
            Err(said("answered IDLE", &line))
        }
    }

    /// The next line; the end of the connection is an error.
    pub fn line(&mut self) -> Result<String, PeerError> {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .map_err(PeerError::system("cannot read from Dovecot"))?;
        if line.is_empty() {
            Err(said("closed the connection", ""))
        } else {
            Ok(line)
        }
    }

    fn send(&mut self, line: &str) -> Result<(), PeerError> {
        let stream = self.stream.get_mut();
        stream
            .write_all(format!("{line}\r\n").as_bytes())
            .and_then(|()| stream.flush())
            .map_err(PeerError::system("cannot write to Dovecot"))
    }
}

fn said(what: &'static str, line: &str) -> PeerError {
    PeerError::Unexpected {
        what,
        reason: line.trim_end().to_owned(),
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
