//! What a server wants a token to carry before it honours it: a claims challenge, as after a
//! revocation (continuous access evaluation) or before something delicate (authentication context).

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

/// The claims that a server asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge(Map<String, Value>);

impl Challenge {
    /// Reads the challenge in a `WWW-Authenticate` header of an API, where the claims stand in
    /// base64; `None` if it holds none.
    pub fn of_header(header: &str) -> Option<Self> {
        let bounded = header.get(..MOST_OCTETS).unwrap_or(header);
        let (_, after) = bounded.split_once("claims=")?;
        let text = match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => after.split([',', ' ']).next()?,
        };
        let decoded = URL_SAFE.decode(text).or_else(|_| STANDARD.decode(text));
        Self::of_json(std::str::from_utf8(&decoded.ok()?).ok()?)
    }

    /// Reads the challenge in the field `claims` of a refused token request; `None` if it is no
    /// JSON object.
    pub fn of_json(text: &str) -> Option<Self> {
        if text.len() > MOST_OCTETS {
            return None;
        }
        match serde_json::from_str(text).ok()? {
            Value::Object(claims) if !claims.is_empty() => Some(Self(claims)),
            _ => None,
        }
    }

    /// The `claims` parameter of the request that answers the challenge. It says as well that
    /// whoever asks bears challenges, else none would ever come again.
    pub fn parameter(&self) -> String {
        let mut claims = self.0.clone();
        let token = claims.entry("access_token").or_insert_with(|| json!({}));
        if let Value::Object(token) = token {
            token.insert(CAPABILITY.to_owned(), json!({ "values": ["cp1"] }));
        }
        Value::Object(claims).to_string()
    }

    /// The challenge as it came.
    pub(crate) fn json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// Claims name authentication contexts of the tenant: the log shows what kind they are, no more.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Challenge")
            .field(&self.0.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What a client can do.
const CAPABILITY: &str = "xms_cc";

/// Recorded challenges have a few hundred.
const MOST_OCTETS: usize = 16 * 1024;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_session_asks_for_a_younger_token() {
        // As recorded, with the claims of Microsoft's own example.
        let claims =
            STANDARD.encode(r#"{"access_token":{"nbf":{"essential":true,"value":"1644632862"}}}"#);
        for claims in [
            format!("claims=\"{claims}\""),
            format!("claims=\"{}\"", claims.trim_end_matches('=')),
            format!("claims={claims}, x=y"),
        ] {
            let header = format!(
                "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"insufficient_claims\", {claims}"
            );
            let challenge = Challenge::of_header(&header).expect("a challenge");
            assert_eq!(
                challenge.parameter(),
                r#"{"access_token":{"nbf":{"essential":true,"value":"1644632862"},"xms_cc":{"values":["cp1"]}}}"#
            );
        }
    }

    #[test]
    fn a_refusal_of_the_token_endpoint_holds_plain_json() {
        let text = r#"{"id_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let challenge = Challenge::of_json(text).expect("a challenge");
        assert_eq!(challenge.json(), text);
        assert_eq!(
            challenge.parameter(),
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}},"id_token":{"acrs":{"essential":true,"value":"c1"}}}"#
        );
        assert!(!format!("{challenge:?}").contains("c1"));
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        for header in [
            "",
            "Bearer",
            "Bearer error=\"invalid_token\"",
            "Bearer claims=\"\"",
            "Bearer claims=\"!!!\"",
            "Bearer claims=\"bm8ganNvbg==\"",
            "Bearer claims=\"W10=\"",
        ] {
            assert_eq!(Challenge::of_header(header), None, "{header}");
        }
        assert_eq!(Challenge::of_json("{}"), None);
        assert_eq!(Challenge::of_json(&"[".repeat(100_000)), None);
    }
}
