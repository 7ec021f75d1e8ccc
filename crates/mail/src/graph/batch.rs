//! Several questions in one (<https://learn.microsoft.com/graph/json-batching>): at most twenty,
//! answered in any order, each with a refusal of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address::Address;
use super::answer::Answer;
use super::call::Call;
use super::client::{Graph, IMMUTABLE_IDS};
use super::refusal::{GraphMeaning, GraphRefusal};
use crate::MailError;

/// One question of several.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) method: Method,
    pub(super) address: Address,
    pub(super) body: Option<Value>,
}

impl Part {
    pub(super) fn get(address: Address) -> Self {
        Self {
            method: Method::GET,
            address,
            body: None,
        }
    }
}

/// The answer to one question of several.
pub(super) type PartReply = Result<Value, Box<GraphRefusal>>;

impl Graph {
    /// Asks all of `parts`, as many at once as Graph takes, and answers in their order. What was
    /// throttled is asked again for as long as that takes little time.
    pub(super) async fn batch(
        &self,
        what: &'static str,
        parts: Vec<Part>,
    ) -> Result<Vec<PartReply>, MailError> {
        let mut replies: BTreeMap<usize, PartReply> = BTreeMap::new();
        let mut asked: Vec<(usize, Part)> = parts.into_iter().enumerate().collect();
        for round in 1.. {
            let mut again = Vec::new();
            let mut wait = Duration::ZERO;
            for some in asked.chunks(AT_ONCE) {
                for ((at, part), reply) in self.at_once(what, some).await? {
                    match reply {
                        Err(refusal) if round < MOST_ROUNDS && is_asked_again(&refusal, part) => {
                            wait = wait.max(refusal.retry_after.unwrap_or(SOON));
                            if refusal.is_of_concurrency() {
                                self.settings().governor.narrow();
                            }
                            again.push((*at, part.clone()));
                        }
                        reply => _ = replies.insert(*at, reply),
                    }
                }
            }
            if again.is_empty() {
                break;
            }
            // The next question waits for it, or says that it is too long.
            let settings = self.settings();
            settings
                .governor
                .hold(&settings.clock, wait + settings.chance.up_to(SOON));
            asked = again;
        }
        Ok(replies.into_values().collect())
    }

    async fn at_once<'a>(
        &self,
        what: &'static str,
        parts: &'a [(usize, Part)],
    ) -> Result<Vec<(&'a (usize, Part), PartReply)>, MailError> {
        let requests = parts.iter().enumerate().map(|(number, (_, part))| Request {
            id: number.to_string(),
            method: part.method.as_str(),
            url: part.address.clone().relative(),
            headers: Headers {
                prefer: IMMUTABLE_IDS,
                content_type: part.body.as_ref().map(|_| "application/json"),
            },
            body: part.body.as_ref(),
        });
        let requests = Requests {
            requests: requests.collect(),
        };
        // Graph counts each question of a batch; the batch itself takes the turn of the last.
        for _ in 1..parts.len() {
            self.turn(what).await?;
        }
        let url = self.root(&["$batch"]).url();
        let call = Call::new(Method::POST, url, what).with(&requests);
        let answers: Responses = self.object(call).await?;
        let mut answers: BTreeMap<String, Response> = answers
            .responses
            .into_iter()
            .map(|answer| (answer.id.clone(), answer))
            .collect();
        let in_order = parts.iter().enumerate().map(|(number, part)| {
            let answer = answers.remove(&number.to_string());
            let answer =
                answer.ok_or_else(|| self.garbled(what, "a batch that lacks an answer"))?;
            Ok((part, self.part_reply(what, answer)))
        });
        in_order.collect()
    }

    fn part_reply(&self, what: &'static str, answer: Response) -> PartReply {
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        let header = |wanted: &str| {
            let mut all = answer.headers.iter();
            let found = all.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str())
        };
        let mut read = Answer::of_part(answer.status, header("retry-after"), &answer.body);
        read.request_id = header("request-id").map(str::to_owned).or(read.request_id);
        let id = header("client-request-id").unwrap_or("of the batch");
        Err(self.refusal(what, read, id.to_owned()))
    }
}

fn is_asked_again(refusal: &GraphRefusal, part: &Part) -> bool {
    match refusal.meaning {
        GraphMeaning::Throttled => true,
        GraphMeaning::Unavailable => part.method != Method::POST,
        _ => false,
    }
}

#[derive(Serialize)]
struct Requests<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: String,
    method: &'a str,
    url: String,
    headers: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Prefer")]
    prefer: &'static str,
    #[serde(rename = "Content-Type", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
}

#[derive(Deserialize)]
struct Responses {
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    id: String,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    body: Value,
}

/// The most that Graph takes.
const AT_ONCE: usize = 20;
const MOST_ROUNDS: u32 = 5;
const SOON: Duration = Duration::from_millis(500);
