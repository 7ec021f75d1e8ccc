//! A token endpoint on loopback that answers what a test tells it to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{RawForm, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use gatepost_host::{Chance, Clock, Tasks, Trust};
use gatepost_oauth::contract::MemoryGrants;
use gatepost_oauth::{
    Cloud, Credential, CredentialId, CustomCloud, Grant, HttpEndpoint, PasswordFrom, Proof,
    Registration, Surroundings, Tenant, TokenKeeper,
};

/// One answer: status, headers, body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// What was posted: the path, the headers and the fields.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The endpoint: answers in the order given, the last one for ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Issuer {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Issuer {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Self::default()
        }
    }

    /// From now on it answers this.
    pub(crate) fn will_answer(&self, answer: Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.clear();
        answers.push_back(answer);
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Listens, and returns the address as a login URL.
    pub(crate) async fn listen(&self, tasks: &Tasks) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().fallback(answer).with_state(self.clone());
        let stop = tasks.stop();
        tasks.start("issuer", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move { stop.requested().await })
                .await
                .expect("the listener lives");
        });
        format!("http://{address}")
    }
}

async fn answer(
    State(issuer): State<Issuer>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    let fields = url::form_urlencoded::parse(&body).into_owned().collect();
    issuer
        .posted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Posted {
            path: uri.path().to_owned(),
            headers,
            fields,
        });
    let (status, headers, body) = {
        let mut answers = issuer
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let front = answers.front().expect("the test gave an answer").clone();
        if answers.len() > 1 {
            answers.pop_front();
        }
        front
    };
    let status = axum::http::StatusCode::from_u16(status).expect("a status");
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, value.parse().expect("a header value"));
    }
    response
}

/// A v2 answer with a token that lives an hour.
pub(crate) fn token(name: &str) -> Answer {
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"{name}"}}"#
    );
    (200, Vec::new(), body)
}

/// A registration in a cloud at `login`.
pub(crate) fn registration(login: &str, proof: Proof) -> Registration {
    let addresses = CustomCloud {
        login: login.to_owned(),
        ..CustomCloud::default()
    };
    let cloud = Cloud::custom("lab", &addresses).expect("loopback is fine");
    let tenant = Tenant::parse("contoso.example").expect("a domain");
    Registration::new("contoso", (cloud, tenant), "client-1", proof)
}

/// A keeper over loopback.
pub(crate) fn keeper(
    registration: Registration,
    grant: &'static Grant,
    tasks: &Tasks,
) -> TokenKeeper {
    let endpoint = HttpEndpoint::new(&Trust::system(), Clock::system(), Chance::system())
        .expect("this machine has certificates");
    let credential = Credential {
        id: CredentialId::new("contoso/test"),
        registration: Arc::new(registration),
        grant,
        person: grant.renew.map(|_| "ada@contoso.example".to_owned()),
        password: PasswordFrom::Nowhere,
    };
    let around = Surroundings {
        endpoint: Arc::new(endpoint),
        grants: Arc::new(MemoryGrants::default()),
        clock: Clock::system(),
        chance: Chance::system(),
        tasks: tasks.clone(),
    };
    TokenKeeper::new(credential, around)
}
