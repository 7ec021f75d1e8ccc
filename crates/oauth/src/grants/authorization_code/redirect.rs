//! What the browser brings back (RFC 6749 §4.1.2).

use secrecy::SecretString;
use url::Url;

/// The parameters of a redirect. One that stands twice counts as absent: RFC 6749 §3.1 forbids
/// it, and which of the two another reader takes is anybody's guess.
#[derive(Debug, Default)]
pub(super) struct Redirect {
    pub(super) state: Option<String>,
    pub(super) code: Option<SecretString>,
    pub(super) error: Option<String>,
    pub(super) description: String,
}

impl Redirect {
    pub(super) fn read(url: &Url) -> Self {
        Self {
            state: single(url, "state"),
            code: single(url, "code").map(SecretString::from),
            error: single(url, "error"),
            description: single(url, "error_description").unwrap_or_default(),
        }
    }
}

fn single(url: &Url, name: &str) -> Option<String> {
    let mut values = url
        .query_pairs()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned());
    let first = values.next()?;
    (values.next().is_none() && !first.is_empty() && first.len() <= MOST).then_some(first)
}

/// Entra's codes have about 1,500 characters.
const MOST: usize = 16 * 1024;
