//! From a request to what answers it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::{Need, Owner};
use super::answer::{Answer, Content, Outcome};
use super::call::{Call, Line};
use super::folders::{self, Where};
use super::incoming::Incoming;
use super::refusal::Refusal;
use super::{
    Graph, applications, batch, calendar, contacts, delta, drafts, listing, messages, send, strike,
    translate, users,
};
use crate::faults::FaultKind;
use crate::mailboxes::Scope;

/// Everything below `/v1.0`.
pub(super) async fn entry(State(graph): State<Graph>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let numbers = Numbers::of(&graph, &parts.headers);
    let line = Line {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
    };
    let (outcome, applied) = match Call::new(&graph, line) {
        Ok(call) => {
            let outcome = serve(&call, Incoming::Network(body)).await;
            (outcome, call.preferences.applied())
        }
        Err(refusal) => (Err(refusal), String::new()),
    };
    let mut response = numbers.answer(outcome).into_response();
    if !applied.is_empty()
        && let Ok(applied) = HeaderValue::from_str(&applied)
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    response
}

/// One request, from the network or from a batch.
pub(super) async fn serve(call: &Call, incoming: Incoming) -> Outcome {
    let words: Vec<String> = call.path.iter().map(|one| one.to_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["applications", key] = words[..] {
        let named = key
            .strip_prefix("appid='")
            .map(|_| &call.path[1]["appid='".len()..]);
        let client_id = named.ok_or_else(|| Refusal::resource_not_found(key))?;
        return applications::show(call, client_id);
    }
    if let ["$batch"] = words[..] {
        return batch::answer(call, incoming).await;
    }
    let (owner, named_by) = Owner::of(call)?;
    let app = call.principal.client_id().to_lowercase();
    let lane = format!("{app}/{}", owner.address);
    let _place = call.graph.places.take(&lane).ok_or_else(Refusal::crowded)?;
    let counted = call.graph.rate.count(&lane, call.at);
    counted.map_err(|wait| Refusal::over("request rate", wait))?;
    if let Some(outcome) = strike::strike(call, &owner.address).await {
        return outcome;
    }
    let way = Way {
        call,
        owner: &owner,
        words: &words[named_by..],
        names: &call.path[named_by..],
    };
    let mut outcome = way.follow(incoming).await;
    if let Ok(answer) = &mut outcome {
        let target = call.target(Some(&owner.address));
        answer.is_cut = call.graph.faults.strikes(FaultKind::CutBody, target);
    }
    outcome
}

/// The rest of a path below its owner.
#[derive(Clone, Copy)]
struct Way<'a> {
    call: &'a Call,
    owner: &'a Owner,
    /// In lower case, for words of Graph.
    words: &'a [&'a str],
    /// As they were given, for names.
    names: &'a [String],
}

impl<'a> Way<'a> {
    fn beyond(self, segments: usize) -> Self {
        Self {
            words: &self.words[segments..],
            names: &self.names[segments..],
            ..self
        }
    }

    async fn follow(self, incoming: Incoming) -> Outcome {
        match self.words {
            ["messages" | "mailfolders", ..] => self.mail(incoming).await,
            ["calendar" | "calendars" | "calendarview" | "events", ..] => {
                let way = (self.words, self.names);
                calendar::follow(self.call, self.owner, way, incoming).await
            }
            ["contacts" | "contactfolders", ..] => {
                let way = (self.words, self.names);
                contacts::follow(self.call, self.owner, way, incoming).await
            }
            ["sendmail"] if self.call.method == Method::POST => {
                send::send_mail(self.call, self.owner, incoming).await
            }
            ["translateexchangeids"] if self.call.method == Method::POST => {
                translate::answer(self.call, self.owner, incoming).await
            }
            ["sendmail" | "translateexchangeids"] => {
                Err(Refusal::method(self.call.method.as_str()))
            }
            [first, ..] => Err(Refusal::segment(first)),
            [] => users::show(self.call, self.owner),
        }
    }

