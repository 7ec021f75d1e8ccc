//! Asks Graph for one mailbox: with a token of its own, in turn, and again where that helps.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gatepost_oauth::{AccessToken, Challenge};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    IF_MATCH, LOCATION, WWW_AUTHENTICATE,
};
use rustls::CertificateError;
use serde::de::DeserializeOwned;
use url::Url;

use super::TRANSPORT;
use super::address::{Address, led_to};
use super::answer::Answer;
use super::call::{Call, Content, Reply};
use super::governor::Lane;
use super::refusal::{GraphMeaning, GraphRefusal};
use super::resources::Page;
use super::settings::GraphSettings;
use crate::MailError;

/// One mailbox at Microsoft Graph. Cheap to clone.
#[derive(Clone)]
pub struct Graph {
    settings: Arc<GraphSettings>,
}

impl Graph {
    /// Keeps what is needed to ask; nothing is asked yet.
    pub fn new(settings: GraphSettings) -> Self {
        Self {
            settings: Arc::new(settings),
        }
    }

    /// The address of the mailbox.
    pub fn mailbox(&self) -> &str {
        &self.settings.mailbox
    }

    pub(super) fn settings(&self) -> &GraphSettings {
        &self.settings
    }

    /// What stands at `segments` of the mailbox.
    pub(super) fn at(&self, segments: &[&str]) -> Address {
        let mut all = vec!["users", self.settings.mailbox.as_str()];
        all.extend(segments);
        Address::new(&self.settings.base, &all)
    }

    /// What stands at `segments` of Graph itself.
    pub(super) fn root(&self, segments: &[&str]) -> Address {
        Address::new(&self.settings.base, segments)
    }

    /// Where a link of Graph's leads: to Graph, or nobody follows it.
    pub(super) fn link(&self, link: &str) -> Result<Url, MailError> {
        led_to(&self.settings.base, link).ok_or_else(|| self.led_away(link))
    }

    /// One JSON object.
    pub(super) async fn object<T: DeserializeOwned>(&self, call: Call) -> Result<T, MailError> {
        self.ask(call).await?.json().await
    }

