//! Why a door cannot be opened.

use std::io;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_host::FileError;

use super::CertificateFiles;

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address is taken, is not this machine's, or is not for everybody.
    #[error("the door cannot listen on {address}: {source}{}", advice(.source))]
    NotBound {
        /// The address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// systemd handed over no socket of this name.
    #[error(
        "systemd handed over no socket called {name}{}; give the socket unit FileDescriptorName={name} and start that unit",
        others(.there)
    )]
    SocketMissing {
        /// The name.
        name: String,
        /// Those that it handed over.
        there: Vec<String>,
    },
    /// A socket that systemd handed over is reached from other machines, and nothing protects it.
    #[error(
        "the door {door} listens on {address}, which systemd handed over and other machines reach, and without TLS whoever listens in the network reads passwords and mail: let the socket unit say ListenStream=127.0.0.1:PORT, or add tls and a certificate, or say clear_beyond_loopback"
    )]
    InClear {
        /// The door.
        door: String,
        /// Where the socket listens.
        address: String,
    },
    /// A file of the certificate cannot be read, or not be written.
    #[error("the certificate of the door {door}: {source}")]
    File {
        /// The door.
        door: String,
        /// What is wrong with the file.
        source: FileError,
    },
    /// Certificate and key cannot be used.
    #[error("the certificate of the door {} cannot be used, {}: {reason}", files.door, pair(files))]
    Certificate {
        /// The files, and the door.
        files: Box<CertificateFiles>,
        /// What is wrong with them, and what to do.
        reason: String,
    },
}

impl DoorError {
    /// Every code this error answers; those of [`FileError`] come on top.
    pub const CODES: &'static [&'static str] = &[
        "door_not_bound",
        "door_socket_missing",
        "door_in_clear",
        "door_certificate_unusable",
    ];
}

impl Fault for DoorError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotBound { .. } => "door_not_bound",
            Self::SocketMissing { .. } => "door_socket_missing",
            Self::InClear { .. } => "door_in_clear",
            Self::File { source, .. } => source.code(),
            Self::Certificate { .. } => "door_certificate_unusable",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: `ss -ltnp` tells which",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in the unit) or a \
             socket of systemd"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// Both files, or the one that has both.
fn pair(files: &CertificateFiles) -> String {
    let chain = files.chain.display();
    if files.chain == files.key {
        return format!("{chain} with its key");
    }
    format!("{chain} with the key {}", files.key.display())
}

fn others(there: &[String]) -> String {
    if there.is_empty() {
        ", nor any other".to_owned()
    } else {
        format!(", only {}", there.join(", "))
    }
}
