//! Messages that were drafts when their answer was lost: by Microsoft Graph, what was sent may seem
//! to be a draft for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_mail::submission::Envelope;
use gatepost_mail::{
    Departure, MailError, Mailbox, Opener, Outgoing, Receipt, Submit, SubmitError, SubmitOpener,
    Trace,
};
use gatepost_mailroom::outbox::{LookError, Lookout, Sending, SentItems, Sighting};
use gatepost_mailroom::{
    DueSubmission, EventType, Outbox as _, Resolution, Submission, SubmissionState,
};

use crate::seed;
use crate::stand::Stand;

/// A server at which every message is a draft first. The answer to the first is lost.
#[derive(Debug, Clone, Default)]
struct Drafting(Arc<Mutex<Desk>>);

#[derive(Debug, Default)]
struct Desk {
    /// Whether the message whose answer is lost is sent.
    is_sent: bool,
    /// How many looks show a draft although it is sent.
    lag: u32,
    looks: u32,
    made: u32,
    /// The drafts that are there, and those that were sent.
    drafts: Vec<String>,
    sent: Vec<String>,
    /// Whether a draft can be taken away.
    is_locked: bool,
    /// Whether a draft is sent at the very moment at which it is to be taken away.
    is_overtaken: bool,
}

impl Desk {
    /// Makes a draft; answers how many were made before, and its id.
    fn draft(&mut self) -> (u32, String) {
        let before = self.made;
        let id = format!("draft {before}");
        self.made += 1;
        self.drafts.push(id.clone());
        (before, id)
    }
}

