//! POP3 (RFC 1939) with CAPA (RFC 2449), STLS (RFC 2595), SASL (RFC 5034), response codes
//! (RFC 2449, RFC 3206) and UTF8 (RFC 6856).

mod capability;
pub mod client;
mod reply;
pub mod server;

pub use capability::{Capabilities, Capability};
pub use reply::{Code, Outcome, Reply};
