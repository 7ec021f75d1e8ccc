//! Writes what became of messages.

use std::sync::Arc;

use gatepost_host::SealingKey;
use gatepost_mailroom::{Accepted, Addressee, Fate, SendLease, Settlement, SubmissionState};
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::accept::{Sealed, accept};
use super::row::{SubmissionSeal, columns};
use crate::events::{self, Numbers};
use crate::undone::Undone;

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

/// Writes settlements; answers which of them still counted.
pub(super) async fn settle_all(
    db: &mut SqliteConnection,
    key: &SealingKey,
    settlements: Vec<Prepared>,
    now: Timestamp,
) -> Result<Vec<bool>, Undone> {
    let mut counted = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        counted.push(settle(db, key, settlement, now).await?);
    }
    Ok(counted)
}

async fn settle(
    db: &mut SqliteConnection,
    key: &SealingKey,
    settlement: Prepared,
    now: Timestamp,
) -> Result<bool, Undone> {
    let Prepared {
        lease,
        recipients,
        fate,
        code,
        mailbox_waits_until,
        reports,
        bounce,
    } = settlement;
    let row = sqlx::query(IN_HAND)
        .bind(lease.id.as_str())
        .bind(lease.claim)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let row = columns(&row);
    let position: i64 = row.get("position")?;
    // What cannot be opened any more stays as it is, and is no obstacle to its end.
    let seal = SubmissionSeal(key);
    let standing = match seal.open_standing(&row) {
        Ok(mut standing) if fate != Fate::Released => {
            standing.recipients = recipients;
            standing.reason = fate.words().map(ToOwned::to_owned);
            standing.code = code.map(ToOwned::to_owned);
            standing.mailbox_waits_until = mailbox_waits_until;
            standing.looks_in_vain = fate.looks_in_vain();
            standing.untold = 0;
            Some(seal.standing(&lease.id, &standing)?)
        }
        _ => None,
    };
    let state = fate.state();
    sqlx::query(SETTLE)
        .bind(position)
        .bind(state.as_str())
        .bind(fate.due_at(now).map(Timestamp::as_microsecond))
        .bind(state.is_settled().then_some(now.as_microsecond()))
        .bind(standing)
        .bind(i64::from(fate == Fate::Released))
        .bind(now.as_microsecond())
        .execute(&mut *db)
        .await?;
    drop_message(db, position, state).await?;
    events::insert(db, reports, Numbers::None, now).await?;
    if let Some(bounce) = bounce {
        let accepted = accept(db, bounce).await?;
        debug_assert_ne!(accepted, Accepted::Other(lease.id), "a bounce has no key");
    }
    Ok(true)
}

/// What was sent, or is never sent, needs its octets no longer.
pub(super) async fn drop_message(
    db: &mut SqliteConnection,
    position: i64,
    state: SubmissionState,
) -> Result<(), Undone> {
    if !matches!(state, SubmissionState::Sent | SubmissionState::Cancelled) {
        return Ok(());
    }
    sqlx::query("DELETE FROM submission_messages WHERE submission = $1")
        .bind(position)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE submissions SET spool_file = NULL WHERE position = $1")
        .bind(position)
        .execute(db)
        .await?;
    Ok(())
}

pub(super) const IN_HAND: &str = "
    SELECT * FROM submissions
    WHERE id = $1 AND claim = $2 AND state IN ('claimed', 'transmitting', 'unknown')";

const SETTLE: &str = "
    UPDATE submissions SET state = $2, due_at = $3, settled_at = $4,
        standing = COALESCE($5, standing), attempts = MAX(attempts - $6, 0),
        overdue = overdue + MAX(0, $7 - COALESCE(due_at, $7))
    WHERE position = $1";
