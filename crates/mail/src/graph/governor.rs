//! Keeps what one app asks of one mailbox within what Graph allows: four questions at once and
//! ten thousand in ten minutes (<https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits>),
//! and silence for as long as it wants.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_host::Clock;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shared by everything that asks for one mailbox with one app. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Governor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lanes: Arc<Semaphore>,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    /// How many may be under way at once.
    lanes: usize,
    /// How many answers came since the lanes were changed.
    answers: u32,
    /// How many questions may be asked at once still.
    allowance: f64,
    /// When that was computed.
    at: Option<Timestamp>,
    /// Nothing is asked before.
    not_before: Option<Timestamp>,
}

/// The right to ask one question, until it is dropped.
#[derive(Debug)]
pub(super) struct Lane(
    #[expect(dead_code, reason = "dropping it is its use")] OwnedSemaphorePermit,
);

impl Default for Governor {
    fn default() -> Self {
        Self::new()
    }
}

impl Governor {
    /// One that has seen nothing yet.
    pub fn new() -> Self {
        let pace = Pace {
            lanes: LANES,
            answers: 0,
            allowance: BURST,
            at: None,
            not_before: None,
        };
        Self(Arc::new(Inner {
            lanes: Arc::new(Semaphore::new(LANES)),
            pace: Mutex::new(pace),
        }))
    }

    /// Whether the other is a clone of this one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Waits for a free lane.
    pub(super) async fn lane(&self) -> Lane {
        let lane = Arc::clone(&self.0.lanes).acquire_owned().await;
        Lane(lane.expect("nobody closes the semaphore"))
    }

    /// Waits until a question may be asked; where that is longer than `patience`, says how long.
    pub(super) async fn turn(&self, clock: &Clock, patience: Duration) -> Result<(), Duration> {
        loop {
            let wait = self.pace().wait(clock.now());
            if wait.is_zero() {
                return Ok(());
            }
            if wait > patience {
                return Err(wait);
            }
            clock.sleep(wait).await;
        }
    }

    /// Graph wants to be asked nothing for `wait`.
    pub(super) fn hold(&self, clock: &Clock, wait: Duration) {
        let until = clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        let mut pace = self.pace();
        pace.not_before = pace.not_before.max(Some(until));
    }

    /// Graph said that too many questions are under way: others ask, too.
    pub(super) fn narrow(&self) {
        let mut pace = self.pace();
        pace.answers = 0;
        if pace.lanes > 1 {
            pace.lanes -= self.0.lanes.forget_permits(1);
        }
    }

    /// An answer came, so that a lane may be opened again.
    pub(super) fn answered(&self) {
        let mut pace = self.pace();
        pace.answers = pace.answers.saturating_add(1);
        if pace.lanes < LANES && pace.answers >= ANSWERS_FOR_A_LANE {
            pace.answers = 0;
            pace.lanes += 1;
            self.0.lanes.add_permits(1);
        }
    }

    /// How many questions may be asked at once still.
    #[cfg(test)]
    pub(super) fn left(&self) -> f64 {
        self.pace().allowance
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// Takes a turn if there is one at `now`; else says how long to wait.
    fn wait(&mut self, now: Timestamp) -> Duration {
        // A clock that was ahead must not silence us for years.
        let held = self.not_before.and_then(|until| until_then(now, until));
        if let Some(held) = held.filter(|held| *held <= LONGEST_HOLD) {
            return held;
        }
        self.not_before = None;
        let passed = self.at.and_then(|at| until_then(at, now));
        let gained = passed.unwrap_or_default().as_secs_f64() * PER_SECOND;
        self.allowance = (self.allowance + gained).min(BURST);
        self.at = Some(now);
        if self.allowance >= 1.0 {
            self.allowance -= 1.0;
            return Duration::ZERO;
        }
        Duration::from_secs_f64((1.0 - self.allowance) / PER_SECOND)
    }
}

/// `None` if there is no time between them.
fn until_then(now: Timestamp, then: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(then.duration_since(now)).ok()?;
    (!left.is_zero()).then_some(left)
}

const LANES: usize = 4;
/// Ten thousand in ten minutes, less a share for whoever else acts as the same app.
const PER_SECOND: f64 = 15.0;
const BURST: f64 = 900.0;
const ANSWERS_FOR_A_LANE: u32 = 50;
const LONGEST_HOLD: Duration = Duration::from_hours(25);

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::starting_at("2026-11-26T12:00:00Z".parse().expect("a time"))
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_questions_take_their_ten_minutes() {
        let (governor, clock) = (Governor::new(), clock());
        let began = clock.now();
        for _ in 0..10_000 {
            let turn = governor.turn(&clock, Duration::from_mins(1)).await;
            turn.expect("it comes soon");
        }
        let took = clock.now().duration_since(began);
        assert!(took.as_secs() >= 600, "{took}");
        assert!(took.as_secs() <= 640, "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_before_the_time_that_graph_names() {
        let (governor, clock) = (Governor::new(), clock());
        let wait = Duration::from_millis(2128);
        governor.hold(&clock, wait);
        governor.hold(&clock, Duration::from_millis(3));
        let refused = governor.turn(&clock, Duration::from_secs(1)).await;
        assert_eq!(refused, Err(wait));
        let began = clock.now();
        let turn = governor.turn(&clock, Duration::from_secs(5)).await;
        turn.expect("it is awaited");
        let waited = Duration::try_from(clock.now().duration_since(began)).expect("forward");
        assert!(waited >= wait, "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_are_closed_by_refusals_and_opened_by_answers() {
        let governor = Governor::new();
        let lanes = [governor.lane().await, governor.lane().await];
        governor.narrow();
        governor.narrow();
        governor.narrow();
        drop(lanes);
        let open = || governor.0.lanes.available_permits();
        assert_eq!(open(), 2, "only what is free is closed");
        governor.narrow();
        governor.narrow();
        assert_eq!(open(), 1, "one stays open");
        for _ in 0..1000 {
            governor.answered();
        }
        assert_eq!(open(), LANES);
    }
}
