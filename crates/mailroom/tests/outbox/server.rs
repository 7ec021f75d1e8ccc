//! A server that takes messages, and does badly what servers do badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_fault::{After, Next};
use gatepost_host::{Chance, Clock};
use gatepost_mail::submission::{Envelope, Meaning, Phase};
use gatepost_mail::{
    Departure, MailError, Outgoing, Receipt, RefusedRecipient, Submit, SubmitError, SubmitOpener,
    Trace,
};
use gatepost_mailroom::DueSubmission;
use gatepost_mailroom::outbox::{Copies, LookError, Lookout, Sighting};
use jiff::Timestamp;

/// How often out of a hundred times something goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) no_session: u64,
    pub(crate) refused_for_now: u64,
    pub(crate) refused_for_good: u64,
    pub(crate) recipient_for_now: u64,
    pub(crate) recipient_for_good: u64,
    /// The answer is lost, and with it in half of the cases the message.
    pub(crate) answer_lost: u64,
    /// The answer alone is lost.
    pub(crate) only_answer_lost: u64,
    pub(crate) session_over: u64,
    pub(crate) no_look: u64,
    /// How many recipients an envelope has room for, if that is limited.
    pub(crate) room: Option<usize>,
    /// How long the octets of a message take.
    pub(crate) transmission: Duration,
}

/// Clones are the same server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    clock: Clock,
    chance: Chance,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    faults: Faults,
    /// How often each recipient has each message, by Message-ID and address.
    delivered: BTreeMap<(String, String), u32>,
    /// When the copies of each message were received among the sent ones, and appear there.
    sent: BTreeMap<String, Vec<(Timestamp, Timestamp)>>,
    /// When messages began.
    begun: Vec<Timestamp>,
    sessions: usize,
    most_sessions: usize,
    opened: usize,
}

impl Server {
    pub(crate) fn new(clock: &Clock, chance: &Chance) -> Self {
        Self {
            clock: clock.clone(),
            chance: chance.clone(),
            seen: Arc::default(),
        }
    }

    pub(crate) fn behaves(&self, faults: Faults) {
        self.seen().faults = faults;
    }

    /// How often `recipient` has the message.
    pub(crate) fn delivered(&self, message_id: &str, recipient: &str) -> u32 {
        let key = (message_id.to_owned(), recipient.to_owned());
        self.seen().delivered.get(&key).copied().unwrap_or(0)
    }

    pub(crate) fn begun(&self) -> Vec<Timestamp> {
        self.seen().begun.clone()
    }

    pub(crate) fn most_sessions(&self) -> usize {
        self.seen().most_sessions
    }

    pub(crate) fn opened(&self) -> usize {
        self.seen().opened
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn happens(&self, percent: u64) -> bool {
        self.chance.below(100) < percent
    }

    async fn takes_time(&self, most: Duration) {
        self.clock.sleep(self.chance.up_to(most)).await;
    }

    fn deliver(&self, message_id: &str, recipients: &[String]) {
        let now = self.clock.now();
        let appears = now + self.chance.up_to(Duration::from_mins(1));
        let mut seen = self.seen();
        for recipient in recipients {
            let key = (message_id.to_owned(), recipient.clone());
            *seen.delivered.entry(key).or_default() += 1;
        }
        let copies = seen.sent.entry(message_id.to_owned()).or_default();
        copies.push((now, appears));
    }
}

#[async_trait]
impl SubmitOpener for Server {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        self.takes_time(Duration::from_millis(300)).await;
        let faults = self.seen().faults;
        if self.happens(faults.no_session) {
            return Err(SubmitError::Session(MailError::Unavailable {
                host: HOST.to_owned(),
                mailbox: "ada".to_owned(),
                said: "421 not now".to_owned(),
            }));
        }
        let mut seen = self.seen();
        seen.sessions += 1;
        seen.opened += 1;
        seen.most_sessions = seen.most_sessions.max(seen.sessions);
        Ok(Box::new(Session {
            server: self.clone(),
            open: true,
        }))
    }
}

struct Session {
    server: Server,
    open: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.seen().sessions -= 1;
    }
}

