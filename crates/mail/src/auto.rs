//! A mailbox that is read, or sends, by whichever way its token and its servers allow.
//!
//! The ways are tried in their order. What a later try cannot change leads to the next way: a
//! protocol that is switched off, a permission that is missing. What may pass is waited for, so
//! that an outage of a minute moves nobody. The way that was found is kept until it is closed,
//! unless it shows the inbox only: then the others are tried first each time.

mod no_way;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_fault::{Fault, Next};
use gatepost_wire::smtp::Envelope;

pub use no_way::NoWay;

use crate::pop3;
use crate::{
    Departure, MailError, Mailbox, Opener, Outgoing, Receipt, Submit, SubmitError, SubmitOpener,
    Transport,
};

/// Opens a mailbox by the first of several ways that is open to it.
#[derive(Debug)]
pub struct AutoOpener {
    mailbox: String,
    ways: Vec<(&'static Transport, Arc<dyn Opener>)>,
    choice: Choice,
}

impl AutoOpener {
    /// The ways to read `mailbox`, the best first.
    pub fn new(mailbox: String, ways: Vec<(&'static Transport, Arc<dyn Opener>)>) -> Self {
        Self {
            mailbox,
            ways,
            choice: Choice::default(),
        }
    }
}

#[async_trait]
impl Opener for AutoOpener {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let mut closed = Closed::new();
        let is_kept = |at: usize| self.ways[at].0.name != pop3::TRANSPORT.name;
        for at in self.choice.order(self.ways.len(), is_kept) {
            let (transport, opener) = &self.ways[at];
            match opener.open().await {
                Ok(session) => {
                    self.choice.settle(at, (&self.mailbox, transport), &closed);
                    return Ok(session);
                }
                Err(error) if self.choice.is_a_blip(at, &error) => return Err(error),
                Err(error) if leads_on(&error, &closed) => closed.push((transport.name, error)),
                Err(error) => return Err(error),
            }
        }
        Err(NoWay::of(&self.mailbox, closed).into())
    }
}

/// Opens what submits messages, by the first of several ways that is open to a mailbox.
#[derive(Debug)]
pub struct AutoSubmitOpener {
    mailbox: String,
    ways: Vec<(&'static Transport, Arc<dyn SubmitOpener>)>,
    choice: Arc<Choice>,
}

impl AutoSubmitOpener {
    /// The ways by which `mailbox` sends, the best first.
    pub fn new(mailbox: String, ways: Vec<(&'static Transport, Arc<dyn SubmitOpener>)>) -> Self {
        Self {
            mailbox,
            ways,
            choice: Arc::default(),
        }
    }
}

#[async_trait]
impl SubmitOpener for AutoSubmitOpener {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        let mut closed = Closed::new();
        for at in self.choice.order(self.ways.len(), |_| true) {
            let (transport, opener) = &self.ways[at];
            match opener.open().await {
                Ok(session) => {
                    self.choice.settle(at, (&self.mailbox, transport), &closed);
                    return Ok(Box::new(Chosen {
                        mailbox: self.mailbox.clone(),
                        way: transport.name,
                        closed,
                        choice: Arc::clone(&self.choice),
                        session: Some(session),
                    }));
                }
                Err(error) if self.choice.is_a_blip(at, &error) => return Err(error),
                Err(error) if leads_on(&error, &closed) => closed.push((transport.name, error)),
                Err(error) => return Err(error),
            }
        }
        Err(NoWay::of(&self.mailbox, closed).into())
    }
}

/// A session of the way that was found. Whether a way is open to a mailbox may show only when a
/// message is handed over: Graph lets in who may not send.
struct Chosen {
    mailbox: String,
    way: &'static str,
    /// Why the ways before it were not taken.
    closed: Closed<SubmitError>,
    choice: Arc<Choice>,
    /// `None` once this way turned out to be closed, too.
    session: Option<Box<dyn Submit>>,
}

#[async_trait]
impl Submit for Chosen {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let Some(session) = &mut self.session else {
            return Err(SubmitError::Session(MailError::Disconnected {
                host: self.way.to_owned(),
                mailbox: self.mailbox.clone(),
                reason: "the way is closed".to_owned(),
            }));
        };
        match session.submit(envelope, message, departure).await {
            Err(error @ SubmitError::Session(_)) if leads_on(&error, &self.closed) => {
                // The next session begins with the first way, so that all are known and told.
                self.choice.forget();
                self.session = None;
                let mut closed = std::mem::take(&mut self.closed);
                if closed.is_empty() {
                    return Err(error);
                }
                closed.push((self.way, error));
                Err(NoWay::of(&self.mailbox, closed).into())
            }
            ended => ended,
        }
    }

