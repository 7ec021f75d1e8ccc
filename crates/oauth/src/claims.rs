//! What an access token says of itself, for diagnosis only: a client must not act on it, and
//! tokens of personal accounts cannot be read at all.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::AccessToken;

/// The claims that explain why a server refuses a token. The signature is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenClaims {
    /// The resource it is for.
    pub audience: Option<String>,
    /// The client id of the app that asked for it.
    pub client_id: Option<String>,
    /// What the app is called.
    pub app_name: Option<String>,
    /// How the app proved itself.
    pub strength: Option<ProofStrength>,
    /// What the app itself may do; empty also where nothing was consented to.
    pub roles: Vec<String>,
    /// What the app may do for the person.
    pub scopes: Vec<String>,
    /// The person's sign-in name.
    pub person: Option<String>,
    /// How the person proved to be that person, such as `pwd` and `mfa` (`amr`).
    pub methods: Vec<String>,
    /// The tenant's id.
    pub tenant: Option<String>,
    /// The object id of the person or of the enterprise application.
    pub object_id: Option<String>,
    /// `app` or `user`, where the tenant adds it.
    pub identity_type: Option<String>,
    /// Until when it is valid.
    pub expires_at: Option<Timestamp>,
    /// From when it is valid.
    pub not_before: Option<Timestamp>,
}

/// How the app proved itself when it asked for a token (`appidacr`, `azpacr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofStrength {
    /// Not at all: a public client.
    Public,
    /// By a secret.
    Secret,
    /// By a certificate or another assertion.
    Assertion,
}

impl TokenClaims {
    /// Those of a token that says nothing of itself.
    pub fn nothing() -> Self {
        Self {
            audience: None,
            client_id: None,
            app_name: None,
            strength: None,
            roles: Vec::new(),
            scopes: Vec::new(),
            person: None,
            methods: Vec::new(),
            tenant: None,
            object_id: None,
            identity_type: None,
            expires_at: None,
            not_before: None,
        }
    }

    /// Reads the claims; `None` if the token is not a JWT.
    pub fn of(token: &AccessToken) -> Option<Self> {
        let claims: Written = payload(token.expose())?;
        let time = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
        Some(Self {
            audience: claims.aud,
            client_id: claims.appid.or(claims.azp),
            app_name: claims.app_displayname,
            strength: claims.appidacr.or(claims.azpacr).and_then(|acr| {
                Some(match acr.as_str() {
                    "0" => ProofStrength::Public,
                    "1" => ProofStrength::Secret,
                    "2" => ProofStrength::Assertion,
                    _ => return None,
                })
            }),
            roles: claims.roles,
            scopes: claims
                .scp
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            person: claims
                .upn
                .or(claims.preferred_username)
                .or(claims.unique_name),
            methods: claims.amr,
            tenant: claims.tid,
            object_id: claims.oid,
            identity_type: claims.idtyp,
            expires_at: time(claims.exp),
            not_before: time(claims.nbf),
        })
    }
}

/// The claims of a JWT (RFC 7519 §7.2), its signature unread. Padding is tolerated: some write it.
pub(crate) fn payload<T: DeserializeOwned>(jwt: &str) -> Option<T> {
    let mut parts = jwt.split('.');
    let (_header, payload) = (parts.next()?, parts.next()?);
    let json = Zeroizing::new(LENIENT.decode(payload).ok()?);
    serde_json::from_slice(&json).ok()
}

#[derive(Deserialize)]
struct Written {
    aud: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
    app_displayname: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
    appidacr: Option<String>,
    azpacr: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    scp: Option<String>,
    upn: Option<String>,
    preferred_username: Option<String>,
    unique_name: Option<String>,
    tid: Option<String>,
    oid: Option<String>,
    idtyp: Option<String>,
    exp: Option<i64>,
    nbf: Option<i64>,
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audience;

    fn token(payload: &str) -> AccessToken {
        let text = format!("e30.{}.c2ln", LENIENT.encode(payload));
        AccessToken::new(text.into(), Audience::Exchange, Timestamp::MAX)
    }

    #[test]
    fn both_shapes_of_token_are_read() {
        let v1 = token(
            r#"{"aud":"https://outlook.office365.com","appid":"a","appidacr":"2","roles":["IMAP.AccessAsApp"],"tid":"t","idtyp":"app","exp":1700003600,"nbf":1700000000}"#,
        );
        let claims = TokenClaims::of(&v1).expect("it is a JWT");
        assert_eq!(claims.client_id.as_deref(), Some("a"));
        assert_eq!(claims.strength, Some(ProofStrength::Assertion));
        assert_eq!(claims.roles, ["IMAP.AccessAsApp"]);
        assert_eq!(
            claims.expires_at.map(Timestamp::as_second),
            Some(1_700_003_600)
        );
        let v2 = token(
            r#"{"azp":"b","azpacr":"0","scp":"Mail.Read  Mail.Send","amr":["pwd","mfa"],"app_displayname":"Lab","preferred_username":"ada@contoso.example"}"#,
        );
        let claims = TokenClaims::of(&v2).expect("it is a JWT");
        assert_eq!(claims.client_id.as_deref(), Some("b"));
        assert_eq!(claims.strength, Some(ProofStrength::Public));
        assert_eq!(claims.scopes, ["Mail.Read", "Mail.Send"]);
        assert_eq!(claims.methods, ["pwd", "mfa"]);
        assert_eq!(claims.app_name.as_deref(), Some("Lab"));
        assert_eq!(claims.person.as_deref(), Some("ada@contoso.example"));
    }

    #[test]
    fn an_opaque_token_is_no_error() {
        let opaque = AccessToken::new("EwBx==".into(), Audience::Graph, Timestamp::MAX);
        assert_eq!(TokenClaims::of(&opaque), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_a_server_sends_panics(text in "[ -~]{0,60}", json in ".{0,60}") {
            let of = |text: String| {
                TokenClaims::of(&AccessToken::new(text.into(), Audience::Graph, Timestamp::MAX))
            };
            let _ = of(text);
            let _ = of(format!("a.{}.c", LENIENT.encode(json)));
        }
    }
}
