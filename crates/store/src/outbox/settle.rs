//! Writes what became of messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost_host::SealingKey;
use gatepost_mailroom::{Accepted, Addressee, Fate, SendLease, Settlement};
use jiff::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;

use super::accept::{Sealed, accept};
use super::row::{SubmissionSeal, columns};
use crate::batch::Batch;
use crate::events::{self, Numbers};
use crate::undone::{Columns, Undone};

/// A settlement whose reports are sealed.
pub(super) struct Prepared {
    lease: SendLease,
    recipients: Vec<Addressee>,
    fate: Fate,
    code: Option<&'static str>,
    mailbox_waits_until: Option<Timestamp>,
    reports: Vec<events::Prepared>,
    bounce: Option<Sealed>,
}

impl Prepared {
    pub(super) async fn seal(key: Arc<SealingKey>, settlement: Settlement) -> Result<Self, Undone> {
        Ok(Self {
            lease: settlement.lease,
            recipients: settlement.recipients,
            fate: settlement.fate,
            code: settlement.code,
            mailbox_waits_until: settlement.mailbox_waits_until,
            reports: events::prepare(Arc::clone(&key), settlement.reports).await?,
            bounce: match settlement.bounce {
                Some(bounce) => Some(Sealed::seal(key, *bounce).await?),
                None => None,
            },
        })
    }
}

/// Settlements in groups of different messages, each of which is written at once: whether the
/// second of a message counts depends on what the first left.
pub(super) struct Groups(Vec<Vec<Prepared>>);

impl Groups {
    pub(super) fn of(settlements: Vec<Prepared>) -> Self {
        let mut groups = Vec::<Vec<Prepared>>::new();
        for settlement in settlements {
            let id = &settlement.lease.id;
            match groups.last_mut() {
                Some(group)
                    if group.len() < TOGETHER && group.iter().all(|one| one.lease.id != *id) =>
                {
                    group.push(settlement);
                }
                _ => groups.push(vec![settlement]),
            }
        }
        Self(groups)
    }

    /// Asks for the rows that the first group is about.
    pub(super) fn first(&self) -> Batch {
        self.0
            .first()
            .map(|group| in_hand(group))
            .unwrap_or_default()
    }

    /// Writes them all behind [`Groups::first`], which answered these rows; answers which of them
    /// still counted.
    pub(super) async fn settle(
        self,
        db: &mut SqliteConnection,
        rows: Vec<SqliteRow>,
        (key, now): (&SealingKey, Timestamp),
    ) -> Result<Vec<bool>, Undone> {
        let mut counted = Vec::new();
        let mut of_first = Some(rows);
        for group in self.0 {
            let rows = match of_first.take() {
                Some(rows) => rows,
                None => in_hand(&group).run(&mut *db).await?,
            };
            counted.extend(settle(db, (&rows, group), (key, now)).await?);
        }
        Ok(counted)
    }
}

/// Writes settlements of different messages at once, whose rows these are.
async fn settle(
    db: &mut SqliteConnection,
    (rows, settlements): (&[SqliteRow], Vec<Prepared>),
    (key, now): (&SealingKey, Timestamp),
) -> Result<Vec<bool>, Undone> {
    let mut rows: BTreeMap<&str, Columns<'_>> = rows
        .iter()
        .map(|row| Ok((columns(row).get("id")?, columns(row))))
        .collect::<Result<_, Undone>>()?;
    let mut counted = Vec::with_capacity(settlements.len());
    let mut batch = Batch::default();
    let (mut reports, mut bounces) = (Vec::new(), Vec::new());
    for settlement in settlements {
        let row = rows.remove(settlement.lease.id.as_str());
        let row = match row {
            Some(row) if row.get::<i64>("claim")? == settlement.lease.claim => row,
            _ => {
                counted.push(false);
                continue;
            }
        };
        settlement.write(&mut batch, &row, (key, now))?;
        reports.extend(settlement.reports);
        bounces.extend(settlement.bounce);
        counted.push(true);
    }
    batch.run(db).await?;
    events::insert(db, reports, Numbers::None, now).await?;
    for bounce in bounces {
        let accepted = accept(db, bounce).await?;
        debug_assert_eq!(accepted, Accepted::New, "a bounce has no key");
    }
    Ok(counted)
}

/// Asks for the rows of those messages that are in somebody's hand, or of which nobody knows.
fn in_hand(settlements: &[Prepared]) -> Batch {
    let ids = settlements.iter().map(|one| one.lease.id.as_str());
    let mut batch = Batch::default();
    batch
        .push(AMONG_IN_HAND)
        .bind(Json(ids.collect::<Vec<_>>()));
    batch
}

impl Prepared {
    fn write(
        &self,
        batch: &mut Batch,
        row: &Columns<'_>,
        (key, now): (&SealingKey, Timestamp),
    ) -> Result<(), Undone> {
        let fate = &self.fate;
        // What cannot be opened any more stays as it is, and is no obstacle to its end.
        let seal = SubmissionSeal(key);
        let standing = match seal.open_standing(row) {
            Ok(mut standing) if *fate != Fate::Released => {
                standing.recipients.clone_from(&self.recipients);
                standing.reason = fate.words().map(ToOwned::to_owned);
                standing.code = self.code.map(ToOwned::to_owned);
                standing.mailbox_waits_until = self.mailbox_waits_until;
                standing.looks_in_vain = fate.looks_in_vain();
                standing.untold = 0;
                Some(seal.standing(&self.lease.id, &standing)?)
            }
            _ => None,
        };
        let (position, state) = (row.get::<i64>("position")?, fate.state());
        batch
            .push(SETTLE)
            .bind(state.as_str())
            .bind(fate.due_at(now).map(Timestamp::as_microsecond))
            .bind(state.is_settled().then_some(now.as_microsecond()))
            .bind(standing)
            .bind(i64::from(*fate == Fate::Released))
            .bind(now.as_microsecond())
            .bind(now.as_microsecond())
            .bind(position);
        drop_if_done(batch, position);
        Ok(())
    }
}

/// What was sent, or is never sent, needs its octets no longer.
pub(super) fn drop_if_done(batch: &mut Batch, position: i64) {
    batch.push(DROP_OCTETS).bind(position);
    batch.push(FORGET_FILE).bind(position);
}

/// One text for however many ids there are.
pub(super) const AMONG_IN_HAND: &str = "
    SELECT position, id, claim, standing FROM submissions
    WHERE state IN ('claimed', 'transmitting', 'unknown')
      AND id IN (SELECT value FROM json_each(?))";

const SETTLE: &str = "
    UPDATE submissions SET state = ?, due_at = ?, settled_at = ?,
        standing = COALESCE(?, standing), attempts = MAX(attempts - ?, 0),
        overdue = overdue + MAX(0, ? - COALESCE(due_at, ?))
    WHERE position = ?";

pub(super) const DROP_OCTETS: &str = "
    DELETE FROM submission_messages WHERE submission IN (
        SELECT position FROM submissions WHERE position = ? AND state IN ('sent', 'cancelled'))";

pub(super) const FORGET_FILE: &str = "
    UPDATE submissions SET spool_file = NULL
    WHERE position = ? AND state IN ('sent', 'cancelled') AND spool_file IS NOT NULL";

/// Settlements that are written in one go at most.
const TOGETHER: usize = 32;
