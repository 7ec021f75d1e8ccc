//! The configuration: one TOML file, read strictly, then checked.
//!
//! Two types and two steps: [`raw`] is what was typed, with its place in the file; [`Config`] is
//! what it means. Nothing beyond this module sees the raw one. A fault is a sentence with
//! file, line, column, the line itself and a caret, and all faults are reported together.

mod check;
mod checked;
mod find;
mod host_error;
mod key_names;
mod problem;
pub mod raw;
mod read;
mod schema;

use std::path::Path;

pub use checked::{
    After, Also, AskFor, Begin, CommandSettings, Config, DoorCertificate, DoorSettings, DoorTls,
    DoorUpstream, EventSettings, GatewaySettings, GrantSettings, Limits, ListenAt, LockoutSettings,
    Log, LogFormat, LoginSettings, MailboxSettings, MaildirSettings, OutboxSettings, ProofSource,
    ReadBy, Readers, RegistrationSettings, SendBy, SinkSettings, SinkTarget, StreamSettings,
    StreamTarget, TokenFileSettings, WatchSettings, WebhookSettings, WithoutLogin,
};
pub use find::{Found, find};
pub use host_error::HostError;
pub use problem::{ConfigError, Place, Problem};
pub use schema::schema;

/// `; did you mean …?` for a name that is not among `known`.
pub fn advice<'a>(found: &str, known: impl Iterator<Item = &'a String> + Clone) -> String {
    key_names::advice(found, known.map(String::as_str))
}

/// Reads and checks the configuration in `file`, to work with it. Opens nothing but that file and
/// the files with secrets and certificates that it names.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    load_for(Purpose::Work, file)
}

/// The same, for a purpose.
pub fn load_for(purpose: Purpose, file: &Path) -> Result<Config, ConfigError> {
    let text = read::text(file)?;
    check_text(purpose, (file, &text))
}

/// Checks what `file` would mean if this were its text.
pub fn check_text(purpose: Purpose, (file, text): (&Path, &str)) -> Result<Config, ConfigError> {
    let source = problem::Source::new(file, text);
    let raw = read::raw(&source)?;
    check::check(&raw, &source, purpose)
}

/// What a configuration is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To work with it: the secrets and certificates that it names must be there.
    Work,
    /// To set up what it names: secrets and certificates may not be there yet.
    SetUp,
}
