//! What the token endpoint answers when it grants.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Version};
use super::refusal::json_response;

/// The tokens that a grant gives.
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) audience: String,
    pub(super) lifetime: Duration,
    /// What comes along when the app acts for a person.
    pub(super) person: Option<ForPerson>,
}

/// What a token answer says beyond the access token when a person stands behind it.
pub(super) struct ForPerson {
    /// The permissions in the access token.
    pub(super) scope: String,
    /// If `offline_access` was granted.
    pub(super) refresh_token: Option<String>,
    /// If `openid` was granted.
    pub(super) id_token: Option<String>,
    /// If the client asked for it.
    pub(super) client_info: Option<String>,
}

impl Granted {
    pub(super) fn into_response(self, call: &Call) -> Response<Body> {
        let lifetime = self.lifetime.as_secs();
        let now = call.at.as_second();
        let mut body = json!({"token_type": "Bearer", "access_token": self.access_token});
        match call.version {
            Version::V2 => {
                body["expires_in"] = json!(lifetime);
                body["ext_expires_in"] = json!(lifetime);
            }
            // All numbers are strings.
            Version::V1 => {
                let expires_on = now.saturating_add_unsigned(lifetime);
                body["expires_in"] = json!(lifetime.to_string());
                body["ext_expires_in"] = json!(lifetime.to_string());
                body["expires_on"] = json!(expires_on.to_string());
                body["not_before"] = json!(now.saturating_sub(300).to_string());
                body["resource"] = json!(self.audience);
            }
        }
        if let Some(person) = self.person {
            body["scope"] = Value::String(person.scope);
            let optional = [
                ("refresh_token", person.refresh_token),
                ("id_token", person.id_token),
                ("client_info", person.client_info),
            ];
            for (name, value) in optional {
                if let Some(value) = value {
                    body[name] = Value::String(value);
                }
            }
        }
        json_response(StatusCode::OK, body.to_string().into_bytes(), call)
    }
}
