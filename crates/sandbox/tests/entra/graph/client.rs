//! Somebody with a token who asks Graph.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_sandbox::SandboxConfig;
use gatepost_sandbox::mailboxes::Filed;
use gatepost_sandbox::mailset::Mail;
use gatepost_sandbox::tenant::{
    AccessToken, AskedClaims, Bearer, CLIENT_ID, ClientStrength, Resource, USER,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::visitor::Visitor;

/// A mailbox's visitor by Graph.
pub(crate) struct Client {
    pub(crate) visitor: Visitor,
    token: String,
}

/// Status, headers and JSON of an answer; null if it had no body.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Client {
    /// The app in its own name, with all its roles.
    pub(crate) async fn app() -> Self {
        let visitor = Visitor::new().await;
        let token = token(&visitor, None);
        Self { visitor, token }
    }

    /// The app in a sandbox with what is there for a demonstration.
    pub(crate) async fn in_demonstration() -> Self {
        let config = SandboxConfig {
            mail: Mail::Demo,
            ..SandboxConfig::default()
        };
        let visitor = Visitor::of(config).await;
        let token = token(&visitor, None);
        Self { visitor, token }
    }

    /// The app in a sandbox with these limits.
    pub(crate) async fn in_limits(config: SandboxConfig) -> Self {
        let visitor = Visitor::of(config).await;
        let token = token(&visitor, None);
        Self { visitor, token }
    }

    /// Ada, with these scopes.
    pub(crate) async fn ada(scopes: &[&'static str]) -> Self {
        let visitor = Visitor::new().await;
        let token = token(&visitor, Some(scopes));
        Self { visitor, token }
    }

    /// The same sandbox for somebody with another token.
    pub(crate) fn become_ada(&mut self, scopes: &[&'static str]) {
        self.token = token(&self.visitor, Some(scopes));
    }

    /// The app with these roles and no others.
    pub(crate) fn become_app_with(&mut self, roles: &[&str]) {
        let roles = roles.iter().map(|&role| role.to_owned()).collect();
        let mut directory = self.visitor.sandbox.tenant().directory();
        let app = directory.app_mut(CLIENT_ID).expect("it is registered");
        app.roles.insert(Resource::Graph, roles);
        drop(directory);
        self.token = token(&self.visitor, None);
    }

    /// A request below `/v1.0`, or to a whole address.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("https://") {
            path.to_owned()
        } else {
            format!("{}/v1.0{path}", self.visitor.sandbox.graph())
        };
        self.visitor
            .http
            .request(method, url)
            .bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        told(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Told {
        told(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Told {
        told(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Told {
        told(self.request(Method::DELETE, path)).await
    }

    /// Lets something go wrong.
    pub(crate) fn order(&self, order: &str) {
        let order = order.parse().expect("a well-formed order");
        self.visitor.sandbox.faults().order(order);
    }

    /// A message to Ada, received so many seconds after noon.
    pub(crate) fn deliver(&self, subject: &str, seconds: i64) -> Filed {
        let raw = format!(
            "From: Noor <noor@fabrikam.example>\r\nTo: {USER}\r\nSubject: {subject}\r\n\
             Message-ID: <{seconds}@fabrikam.example>\r\n\r\nIt is {subject}.\r\n"
        );
        self.deliver_raw(raw, seconds)
    }

    pub(crate) fn deliver_raw(&self, raw: impl Into<bytes::Bytes>, seconds: i64) -> Filed {
        let noon: jiff::Timestamp = "2026-01-02T12:00:00Z".parse().expect("a time");
        let at = noon + jiff::SignedDuration::from_secs(seconds);
        let mailboxes = self.visitor.sandbox.mailboxes();
        mailboxes.deliver(USER, raw, at).expect("Ada has a mailbox")
    }

    /// The id of the newest message in Ada's inbox.
    pub(crate) async fn newest(&self) -> String {
        let told = self
            .get(&format!("{INBOX}/messages?$top=1&$select=id"))
            .await;
        told.text("/value/0/id").to_owned()
    }

    /// The pages of a listing, followed to its end.
    pub(crate) async fn pages(&self, path: &str) -> Vec<Told> {
        let mut pages = vec![self.get(path).await];
        while let Some(next) = pages
            .last()
            .and_then(|page| page.body["@odata.nextLink"].as_str())
        {
            let next = next.to_owned();
            pages.push(self.get(&next).await);
        }
        pages
    }
}

impl Told {
    pub(crate) fn text(&self, pointer: &str) -> &str {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.body))
    }

    /// The code of the error.
    pub(crate) fn code(&self) -> &str {
        self.text("/error/code")
    }

    pub(crate) fn values(&self) -> &[Value] {
        let values = self.body["value"].as_array();
        values.unwrap_or_else(|| panic!("no values in {}", self.body))
    }

    /// One property of every value.
    pub(crate) fn each(&self, name: &str) -> Vec<&str> {
        let values = self.values().iter();
        values
            .map(|value| value[name].as_str().unwrap_or_default())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }
}

pub(crate) async fn told(request: RequestBuilder) -> Told {
    let response = request.send().await.expect("the sandbox answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.bytes().await.expect("a whole body");
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).expect("JSON")
    };
    Told {
        status,
        headers,
        body,
    }
}

fn token(visitor: &Visitor, scopes: Option<&[&'static str]>) -> String {
    let tenant = visitor.sandbox.tenant();
    let (app, person) = {
        let directory = tenant.directory();
        let app = directory.app(CLIENT_ID).expect("it is registered").clone();
        (app, directory.person(USER).expect("she is there").clone())
    };
    let scopes: Option<BTreeSet<&str>> = scopes.map(|names| names.iter().copied().collect());
    let contexts = BTreeSet::new();
    let token = AccessToken {
        audience: "https://graph.microsoft.com",
        resource: Resource::Graph,
        app: &app,
        strength: ClientStrength::Secret,
        bearer: scopes.as_ref().map_or(Bearer::App, |scopes| {
            Bearer::Person(&person, scopes, &contexts)
        }),
        asked: &AskedClaims::default(),
    };
    tenant.mint(&token, Duration::from_hours(1))
}

/// Ada's mailbox.
pub(crate) const ADA: &str = "/users/ada.berg@contoso.com";

/// Ada's inbox.
pub(crate) const INBOX: &str = "/users/ada.berg@contoso.com/mailFolders/inbox";
