//! What is known of the token for one audience: a machine without I/O.

use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use gatepost_host::Chance;
use jiff::Timestamp;
use tokio::sync::watch;

use super::Outcome;
use super::pause::Pause;
use crate::{AccessToken, TokenError};

/// The state of one audience's token.
#[derive(Debug, Default)]
pub(super) struct Slot {
    held: Option<Held>,
    request: Option<watch::Receiver<Outcome>>,
    failure: Option<Failure>,
    refusals: Refusals,
}

/// What somebody who asks gets.
#[derive(Debug)]
pub(super) enum Look {
    Hand(AccessToken),
    Fail(TokenError),
    Wait(watch::Receiver<Outcome>),
}

/// A token with its two clocks: from when a new one is wanted, and until when it is handed out.
#[derive(Debug)]
struct Held {
    token: AccessToken,
    renewal: Pause,
    usable_until: Timestamp,
}

#[derive(Debug)]
struct Failure {
    error: TokenError,
    pause: Pause,
    in_a_row: u32,
}

/// How often in a row a refused token was replaced.
#[derive(Debug, Default)]
struct Refusals {
    in_a_row: u32,
    latest: Option<Timestamp>,
    token: Option<AccessToken>,
    hold: Option<Pause>,
}

impl Slot {
    /// What somebody who asks at `now` gets. `start` starts a request, if one is due: none is
    /// under way, none has just failed, and what is held is getting old.
    pub(super) fn look(
        &mut self,
        now: Timestamp,
        start: impl FnOnce() -> watch::Receiver<Outcome>,
    ) -> Look {
        let usable = self.usable(now).cloned();
        if let Some(request) = self.under_way() {
            return usable.map_or_else(|| Look::Wait(request.clone()), Look::Hand);
        }
        let failure = self
            .failure
            .as_ref()
            .filter(|failure| failure.pause.left(now).is_some());
        match (usable, failure) {
            (Some(token), failure) => {
                if failure.is_none() && self.held.as_ref().is_some_and(|held| held.is_old(now)) {
                    self.request = Some(start());
                }
                Look::Hand(token)
            }
            (None, Some(failure)) => Look::Fail(failure.told_at(now)),
            (None, None) => Look::Wait(self.request.insert(start()).clone()),
        }
    }

    /// The request under way. One that was broken off leaves its channel closed and empty.
    fn under_way(&self) -> Option<&watch::Receiver<Outcome>> {
        self.request
            .as_ref()
            .filter(|request| request.has_changed().is_ok() && request.borrow().is_none())
    }

    /// When a request will be due by itself. A slot that never held a token waits
    /// until somebody asks.
    pub(super) fn next_renewal(&self) -> Option<Timestamp> {
        let held = self.held.as_ref()?;
        if self.under_way().is_some() {
            return None;
        }
        Some(match &self.failure {
            Some(failure) => held.renewal.until.max(failure.pause.until),
            None => held.renewal.until,
        })
    }

    /// The request ended.
    pub(super) fn land(
        &mut self,
        result: &Result<AccessToken, TokenError>,
        now: Timestamp,
        chance: &Chance,
    ) {
        self.request = None;
        match result {
            Ok(token) => {
                self.failure = None;
                self.held = Some(Held::new(token.clone(), now, chance));
            }
            Err(error) => self.failure = Some(self.failed(error, now, chance)),
        }
    }

    /// The request ended that was begun before a server wanted more of the token. A token would be
    /// challenged at once: it is not held. A failure says nothing of the challenge, and shortens no
    /// wait for it. Who asked since waits for another request, which goes on.
    pub(super) fn land_late(
        &mut self,
        result: &Result<AccessToken, TokenError>,
        now: Timestamp,
        chance: &Chance,
    ) {
        match result {
            Ok(token) => self.note_late(token),
            Err(error) => {
                let failed = self.failed(error, now, chance);
                let outlasts = |standing: &Failure| {
                    let left = standing.pause.left(now);
                    left.is_some() && standing.pause.until > failed.pause.until
                };
                if !self.failure.as_ref().is_some_and(outlasts) {
                    self.failure = Some(failed);
                }
            }
        }
    }

    /// A token came that lacks what a server wants since it was asked for: nobody takes it from
    /// the store again.
    pub(super) fn note_late(&mut self, token: &AccessToken) {
        self.refusals.token = Some(token.clone());
    }

    /// One more failure in a row.
    fn failed(&self, error: &TokenError, now: Timestamp, chance: &Chance) -> Failure {
        let before = self.failure.as_ref();
        let in_a_row = before
            .map_or(0, |failure| failure.in_a_row)
            .saturating_add(1);
        let pause = pause_after(error, in_a_row, chance);
        Failure {
            error: error.clone(),
            pause: Pause::new(now, pause),
            in_a_row,
        }
    }

