//! Sinks as they are typed: the kind decides which keys a table has.
//!
//! To add a kind: its struct, a variant of [`RawSink`], and a line in [`SINK_KINDS`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use toml::Spanned;
use toml::de::{DeTable, Error};

use super::{Placed, RawSecret};

/// Where events go.
#[derive(Debug, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum RawSink {
    /// A program, started once for each event.
    Command(RawCommand),
    /// A folder in Maildir form.
    Maildir(RawMaildir),
    /// Lines of JSON on standard output or in a file.
    Stream(RawStream),
    /// An HTTP endpoint, as Standard Webhooks 1.0.0 has it.
    Webhook(RawWebhook),
}

/// A program, started once for each event, with the message on its standard input.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCommand {
    /// The program and its arguments. No shell is involved.
    pub run: Placed<Vec<String>>,
    /// How long it may run, such as `30s`; a minute if it is not set.
    pub timeout: Option<Placed<String>>,
    /// How many may run at once; 4 if it is not set.
    pub parallel: Option<Placed<u64>>,
    /// Whether an event may overtake another of its folder; `parallel` if it is not set.
    pub ordering: Option<RawOrdering>,
}

/// A folder in Maildir form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMaildir {
    /// The folder. It is made if it is missing; its parent is not.
    pub path: Placed<PathBuf>,
}

/// Lines of JSON on standard output or in a file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawStream {
    /// The file to append to; standard output if it is not set.
    pub file: Option<Placed<PathBuf>>,
}

/// An HTTP endpoint, as Standard Webhooks 1.0.0 has it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWebhook {
    /// Where events are posted.
    pub url: Placed<String>,
    /// Where the signing secret is found: `whsec_` and base64 of 24 to 64 octets.
    pub secret: Option<Placed<RawSecret>>,
    /// Where the signing secret of before is found, while receivers change to the new one: every
    /// event is signed with both.
    pub previous_secret: Option<Placed<RawSecret>>,
    /// How many events may be on their way at once; 4 if it is not set.
    pub parallel: Option<Placed<u64>>,
    /// Whether an event may overtake another of its folder; `parallel` if it is not set.
    pub ordering: Option<RawOrdering>,
    /// Networks that are no part of the public internet and may be posted to all the same, such
    /// as `10.1.0.0/16` or `127.0.0.1/32`.
    #[serde(default)]
    pub allow: Vec<Placed<String>>,
    /// A PEM file with the certificates of an authority that is trusted besides the system's.
    pub ca_file: Option<Placed<PathBuf>>,
}

/// Whether an event may overtake another of its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawOrdering {
    /// It may: one that fails holds back no other.
    Parallel,
    /// It may not: one that fails holds back those behind it, until it is delivered, has given
    /// up or is discarded.
    Strict,
}

/// Reads the table of a sink without its key `kind`.
type ReadSink = fn(Spanned<DeTable<'_>>) -> Result<RawSink, Error>;

/// Every kind with what reads its table.
pub const SINK_KINDS: &[(&str, ReadSink)] = &[
    ("command", |table| {
        RawCommand::deserialize(from(table)).map(RawSink::Command)
    }),
    ("maildir", |table| {
        RawMaildir::deserialize(from(table)).map(RawSink::Maildir)
    }),
    ("stream", |table| {
        RawStream::deserialize(from(table)).map(RawSink::Stream)
    }),
    ("webhook", |table| {
        RawWebhook::deserialize(from(table)).map(RawSink::Webhook)
    }),
];

fn from(table: Spanned<DeTable<'_>>) -> toml::Deserializer<'_> {
    toml::Deserializer::from(table)
}

/// Sinks are read in a second step, table by table: serde's tagged enums lose the places.
pub(super) fn skip<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Placed<String>, RawSink>, D::Error> {
    IgnoredAny::deserialize(deserializer)?;
    Ok(BTreeMap::new())
}
