//! Deliveries as people see them, and events whose post-action is due.

use gatepost_host::SealingKey;
use gatepost_mailroom::{
    Delivery, DeliveryFilter, DeliveryState, Event, EventId, SinkName, WatchKey,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::Store;
use crate::sealed::{EventSeal, ReasonSeal};
use crate::undone::{Columns, Undone};

impl Store {
    pub(super) async fn deliveries_like(
        &self,
        filter: &DeliveryFilter,
    ) -> Result<Vec<Delivery>, Undone> {
        let rows = sqlx::query(wanted(filter))
            .bind(filter.state.map(name))
            .bind(filter.sink.as_ref().map(|sink| sink.0.as_str()))
            .bind(filter.mailbox.as_deref())
            .bind(filter.event.as_ref().map(EventId::as_str))
            .bind(i64::try_from(filter.limit).unwrap_or(i64::MAX))
            .fetch_all(self.readers())
            .await?;
        let key = self.key();
        self.undamaged(rows.iter().map(|row| {
            delivery(row, &key).inspect_err(|_| {
                let id = row.try_get::<i64, _>("id").unwrap_or_default();
                tracing::error!(delivery = id, "a delivery cannot be listed");
            })
        }))
    }

    pub(super) async fn delivery(&self, id: i64) -> Result<Option<Delivery>, Undone> {
        let row = sqlx::query(ONE)
            .bind(id)
            .fetch_optional(self.readers())
            .await?;
        let key = self.key();
        row.map(|row| delivery(&row, &key)).transpose()
    }

    pub(super) async fn events_with_post_action(
        &self,
        watch: &WatchKey,
        limit: usize,
    ) -> Result<Vec<Event>, Undone> {
        let rows = sqlx::query(POST_ACTIONS_DUE)
            .bind(&watch.mailbox)
            .bind(watch.folder.as_str())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.readers())
            .await?;
        let key = self.key();
        let seal = EventSeal::new(&key);
        self.undamaged(
            rows.iter()
                .map(|row| seal.open_event(&Columns::new(row, "contents", "event_id"))),
        )
    }
}

/// The statement whose index fits the filter best.
fn wanted(filter: &DeliveryFilter) -> &'static str {
    match filter {
        DeliveryFilter { event: Some(_), .. } => OF_EVENT,
        DeliveryFilter {
            state: Some(DeliveryState::Dead),
            ..
        } => GIVEN_UP,
        DeliveryFilter {
            state: Some(DeliveryState::Pending | DeliveryState::Claimed),
            mailbox: Some(_),
            ..
        } => OPEN_OF_MAILBOX,
        _ => NEWEST,
    }
}

fn delivery(row: &SqliteRow, key: &SealingKey) -> Result<Delivery, Undone> {
    let event = EventSeal::new(key).open_event(&Columns::new(row, "contents", "event_id"))?;
    let row = Columns::new(row, "deliveries", "id");
    let state = state(row.get("state")?).ok_or_else(|| row.damaged("state", "it is unknown"))?;
    let waits = state == DeliveryState::Pending;
    Ok(Delivery {
        id: row.get("id")?,
        sink: SinkName(row.get("sink")?),
        event,
        state,
        attempts: u32::try_from(row.count("attempts")?).unwrap_or(u32::MAX),
        next_attempt_at: row.time("due_at")?.filter(|_| waits),
        first_attempt_at: row.time("first_attempt_at")?,
        settled_at: row.time("settled_at")?,
        reason: ReasonSeal(key).open(&row)?,
    })
}

fn name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Claimed => "claimed",
        DeliveryState::Done => "done",
        DeliveryState::Dead => "dead",
        DeliveryState::Discarded => "discarded",
    }
}

fn state(name: &str) -> Option<DeliveryState> {
    match name {
        "pending" => Some(DeliveryState::Pending),
        "claimed" => Some(DeliveryState::Claimed),
        "done" => Some(DeliveryState::Done),
        "dead" => Some(DeliveryState::Dead),
        "discarded" => Some(DeliveryState::Discarded),
        _ => None,
    }
}

/// What every statement here selects, and the criteria that all lists share.
macro_rules! deliveries {
    ($($more:literal)*) => {
        concat!(
            "SELECT d.id, d.sink, d.state, d.attempts, d.due_at, d.first_attempt_at, d.settled_at,
                    d.reason, e.id AS event_id, e.sequence, c.sealed
             FROM deliveries d JOIN events e ON e.position = d.event
                  JOIN contents c ON c.event = d.event WHERE ",
            $($more),*
        )
    };
}

macro_rules! listed {
    ($index:literal) => {
        deliveries!(
            $index
            " AND ($1 IS NULL OR d.state = $1) AND ($2 IS NULL OR d.sink = $2)
              AND ($3 IS NULL OR d.mailbox = $3) AND ($4 IS NULL OR e.id = $4)
              ORDER BY d.id DESC LIMIT $5"
        )
    };
}

pub(super) const ONE: &str = deliveries!("d.id = $1");
/// Walks from the newest delivery back until it has found enough; with a criterion that fits few,
/// that is all of them. Only people ask this.
pub(super) const NEWEST: &str = listed!("TRUE");
pub(super) const OF_EVENT: &str = listed!("e.id = $4");
pub(super) const GIVEN_UP: &str = listed!("d.state = 'dead'");
pub(super) const OPEN_OF_MAILBOX: &str = listed!("d.mailbox = $3 AND d.due_at IS NOT NULL");

pub(super) const POST_ACTIONS_DUE: &str = "
    SELECT e.id AS event_id, e.sequence, c.sealed
    FROM events e JOIN contents c ON c.event = e.position
    WHERE e.mailbox = $1 AND e.folder = $2 AND e.post_action = 2
    ORDER BY e.position LIMIT $3";