    /// One page of a collection, and the link to the next.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        call: Call,
    ) -> Result<(Vec<T>, Option<Url>), MailError> {
        let what = call.what;
        let page: Page<T> = self.object(call).await?;
        let next = page.next.map(|next| self.link(&next)).transpose()?;
        let value = page
            .value
            .ok_or_else(|| self.garbled(what, "a page without `value`"))?;
        Ok((value, next))
    }

    /// Every page of a collection that is not large; at most `most` of it.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        call: Call,
        most: usize,
    ) -> Result<Vec<T>, MailError> {
        let (what, prefer) = (call.what, call.prefer.clone());
        let (mut all, mut next) = self.page(call).await?;
        while let Some(url) = next.take().filter(|_| all.len() < most) {
            let mut call = Call::get(url.clone(), what);
            call.prefer.clone_from(&prefer);
            let (more, further) = self.page(call).await?;
            if further.as_ref() == Some(&url) {
                return Err(self.garbled(what, "a page that leads to itself"));
            }
            all.extend(more);
            next = further;
        }
        all.truncate(most);
        Ok(all)
    }

    /// Asks, in turn, and again where Graph says that it helps and it takes little time.
    pub(super) async fn ask(&self, call: Call) -> Result<Reply<'_>, MailError> {
        let lane = self.settings.governor.lane().await;
        let mut tries = 0;
        let mut patience = PATIENCE;
        let mut token = self.token().await?;
        let mut is_fresh = false;
        loop {
            self.turn_within(call.what, patience).await?;
            let refusal = match self.attempt(&call, &token).await {
                Ok(Ok(response)) => return Ok(self.incoming(&call, response, lane)),
                Ok(Err(refusal)) => refusal,
                Err(error) => return Err(error),
            };
            tries += 1;
            match refusal.meaning {
                GraphMeaning::TokenRefused if !is_fresh => {
                    // It may have been revoked, or have run out on the way: a fresh one decides.
                    let fresh = self.token().await?;
                    if fresh.expose() == token.expose() {
                        return Err(refusal.into());
                    }
                    (token, is_fresh) = (fresh, true);
                }
                GraphMeaning::Throttled | GraphMeaning::Unavailable if tries <= MOST_TRIES => {
                    let Some(wait) = self.wait_after(&refusal, &call, tries) else {
                        return Err(refusal.into());
                    };
                    if wait > patience {
                        return Err(refusal.into());
                    }
                    patience -= wait;
                    self.settings.clock.sleep(wait).await;
                }
                _ => return Err(refusal.into()),
            }
        }
    }

    /// How long to wait before the same is asked again; `None` if it must not be.
    fn wait_after(&self, refusal: &GraphRefusal, call: &Call, tries: u32) -> Option<Duration> {
        let settings = &self.settings;
        let grown = FIRST_WAIT * 2_u32.saturating_pow(tries - 1);
        let jitter = settings.chance.up_to(grown);
        if refusal.meaning == GraphMeaning::Throttled {
            // What is throttled was not done, whatever it was.
            let wait = refusal.retry_after.unwrap_or(grown);
            settings.governor.hold(&settings.clock, wait);
            if refusal.is_of_concurrency() {
                settings.governor.narrow();
            }
            return Some(wait.saturating_add(jitter));
        }
        if !call.is_repeatable() {
            return None;
        }
        Some(
            refusal
                .retry_after
                .unwrap_or(grown / 2)
                .saturating_add(jitter),
        )
    }

    /// Waits until something may be asked, if that is soon.
    pub(super) async fn turn(&self, what: &'static str) -> Result<(), MailError> {
        self.turn_within(what, PATIENCE).await
    }

    async fn turn_within(&self, what: &'static str, patience: Duration) -> Result<(), MailError> {
        let settings = &self.settings;
        let turn = settings.governor.turn(&settings.clock, patience).await;
        turn.map_err(|wait| {
            let answer = Answer {
                status: 429,
                code: String::new(),
                message: "it said so to an earlier question".to_owned(),
                request_id: None,
                retry_after: Some(wait),
            };
            self.refusal(what, answer, "not asked".to_owned()).into()
        })
    }

    /// Asks once.
    async fn attempt(
        &self,
        call: &Call,
        token: &AccessToken,
    ) -> Result<Result<reqwest::Response, Box<GraphRefusal>>, MailError> {
        let id = self.settings.chance.uuid();
        let mut request = self
            .settings
            .http
            .request(call.method.clone(), call.url.clone())
            .headers(self.headers(token, &id, call.prefer.as_deref())?);
        if let Some(etag) = &call.version {
            request = request.header(IF_MATCH, etag);
        }
        request = match &call.body {
            Content::Json(body) => request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            // Without it a proxy may wait for a body that never comes.
            Content::Nothing if !call.is_repeatable() => request.header(CONTENT_LENGTH, 0),
            Content::Nothing => request,
        };
        self.answered(request, call.what, (token, id)).await
    }

    /// Sends a request, and waits for the answer.
    async fn answered(
        &self,
        request: reqwest::RequestBuilder,
        what: &'static str,
        (token, id): (&AccessToken, String),
    ) -> Result<Result<reqwest::Response, Box<GraphRefusal>>, MailError> {
        let limit = self.settings.reply;
        let response = self.settings.clock.within(limit, request.send()).await;
        let response = response.map_err(|_| self.silent("an answer", limit))?;
        let response = response.map_err(|error| self.trouble(&error))?;
        self.judged(response, what, (token, id)).await
    }

    /// Tells a success from a refusal, and the token source if that is of the token.
    pub(super) async fn judged(
        &self,
        response: reqwest::Response,
        what: &'static str,
        (token, id): (&AccessToken, String),
    ) -> Result<Result<reqwest::Response, Box<GraphRefusal>>, MailError> {
        if response.status().is_success() {
            self.settings.governor.answered();
            return Ok(Ok(response));
        }
        self.refused(response, what, (token, id)).await.map(Err)
    }

    async fn refused(
        &self,
        mut response: reqwest::Response,
        what: &'static str,
        (token, id): (&AccessToken, String),
    ) -> Result<Box<GraphRefusal>, MailError> {
        let (status, headers) = (response.status(), response.headers().clone());
        // A link to another place is nothing to be followed, also not where it is a redirect.
        if status.is_redirection() {
            let to = headers.get(LOCATION).and_then(|to| to.to_str().ok());
            return Err(self.led_away(to.unwrap_or("nowhere")));
        }
        let mut body = Vec::new();
        let limit = self.settings.reply;
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MOST_OF_A_REFUSAL {
                    break;
                }
            }
        };
        // What was read tells enough.
        let _ = self.settings.clock.within(limit, reading).await;
        let refusal = self.refusal(what, Answer::read(status.as_u16(), &headers, &body), id);
        if refusal.meaning == GraphMeaning::TokenRefused {
            self.complain(token, &headers);
        }
        Ok(refusal)
    }

    /// Tells the source what is wrong with its token.
    fn complain(&self, token: &AccessToken, headers: &HeaderMap) {
        let challenges = headers.get_all(WWW_AUTHENTICATE).into_iter();
        let mut challenges =
            challenges.filter_map(|value| Challenge::of_header(value.to_str().ok()?));
        match challenges.next() {
            Some(challenge) => self.settings.tokens.challenged(token, &challenge),
            None => self.settings.tokens.refused(token),
        }
    }

    pub(super) async fn token(&self) -> Result<AccessToken, MailError> {
        Ok(self.settings.tokens.token(TRANSPORT.audience).await?)
    }

    /// The headers of every question.
    pub(super) fn headers(
        &self,
        token: &AccessToken,
        id: &str,
        prefer: Option<&str>,
    ) -> Result<HeaderMap, MailError> {
        let unusable = |reason: &str| MailError::UnusableName {
            mailbox: self.settings.mailbox.clone(),
            reason: reason.to_owned(),
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| unusable("the token cannot stand in a header"))?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.append(PREFER, HeaderValue::from_static(IMMUTABLE_IDS));
        if let Some(wish) = prefer {
            let wish = HeaderValue::try_from(wish);
            headers.append(PREFER, wish.map_err(|_| unusable("a wish is no header"))?);
        }
        if let Ok(id) = HeaderValue::try_from(id) {
            headers.insert(CLIENT_REQUEST_ID, id);
            headers.insert(RETURN_ID, HeaderValue::from_static("true"));
        }
        Ok(headers)
    }

    fn incoming(&self, call: &Call, response: reqwest::Response, lane: Lane) -> Reply<'_> {
        Reply {
            graph: self,
            what: call.what,
            response,
            lane,
        }
    }

    pub(super) fn refusal(
        &self,
        what: &'static str,
        answer: Answer,
        id: String,
    ) -> Box<GraphRefusal> {
        let place = (self.host(), self.settings.mailbox.clone());
        Box::new(GraphRefusal::new(place, what, answer, id))
    }

    pub(super) fn host(&self) -> String {
        self.settings.base.host_str().unwrap_or_default().to_owned()
    }

    fn led_away(&self, to: &str) -> MailError {
        // An address may hold a key to what it leads to.
        let to = match Url::parse(to) {
            Ok(url) => url.origin().ascii_serialization(),
            Err(_) => "something that is no address".to_owned(),
        };
        MailError::LedAway {
            host: self.host(),
            mailbox: self.settings.mailbox.clone(),
            to,
        }
    }

    pub(super) fn garbled(&self, what: &'static str, reason: &str) -> MailError {
        MailError::GraphGarbled {
            host: self.host(),
            mailbox: self.settings.mailbox.clone(),
            what,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn silent(&self, awaited: &'static str, limit: Duration) -> MailError {
        MailError::Silent {
            host: self.host(),
            mailbox: self.settings.mailbox.clone(),
            awaited,
            limit,
        }
    }

    /// The connection was lost within an answer.
    pub(super) fn broken(&self, error: &reqwest::Error) -> MailError {
        if error.is_timeout() {
            return self.silent("the rest of an answer", GraphSettings::HTTP.pause);
        }
        MailError::Disconnected {
            host: self.host(),
            mailbox: self.settings.mailbox.clone(),
            reason: innermost(error),
        }
    }

    /// There was no answer: no connection, no trust, or silence.
    pub(super) fn trouble(&self, error: &reqwest::Error) -> MailError {
        let host = self.host();
        let port = self.settings.base.port_or_known_default().unwrap_or(443);
        let reason = innermost(error);
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        match causes.into_iter().find_map(distrust) {
            Some(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => MailError::CertificateName { host, port, reason },
            Some(_) => MailError::Tls { host, port, reason },
            None if error.is_connect() => MailError::Unreachable {
                host,
                port,
                mailbox: self.settings.mailbox.clone(),
                reason,
            },
            None => self.broken(error),
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("base", &self.settings.base.as_str())
            .field("mailbox", &self.settings.mailbox)
            .finish_non_exhaustive()
    }
}

fn distrust<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        // An io::Error hides what it wraps from `source`, and often wraps another one.
        return distrust(error.get_ref()?);
    }
    cause.downcast_ref()
}

/// The innermost cause says most, and names no address.
fn innermost(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let last = causes.last();
    last.map_or_else(|| "the exchange failed".to_owned(), ToString::to_string)
}

const PREFER: HeaderName = HeaderName::from_static("prefer");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_ID: HeaderName = HeaderName::from_static("return-client-request-id");
/// On every request: without it the same message has another id
/// (<https://learn.microsoft.com/graph/outlook-immutable-id>).
pub(super) const IMMUTABLE_IDS: &str = "IdType=\"ImmutableId\"";
const MOST_OF_A_REFUSAL: usize = 64 * 1024;
/// How long a question is held back here in all. Whoever waits longer is told so.
const PATIENCE: Duration = Duration::from_secs(20);
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often the same is asked again.
const MOST_TRIES: u32 = 4;
