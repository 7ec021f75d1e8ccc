//! How a token is written for another program: on standard output, or into a file that is kept
//! fresh.

use gatepost_oauth::{AccessToken, Audience};
use gatepost_wire::sasl::Xoauth2;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::config::RegistrationSettings;
use crate::usage::UsageError;

/// The form of a token.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TokenForm {
    /// The token alone.
    #[default]
    Raw,
    /// An object with its times.
    Json,
    /// The whole initial response of SASL XOAUTH2, in base64.
    Xoauth2,
    /// The HTTP header.
    Header,
    /// What `imap_oauth_refresh_command` and its like of mutt and neomutt read: the token alone.
    Mutt,
    /// The mechanism and its initial response, as they follow AUTHENTICATE in IMAP (RFC 4959) and
    /// AUTH in SMTP (RFC 4954).
    SaslIr,
    /// The token file of the Cyrus SASL plugin sasl-xoauth2, with which Postfix signs in.
    SaslXoauth2,
}

/// What a token is for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TokenUse {
    /// Reading by IMAP.
    #[default]
    Imap,
    /// Reading by POP3.
    Pop3,
    /// Submission by SMTP.
    Smtp,
    /// Microsoft Graph.
    Graph,
}

impl TokenUse {
    /// Whose token it is.
    pub fn audience(self) -> Audience {
        match self {
            Self::Imap | Self::Pop3 | Self::Smtp => Audience::Exchange,
            Self::Graph => Audience::Graph,
        }
    }
}

impl TokenForm {
    /// Whether a token for `audience` can have this form: SASL is for mail protocols, and Exchange
    /// takes no token of Microsoft Graph's. The error is a sentence.
    pub fn check(self, audience: Audience) -> Result<(), String> {
        match self {
            Self::Xoauth2 | Self::SaslIr | Self::SaslXoauth2 | Self::Mutt
                if audience == Audience::Graph =>
            {
                Err(
                    "this form is for IMAP, POP3 and SMTP, which take no token for Microsoft \
                     Graph; leave `for` away, or choose raw, json or header"
                        .to_owned(),
                )
            }
            _ => Ok(()),
        }
    }

    /// `token`, which opens the mailbox `address` with `registration`, in this form, without a
    /// line end.
    pub fn written(
        self,
        token: &AccessToken,
        (address, registration): (&str, &RegistrationSettings),
        now: Timestamp,
    ) -> Result<Zeroizing<String>, UsageError> {
        Ok(Zeroizing::new(match self {
            Self::Raw | Self::Mutt => token.expose().to_owned(),
            Self::Header => format!("Authorization: Bearer {}", token.expose()),
            Self::Xoauth2 => xoauth2(address, token)?.as_str().to_owned(),
            Self::SaslIr => format!("XOAUTH2 {}", xoauth2(address, token)?.as_str()),
            Self::Json => described(address, token, now),
            Self::SaslXoauth2 => sasl_xoauth2(address, registration, token),
        }))
    }
}

fn xoauth2(address: &str, token: &AccessToken) -> Result<Zeroizing<String>, UsageError> {
    let secret = SecretString::from(token.expose());
    let response = Xoauth2::new(address, secret).map_err(|error| UsageError::Argument {
        argument: address.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(response.encode())
}

fn described(address: &str, token: &AccessToken, now: Timestamp) -> String {
    let mut shown = json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_at": token.expires_at,
        "expires_in": token.expires_at.duration_since(now).as_secs().max(0),
        "mailbox": address,
        "audience": match token.audience {
            Audience::Exchange => "exchange",
            Audience::Graph => "graph",
        },
    });
    if let Some(scope) = &token.scope {
        shown["scope"] = json!(scope);
    }
    serde_json::to_string_pretty(&shown).expect("strings and numbers are always JSON")
}

/// The plugin wants a refresh token to be there, and a string for a number of seconds. It gets
/// none that works: only Gatepost renews. When the file was not renewed in time, the plugin asks
/// the token endpoint in vain; its default is another company's, so the right one is named.
fn sasl_xoauth2(address: &str, registration: &RegistrationSettings, token: &AccessToken) -> String {
    let endpoint = registration
        .cloud
        .token_endpoint(&registration.tenant, registration.endpoints);
    let file = json!({
        "access_token": token.expose(),
        "expiry": token.expires_at.as_second().to_string(),
        "refresh_token": "",
        "token_endpoint": endpoint,
        "user": address,
    });
    serde_json::to_string_pretty(&file).expect("strings are always JSON")
}

#[cfg(test)]
mod tests {
    use gatepost_oauth::{Cloud, EndpointVersion, Tenant};

    use super::*;
    use crate::config::ProofSource;

    fn written(form: TokenForm) -> String {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let registration = RegistrationSettings {
            cloud: Cloud::global(),
            ca_file: None,
            tenant: Tenant::parse("contoso.com").expect("a domain"),
            client_id: "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc".to_owned(),
            proof: ProofSource::Public,
            secret_expires: None,
            endpoints: EndpointVersion::V2,
        };
        let expires_at = at + std::time::Duration::from_secs(3599);
        let token = AccessToken::new(SecretString::from("eyJ0"), Audience::Exchange, expires_at);
        let text = form.written(&token, ("a@contoso.com", &registration), at);
        text.expect("a good address").as_str().to_owned()
    }

    #[test]
    fn each_form_is_what_its_readers_read() {
        assert_eq!(written(TokenForm::Raw), "eyJ0");
        assert_eq!(written(TokenForm::Mutt), "eyJ0");
        assert_eq!(written(TokenForm::Header), "Authorization: Bearer eyJ0");
        // user=a@contoso.com^Aauth=Bearer eyJ0^A^A
        let response = "dXNlcj1hQGNvbnRvc28uY29tAWF1dGg9QmVhcmVyIGV5SjABAQ==";
        assert_eq!(written(TokenForm::Xoauth2), response);
        assert_eq!(written(TokenForm::SaslIr), format!("XOAUTH2 {response}"));
    }

    #[test]
    fn the_plugin_finds_what_it_reads() {
        let file: serde_json::Value =
            serde_json::from_str(&written(TokenForm::SaslXoauth2)).expect("JSON");
        assert_eq!(
            file,
            json!({
                "access_token": "eyJ0",
                "expiry": "1795345199",
                "refresh_token": "",
                "token_endpoint": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
                "user": "a@contoso.com",
            })
        );
    }

    #[test]
    fn graph_tokens_take_no_form_of_sasl() {
        for form in [
            TokenForm::Xoauth2,
            TokenForm::SaslIr,
            TokenForm::SaslXoauth2,
        ] {
            form.check(Audience::Graph).expect_err("no SASL at Graph");
            form.check(Audience::Exchange)
                .expect("that is what it is for");
        }
        TokenForm::Header.check(Audience::Graph).expect("HTTP");
    }
}