    /// A server refused `token`. Only the one that is held counts: a hundred connections report
    /// the same one. A token that replaced a refused one a short while ago is kept: then it is
    /// not the token, and a mailbox that may not be opened with it takes it from no other.
    pub(super) fn refuse(&mut self, token: &AccessToken, now: Timestamp) {
        if self.refusals.holds(now) {
            return;
        }
        let current = self
            .held
            .take_if(|held| held.token.expose() == token.expose());
        if let Some(held) = current {
            self.refusals.count(held.token, now);
        }
    }

    /// A server wants `token` to carry more: another one is wanted at once. What the request under
    /// way brings lacks it, too: who asks from now on waits for a new one.
    pub(super) fn give_up(&mut self, token: &AccessToken) {
        if self.holds(token) {
            self.held = None;
        }
        self.failure = None;
        self.request = None;
        self.refusals.token = Some(token.clone());
    }

    /// Whether a server refused exactly this token.
    pub(super) fn was_refused(&self, token: &AccessToken) -> bool {
        self.refusals
            .token
            .as_ref()
            .is_some_and(|refused| refused.expose() == token.expose())
    }

    /// Whether a token is held, and what the latest request failed with, and when.
    pub(super) fn latest(&self) -> (bool, Option<(TokenError, Timestamp)>) {
        let failure = self.failure.as_ref();
        let failed = failure.map(|failure| (failure.error.clone(), failure.pause.since));
        (self.held.is_some(), failed)
    }

    /// Forgets why the latest request failed: what it failed for has changed.
    pub(super) fn forgive(&mut self) {
        self.failure = None;
    }

    /// Whether this is the token that is held.
    pub(super) fn holds(&self, token: &AccessToken) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.token.expose() == token.expose())
    }

    fn usable(&self, now: Timestamp) -> Option<&AccessToken> {
        self.held
            .as_ref()
            .filter(|held| now < held.usable_until)
            .map(|held| &held.token)
    }
}

impl Held {
    fn new(token: AccessToken, now: Timestamp, chance: &Chance) -> Self {
        let life = Duration::try_from(token.expires_at.duration_since(now)).unwrap_or_default();
        // Renewed in the last quarter of its life, spread over the first half of that quarter so
        // that a thousand credentials of one start do not all ask in one second.
        let quarter = life / 4;
        let ahead = quarter.saturating_sub(chance.up_to(quarter / 2));
        Self {
            renewal: Pause::until(now, earlier(token.expires_at, ahead)),
            usable_until: earlier(token.expires_at, SAFETY.min(life / 10)),
            token,
        }
    }

    fn is_old(&self, now: Timestamp) -> bool {
        self.renewal.left(now).is_none()
    }
}

impl Failure {
    /// The failure as it is told to somebody who asks later.
    fn told_at(&self, now: Timestamp) -> TokenError {
        match self.pause.left(now) {
            Some(wait) => self.error.clone().with_wait(wait),
            None => self.error.clone(),
        }
    }
}

impl Refusals {
    fn count(&mut self, token: AccessToken, now: Timestamp) {
        let recent = self
            .latest
            .is_some_and(|latest| now < later(latest, REFUSALS_FORGOTTEN));
        self.in_a_row = if recent {
            self.in_a_row.saturating_add(1)
        } else {
            1
        };
        self.latest = Some(now);
        self.token = Some(token);
        let again = self.in_a_row.saturating_sub(1);
        let hold = doubled(FIRST_HOLD, again, LONGEST_HOLD);
        self.hold = Some(Pause::new(now, hold));
    }

    /// Whether it is too early to replace yet another token. The first refusal brings a new one
    /// at once: the old one may just have been revoked.
    fn holds(&self, now: Timestamp) -> bool {
        self.hold.is_some_and(|hold| hold.left(now).is_some())
    }
}

/// How long nobody asks again after `error`, for the `in_a_row`th time.
fn pause_after(error: &TokenError, in_a_row: u32, chance: &Chance) -> Duration {
    match error.next() {
        Next::Retry(After::AtLeast(wait)) => wait.max(FIRST_PAUSE) + chance.up_to(FIRST_PAUSE),
        Next::Retry(After::Backoff) => {
            let pause = doubled(FIRST_PAUSE, in_a_row.saturating_sub(1), LONGEST_PAUSE);
            pause / 2 + chance.up_to(pause / 2)
        }
        Next::SignIn | Next::Reconfigure | Next::Discard => PERMANENT_PAUSE,
    }
}

pub(super) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first
        .saturating_mul(2_u32.saturating_pow(times))
        .min(longest)
}

pub(super) fn later(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

pub(super) fn earlier(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

/// A token that is handed out must live long enough to be used.
const SAFETY: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// Fifty watches that ask every second cause one request a minute.
const PERMANENT_PAUSE: Duration = Duration::from_mins(1);
const FIRST_HOLD: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_mins(15);
/// After this long, a refusal is a new story.
const REFUSALS_FORGOTTEN: Duration = Duration::from_mins(30);
