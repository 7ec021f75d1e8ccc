//! What is sealed, and the places that it is bound to: table, column and the names of the row.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatepost_host::SealingKey;
use gatepost_mailroom::{Event, EventId, Kept};
use zeroize::Zeroizing;

use crate::undone::{Columns, Undone};

/// Seals what stands in the row of an event.
pub(crate) struct EventSeal<'k> {
    key: &'k SealingKey,
}

impl<'k> EventSeal<'k> {
    pub(crate) fn new(key: &'k SealingKey) -> Self {
        Self { key }
    }

    /// Seals the event, but for its sequence number, which is assigned later.
    pub(crate) fn event(&self, event: &Event) -> Result<Vec<u8>, Undone> {
        let text = serde_json::to_vec(event)
            .map(Zeroizing::new)
            .map_err(|error| unwritable(&event.id, error.to_string()))?;
        Ok(self
            .key
            .seal(&place("contents", "sealed", &event.id), &text))
    }

    /// Seals a message that is kept in the row.
    pub(crate) fn message(&self, id: &EventId, octets: &[u8]) -> Vec<u8> {
        self.key.seal(&place("contents", "message", id), octets)
    }

    /// Opens the event of a row that has the columns `event_id`, `sealed` and `sequence`.
    pub(crate) fn open_event(&self, row: &Columns<'_>) -> Result<Event, Undone> {
        let id = event_id(row)?;
        let sealed: &[u8] = row.get("sealed")?;
        let text = self
            .key
            .open(&place("contents", "sealed", &id), sealed)
            .map_err(|error| row.damaged("sealed", error.to_string()))?;
        let mut event: Event = serde_json::from_slice(&text)
            .map_err(|error| row.damaged("sealed", error.classify_only()))?;
        event.sequence = row.optional_count("sequence")?;
        Ok(event)
    }

    /// Opens the message of a row that has the columns `event_id`, `spool_file`, `octets` and
    /// `message`.
    pub(crate) fn open_message(&self, row: &Columns<'_>) -> Result<Option<Kept>, Undone> {
        if let Some(name) = row.get::<Option<String>>("spool_file")? {
            let size = row.count("octets")?;
            return Ok(Some(Kept::File { name, size }));
        }
        let Some(sealed) = row.get::<Option<&[u8]>>("message")? else {
            return Ok(None);
        };
        let id = event_id(row)?;
        let octets = self
            .key
            .open(&place("contents", "message", &id), sealed)
            .map_err(|error| row.damaged("message", error.to_string()))?;
        Ok(Some(Kept::Inline(octets.to_vec())))
    }
}

/// Seals and opens the reason of a delivery, which may repeat what a program wrote about a
/// message.
pub(crate) struct ReasonSeal<'k>(pub(crate) &'k SealingKey);

impl ReasonSeal<'_> {
    pub(crate) fn seal(&self, delivery: i64, reason: &str) -> Vec<u8> {
        self.0
            .seal(&place("deliveries", "reason", &delivery), reason.as_bytes())
    }

    /// Opens the reason of a row that has the columns `id` and `reason`.
    pub(crate) fn open(&self, row: &Columns<'_>) -> Result<Option<String>, Undone> {
        let Some(sealed) = row.get::<Option<&[u8]>>("reason")? else {
            return Ok(None);
        };
        let id: i64 = row.get("id")?;
        let text = self
            .0
            .open(&place("deliveries", "reason", &id), sealed)
            .map_err(|error| row.damaged("reason", error.to_string()))?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}

/// Seals or opens so many octets: away from the reactor, unless that takes less time than to hand
/// it over would. A panic is answered as one.
pub(crate) async fn away<T: Send + 'static>(
    octets: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Undone> {
    let worked = if octets <= AT_ONCE {
        catch_unwind(AssertUnwindSafe(work)).map_err(drop)
    } else {
        tokio::task::spawn_blocking(work).await.map_err(drop)
    };
    worked.map_err(|()| Undone::Panicked)
}

/// Octets that are sealed within some 20 µs.
const AT_ONCE: usize = 32 * 1024;

/// A place in the database.
pub(crate) fn place(table: &str, column: &str, row: &dyn std::fmt::Display) -> String {
    format!("{table}/{column}/{row}")
}

fn event_id(row: &Columns<'_>) -> Result<EventId, Undone> {
    let id: &str = row.get("event_id")?;
    EventId::parse(id).ok_or_else(|| row.damaged("id", "it is no event id"))
}

fn unwritable(id: &EventId, reason: String) -> Undone {
    Undone::DamagedRow {
        table: "contents",
        column: "sealed",
        row: id.to_string(),
        reason,
    }
}

/// A parse error without the text around it, which is a person's mail.
trait ClassifyOnly {
    fn classify_only(&self) -> String;
}

impl ClassifyOnly for serde_json::Error {
    fn classify_only(&self) -> String {
        format!(
            "it is no event ({:?} error at column {})",
            self.classify(),
            self.column()
        )
    }
}