#[async_trait]
impl Submit for Session {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let server = self.server.clone();
        let faults = server.seen().faults;
        assert!(self.open, "nobody uses a session that is over");
        server.takes_time(Duration::from_millis(200)).await;
        server.seen().begun.push(server.clock.now());
        if server.happens(faults.refused_for_now / 2) {
            return Err(refused(Phase::Mail, None, Next::Retry(After::Backoff)));
        }
        let only_answer = server.happens(faults.only_answer_lost);
        let lost = only_answer || server.happens(faults.answer_lost);
        let mut taken = Vec::new();
        let mut refusals = Vec::new();
        for recipient in &envelope.recipients {
            let next = if server.happens(faults.recipient_for_good) {
                Some(Next::Discard)
            } else if server.happens(faults.recipient_for_now) {
                Some(Next::Retry(After::Backoff))
            } else {
                None
            };
            if faults.room.is_some_and(|room| taken.len() >= room) {
                let meaning = Some(Meaning::EnvelopeFull);
                refusals.push(RefusedRecipient {
                    recipient: recipient.path.clone(),
                    error: refused(Phase::Recipient(0), meaning, Meaning::EnvelopeFull.next()),
                });
                continue;
            }
            match next {
                None => taken.push(recipient.path.as_str().to_owned()),
                Some(next) => refusals.push(RefusedRecipient {
                    recipient: recipient.path.clone(),
                    error: refused(Phase::Recipient(0), None, next),
                }),
            }
        }
        if taken.is_empty() {
            return Err(SubmitError::NoRecipient(refusals));
        }
        departure.refused(&refusals);
        departure.begins(Trace::MessageId).await?;
        let message_id = read(message).await;
        server.clock.sleep(faults.transmission).await;
        self.open = !server.happens(faults.session_over);
        server.takes_time(Duration::from_secs(1)).await;
        if server.happens(faults.refused_for_now / 2) {
            return Err(refused(Phase::EndOfData, None, Next::Retry(After::Backoff)));
        }
        if server.happens(faults.refused_for_good) {
            return Err(refused(Phase::EndOfData, None, Next::Discard));
        }
        if !lost || only_answer || server.happens(50) {
            server.deliver(&message_id, &taken);
        }
        // Whoever is killed here never hears of it.
        server.takes_time(Duration::from_secs(1)).await;
        if lost {
            self.open = false;
            return Err(SubmitError::Unknown {
                host: HOST.to_owned(),
                mailbox: "ada".to_owned(),
                reason: "the connection was lost".to_owned(),
            });
        }
        Ok(Receipt {
            by: "smtp",
            said: "250 2.0.0 OK".to_owned(),
            refused: refusals,
        })
    }

    fn is_open(&self) -> bool {
        self.open
    }

    async fn close(&mut self) {
        self.open = false;
    }
}

#[async_trait]
impl Lookout for Server {
    async fn look(&self, due: &DueSubmission) -> Result<Sighting, LookError> {
        self.takes_time(Duration::from_secs(1)).await;
        let faults = self.seen().faults;
        if self.happens(faults.no_look) {
            return Err(LookError::NotNow("421 not now".to_owned()));
        }
        let now = self.clock.now();
        let seen = self.seen();
        let copies = Copies::of(due);
        let sent = seen.sent.get(&due.letter.message_id);
        let is_there = |(received, appears): &&(Timestamp, Timestamp)| {
            *appears <= now && copies.since().is_none_or(|since| *received >= since)
        };
        copies.tell(sent.into_iter().flatten().filter(is_there).count())
    }
}

/// Reads a message to its end; answers its Message-ID.
async fn read(message: &mut dyn Outgoing) -> String {
    let mut octets = Vec::new();
    while let Some(chunk) = message.chunk().await.expect("the spool is whole") {
        octets.extend_from_slice(&chunk);
    }
    assert_eq!(octets.len() as u64, message.size());
    let text = String::from_utf8(octets).expect("a test's message");
    let (_, rest) = text.split_once("Message-ID: <").expect("it has one");
    let (id, _) = rest.split_once('>').expect("it ends");
    id.to_owned()
}

fn refused(phase: Phase, meaning: Option<Meaning>, next: Next) -> SubmitError {
    SubmitError::Refused {
        host: HOST.to_owned(),
        mailbox: "ada".to_owned(),
        phase,
        meaning,
        next,
        said: "it is not taken".to_owned(),
    }
}

const HOST: &str = "smtp.test";
