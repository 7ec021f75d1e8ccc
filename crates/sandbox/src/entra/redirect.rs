//! The way back to the app (RFC 6749 §4.1.2).

use axum::body::Body;
use axum::http::{Response, StatusCode};
use url::Url;

use super::call::Call;
use super::flow::{ConsentEndpoint, Redirect, ResponseMode};
use super::pages::{self, PostBackPage};
use super::refusal::Refusal;
use super::refusals;

/// Where an answer goes, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct WayBack<'a> {
    pub(super) uri: &'a str,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<&'a str>,
}

impl<'a> WayBack<'a> {
    /// The way that a sign-in remembered.
    pub(super) fn of(redirect: &'a Redirect) -> Self {
        Self {
            uri: &redirect.uri,
            mode: redirect.mode,
            state: redirect.state.as_deref(),
        }
    }

    /// Takes an authorization code to the app.
    pub(super) fn with_code(self, code: String, session: String, call: &Call) -> Response<Body> {
        let fields = vec![("code", code), ("session_state", session)];
        self.with(fields, call)
    }

    /// Tells the app why there is none.
    pub(super) fn with_refusal(self, refusal: &Refusal, call: &Call) -> Response<Body> {
        let fields = vec![
            ("error", refusal.error.to_owned()),
            ("error_description", refusal.description(call)),
            (
                "error_uri",
                format!("{}/error?code={}", call.base, refusal.code),
            ),
        ];
        self.with(fields, call)
    }

    /// Tells the app that an administrator permitted it.
    pub(super) fn with_admin_consent(self, scope: Option<String>, call: &Call) -> Response<Body> {
        let mut fields = vec![
            ("admin_consent", "True".to_owned()),
            ("tenant", call.entra.tenant.id()),
        ];
        fields.extend(scope.map(|scope| ("scope", scope)));
        self.with(fields, call)
    }

    /// Tells the app that an administrator did not.
    pub(super) fn without_admin_consent(
        self,
        endpoint: ConsentEndpoint,
        call: &Call,
    ) -> Response<Body> {
        let fields = match endpoint {
            ConsentEndpoint::Legacy => vec![
                ("error", "permission_denied".to_owned()),
                (
                    "error_description",
                    "The admin canceled the request".to_owned(),
                ),
            ],
            // It says both, as recorded.
            ConsentEndpoint::V2 => vec![
                ("admin_consent", "True".to_owned()),
                ("error", "consent_required".to_owned()),
                (
                    "error_description",
                    refusals::consent_declined().description(call),
                ),
            ],
        };
        self.with(fields, call)
    }

    /// Tells the app that the person went away.
    pub(super) fn with_cancel(self, call: &Call) -> Response<Body> {
        let fields = vec![
            ("error", "access_denied".to_owned()),
            ("error_subcode", "cancel".to_owned()),
            (
                "error_description",
                "the user canceled the authentication".to_owned(),
            ),
        ];
        self.with(fields, call)
    }

    fn with(self, mut fields: Vec<(&'static str, String)>, call: &Call) -> Response<Body> {
        if let Some(state) = self.state {
            fields.push(("state", state.to_owned()));
        }
        let Ok(mut url) = Url::parse(self.uri) else {
            return pages::refused(&refusals::malformed(), call);
        };
        let encoded = || {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(&fields).finish()
        };
        match self.mode {
            ResponseMode::Query => {
                let query = match url.query() {
                    Some(own) if !own.is_empty() => format!("{own}&{}", encoded()),
                    _ => encoded(),
                };
                url.set_query(Some(&query));
            }
            ResponseMode::Fragment => url.set_fragment(Some(&encoded())),
            ResponseMode::FormPost => {
                let template = PostBackPage {
                    action: url.as_str(),
                    fields: &fields,
                };
                return pages::page(StatusCode::OK, &template);
            }
        }
        pages::redirect(url.as_str())
    }
}
