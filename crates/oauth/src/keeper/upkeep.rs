//! When a stored sign-in is renewed though nobody asks for a token: a machine without I/O.
//!
//! Entra lets a refresh token die after 90 days without use (AADSTS700082). One that is used once
//! a day never comes near, and one that was revoked meanwhile is found out while its mailbox is
//! still quiet. No use prolongs a sign-in beyond the tenant's sign-in frequency (AADSTS70043).

use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;

use super::slot::{doubled, earlier, later};
use crate::TokenError;

/// What is known of the sign-in that is stored, and when it is looked at next.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    stored: Stored,
    next: Option<Timestamp>,
    failures: u32,
    failed: Option<(TokenError, Timestamp)>,
    worked_at: Option<Timestamp>,
}

/// What the store holds of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stored {
    /// It was not looked at yet.
    #[default]
    Unread,
    /// Nothing, or nothing to get a token with.
    Nothing,
    /// A state that was last renewed then, if that is known.
    State { renewed_at: Option<Timestamp> },
}

impl Upkeep {
    /// When the sign-in is looked at next: at once if it never was.
    pub(super) fn due(&self) -> Timestamp {
        self.next.unwrap_or(Timestamp::MIN)
    }

    /// What the store holds was read, or has just been written.
    pub(super) fn learned(&mut self, stored: Stored, now: Timestamp, chance: &Chance) {
        let is_first = self.stored == Stored::Unread;
        let is_news = stored != self.stored;
        if !is_news && (self.due() > now || stored != Stored::Nothing) {
            return;
        }
        self.next = Some(match stored {
            Stored::Unread => now,
            Stored::Nothing => later(now, LOOK_AGAIN / 2 + chance.up_to(LOOK_AGAIN / 2)),
            Stored::State { renewed_at } => {
                let spread = chance.up_to(EVERY / 4);
                let due = renewed_at.map_or(now, |at| later(earlier(at, spread), EVERY));
                // A thousand that became old while nothing ran do not all ask at the start.
                if is_first && due <= now {
                    later(now, chance.up_to(AFTER_START))
                } else {
                    due
                }
            }
        });
        if is_news {
            self.failures = 0;
        }
        // Another process was given a token, or a person signed in there.
        if let (
            false,
            Stored::State {
                renewed_at: Some(at),
            },
        ) = (is_first, stored)
        {
            self.worked_at = self.worked_at.max(Some(at));
        }
        self.stored = stored;
    }

    /// The issuer gave a token of the kind that the mailboxes are opened with.
    pub(super) fn worked(&mut self, now: Timestamp) {
        self.worked_at = Some(now);
        self.failed = None;
    }

    /// A renewal by itself came to its end.
    pub(super) fn tended(
        &mut self,
        outcome: Result<(), TokenError>,
        now: Timestamp,
        chance: &Chance,
    ) {
        match outcome {
            Ok(()) if self.due() <= now => self.next = Some(later(now, LOOK_AGAIN)),
            Ok(()) => {}
            Err(error) => {
                let pause = doubled(FIRST_PAUSE, self.failures, LONGEST_PAUSE);
                self.failures = self.failures.saturating_add(1);
                self.next = Some(later(now, pause / 2 + chance.up_to(pause / 2)));
                self.failed = Some((error, now));
            }
        }
    }

    /// Something that may end a failure has changed: then it is looked at anew.
    pub(super) fn forgive(&mut self) {
        if self.failed.take().is_some() {
            self.next = None;
            self.failures = 0;
        }
    }

    /// Whether a token was given since this process began.
    pub(super) fn is_proven(&self) -> bool {
        self.worked_at.is_some()
    }

    pub(super) fn stored(&self) -> Stored {
        self.stored
    }

    /// The newer of the two failures, unless a token came after it.
    pub(super) fn failure(
        &self,
        asked: Option<(TokenError, Timestamp)>,
    ) -> Option<(TokenError, Timestamp)> {
        let newest = asked
            .into_iter()
            .chain(self.failed.clone())
            .max_by_key(|(_, at)| *at)?;
        let stands = self.worked_at.is_none_or(|worked| newest.1 > worked);
        stands.then_some(newest)
    }
}

/// Whether nothing but a first sign-in is missing.
pub(super) fn is_signed_out(error: &TokenError) -> bool {
    matches!(error, TokenError::SignInNeeded { .. })
}

/// How often a sign-in is used at least.
const EVERY: Duration = Duration::from_hours(24);
/// How often it is looked whether somebody has signed in.
const LOOK_AGAIN: Duration = Duration::from_hours(1);
/// Over how long the renewals that are late at a start are spread.
const AFTER_START: Duration = Duration::from_mins(15);
const FIRST_PAUSE: Duration = Duration::from_mins(5);
const LONGEST_PAUSE: Duration = Duration::from_hours(6);
