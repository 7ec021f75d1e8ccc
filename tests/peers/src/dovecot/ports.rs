//! Two free ports on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::PeerError;

/// The two ports that one Dovecot listens on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) imaps: u16,
    pub(crate) imap: u16,
}

impl Ports {
    /// Two ports that were free a moment ago.
    pub(crate) fn free() -> Result<Self, PeerError> {
        let binding = "cannot find a free port on loopback";
        // Both are held at the same time, so that they differ.
        let first = TcpListener::bind(ANY_PORT).map_err(PeerError::system(binding))?;
        let second = TcpListener::bind(ANY_PORT).map_err(PeerError::system(binding))?;
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        Ok(Self {
            imaps: port(&first).map_err(PeerError::system(binding))?,
            imap: port(&second).map_err(PeerError::system(binding))?,
        })
    }

    pub(crate) fn imaps(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.imaps))
    }

    pub(crate) fn imap(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.imap))
    }
}

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
