//! Tells ahead what of a credential ends, and when one fails or works again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Stop};
use jiff::{SignedDuration, Timestamp};

use super::{CredentialHealth, CredentialStatus, Expiry};
use crate::{
    Bell, CredentialData, Event, EventData, EventId, EventType, NewEvent, Notices, SinkName,
};

/// Knows every credential.
pub trait Credentials: Send + Sync + std::fmt::Debug {
    /// How they are now, ordered by name.
    fn statuses(&self) -> Vec<CredentialStatus>;

    /// Where an event of this kind about what opens these mailboxes goes.
    fn report_to(&self, kind: EventType, mailboxes: &[String]) -> Vec<SinkName>;
}

/// Looks at all credentials a few times a minute. What is told is remembered in the storage, so
/// that it is told once, whatever is restarted; what cannot be stored is told again.
#[derive(Debug)]
pub struct Caretaker {
    credentials: Arc<dyn Credentials>,
    notices: Arc<dyn Notices>,
    bell: Bell,
    clock: Clock,
    told: BTreeSet<EventId>,
}

impl Caretaker {
    /// A caretaker of `credentials` who remembers by `notices` what was told, and wakes the
    /// couriers.
    pub fn new(
        credentials: Arc<dyn Credentials>,
        notices: Arc<dyn Notices>,
        bell: Bell,
        clock: Clock,
    ) -> Self {
        Self {
            credentials,
            notices,
            bell,
            clock,
            told: BTreeSet::new(),
        }
    }

    /// Takes care until he is stopped.
    pub async fn run(mut self, stop: Stop) {
        let work = async {
            loop {
                self.look().await;
                self.clock.sleep(ROUND).await;
            }
        };
        stop.or(work).await;
    }

    async fn look(&mut self) {
        let failures = match self.notices.failures().await {
            Ok(failures) => failures,
            Err(error) => return log(&error),
        };
        let due = due(&self.credentials.statuses(), &failures, self.clock.now());
        // What is no longer due is not told again either: the storage knows it.
        self.told.retain(|id| due.contains_key(id));
        for notice in due.into_values() {
            if !self.told.contains(&notice.event.id) {
                self.tell(notice).await;
            }
        }
    }

    async fn tell(&mut self, notice: Notice) {
        let Notice {
            credential,
            event,
            data,
        } = notice;
        let (id, kind, reason) = (event.id.clone(), event.kind, data.reason.clone());
        let event = NewEvent {
            sinks: self.credentials.report_to(kind, &data.mailboxes),
            event: Event {
                data: EventData::Credential(Box::new(data)),
                ..event
            },
            message: None,
            fingerprint: None,
            post_action: false,
        };
        let told = self.notices.tell(&credential, event, self.clock.now());
        match told.await {
            Ok(is_new) => {
                self.told.insert(id);
                if is_new {
                    announce(&credential, kind, &reason);
                    self.bell.ring();
                }
            }
            Err(error) => log(&error),
        }
    }
}

fn announce(credential: &str, kind: EventType, reason: &str) {
    let name = kind.as_str();
    match kind {
        EventType::CredentialRecovered => tracing::info!(credential, kind = name, "{reason}"),
        EventType::CredentialExpiring => tracing::warn!(credential, kind = name, "{reason}"),
        _ => tracing::error!(credential, kind = name, "{reason}"),
    }
}

fn log(error: &crate::StorageError) {
    if error.is_told() {
        return;
    }
    tracing::warn!(
        code = error.code(),
        "what there is to tell of credentials could not be stored, it is tried again: {error}"
    );
}

/// Something to tell about a credential.
struct Notice {
    credential: String,
    /// Without its data, which grows while notices are brought together.
    event: Event,
    data: CredentialData,
}

/// Everything that there is to tell at `now`, by the id of its event. `failures` are those that
/// were told and have not ended.
fn due(
    statuses: &[CredentialStatus],
    failures: &BTreeMap<String, EventId>,
    now: Timestamp,
) -> BTreeMap<EventId, Notice> {
    let mut due: BTreeMap<EventId, Notice> = BTreeMap::new();
    for status in statuses {
        let turn = turn(status, failures.get(&status.credential), now);
        let expiring = status.expires.iter();
        let expiring = expiring.filter_map(|expiry| expiring_soon(status, expiry, now));
        for notice in turn.into_iter().chain(expiring) {
            // A secret that several credentials have in common ends once, for all their mailboxes.
            match due.get_mut(&notice.event.id) {
                Some(known) => known.also_opens(&notice.data),
                None => {
                    due.insert(notice.event.id.clone(), notice);
                }
            }
        }
    }
    due
}

