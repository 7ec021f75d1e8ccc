//! Numbers of seconds, in the two ways Entra writes them.

use serde::Deserialize;

/// Seconds as v2 endpoints write them (a number) or v1 (a string of digits).
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Seconds(pub(super) u64);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl TryFrom<Written> for Seconds {
    type Error = std::num::ParseIntError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.trim().parse().map(Self),
        }
    }
}
