//! One try to hand a message over.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use gatepost_mail::{
    Departure, DepartureError, Outgoing, OutgoingError, Receipt, RefusedRecipient, Submit,
    SubmitError, SubmitOpener, Trace,
};
use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::OwnedSemaphorePermit;

use super::PostOffice;
use super::judgement::{Tried, note_refusals};
use super::turn::{EVERYBODY, envelope, next_turn};
use crate::{Addressee, DueSubmission, RecipientFate, Spooled as _, SpooledMessage, StorageError};

/// A session, and its place among all that may be open.
pub(super) struct Held {
    pub(super) session: Box<dyn Submit>,
    _place: OwnedSemaphorePermit,
}

/// A message, and what it is handed over by.
pub(super) struct Attempt {
    pub(super) office: PostOffice,
    pub(super) opener: Arc<dyn SubmitOpener>,
    pub(super) due: DueSubmission,
    /// One that was used before.
    pub(super) held: Option<Held>,
    /// What the try may take.
    pub(super) limit: Duration,
    /// To how many recipients it goes at most.
    pub(super) most: usize,
}

/// A try that has ended.
pub(super) struct Attempted {
    pub(super) due: DueSubmission,
    pub(super) tried: Tried,
    /// To whom it departed, if it did: without those whom the server had refused before.
    pub(super) departed: Option<Vec<Addressee>>,
    /// The session, if another message can be handed over in it.
    pub(super) held: Option<Held>,
}

impl Attempt {
    /// Tries. Whatever happens within, it is known whether the message may have been sent.
    pub(super) async fn run(self) -> Attempted {
        let Self {
            office,
            opener,
            due,
            held,
            limit,
            most,
        } = self;
        let (turn, departed) = <(Recipients, Recipients)>::default();
        let handing = Handing {
            office: &office,
            opener: opener.as_ref(),
            due: &due,
            most,
            turn: turn.clone(),
            departed: departed.clone(),
            is_written: Shared::default(),
            draft: Shared::of(due.draft.clone()),
        };
        let work = AssertUnwindSafe(handing.over(held)).catch_unwind();
        let ended = office.clock.within(limit, work).await;
        let cut_off = |reason: String| Tried::CutOff { reason };
        let (tried, held) = match ended {
            Ok(Ok((Ok(receipt), held))) => (Tried::Taken(receipt), held),
            Ok(Ok((Err(error), held))) => (Tried::Failed(error), held),
            Ok(Err(_)) => {
                let reason = "handing it over panicked; this is a bug in Gatepost";
                (cut_off(reason.to_owned()), None)
            }
            Err(_) => {
                let minutes = limit.as_secs() / 60;
                let reason = format!("handing it over did not end within {minutes} minutes");
                (cut_off(reason), None)
            }
        };
        let held = held.filter(|held| held.session.is_open());
        let departed = departed.get();
        let mut due = due;
        // Whom the try was about, if it was about recipients.
        let was_about = departed.is_some()
            || matches!(
                tried,
                Tried::Taken(_)
                    | Tried::Failed(SubmitError::NoRecipient(_) | SubmitError::Refused { .. })
            );
        if let Some(turn) = turn.get().filter(|_| was_about) {
            due.recipients = turn;
        }
        for (one, gone) in due.recipients.iter_mut().zip(departed.iter().flatten()) {
            one.departures.clone_from(&gone.departures);
        }
        Attempted {
            due,
            tried,
            departed,
            held,
        }
    }
}

/// A message that is being handed over.
struct Handing<'a> {
    office: &'a PostOffice,
    opener: &'a dyn SubmitOpener,
    due: &'a DueSubmission,
    most: usize,
    /// Everybody at the beginning of the try.
    turn: Recipients,
    departed: Recipients,
    /// Set where its departure is written, or may be.
    is_written: Shared<()>,
    /// The draft that was noted last, by an earlier try or by this one.
    draft: Shared<String>,
}

impl Handing<'_> {
    async fn over(&self, held: Option<Held>) -> (Result<Receipt, SubmitError>, Option<Held>) {
        let used = held.is_some();
        let mut held = match held {
            Some(held) => held,
            None => match self.open().await {
                Ok(held) => held,
                Err(error) => return (Err(error), None),
            },
        };
        let outcome = self.submit(held.session.as_mut()).await;
        let is_stale = matches!(&outcome, Err(SubmitError::Session(_)))
            && used
            && self.is_written.get().is_none();
        if !is_stale {
            return (outcome, Some(held));
        }
        // The server has closed it since it was last used, which says nothing of the message.
        drop(held);
        let mut fresh = match self.open().await {
            Ok(held) => held,
            Err(error) => return (Err(error), None),
        };
        let outcome = self.submit(fresh.session.as_mut()).await;
        (outcome, Some(fresh))
    }

    async fn open(&self) -> Result<Held, SubmitError> {
        let place = Arc::clone(&self.office.sessions).acquire_owned().await;
        let place = place.expect("the places for sessions are never closed");
        let session = self.opener.open().await?;
        Ok(Held {
            session,
            _place: place,
        })
    }

    async fn submit(&self, session: &mut dyn Submit) -> Result<Receipt, SubmitError> {
        let most = if session.takes_turns() {
            self.most
        } else {
            EVERYBODY
        };
        let recipients = next_turn(&self.due.recipients, most);
        self.turn.set(Some(recipients.clone()));
        let envelope = envelope(self.due, &recipients)?;
        let message = self.office.spool.message(self.due.message.clone());
        let mut message = Leaving::open(&message, self.due.letter.eight_bit).await?;
        let mut departing = Departing {
            office: self.office,
            due: self.due,
            left_draft: self.draft.get(),
            draft: self.draft.clone(),
            recipients,
            departed: self.departed.clone(),
            is_written: self.is_written.clone(),
        };
        session
            .submit(&envelope, &mut message, &mut departing)
            .await
    }
}

