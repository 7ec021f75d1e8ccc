//! What a request wants its token to carry, as far as a claims challenge names it (the parameter
//! `claims`, OpenID Connect Core §5.5).

use std::collections::BTreeSet;

use serde_json::Value;

/// What a token is to carry besides what every token carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedClaims {
    /// Authentication contexts of Conditional Access (`acrs`), of which one is enough.
    pub contexts: BTreeSet<String>,
    /// Whether the client says that it bears challenges (`xms_cc` with `cp1`).
    pub bears_challenges: bool,
    /// The token must be younger than this (`nbf`), in Unix seconds.
    pub not_before: Option<i64>,
}

impl AskedClaims {
    /// Reads the parameter; `None` if it is no JSON object. What it asks besides is for id tokens
    /// and others, and ignored.
    pub fn read(text: &str) -> Option<Self> {
        let asked: Value = serde_json::from_str(text).ok()?;
        let token = asked.as_object()?.get("access_token");
        let wanted = |name: &str| values(token.and_then(|token| token.get(name)));
        Some(Self {
            contexts: wanted("acrs").collect(),
            bears_challenges: wanted("xms_cc").any(|capability| capability == "cp1"),
            not_before: wanted("nbf").find_map(|second| second.parse().ok()),
        })
    }
}

/// The values of one claim: `{"value": …}` or `{"values": […]}`. Numbers come as texts, too.
fn values(claim: Option<&Value>) -> impl Iterator<Item = String> {
    let one = claim.and_then(|claim| claim.get("value"));
    let several = claim.and_then(|claim| claim.get("values")?.as_array());
    let all = one.into_iter().chain(several.into_iter().flatten());
    all.filter_map(|value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_of_challenges_are_read_and_others_ignored() {
        let asked = AskedClaims::read(
            r#"{"access_token":{"acrs":{"essential":true,"value":"c1"},
                "nbf":{"essential":true,"value":"1644632862"},"xms_cc":{"values":["cp1"]},
                "other":null},"id_token":{"acrs":{"values":["c2"]}}}"#,
        );
        let asked = asked.expect("an object");
        assert_eq!(asked.contexts, BTreeSet::from(["c1".to_owned()]));
        assert_eq!(asked.not_before, Some(1_644_632_862));
        assert!(asked.bears_challenges);
        assert_eq!(AskedClaims::read("{}"), Some(AskedClaims::default()));
        for damaged in ["", "[]", "c1", "{"] {
            assert_eq!(AskedClaims::read(damaged), None, "{damaged}");
        }
    }
}
