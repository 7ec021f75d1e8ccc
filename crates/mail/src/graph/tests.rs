//! Against a server that says what is written down.

mod asking;
mod cuts;
mod items;
mod large;
mod left;
mod sending;
mod server;
mod silence;
mod uploading;
mod watching;

use std::future::Future;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, Trust, http_client_direct};
use gatepost_oauth::{AccessToken, Audience, Challenge, TokenError, TokenSource};
use jiff::Timestamp;

use self::server::{Answer, Server};
use super::Governor;
use super::client::Graph;
use super::opener::GraphOpener;
use super::settings::GraphSettings;
use crate::{MailError, Mailbox, Opener as _};

const ADA: &str = "ada@contoso.com";

/// Numbers its tokens, and keeps what it is told of them.
#[derive(Debug, Default)]
struct Tokens {
    given: Mutex<u32>,
    complaints: Mutex<Vec<String>>,
    /// Whether every token is the same.
    is_stubborn: bool,
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        assert_eq!(audience, Audience::Graph);
        let number = *self.given.lock().expect("nobody panicked");
        let secret = format!("token-{number}").into();
        Ok(AccessToken::new(secret, audience, Timestamp::MAX))
    }

    fn refused(&self, token: &AccessToken) {
        self.complain(format!("{} refused", token.expose()));
    }

    fn challenged(&self, token: &AccessToken, challenge: &Challenge) {
        self.complain(format!(
            "{} challenged {}",
            token.expose(),
            challenge.parameter()
        ));
    }
}

impl Tokens {
    fn complain(&self, complaint: String) {
        self.complaints
            .lock()
            .expect("nobody panicked")
            .push(complaint);
        if !self.is_stubborn {
            *self.given.lock().expect("nobody panicked") += 1;
        }
    }

    fn complaints(&self) -> Vec<String> {
        self.complaints.lock().expect("nobody panicked").clone()
    }
}

/// To make one takes longer than most exchanges.
static HTTP: LazyLock<reqwest::Client> =
    LazyLock::new(|| http_client_direct(&Trust::system(), GraphSettings::HTTP).expect("a client"));

fn settings(server: &Server, tokens: &Arc<Tokens>) -> GraphSettings {
    GraphSettings {
        base: server.base(),
        http: HTTP.clone(),
        mailbox: ADA.to_owned(),
        tokens: Arc::clone(tokens) as Arc<dyn TokenSource>,
        clock: Clock::system(),
        chance: Chance::seeded(7),
        governor: Governor::new(),
        poll_every: Duration::from_millis(20),
        reply: Duration::from_secs(20),
        largest_message: 1000,
        largest_mime: 1000,
    }
}

/// Asks a server that knows `script`.
async fn asked<F: Future>(
    script: &[(&str, Answer)],
    client: impl FnOnce(Graph, Arc<Tokens>) -> F,
) -> (F::Output, Server) {
    let server = Server::new(script).await;
    let tokens = Arc::new(Tokens::default());
    let graph = Graph::new(settings(&server, &tokens));
    let done = server.serve(client(graph, tokens)).await;
    (done, server)
}

/// The same with an open session.
async fn opened<F: Future>(
    script: &[(&str, Answer)],
    client: impl FnOnce(Box<dyn Mailbox>) -> F,
) -> (F::Output, Server) {
    let server = Server::new(script).await;
    server.knows("GET /mailFolders/inbox?", Answer::json(INBOX));
    server.knows("GET /mailFolders/IN?", Answer::json(INBOX));
    let opener = GraphOpener::new(settings(&server, &Arc::default()));
    let talk = async {
        let session = opener.open().await.expect("the mailbox opens");
        client(session).await
    };
    let done = server.serve(talk).await;
    (done, server)
}

/// The code of the error that something ended with.
fn code<T: std::fmt::Debug>(result: &Result<T, MailError>) -> &'static str {
    use gatepost_fault::Fault as _;
    result.as_ref().expect_err("it fails").code()
}

const INBOX: &str = r#"{"id":"IN","displayName":"Posteingang","childFolderCount":0,"totalItemCount":2,"unreadItemCount":1}"#;
