//! Two free ports on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::PeerError;

/// The two ports that one mail server listens on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ports {
    /// With TLS from the first byte.
    pub(crate) tls: u16,
    /// In clear, for STARTTLS.
    pub(crate) clear: u16,
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
            tls: port(&first).map_err(PeerError::system(binding))?,
            clear: port(&second).map_err(PeerError::system(binding))?,
        })
    }

    /// The address with TLS from the first byte.
    pub(crate) fn tls(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.tls))
    }

    /// The address in clear.
    pub(crate) fn clear(self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.clear))
    }
}

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
