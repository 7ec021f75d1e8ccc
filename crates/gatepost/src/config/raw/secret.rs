//! Where a secret is found, as it is typed.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor, value::MapAccessDeserializer};

/// Where a secret is found. The secret itself never stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawSecret {
    /// In this environment variable.
    Env(String),
    /// In this file, which only its owner may read.
    File(PathBuf),
    /// On the standard output of this program with these arguments.
    Command(Vec<String>),
    /// In the systemd credential of this name.
    Systemd(String),
    /// In the kernel's keyring of the session or the user, as the key of the type `user` with this
    /// description: `keyctl padd user NAME @u`. Linux only.
    Keyring(String),
}

/// Same shape, read by serde's own code once it is known that it is a table.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Table {
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
    Systemd(String),
    Keyring(String),
}

impl<'de> Deserialize<'de> for RawSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Tells a table from anything else, so that no message repeats a secret that was typed in.
struct SecretVisitor;

impl<'de> Visitor<'de> for SecretVisitor {
    type Value = RawSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where the secret is found, such as { env = \"NAME\" } or { file = \"PATH\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RawSecret, A::Error> {
        Ok(match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table::Env(name) => RawSecret::Env(name),
            Table::File(path) => RawSecret::File(path),
            Table::Command(words) => RawSecret::Command(words),
            Table::Systemd(name) => RawSecret::Systemd(name),
            Table::Keyring(name) => RawSecret::Keyring(name),
        })
    }

    fn visit_str<E: Error>(self, _secret: &str) -> Result<RawSecret, E> {
        Err(E::custom(INLINE_SECRET))
    }

    fn visit_i64<E: Error>(self, _secret: i64) -> Result<RawSecret, E> {
        Err(E::custom(INLINE_SECRET))
    }
}

/// What the reader is told when a secret stands in the file.
pub const INLINE_SECRET: &str = "a secret never stands in the configuration itself; say where \
    it is found, with { env = \"NAME\" }, { file = \"PATH\" }, { command = [\"PROGRAM\", …] } or \
    { systemd = \"NAME\" }, and change the one that was typed here";
