//! What an app needs in Entra ID and Exchange for the mailboxes that a configuration opens with
//! it: as a manifest, and as a script. Pure functions of the checked configuration; nothing here
//! connects anywhere.

mod error;
mod graph_needs;
mod manifest;
mod needs;
mod permission;
mod quoting;
mod script;

pub use error::SetupError;
pub use manifest::{Manifest, ManifestFormat};
pub use needs::{Needs, SmtpWay, Unasked, asked_of_person, permission_of, unasked};
pub use permission::{Kind, Permission, Resource};
pub use script::{Extent, Setup, Style};
