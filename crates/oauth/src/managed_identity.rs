//! The identity that Azure gives to a machine: no secret at all, but an address that only the
//! machine itself reaches.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::answers::{self, Expecting, Reply, TokenAnswer};
use crate::form::By;
use crate::{Form, TokenError};

/// A managed identity.
#[derive(Debug, Clone)]
pub struct ManagedIdentity {
    /// Who is asked for its tokens.
    pub host: IdentityHost,
    /// Which of the machine's identities is meant.
    pub which: WhichIdentity,
}

/// Who gives out the tokens of managed identities.
#[derive(Debug, Clone)]
pub enum IdentityHost {
    /// The metadata service of virtual machines, at this address.
    Imds(Url),
    /// App Service and Functions.
    AppService {
        /// `IDENTITY_ENDPOINT`.
        endpoint: Url,
        /// `IDENTITY_HEADER`.
        header: SecretString,
    },
}

/// Which of a machine's identities is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichIdentity {
    /// The one that the machine has of its own.
    System,
    /// The user-assigned one with this application (client) id.
    ClientId(String),
    /// The user-assigned one with this object id.
    ObjectId(String),
    /// The user-assigned one with this resource id.
    ResourceId(String),
}

impl IdentityHost {
    /// Where every virtual machine finds its metadata service.
    pub fn imds() -> Self {
        Self::Imds(Url::parse(IMDS).expect("a literal address"))
    }
}

impl ManagedIdentity {
    /// The request for a token to `resource`.
    pub(crate) fn form(&self, resource: &str) -> Form {
        let (form, resource_id) = match &self.host {
            IdentityHost::Imds(address) => {
                let mut url = address.clone();
                url.set_path("/metadata/identity/oauth2/token");
                let form = Form::going(url, By::GetDirectly)
                    .header("metadata", "true".into())
                    .plain("api-version", "2018-02-01");
                (form, "msi_res_id")
            }
            IdentityHost::AppService { endpoint, header } => {
                let form = Form::going(endpoint.clone(), By::GetDirectly)
                    .header("x-identity-header", header.clone())
                    .plain("api-version", "2019-08-01");
                (form, "mi_res_id")
            }
        };
        let form = form.plain("resource", resource);
        match &self.which {
            WhichIdentity::System => form,
            WhichIdentity::ClientId(id) => form.plain("client_id", id.as_str()),
            WhichIdentity::ObjectId(id) => form.plain("object_id", id.as_str()),
            WhichIdentity::ResourceId(id) => form.plain(resource_id, id.as_str()),
        }
    }

    /// Nobody there: this is no machine of Azure's, or it has no identity.
    pub(crate) fn unanswered(&self, who: String, error: &TokenError) -> TokenError {
        let reason = match error {
            TokenError::Unreachable { reason, .. } => reason.clone(),
            TokenError::TimedOut { .. } => "nobody answers there".to_owned(),
            other => return other.clone(),
        };
        TokenError::IdentityAbsent {
            who,
            host: self.host_name(),
            reason,
        }
    }

    /// What tells it from another one.
    pub(crate) fn mark(&self) -> String {
        let host = match &self.host {
            IdentityHost::Imds(address) => address.as_str(),
            IdentityHost::AppService { endpoint, .. } => endpoint.as_str(),
        };
        format!("{host} {:?}", self.which)
    }

    /// Names who is asked, in errors.
    pub(crate) fn host_name(&self) -> String {
        let url = match &self.host {
            IdentityHost::Imds(url) | IdentityHost::AppService { endpoint: url, .. } => url,
        };
        url.host_str().unwrap_or_default().to_owned()
    }
}

/// Reads what was answered to [`ManagedIdentity::form`].
pub(crate) fn answered(reply: &Reply, expecting: &Expecting) -> Result<TokenAnswer, TokenError> {
    let (who, host) = (expecting.who.clone(), expecting.host.clone());
    match reply.status {
        200 => answers::read(reply, expecting),
        // Microsoft's libraries try these again, 404 and 410 while the service is updated.
        404 | 408 | 410 | 429 | 500..=599 => Err(TokenError::IdentityBusy {
            who,
            host,
            status: reply.status,
            said: words(reply),
            retry_after: reply
                .retry_after
                .as_deref()
                .and_then(|value| answers::retry_after(value, expecting.now)),
        }),
        status => Err(TokenError::IdentityRefused {
            who,
            host,
            status,
            said: words(reply),
        }),
    }
}

/// What the service said, if it said something in its own form.
fn words(reply: &Reply) -> String {
    let Ok(body) = serde_json::from_slice::<Body>(&reply.body) else {
        return answers::excerpt(&reply.body);
    };
    let text = format!("{}: {}", body.error, body.error_description);
    answers::one_line(&text).chars().take(MOST_WORDS).collect()
}

#[derive(Deserialize)]
struct Body {
    error: String,
    #[serde(default)]
    error_description: String,
}

const MOST_WORDS: usize = 400;
const IMDS: &str = "http://169.254.169.254";