    fn is_open(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.is_open())
    }

    fn takes_turns(&self) -> bool {
        self.session
            .as_ref()
            .is_none_or(|session| session.takes_turns())
    }

    async fn close(&mut self) {
        if let Some(session) = &mut self.session {
            session.close().await;
        }
    }
}

/// The ways that were closed, each with the reason.
type Closed<E> = Vec<(&'static str, E)>;

/// Whether another way may be open where this one is not.
fn leads_on<E: Fault>(error: &E, closed: &Closed<E>) -> bool {
    match error.next() {
        Next::Reconfigure | Next::Discard => true,
        Next::Retry(_) => false,
        // Consent is given for each way. Who has to sign in for another reason has to for all of
        // them, but why the ways before were closed is to be told, too.
        Next::SignIn => error.code() == "consent_missing" || !closed.is_empty(),
    }
}

/// The way that was found.
#[derive(Debug, Default)]
struct Choice {
    found: Mutex<Option<usize>>,
    /// How often it was not connected since it was last open.
    blips: AtomicU32,
}

impl Choice {
    /// In which order the ways are tried: the one that was found first, if such a one is kept.
    fn order(&self, ways: usize, is_kept: impl Fn(usize) -> bool) -> Vec<usize> {
        let found = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let found = found.filter(|at| is_kept(*at));
        let others = (0..ways).filter(|at| Some(*at) != found);
        found.into_iter().chain(others).collect()
    }

    /// Whether the way that was found is closed for what may be a moment: Exchange says "not
    /// connected" of a mailbox that it moves, or that has too many connections.
    fn is_a_blip(&self, at: usize, error: &impl Fault) -> bool {
        let found = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found == Some(at)
            && error.code().ends_with("_not_connected")
            && self.blips.fetch_add(1, Ordering::Relaxed) < MOST_BLIPS
    }

    /// Begins with the first way again.
    fn forget(&self) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Keeps the way, and says so if it was another before.
    fn settle<E: Fault>(
        &self,
        at: usize,
        (mailbox, transport): (&str, &Transport),
        closed: &Closed<E>,
    ) {
        self.blips.store(0, Ordering::Relaxed);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.replace(at) == Some(at) {
            return;
        }
        let by = transport.name;
        if closed.is_empty() {
            tracing::info!(mailbox, by, "found the way to the mailbox");
        }
        for (way, error) in closed {
            let (code, why) = (error.code(), error);
            tracing::warn!(mailbox, by, code, "{way} is closed to the mailbox: {why}");
        }
    }
}

/// With the pauses between them they take about two minutes.
const MOST_BLIPS: u32 = 8;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::{Protocol, graph, imap};

    /// A way that answers what is written down; the error that it ends with stays.
    #[derive(Debug)]
    struct Scripted(Mutex<VecDeque<Answer>>);

    #[derive(Debug, Clone, Copy)]
    enum Answer {
        Open,
        SwitchedOff,
        Busy,
        NotConnected,
    }

    #[async_trait]
    impl SubmitOpener for Scripted {
        async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
            let mut answers = self.0.lock().expect("no test panics with it");
            let answer = match answers.len() {
                1 => answers[0],
                _ => answers.pop_front().expect("there is one"),
            };
            let (host, mailbox) = ("mail.test".to_owned(), "ada@contoso.com".to_owned());
            let said = "no".to_owned();
            match answer {
                Answer::Open => Ok(Box::new(Opened)),
                Answer::SwitchedOff => Err(MailError::SwitchedOff {
                    protocol: Protocol::Imap,
                    host,
                    mailbox,
                    said,
                }
                .into()),
                Answer::NotConnected => Err(MailError::NotConnected {
                    protocol: Protocol::Imap,
                    host,
                    mailbox,
                    said,
                }
                .into()),
                Answer::Busy => Err(MailError::Unavailable {
                    host,
                    mailbox,
                    said,
                }
                .into()),
            }
        }
    }

    struct Opened;

    #[async_trait]
    impl Submit for Opened {
        async fn submit(
            &mut self,
            _: &Envelope,
            _: &mut dyn Outgoing,
            _: &mut dyn Departure,
        ) -> Result<Receipt, SubmitError> {
            // Graph lets in who may not send.
            let (host, mailbox) = ("mail.test".to_owned(), "ada@contoso.com".to_owned());
            Err(MailError::SwitchedOff {
                protocol: Protocol::Smtp,
                host,
                mailbox,
                said: "nobody may send".to_owned(),
            }
            .into())
        }

        fn is_open(&self) -> bool {
            true
        }

        async fn close(&mut self) {}
    }

    fn auto(first: &[Answer], second: &[Answer]) -> AutoSubmitOpener {
        let way = |answers: &[Answer]| -> Arc<dyn SubmitOpener> {
            Arc::new(Scripted(Mutex::new(answers.iter().copied().collect())))
        };
        AutoSubmitOpener::new(
            "ada@contoso.com".to_owned(),
            vec![
                (&imap::TRANSPORT, way(first)),
                (&graph::TRANSPORT, way(second)),
            ],
        )
    }

    fn chosen(auto: &AutoSubmitOpener) -> Option<usize> {
        *auto.choice.found.lock().expect("no test panics with it")
    }

    #[tokio::test]
    async fn what_is_switched_off_leads_to_the_next_way_and_what_may_pass_does_not() {
        let auto = auto(
            &[Answer::Busy, Answer::SwitchedOff],
            &[Answer::Open, Answer::Open, Answer::SwitchedOff],
        );
        let error = auto.open().await.err().expect("it is busy");
        assert_eq!(error.code(), "mailbox_unavailable");
        assert_eq!(chosen(&auto), None);
        assert!(auto.open().await.is_ok());
        assert_eq!(chosen(&auto), Some(1));
        assert!(auto.open().await.is_ok(), "the way is kept");
        let error = auto.open().await.err().expect("both are closed now");
        assert_eq!(error.code(), "imap_switched_off");
        let told = error.to_string();
        assert!(told.contains("graph") && told.contains("imap"), "{told}");
    }

    #[tokio::test]
    async fn a_way_that_is_not_connected_for_a_moment_is_kept() {
        let mut first = vec![Answer::Open];
        first.extend([Answer::NotConnected; 3]);
        first.extend([Answer::Open, Answer::NotConnected]);
        let auto = auto(&first, &[Answer::Open]);
        assert!(auto.open().await.is_ok());
        for _ in 0..3 {
            let error = auto.open().await.err().expect("it is not connected");
            assert_eq!(error.code(), "imap_not_connected");
        }
        assert!(auto.open().await.is_ok());
        assert_eq!(chosen(&auto), Some(0));
        for _ in 0..MOST_BLIPS {
            assert!(auto.open().await.is_err());
        }
        assert!(auto.open().await.is_ok(), "it is more than a moment");
        assert_eq!(chosen(&auto), Some(1));
    }

    #[tokio::test]
    async fn a_way_that_is_closed_only_to_messages_is_told_with_those_before_it() {
        let auto = auto(&[Answer::SwitchedOff], &[Answer::Open]);
        let ada = crate::contract::envelope("ada@contoso.com", &["bob@contoso.com"]);
        for _ in 0..2 {
            let mut session = auto.open().await.expect("the second way lets us in");
            let mut letter = crate::contract::Letter::new([&b"x"[..]]);
            let mut told = crate::contract::Told::default();
            let sent = session.submit(&ada, &mut letter, &mut told).await;
            let error = sent.expect_err("it may not send");
            assert_eq!(error.code(), "imap_switched_off");
            let words = error.to_string();
            for word in ["imap: ", "graph: ", "nobody may send"] {
                assert!(words.contains(word), "{words}");
            }
            assert!(!session.is_open());
            assert_eq!(chosen(&auto), None, "all are tried anew");
        }
    }

    #[test]
    fn a_way_that_shows_the_inbox_only_is_not_kept() {
        let choice = Choice::default();
        *choice.found.lock().expect("no test panics with it") = Some(2);
        assert_eq!(choice.order(3, |at| at != 2), [0, 1, 2]);
        assert_eq!(choice.order(3, |_| true), [2, 0, 1]);
    }

    /// Somebody has to sign in, for the reason with that code.
    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct SignIn(&'static str);

    impl Fault for SignIn {
        fn code(&self) -> &'static str {
            self.0
        }

        fn owner(&self) -> gatepost_fault::Owner {
            gatepost_fault::Owner::Person
        }

        fn next(&self) -> Next {
            Next::SignIn
        }
    }

    #[test]
    fn consent_that_is_missing_for_one_way_closes_no_other_and_hides_none() {
        assert!(leads_on(&SignIn("consent_missing"), &Closed::new()));
        assert!(!leads_on(&SignIn("grant_dead"), &Closed::new()));
        let closed = vec![("imap", SignIn("consent_missing"))];
        assert!(leads_on(&SignIn("grant_dead"), &closed));
    }

    #[tokio::test]
    async fn a_way_that_is_closed_later_is_left() {
        let auto = auto(&[Answer::Open, Answer::SwitchedOff], &[Answer::Open]);
        assert!(auto.open().await.is_ok());
        assert_eq!(chosen(&auto), Some(0));
        assert!(auto.open().await.is_ok());
        assert_eq!(chosen(&auto), Some(1));
    }
}
