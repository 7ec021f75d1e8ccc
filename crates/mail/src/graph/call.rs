//! One question to Graph, and the answer to it while it comes in.

use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::client::Graph;
use super::governor::Lane;
use crate::MailError;

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    /// What it is to do, in words that follow "refused to".
    pub(super) what: &'static str,
    /// The value of `Prefer` besides immutable ids.
    pub(super) prefer: Option<String>,
    /// The version that is meant, if it matters which (`If-Match`, RFC 9110 §13.1.1).
    pub(super) version: Option<String>,
    /// Whether its asker finds out what became of it where the answer does not say.
    pub(super) is_asked_once: bool,
    pub(super) body: Content,
}

/// What goes with a question.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Nothing.
    Nothing,
    /// JSON.
    Json(Bytes),
}

impl Call {
    pub(super) fn get(url: Url, what: &'static str) -> Self {
        Self::new(Method::GET, url, what)
    }

    pub(super) fn new(method: Method, url: Url, what: &'static str) -> Self {
        Self {
            method,
            url,
            what,
            prefer: None,
            version: None,
            is_asked_once: false,
            body: Content::Nothing,
        }
    }

    /// The same with a body.
    pub(super) fn with(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("our own bodies have texts for keys");
        self.with_json(body.into())
    }

    /// The same with a body that is JSON already.
    pub(super) fn with_json(mut self, body: Bytes) -> Self {
        self.body = Content::Json(body);
        self
    }

    /// The same with a wish.
    pub(super) fn preferring(mut self, wish: impl Into<String>) -> Self {
        self.prefer = Some(wish.into());
        self
    }

    /// The same for this version only, and no later one.
    pub(super) fn of_version(mut self, etag: String) -> Self {
        self.version = Some(etag);
        self
    }

    /// The same, and not asked again by itself where it may have been done.
    pub(super) fn once(mut self) -> Self {
        self.is_asked_once = true;
        self
    }

    /// Whether asking twice does what asking once does (RFC 9110 §9.2.2). PATCH sets fields to
    /// values here, so it belongs to them.
    pub(super) fn is_repeatable(&self) -> bool {
        self.method != Method::POST && !self.is_asked_once
    }
}

/// An answer that is a success, its body still to be read. It keeps its lane until it is dropped.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    pub(super) graph: &'a Graph,
    pub(super) what: &'static str,
    pub(super) response: reqwest::Response,
    #[expect(dead_code, reason = "dropping it is its use")]
    pub(super) lane: Lane,
}

impl Reply<'_> {
    /// The size of the body in octets, if Graph said so and it is not compressed.
    pub(super) fn size(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next octets of the body; `None` behind the last.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, MailError> {
        let chunk = self.response.chunk().await;
        chunk.map_err(|error| self.graph.broken(&error))
    }

    /// The body as JSON, whatever else stands in it.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, MailError> {
        let (graph, what) = (self.graph, self.what);
        let body = self.whole().await?;
        serde_json::from_slice(&body).map_err(|error| {
            let reason = match body.trim_ascii_start().first() {
                Some(b'<') => {
                    "it sent a web page: is the address right, and is there a proxy that \
                               wants to be signed in to?"
                        .to_owned()
                }
                _ => error.to_string(),
            };
            graph.garbled(what, &reason)
        })
    }

    /// Reads what is left, so that the connection can be used again.
    pub(super) async fn done(self) -> Result<(), MailError> {
        self.whole().await.map(|_| ())
    }

    async fn whole(mut self) -> Result<Vec<u8>, MailError> {
        let graph = self.graph;
        let (clock, limit) = (&graph.settings().clock, graph.settings().reply);
        let reading = async {
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk().await? {
                if body.len() + chunk.len() > MOST_OCTETS {
                    let reason = format!("its answer has more than {MOST_OCTETS} octets");
                    return Err(graph.garbled(self.what, &reason));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        };
        let read = clock.within(limit, reading).await;
        read.unwrap_or_else(|_| Err(graph.silent("the rest of an answer", limit)))
    }
}

/// A page of a thousand messages has two million; the bodies of messages are streamed.
const MOST_OCTETS: usize = 32 << 20;
