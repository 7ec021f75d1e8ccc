//! Receives the browser that comes back from a sign-in, on this machine only (RFC 8252 §7.3).
//!
//! Browsers ask for icons, probe, preload and reload: only a request to `/` with the parameters
//! of a redirect is one, and whether it belongs to this sign-in is for the grant to judge.

mod page;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use gatepost_host::{Clock, Tasks};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::TokenError;
pub(crate) use page::Page;

/// A small web server on a free port of 127.0.0.1, which ends when it is dropped.
#[derive(Debug)]
pub struct Loopback {
    redirect: String,
    arrivals: mpsc::Receiver<Arrival>,
    tasks: Tasks,
}

/// A browser that came back and waits for a page. It brings a code, so it cannot be printed.
pub(crate) struct Arrival {
    /// Where it came to, with what it brought as the query.
    pub(crate) url: Url,
    /// Takes the page it is shown.
    pub(crate) page: oneshot::Sender<Page>,
}

impl Loopback {
    /// Listens on a free port. `tasks` owns the server.
    pub async fn bind(tasks: &Tasks) -> Result<Self, TokenError> {
        let unusable = |error: std::io::Error| TokenError::LoopbackUnusable {
            reason: error.to_string(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(unusable)?;
        let port = listener.local_addr().map_err(unusable)?.port();
        let (hand_over, arrivals) = mpsc::channel(ARRIVALS);
        let redirect = format!("http://localhost:{port}");
        let door = Door {
            base: Url::parse(&redirect).expect("a host and a port are a URL"),
            hand_over,
        };
        let router = Router::new()
            .route("/", get(with_query).post(with_form))
            .layer(DefaultBodyLimit::max(MOST_OCTETS))
            .with_state(door);
        let tasks = tasks.child();
        let stop = tasks.stop();
        tasks.start("sign-in redirect", async move {
            let serving = axum::serve(listener, router)
                .with_graceful_shutdown(async move { stop.requested().await });
            if let Err(error) = serving.await {
                tracing::warn!("the redirect of a sign-in cannot be received: {error}");
            }
        });
        Ok(Self {
            redirect,
            arrivals,
            tasks,
        })
    }

    /// The redirect address to register and to send: `http://localhost:PORT`. Entra lets any
    /// port match a registered `http://localhost`.
    pub fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Ends the server once the last page is delivered, or a moment later.
    pub(crate) async fn close(mut self, clock: &Clock) {
        self.arrivals.close();
        let _ = clock.within(LAST_PAGE, self.tasks.end()).await;
    }

    /// The next browser that comes back.
    pub(crate) async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

#[derive(Debug, Clone)]
struct Door {
    base: Url,
    hand_over: mpsc::Sender<Arrival>,
}

impl Door {
    /// Hands the browser over if it brings what a redirect brings, and waits for its page.
    async fn receive(self, query: &str) -> Response {
        let mut url = self.base;
        url.set_query(Some(query));
        let brings = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        let brings_answer = ["code", "error", "admin_consent"].into_iter().any(brings);
        if !brings("state") || !brings_answer {
            return shown(StatusCode::OK, Page::Waiting);
        }
        let (page, shown_page) = oneshot::channel();
        // Behind a crowd of strays it waits: each is judged at once.
        match self.hand_over.send(Arrival { url, page }).await {
            Ok(()) => shown(StatusCode::OK, shown_page.await.unwrap_or(Page::Over)),
            Err(_) => shown(StatusCode::SERVICE_UNAVAILABLE, Page::Over),
        }
    }
}

async fn with_query(State(door): State<Door>, RawQuery(query): RawQuery) -> Response {
    door.receive(&query.unwrap_or_default()).await
}

/// `response_mode=form_post` brings the same parameters in a body.
async fn with_form(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    match std::str::from_utf8(&body) {
        Ok(form) if is_form => door.receive(form).await,
        _ => shown(StatusCode::BAD_REQUEST, Page::Waiting),
    }
}

fn shown(status: StatusCode, page: Page) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::CONNECTION, "close"),
    ];
    (status, headers, page.html()).into_response()
}

/// Browsers that wait to be judged: one, and a few impatient reloads.
const ARRIVALS: usize = 4;
const MOST_OCTETS: usize = 64 * 1024;
/// A connection that a browser opened in advance must not hold up the program.
const LAST_PAGE: Duration = Duration::from_secs(1);
