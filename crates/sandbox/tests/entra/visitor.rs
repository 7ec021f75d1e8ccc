//! Somebody who comes to a fresh sandbox over HTTPS and trusts its authority.

use std::time::Duration;

use gatepost_host::{Chance, Clock, HttpLimits, Tasks, Trust, http_client};
use gatepost_sandbox::tenant::{CLIENT_ID, TENANT_ID};
use gatepost_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::Value;

pub(crate) const EXCHANGE: &str = "https://outlook.office365.com/.default";

pub(crate) struct Visitor {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: Client,
}

/// Status and JSON of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Visitor {
    pub(crate) async fn new() -> Self {
        Self::of(SandboxConfig::default()).await
    }

    pub(crate) async fn of(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config, Clock::system(), Chance::system(), &Tasks::new())
            .await
            .expect("a sandbox on free ports starts");
        let trust = Trust::with_authority(&sandbox.ca_file()).expect("the sandbox's authority");
        let limits = HttpLimits {
            total: Some(Duration::from_mins(1)),
            ..HttpLimits::default()
        };
        let http = http_client(&trust, limits).expect("an HTTP client");
        Self { sandbox, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.login())
    }

    pub(crate) fn token_url(&self) -> String {
        self.url(&format!("/{TENANT_ID}/oauth2/v2.0/token"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(
            self.http
                .get(self.url(path))
                .send()
                .await
                .expect("the sandbox answers"),
        )
        .await
    }

    /// Asks the v2 token endpoint.
    pub(crate) async fn ask(&self, form: &[(&str, &str)]) -> Answer {
        self.ask_at(&self.token_url(), form).await
    }

    pub(crate) async fn ask_at(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(url).form(form);
        Answer::of(request.send().await.expect("the sandbox answers")).await
    }

    /// Asks as the app with its secret.
    pub(crate) async fn ask_with_secret(&self, form: &[(&str, &str)]) -> Answer {
        let secret = self.sandbox.client_secret();
        let mut whole = vec![
            ("client_id", CLIENT_ID),
            ("client_secret", secret.expose_secret()),
        ];
        whole.extend_from_slice(form);
        self.ask(&whole).await
    }
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.json().await.expect("the platform speaks JSON");
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        let text = self.body.get(name).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text `{name}` in {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no header `{name}`"))
    }

    /// The AADSTS number.
    pub(crate) fn code(&self) -> u64 {
        let code = self.body.pointer("/error_codes/0").and_then(Value::as_u64);
        code.unwrap_or_else(|| panic!("no error code in {}", self.body))
    }
}

/// The claims of a JWT that nobody checks.
pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).expect("three parts");
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}
