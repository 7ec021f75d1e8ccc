//! Doors: where clients knock, and what becomes of their connection until somebody talks with it.
//!
//! Whoever opens a door binds its [`Socket`]s first, so that a port that is taken is known before
//! anything else happens, and keeps them over a change of everything else about the door.

mod accept;
mod arrival;
mod behind;
mod certificate;
mod crowd;
mod devices;
mod error;
mod proxy;
mod settings;
mod socket;

pub use accept::Door;
pub use behind::Behind;
pub use certificate::{Certificate, CertificateFiles, is_certificate_alone};
pub(crate) use devices::Devices;
pub use error::DoorError;
pub use settings::{DoorSettings, LeadsTo, Tls, WithoutLogin};
pub use socket::{Inherited, Listen, Socket};
