//! Where a door listens: sockets that we bind, and those that systemd hands over.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_host::environment;
use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpSocket};

use super::DoorError;

/// Where a door listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listen {
    /// On an address of this machine.
    Address(SocketAddr),
    /// On the sockets of this name that systemd hands over (`sd_listen_fds_with_names(3)`).
    Systemd(String),
}

/// A socket that listens. Clones are the same one; it is closed with the last of them.
#[derive(Debug, Clone)]
pub struct Socket(Arc<TcpListener>);

/// The sockets that systemd handed over when it started this process. Each can be taken once.
pub struct Inherited(Mutex<Vec<(String, Option<std::net::TcpListener>)>>);

impl Socket {
    /// Listens on an address of this machine. An IPv6 address does not mean IPv4 as well.
    pub fn bind(address: SocketAddr) -> Result<Self, DoorError> {
        let bind = || -> io::Result<TcpListener> {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()?
            } else {
                let socket = TcpSocket::new_v6()?;
                rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
                socket
            };
            // Connections of a predecessor that are being closed are no reason not to begin.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let listener = bind().map_err(|source| DoorError::NotBound {
            address: address.to_string(),
            source,
        })?;
        Ok(Self(Arc::new(listener)))
    }

    /// Where it listens, if that can be told.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }

    pub(super) fn listener(&self) -> &TcpListener {
        &self.0
    }
}

impl Inherited {
    /// Takes what systemd handed over. Only the first that asks in a process gets it.
    pub fn take() -> Self {
        let names = environment::text("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut handed_over = ListenFd::from_env();
        let sockets = (0..handed_over.len()).map(|at| {
            let name = names.next().unwrap_or_default().to_owned();
            (name, handed_over.take_tcp_listener(at).ok().flatten())
        });
        Self(Mutex::new(sockets.collect()))
    }

    /// The sockets of this name.
    pub fn named(&self, name: &str) -> Result<Vec<Socket>, DoorError> {
        let mut sockets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (_, socket) in sockets.iter_mut().filter(|(called, _)| called == name) {
            found.extend(socket.take());
        }
        if found.is_empty() {
            return Err(DoorError::SocketMissing {
                name: name.to_owned(),
                there: sockets.iter().map(|(called, _)| called.clone()).collect(),
            });
        }
        let listening = found.into_iter().map(|socket| {
            socket.set_nonblocking(true)?;
            Ok(Socket(Arc::new(TcpListener::from_std(socket)?)))
        });
        let listening: io::Result<Vec<Socket>> = listening.collect();
        listening.map_err(|source| DoorError::NotBound {
            address: format!("systemd:{name}"),
            source,
        })
    }
}

/// As it is written in the configuration.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Systemd(name) => write!(f, "systemd:{name}"),
        }
    }
}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inherited").finish_non_exhaustive()
    }
}

/// How many connections may wait to be accepted: a building full of devices after a power cut.
const BACKLOG: u32 = 1024;