    async fn mail(self, incoming: Incoming) -> Outcome {
        let need = match (&self.call.method, self.words.last()) {
            (&Method::GET, _) => Need::Read,
            // Sending what was written changes nothing that is read.
            (_, Some(&("reply" | "replyall" | "forward" | "send"))) => Need::Send,
            _ => Need::Write,
        };
        let mailbox = self.owner.open(self.call, need)?;
        let mut place = Where::Everywhere;
        let mut way = self;
        while let ["mailfolders" | "childfolders", _, ..] = way.words {
            place = folders::resolve(&mailbox, &way.names[1])?;
            way = way.beyond(2);
        }
        let mail = Mail {
            call: self.call,
            owner: self.owner,
            mailbox: &mailbox,
        };
        match way.words {
            ["messages", ..] => way.beyond(1).messages(mail, place, incoming).await,
            _ => folders::follow(mail, place, way.words, incoming).await,
        }
    }

    async fn messages(self, mail: Mail<'a>, place: Where, incoming: Incoming) -> Outcome {
        if let (&Method::POST, []) = (&self.call.method, self.words) {
            return drafts::create(mail, place, incoming).await;
        }
        let scope = match place {
            Where::Everywhere => Scope::Whole,
            Where::Root => return Err(Refusal::folder_not_found()),
            Where::Folder(id) => Scope::Folder(id),
        };
        match (&self.call.method, self.words) {
            (&Method::GET, []) => listing::answer(mail, scope),
            (&Method::GET, ["$count"]) => listing::count(mail, scope),
            (&Method::GET, ["delta"]) => match place {
                Where::Folder(folder) => delta::answer(mail, folder),
                Where::Everywhere | Where::Root => Err(Refusal::bad(
                    "ErrorInvalidRequest",
                    "Change tracking is not supported against the mailbox; use a mail folder.",
                )),
            },
            (_, []) => Err(Refusal::method(self.call.method.as_str())),
            (_, _) => {
                let placed = messages::find(mail, scope, &self.names[0])?;
                let way = (&self.words[1..], &self.names[1..]);
                messages::follow(mail, placed, way, incoming).await
            }
        }
    }
}

/// A request for the mail of a mailbox that is open to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mail<'a> {
    pub(super) call: &'a Call,
    pub(super) owner: &'a Owner,
    pub(super) mailbox: &'a crate::mailboxes::Mailbox,
}

/// By which numbers a request is known.
#[derive(Debug)]
pub(super) struct Numbers {
    request: String,
    client_request: String,
    at: Timestamp,
}

impl Numbers {
    pub(super) fn of(graph: &Graph, headers: &HeaderMap) -> Self {
        let given = headers.get("client-request-id");
        let given = given
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let request = graph.chance.uuid();
        Self {
            client_request: given.unwrap_or_else(|| request.clone()),
            request,
            at: graph.tenant.now(),
        }
    }

    pub(super) fn answer(&self, outcome: Outcome) -> Answer {
        let answer = outcome.unwrap_or_else(|refusal| {
            tracing::debug!(
                status = refusal.status.as_u16(),
                code = refusal.code,
                "refused"
            );
            Answer {
                status: refusal.status,
                content: Content::Json(refusal.body(&self.inner())),
                is_cut: false,
                headers: refusal.headers.into_iter().collect(),
            }
        });
        let named = |name| HeaderName::from_static(name);
        answer
            .with(CACHE_CONTROL, "no-cache")
            .with(named("odata-version"), "4.0")
            .with(named("request-id"), &self.request)
            .with(named("client-request-id"), &self.client_request)
            .with(named("x-ms-ags-diagnostic"), DIAGNOSTIC)
    }

    fn inner(&self) -> Value {
        json!({
            "date": self.at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": self.request,
            "client-request-id": self.client_request,
        })
    }
}

const DIAGNOSTIC: &str = r#"{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"SANDBOX"}}"#;