/// Whether it is to be told that the credential fails, or works again.
fn turn(status: &CredentialStatus, told: Option<&EventId>, now: Timestamp) -> Option<Notice> {
    // The last token names the failure: after a restart, it is the same event.
    let since = status.renewed_at.map(|at| at.to_string());
    let since = since.as_deref().unwrap_or("never");
    let failed = EventId::of_credential(&status.credential, EventType::CredentialFailed, since);
    match (status.state, told) {
        (CredentialHealth::Refused, told) if told != Some(&failed) => {
            let error = status.last_error.as_ref();
            let reason = error.map_or("it is refused", |error| &error.sentence);
            let mut notice = Notice::new(status, (EventType::CredentialFailed, failed), now);
            reason.clone_into(&mut notice.data.reason);
            notice.data.code = error.map(|error| error.code.clone());
            Some(notice)
        }
        (CredentialHealth::Working, Some(told)) if *told != failed => {
            let kind = EventType::CredentialRecovered;
            let id = EventId::of_credential(&status.credential, kind, told.as_str());
            let mut notice = Notice::new(status, (kind, id), now);
            notice.data.reason = format!("{} gives tokens again", named(status));
            Some(notice)
        }
        _ => None,
    }
}

fn expiring_soon(status: &CredentialStatus, expiry: &Expiry, now: Timestamp) -> Option<Notice> {
    let left = expiry.at.duration_since(now);
    let step = STEPS.iter().rev().find(|days| left <= of_days(**days))?;
    if left <= SignedDuration::ZERO {
        return None;
    }
    let kind = EventType::CredentialExpiring;
    let what = format!("{}/{}/{step}", expiry.part.as_str(), expiry.at);
    let id = EventId::of_credential(&expiry.of, kind, &what);
    let days = left.as_hours() / 24;
    let mut notice = Notice::new(status, (kind, id), now);
    notice.credential.clone_from(&expiry.of);
    notice.data.part = Some(expiry.part);
    notice.data.expires_at = Some(expiry.at);
    notice.data.days_left = Some(days);
    notice.data.reason = format!(
        "the {} of {} ends {}, {}: {}",
        expiry.part.as_str(),
        named(status),
        match days {
            0 => "within a day".to_owned(),
            1 => "in 1 day".to_owned(),
            days => format!("in {days} days"),
        },
        expiry.at,
        expiry.part.advice()
    );
    Some(notice)
}

impl Notice {
    /// A notice without its reason.
    fn new(status: &CredentialStatus, (kind, id): (EventType, EventId), now: Timestamp) -> Self {
        let data = CredentialData {
            registration: status.registration.clone(),
            grant: status.grant.clone(),
            person: status.person.clone(),
            reason: String::new(),
            code: None,
            part: None,
            expires_at: None,
            days_left: None,
            mailboxes: status.mailboxes.iter().take(MAILBOXES).cloned().collect(),
            mailbox_count: status.mailboxes.len(),
        };
        Self {
            credential: status.credential.clone(),
            event: Event {
                id,
                schema: Event::SCHEMA,
                kind,
                timestamp: now,
                mailbox: String::new(),
                folder: None,
                sequence: None,
                data: EventData::Credential(Box::new(data.clone())),
            },
            data,
        }
    }

    fn also_opens(&mut self, other: &CredentialData) {
        self.data.mailbox_count += other.mailbox_count;
        let room = MAILBOXES.saturating_sub(self.data.mailboxes.len());
        let more = other.mailboxes.iter().take(room).cloned();
        self.data.mailboxes.extend(more);
        if self.data.person != other.person {
            self.data.person = None;
        }
    }
}

fn named(status: &CredentialStatus) -> String {
    match &status.person {
        Some(person) => format!("{person} (registration {})", status.registration),
        None => format!("registration {}", status.registration),
    }
}

fn of_days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// How many days ahead it is told that something ends.
const STEPS: [i64; 4] = [30, 14, 7, 1];
const ROUND: Duration = Duration::from_secs(5);
/// How many mailboxes an event names; it says how many there are.
const MAILBOXES: usize = 50;

#[cfg(test)]
mod tests;
