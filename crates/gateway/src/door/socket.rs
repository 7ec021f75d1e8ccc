//! Where a door listens: sockets that we bind, and those that systemd hands over.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

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

/// The sockets that systemd handed over when it started this process. They stay here: a door that
/// is given up, or cannot be opened yet, finds its own again.
pub struct Inherited(Vec<(String, Option<std::net::TcpListener>)>);

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

    /// Whether nobody but this machine reaches it.
    pub fn is_of_this_machine(&self) -> bool {
        let address = self.address();
        address.is_some_and(|address| address.ip().to_canonical().is_loopback())
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
        Self(sockets.collect())
    }

    /// The sockets of this name.
    pub fn named(&self, name: &str) -> Result<Vec<Socket>, DoorError> {
        let of_name = self.0.iter().filter(|(called, _)| called == name);
        let found: Vec<_> = of_name.filter_map(|(_, socket)| socket.as_ref()).collect();
        if found.is_empty() {
            return Err(DoorError::SocketMissing {
                name: name.to_owned(),
                there: self.0.iter().map(|(called, _)| called.clone()).collect(),
            });
        }
        let listening = found.into_iter().map(|socket| {
            let socket = socket.try_clone()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_systemd_handed_over_is_there_as_often_as_it_is_asked_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let inherited = Inherited(vec![("imap".to_owned(), Some(listener))]);
        for _ in 0..2 {
            let sockets = inherited.named("imap").expect("it is there");
            assert_eq!(sockets.len(), 1);
            assert_eq!(sockets[0].address(), Some(address));
            assert!(sockets[0].is_of_this_machine());
            let (came, accepted) = tokio::join!(
                tokio::net::TcpStream::connect(address),
                sockets[0].listener().accept()
            );
            came.expect("it listens");
            accepted.expect("somebody came");
        }
        inherited.named("smtp").expect_err("there is none");
        let everywhere = Socket::bind(([0, 0, 0, 0], 0).into()).expect("a free port");
        assert!(!everywhere.is_of_this_machine());
    }
}
