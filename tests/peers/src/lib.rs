//! Real counterparts for tests, on loopback, on free ports, in a temporary folder.
//!
//! ```no_run
//! use gatepost_peers::{Dovecot, IdentityEndpoint};
//!
//! # fn main() -> Result<(), gatepost_peers::PeerError> {
//! let identity = IdentityEndpoint::start()?;
//! let dovecot = Dovecot::start(&identity)?;
//! dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: hello\r\n\r\nhello\r\n")?;
//! // Point Gatepost at `identity.login_url()`, `dovecot.imaps()` and
//! // `identity.authority().certificate_file()`.
//! # Ok(())
//! # }
//! ```
//!
//! Whatever was started is stopped and removed when its value is dropped, also when the test
//! panics. A counterpart that is not installed is an error that names the package, never a
//! skipped test. The identity endpoint is a test double with the least that Dovecot and Gatepost
//! need; the product's own imaginary tenant is another crate, and an independent one.

mod authority;
mod corpus;
mod dovecot;
mod emailproxy;
mod error;
mod folder;
mod identity;
mod installed;
mod oidc;
mod ports;
mod postfix;
mod program;
mod raw_imap;
mod session;
mod small_disk;

pub use authority::{Authority, Identity};
pub use corpus::{Specimen, corpus, large_message};
pub use dovecot::Dovecot;
pub use emailproxy::EmailProxy;
pub use error::PeerError;
pub use identity::{App, IdentityEndpoint, Proof};
pub use installed::program as installed;
pub use oidc::OpenIdProvider;
pub use postfix::{Offer, Postfix};
pub use program::{Program, Running, gatepost};
pub use raw_imap::RawImap;
pub use session::{HeldToken, Sessions, Submissions};
pub use small_disk::SmallDisk;
