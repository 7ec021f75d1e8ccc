//! Debian's Postfix as a submission server, with XOAUTH2 through Dovecot.

mod configuration;
mod running;

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::ports::Ports;
use crate::{Dovecot, IdentityEndpoint, PeerError, folder};
use configuration::Configuration;
use running::Running;

/// A Postfix of our own that takes mail from whoever signs in, for any address, and delivers it
/// into the mailboxes of one [`Dovecot`]. It asks the same Dovecot whether a token is good.
#[derive(Debug)]
pub struct Postfix {
    folder: TempDir,
    ports: Ports,
    _running: Running,
}

/// What a Postfix offers to those who submit mail.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offer {
    /// The only way to sign in that is shown, as SASL calls it; else all that Dovecot has.
    pub mechanism: Option<&'static str>,
    /// What is left out of the answer to EHLO, such as `chunking`.
    pub without: Option<&'static str>,
    /// Whether whoever connects in clear may send without a sign-in, and everything is thrown away:
    /// what a measurement of sending compares with knows neither TLS nor tokens.
    pub open: bool,
}

impl Postfix {
    /// Starts Postfix beside `dovecot`, with a certificate of the authority of `identity`.
    /// Returns when it greets.
    pub fn start(identity: &IdentityEndpoint, dovecot: &Dovecot) -> Result<Self, PeerError> {
        Self::start_offering(identity, dovecot, Offer::default())
    }

    /// The same with another offer to its clients.
    pub fn start_offering(
        identity: &IdentityEndpoint,
        dovecot: &Dovecot,
        offer: Offer,
    ) -> Result<Self, PeerError> {
        let server = identity.authority().issue(&["localhost", "127.0.0.1"])?;
        let folder = folder::temporary("gatepost-postfix-")?;
        folder::write(&folder.path().join("server.pem"), &server.certificate_pem)?;
        folder::write_private(&folder.path().join("server.key"), &server.key_pem)?;
        let mut last = None;
        // Between choosing a free port and Postfix's bind, somebody else may take it.
        for _ in 0..START_ATTEMPTS {
            let ports = Ports::free()?;
            let configuration = Configuration {
                root: folder.path(),
                ports,
                auth: &dovecot.auth_socket(),
                lmtp: &dovecot.lmtp_socket(),
                offer,
            };
            configuration.write()?;
            match Running::start(folder.path(), ports) {
                Ok(running) => {
                    return Ok(Self {
                        folder,
                        ports,
                        _running: running,
                    });
                }
                Err(never @ (PeerError::Missing { .. } | PeerError::NeedsRoot { .. })) => {
                    return Err(never);
                }
                Err(other) => last = Some(other),
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    /// The address that wants STARTTLS, as port 587 does. The certificate names `localhost`.
    pub fn submission(&self) -> SocketAddr {
        self.ports.clear()
    }

    /// The address with TLS from the first byte, as port 465 has (RFC 8314 §3.3).
    pub fn submissions(&self) -> SocketAddr {
        self.ports.tls()
    }

    /// What Postfix has logged so far.
    pub fn log(&self) -> String {
        running::log(self.folder.path())
    }

    /// The folder that holds its configuration, queue and log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

const START_ATTEMPTS: usize = 20;
