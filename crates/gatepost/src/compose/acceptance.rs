//! Messages that come through a door into the outbox.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_gateway::admission::Guest;
use gatepost_gateway::spool::{Acceptance, Intake, Parcel, Receipt, Refused, Why};
use gatepost_mailroom::outbox::{PostOffice, Preparation, PrepareError, ReturnTo, Wishes};
use gatepost_mailroom::{Accepted, StorageError};
use jiff::{SignedDuration, Timestamp};

use super::gateway::configured;
use super::send_policy;
use crate::present::Present;

/// The outbox, as doors hand messages to it.
#[derive(Debug)]
pub(super) struct OutboxDoor {
    office: PostOffice,
    present: Present,
    /// How many messages of each mailbox waited, and when that was asked.
    waiting: Mutex<BTreeMap<String, (Timestamp, usize)>>,
}

impl OutboxDoor {
    /// Messages go into `office`, by the configuration that is in force.
    pub(super) fn new(office: PostOffice, present: Present) -> Self {
        Self {
            office,
            present,
            waiting: Mutex::default(),
        }
    }

    /// Refuses what would be given up before its turn comes.
    async fn bears_another(&self, mailbox: &str) -> Result<(), Refused> {
        let gatepost = self.present.get();
        let outbox = &gatepost.config.outbox;
        let minutes = outbox.give_up_after.as_secs() / 60;
        let most = minutes.saturating_mul(outbox.limits.messages_per_minute.into());
        let waiting = self.waiting_of(mailbox, gatepost.clock.now()).await;
        let waiting = waiting.map_err(|error| Refused::of_fault(&error))?;
        if u64::try_from(waiting).unwrap_or(u64::MAX) < most {
            return Ok(());
        }
        let said = format!(
            "{waiting} messages of {mailbox} wait already, as many as it sends before it gives them \
             up: try again later"
        );
        Err(Refused::new(Why::Temporary, &said))
    }

    /// Those of a moment ago.
    async fn waiting_of(&self, mailbox: &str, now: Timestamp) -> Result<usize, StorageError> {
        let known = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known().get(mailbox).copied();
        if let Some((asked, count)) = before
            && asked <= now
            && now.duration_since(asked) < MOMENT
        {
            return Ok(count);
        }
        let count = self.office.outbox.waiting_of(mailbox).await?;
        known().insert(mailbox.to_owned(), (now, count));
        Ok(count)
    }
}

#[async_trait]
impl Acceptance for OutboxDoor {
    fn largest(&self) -> u64 {
        Preparation::LARGEST
    }

    async fn permits(&self, guest: &Guest) -> Result<(), Refused> {
        let gatepost = self.present.get();
        // Who sends for a mailbox of a whole domain is nobody's own dispatcher.
        let sends = gatepost
            .config
            .mailboxes
            .get(&guest.mailbox)
            .is_some_and(|mailbox| mailbox.send.is_some());
        if sends {
            return self.bears_another(&guest.mailbox).await;
        }
        let mailbox = &guest.mailbox;
        let said = if configured(&gatepost.config, mailbox).is_some() {
            format!(
                "The mailbox {mailbox} does not send by the outbox: give it a [mailbox] with send"
            )
        } else {
            format!("The mailbox {mailbox} is not in the configuration")
        };
        Err(Refused::new(Why::Mailbox, &said))
    }

    async fn begin(&self, parcel: Parcel) -> Result<Box<dyn Intake>, Refused> {
        let gatepost = self.present.get();
        let wishes = Wishes {
            from: Some(parcel.mailbox.clone()),
            mailbox: parcel.mailbox,
            sender: parcel.sender.map_or(ReturnTo::Nobody, ReturnTo::Address),
            recipients: parcel.recipients,
            local: gatepost.config.outbox.local.clone(),
            idempotency_key: parcel.repetition,
            ..Wishes::default()
        };
        let around = (gatepost.clock.now(), &gatepost.chance);
        let preparation = Preparation::begin(wishes, &self.office.spool, around);
        Ok(Box::new(Arriving {
            preparation: preparation.map_err(|error| refused(&error))?,
            office: self.office.clone(),
            gatepost,
        }))
    }
}

/// A message on its way into the outbox.
struct Arriving {
    preparation: Preparation,
    office: PostOffice,
    gatepost: Arc<super::Gatepost>,
}

#[async_trait]
impl Intake for Arriving {
    async fn write(&mut self, octets: &[u8]) -> Result<(), Refused> {
        let written = self.preparation.write(octets).await;
        written.map(drop).map_err(|error| refused(&error))
    }

    async fn finish(self: Box<Self>) -> Result<Receipt, Refused> {
        let prepared = self.preparation.finish().await;
        let prepared = prepared.map_err(|error| refused(&error))?;
        let report_to = send_policy(&self.gatepost.config).report_to;
        let submission = prepared.submission.reported_to(&report_to);
        let id = submission.id.clone();
        let mailbox = submission.letter.mailbox.clone();
        let mut once_more = submission.clone();
        let accepted = self.office.accept(submission).await;
        let mut accepted = accepted.map_err(|error| Refused::of_fault(&error))?;
        if let Accepted::Other(_) = accepted {
            // There are devices that give every message the same Message-ID.
            once_more.idempotency_key = None;
            let kept = self.office.accept(once_more).await;
            accepted = kept.map_err(|error| Refused::of_fault(&error))?;
        }
        let id = match accepted {
            Accepted::New | Accepted::Other(_) => id,
            Accepted::Before(first) => first,
        };
        tracing::info!(%id, mailbox, "a message was accepted at a door");
        Ok(Receipt { id: id.to_string() })
    }
}

fn refused(error: &PrepareError) -> Refused {
    match error {
        PrepareError::TooLarge { .. } => Refused::new(Why::TooLarge, &error.to_string()),
        _ => Refused::of_fault(error),
    }
}

/// A device that sends a thousand messages in a second does not have them counted as often.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);