impl Drafting {
    /// One whose first message is sent, although `lag` looks show a draft.
    fn lagging(lag: u32) -> Self {
        let desk = Desk {
            is_sent: true,
            lag,
            ..Desk::default()
        };
        Self(Arc::new(Mutex::new(desk)))
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SubmitOpener for Drafting {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Submit for Drafting {
    async fn submit(
        &mut self,
        _: &Envelope,
        _: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let (made, id) = self.desk().draft();
        departure.begins(Trace::Draft { id: id.clone() }).await?;
        let mut desk = self.desk();
        let is_lost = made == 0;
        if desk.is_sent || !is_lost {
            desk.drafts.retain(|one| *one != id);
            desk.sent.push(id);
        }
        if is_lost {
            return Err(SubmitError::Unknown {
                host: "graph.test".to_owned(),
                mailbox: ADA.to_owned(),
                reason: "the answer was cut off".to_owned(),
            });
        }
        Ok(Receipt {
            by: "graph",
            said: "sent".to_owned(),
            refused: Vec::new(),
        })
    }

    fn is_open(&self) -> bool {
        true
    }

    async fn close(&mut self) {}
}

#[async_trait]
impl Lookout for Drafting {
    async fn look(&self, due: &DueSubmission) -> Result<Sighting, LookError> {
        let Some(Trace::Draft { id }) = &due.trace else {
            panic!("it was a draft: {:?}", due.trace)
        };
        let mut desk = self.desk();
        desk.looks += 1;
        let is_sent = desk.sent.contains(id) && desk.looks > desk.lag;
        Ok(if is_sent {
            Sighting::Sent
        } else {
            Sighting::Draft
        })
    }

    async fn withdraw(&self, due: &DueSubmission) -> Result<(), LookError> {
        let Some(Trace::Draft { id }) = &due.trace else {
            panic!("it was a draft: {:?}", due.trace)
        };
        let mut desk = self.desk();
        if desk.is_locked {
            return Err(LookError::Never("it may not be deleted".to_owned()));
        }
        desk.drafts.retain(|one| one != id);
        if desk.is_overtaken {
            desk.sent.push(id.clone());
            return Err(LookError::NotNow("it is no draft any more".to_owned()));
        }
        Ok(())
    }
}

/// What becomes of a message at `server`.
async fn sent_at(server: &Drafting) -> (Stand, Submission) {
    let stand = Stand::new(seed());
    let office = stand.office();
    let sending = Sending {
        opener: Arc::new(server.clone()),
        lookout: Some(Arc::new(server.clone())),
        ..stand.sending(ADA)
    };
    let id = stand.accept(&office, ADA).await;
    let patience = Duration::from_hours(1);
    let seen = sending.send_now(&id, (&office, patience)).await;
    let seen = seen.expect("it is stored").expect("it is there");
    (stand, seen)
}

#[tokio::test(start_paused = true)]
async fn what_seems_to_be_a_draft_for_a_while_is_not_sent_twice() {
    for lag in [1, 2, 5] {
        let server = Drafting::lagging(lag);
        let (stand, seen) = sent_at(&server).await;
        assert_eq!(seen.state, SubmissionState::Sent, "{lag}: {seen:#?}");
        assert_eq!(server.desk().sent, ["draft 0"], "{lag}");
        assert_eq!(server.desk().looks, lag + 1);
        let unknown = stand.told(&seen.id, EventType::SendUnknown).await;
        assert!(unknown.is_empty(), "it was found: {unknown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_a_draft_is_taken_away_and_sent_once_more() {
    let server = Drafting::default();
    let (_, seen) = sent_at(&server).await;
    assert_eq!(seen.state, SubmissionState::Sent, "{seen:#?}");
    let desk = server.desk();
    assert_eq!(desk.drafts, Vec::<String>::new(), "the old one is gone");
    assert_eq!(desk.sent.len(), 1);
    assert!(desk.looks > 5, "nobody hurried: {}", desk.looks);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_while_it_is_taken_away_is_not_sent_once_more() {
    let server = Drafting::default();
    server.desk().is_overtaken = true;
    let (_, seen) = sent_at(&server).await;
    assert_eq!(seen.state, SubmissionState::Sent, "{seen:#?}");
    assert_eq!(server.desk().sent, ["draft 0"]);
    assert_eq!(server.desk().made, 1);
}

#[tokio::test(start_paused = true)]
async fn a_draft_that_cannot_be_taken_away_is_for_a_person_to_decide() {
    let server = Drafting::default();
    server.desk().is_locked = true;
    let (stand, seen) = sent_at(&server).await;
    assert_eq!(seen.state, SubmissionState::Unknown, "{seen:#?}");
    let reason = seen.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("it may not be deleted"), "{reason}");
    assert_eq!(server.desk().sent, Vec::<String>::new());
    let unknown = stand.told(&seen.id, EventType::SendUnknown).await;
    assert_eq!(unknown.len(), 1);
    let kept = stand.storage.submission(&seen.id).await.expect("it reads");
    assert_eq!(kept.expect("it is there").next_attempt_at, None);
}

/// Makes a draft and breaks down at once. The next try is told of that draft, takes it away, and
/// does not come to making another.
#[derive(Debug, Clone, Default)]
struct BreakingDown(Arc<Mutex<Vec<Option<String>>>>);

#[async_trait]
impl SubmitOpener for BreakingDown {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Submit for BreakingDown {
    async fn submit(
        &mut self,
        _: &Envelope,
        _: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let left = departure.left_draft().map(str::to_owned);
        self.0.lock().expect("nobody panicked").push(left.clone());
        if left.is_some() {
            departure.withdrawn().await?;
            return Err(SubmitError::UploadExpired {
                host: "graph.test".to_owned(),
                mailbox: ADA.to_owned(),
                uploads: 3,
            });
        }
        if self.0.lock().expect("nobody panicked").len() == 1 {
            departure.drafted("draft 0").await?;
            panic!("it breaks down");
        }
        departure.begins(Trace::MessageId).await?;
        Ok(Receipt {
            by: "graph",
            said: "sent".to_owned(),
            refused: Vec::new(),
        })
    }

    fn is_open(&self) -> bool {
        true
    }

    async fn close(&mut self) {}
}

#[tokio::test(start_paused = true)]
async fn a_try_is_told_of_the_draft_that_the_one_before_it_left() {
    let server = BreakingDown::default();
    let stand = Stand::new(seed());
    let office = stand.office();
    let sending = Sending {
        opener: Arc::new(server.clone()),
        ..stand.sending(ADA)
    };
    let id = stand.accept(&office, ADA).await;
    let patience = Duration::from_hours(1);
    let seen = sending.send_now(&id, (&office, patience)).await;
    let seen = seen.expect("it is stored").expect("it is there");
    assert_eq!(seen.state, SubmissionState::Sent, "{seen:#?}");
    let told = server.0.lock().expect("nobody panicked").clone();
    assert_eq!(told, [None, Some("draft 0".to_owned()), None]);
}

/// Somebody sent the draft of an earlier try, and not all files hung on it.
#[derive(Debug, Clone, Default)]
struct SentByAPerson {
    tries: Arc<Mutex<u32>>,
    /// Whether the process is gone when it has found that out.
    breaks_down: bool,
}

#[async_trait]
impl SubmitOpener for SentByAPerson {
    async fn open(&self) -> Result<Box<dyn Submit>, SubmitError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Submit for SentByAPerson {
    async fn submit(
        &mut self,
        _: &Envelope,
        _: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        if departure.left_draft().is_none() && *self.tries.lock().expect("nobody panicked") == 0 {
            departure.drafted("draft 0").await?;
            return Err(SubmitError::DraftChanged {
                host: "graph.test".to_owned(),
                mailbox: ADA.to_owned(),
                draft: "draft 0".to_owned(),
            });
        }
        let draft = departure.left_draft().map(str::to_owned);
        *self.tries.lock().expect("nobody panicked") += 1;
        if let Some(id) = draft {
            let lacks = "it went without 1 of its 2 files";
            let trace = Trace::Altered {
                id: id.clone(),
                lacks: lacks.to_owned(),
            };
            departure.begins(trace).await?;
            assert!(!self.breaks_down, "it breaks down");
            return Err(SubmitError::DraftAltered {
                host: "graph.test".to_owned(),
                mailbox: ADA.to_owned(),
                draft: id,
                lacks: lacks.to_owned(),
            });
        }
        departure.begins(Trace::MessageId).await?;
        Ok(Receipt {
            by: "graph",
            said: "sent".to_owned(),
            refused: Vec::new(),
        })
    }

    fn is_open(&self) -> bool {
        true
    }

    async fn close(&mut self) {}
}

/// Nobody looks for it, since what would be found is not the message.
#[tokio::test(start_paused = true)]
async fn a_draft_that_a_person_sent_in_part_is_told_and_for_a_person_to_decide() {
    for breaks_down in [false, true] {
        sent_in_part(SentByAPerson {
            breaks_down,
            ..SentByAPerson::default()
        })
        .await;
    }
}

async fn sent_in_part(server: SentByAPerson) {
    let stand = Stand::new(seed());
    let office = stand.office();
    let sending = Sending {
        opener: Arc::new(server.clone()),
        lookout: Some(Arc::new(SentItems::new(Arc::new(Unopened)))),
        ..stand.sending(ADA)
    };
    let id = stand.accept(&office, ADA).await;
    let patience = Duration::from_hours(1);
    let seen = sending.send_now(&id, (&office, patience)).await;
    let seen = seen.expect("it is stored").expect("it is there");
    assert_eq!(seen.state, SubmissionState::Unknown, "{seen:#?}");
    assert_eq!(seen.next_attempt_at, None);
    let reason = seen.reason.clone().unwrap_or_default();
    for words in [
        "without 1 of its 2 files",
        "draft 0",
        "a person is to decide",
    ] {
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(seen.code.as_deref(), Some("submission_draft_altered"));
    let told = stand.told(&seen.id, EventType::SendUnknown).await;
    let codes = told.iter().map(|told| told.code.as_deref());
    assert_eq!(codes.collect::<Vec<_>>(), [seen.code.as_deref()]);
    assert!(stand.told(&seen.id, EventType::SendSent).await.is_empty());

    let now = (&office.chance, office.clock.now());
    let decision = sending.policy.resolved(&seen, Resolution::Resend, now);
    let decided = office.outbox.resolve(&seen.id, decision, now.1).await;
    decided.expect("it is stored");
    let seen = sending.send_now(&id, (&office, patience)).await;
    let seen = seen.expect("it is stored").expect("it is there");
    assert_eq!(seen.state, SubmissionState::Sent, "{seen:#?}");
    assert_eq!(*server.tries.lock().expect("nobody panicked"), 2);
}

/// A mailbox that nobody is to look into.
#[derive(Debug)]
struct Unopened;

#[async_trait]
impl Opener for Unopened {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        panic!("nobody is to look")
    }
}

const ADA: &str = "ada@contoso.com";