/// Writes that the message departs, before it does.
struct Departing<'a> {
    office: &'a PostOffice,
    due: &'a DueSubmission,
    left_draft: Option<String>,
    draft: Shared<String>,
    recipients: Vec<Addressee>,
    departed: Recipients,
    is_written: Shared<()>,
}

type Recipients = Shared<Vec<Addressee>>;

/// What a try leaves behind, however it ends.
#[derive(Debug, Clone)]
struct Shared<T>(Arc<Mutex<Option<T>>>);

impl<T: Clone> Shared<T> {
    fn of(known: Option<T>) -> Self {
        Self(Arc::new(Mutex::new(known)))
    }

    fn get(&self) -> Option<T> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, known: Option<T>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl<T: Clone> Default for Shared<T> {
    fn default() -> Self {
        Self::of(None)
    }
}

#[async_trait]
impl Departure for Departing<'_> {
    fn refused(&mut self, refused: &[RefusedRecipient]) {
        note_refusals(&mut self.recipients, refused);
    }

    fn left_draft(&self) -> Option<&str> {
        self.left_draft.as_deref()
    }

    async fn drafted(&mut self, id: &str) -> Result<(), DepartureError> {
        let noted = self.office.outbox.note_draft(&self.due.lease, Some(id));
        departing(noted.await)?;
        self.draft.set(Some(id.to_owned()));
        Ok(())
    }

    async fn withdrawn(&mut self) -> Result<(), DepartureError> {
        let noted = self.office.outbox.note_draft(&self.due.lease, None);
        departing(noted.await)?;
        self.draft.set(None);
        Ok(())
    }

    async fn begins(&mut self, trace: Trace) -> Result<(), DepartureError> {
        // The storage keeps no more of it, and the two are compared.
        let now = whole_microseconds(self.office.clock.now());
        let until = later(now, CLAIM);
        let mut recipients = self.recipients.clone();
        for recipient in &mut recipients {
            if recipient.fate == RecipientFate::Open {
                recipient.departs(now);
            }
        }
        // Whoever is answered in the meantime drops this, and it may be written all the same.
        self.is_written.set(Some(()));
        let departed = self
            .office
            .outbox
            .depart(self.due, (&trace, &recipients), (now, until));
        departing(departed.await)?;
        self.departed.set(Some(recipients));
        if let Some(left) = self.draft.get()
            && !is_of(&trace, &left)
        {
            tracing::warn!(
                submission = %self.due.lease.id, draft = left,
                "a draft that an earlier try left stays in the mailbox, since the message goes by \
                 another way now; whoever sends it sends the message twice, so delete it"
            );
        }
        Ok(())
    }
}

/// Whether a trace leads to this draft.
fn is_of(trace: &Trace, draft: &str) -> bool {
    match trace {
        Trace::MessageId => false,
        Trace::Draft { id } | Trace::Altered { id, .. } => id == draft,
    }
}

fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Whether the claim still holds by which it may depart.
fn departing(holds: Result<bool, StorageError>) -> Result<(), DepartureError> {
    match holds {
        Ok(true) => Ok(()),
        Ok(false) => Err(DepartureError(
            "it was cancelled, or somebody else sends it".into(),
        )),
        Err(error) => Err(DepartureError(error.to_string().into())),
    }
}

/// A message on its way out of the spool.
struct Leaving<'a> {
    message: &'a SpooledMessage,
    from: From,
    eight_bit: bool,
}

enum From {
    /// All of it at once.
    Memory(Option<Bytes>),
    File(Box<dyn AsyncRead + Send + Unpin>),
}

impl<'a> Leaving<'a> {
    async fn open(message: &'a SpooledMessage, eight_bit: bool) -> Result<Self, OutgoingError> {
        Ok(Self {
            from: From::open(message).await?,
            message,
            eight_bit,
        })
    }
}

impl From {
    async fn open(message: &SpooledMessage) -> Result<Self, OutgoingError> {
        Ok(match message.at_hand() {
            Some(octets) => Self::Memory(Some(octets)),
            None => Self::File(message.open().await.map_err(unread)?),
        })
    }
}

#[async_trait]
impl Outgoing for Leaving<'_> {
    fn size(&self) -> u64 {
        self.message.size()
    }

    fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        match &mut self.from {
            From::Memory(octets) => Ok(octets.take().filter(|octets| !octets.is_empty())),
            From::File(file) => {
                let mut chunk = BytesMut::with_capacity(CHUNK);
                while chunk.len() < CHUNK {
                    let read = file.read_buf(&mut chunk).await.map_err(unread)?;
                    if read == 0 {
                        break;
                    }
                }
                Ok((!chunk.is_empty()).then(|| chunk.freeze()))
            }
        }
    }

    async fn begin_again(&mut self) -> Result<(), OutgoingError> {
        self.from = From::open(self.message).await?;
        Ok(())
    }
}

fn unread(error: std::io::Error) -> OutgoingError {
    OutgoingError(error.into())
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

/// What a try may take at most: 150 MB at 100 kB a second take 25 minutes.
pub(super) const LONGEST: Duration = Duration::from_mins(30);
/// How long a claim may wait for its try.
pub(super) const READY: Duration = Duration::from_mins(5);
/// How long a claim holds: longer than it waits, and a try. A departure prolongs it.
pub(super) const CLAIM: Duration = Duration::from_mins(45);
const CHUNK: usize = 64 * 1024;
