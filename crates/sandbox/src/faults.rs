//! Faults on demand: what a real tenant does on its bad days, ordered by name.
//!
//! An order says what goes wrong, for whom, and how often. Those who serve a request ask
//! [`Faults::strikes`], which uses up one of a counted order, or compare the [`Stamp`] of what
//! they handed out earlier with [`Faults::latest`].

mod kind;
mod order;
mod refusals;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_host::Clock;
use gatepost_wire::smtp::Phase;
use gatepost_wire::smtp::exchange::KnownReply;
use jiff::Timestamp;
use tokio::sync::watch;

pub use kind::FaultKind;
pub use order::{FaultOrder, OrderError, Reach};
pub use refusals::OnDemand;

/// The orders that stand. Cheap to clone; clones share them.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    standing: Mutex<Vec<Standing>>,
    changed: watch::Sender<u64>,
    stamps: AtomicU64,
}

/// Says which of two things happened first, also when both happened at one instant of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub(crate) u64);

/// An order that has been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What was ordered.
    pub order: FaultOrder,
    /// When.
    pub since: Timestamp,
    /// Its place among all that happens.
    pub stamp: Stamp,
    /// How often it will still strike; `None` is without end.
    pub left: Option<u32>,
}

/// Whom a request concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Target<'a> {
    /// The client id of the app.
    pub app: Option<&'a str>,
    /// The address of the mailbox or person.
    pub mailbox: Option<&'a str>,
}

impl Faults {
    /// A tenant on a good day.
    pub fn new(clock: Clock) -> Self {
        // Stamps of a later run must be above those in tokens of an earlier one.
        let first = u64::try_from(clock.now().as_microsecond()).unwrap_or_default();
        Self {
            shared: Arc::new(Shared {
                clock,
                standing: Mutex::default(),
                changed: watch::Sender::new(0),
                stamps: AtomicU64::new(first),
            }),
        }
    }

    /// Gives an order. When a great many stand, the oldest gives way.
    pub fn order(&self, order: FaultOrder) {
        let standing = Standing {
            since: self.shared.clock.now(),
            stamp: self.stamp(),
            left: order.times,
            order,
        };
        let mut all = self.lock();
        if all.len() >= MOST_ORDERS {
            all.remove(0);
        }
        all.push(standing);
        drop(all);
        self.tell();
    }

    /// Takes back every order of this kind.
    pub fn clear(&self, kind: FaultKind) {
        self.lock().retain(|standing| standing.order.kind != kind);
        self.tell();
    }

    /// Takes back every order.
    pub fn clear_all(&self) {
        self.lock().clear();
        self.tell();
    }

    /// Every order that still strikes, oldest first.
    pub fn standing(&self) -> Vec<Standing> {
        self.lock().clone()
    }

    /// Whether this fault happens to `target` now. A counted order is used up by one.
    pub fn strikes(&self, kind: FaultKind, target: Target<'_>) -> bool {
        self.struck(kind, target, |_| true).is_some()
    }

    /// With what the token endpoint refuses `target` now. A counted order is used up by one.
    pub fn refuses(&self, target: Target<'_>) -> Option<&'static OnDemand> {
        self.struck(FaultKind::Refuse, target, |_| true)?.refusal
    }

    /// With what SMTP refuses `target` in this phase, where Exchange would. A counted order is
    /// used up by one.
    pub(crate) fn refuses_mail(
        &self,
        phase: Phase,
        target: Target<'_>,
    ) -> Option<&'static KnownReply> {
        let is_due =
            |order: &FaultOrder| order.reply.is_some_and(|known| due(known) == Some(phase));
        self.struck(FaultKind::RefuseMail, target, is_due)?.reply
    }

    /// The order that strikes, if there is one.
    fn struck(
        &self,
        kind: FaultKind,
        target: Target<'_>,
        is_due: impl Fn(&FaultOrder) -> bool,
    ) -> Option<FaultOrder> {
        let mut all = self.lock();
        let hits =
            |standing: &Standing| standing.order.hits(kind, target) && is_due(&standing.order);
        let at = all.iter().position(hits)?;
        let order = all[at].order.clone();
        if let Some(left) = &mut all[at].left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                all.remove(at);
            }
        }
        Some(order)
    }

    /// Whether this fault would happen to `target` now; nothing is used up.
    pub fn stands(&self, kind: FaultKind, target: Target<'_>) -> bool {
        self.latest(kind, target).is_some()
    }

    /// The youngest order of this kind for `target`: what was handed out before its stamp is
    /// void, what was handed out later is not.
    pub fn latest(&self, kind: FaultKind, target: Target<'_>) -> Option<Standing> {
        let all = self.lock();
        all.iter()
            .rev()
            .find(|standing| standing.order.hits(kind, target))
            .cloned()
    }

    /// The place of the present moment among all that happens.
    pub fn stamp(&self) -> Stamp {
        Stamp(self.shared.stamps.fetch_add(1, Ordering::Relaxed))
    }

    /// Wakes up after every order and every order taken back.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    fn tell(&self) {
        self.shared
            .changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Standing>> {
        self.shared
            .standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// When Exchange says this: it takes what it can before it refuses.
fn due(known: &KnownReply) -> Option<Phase> {
    let latest = [
        Phase::EndOfData,
        Phase::BeforeData,
        Phase::Recipient(0),
        Phase::Mail,
        Phase::Auth,
    ];
    latest.into_iter().find(|phase| known.comes_in(*phase))
}

/// More than anybody gives; a loop that never clears stays small.
const MOST_ORDERS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> FaultOrder {
        text.parse().expect("a well-formed order")
    }

    const ADA: Target<'_> = Target {
        app: Some("app"),
        mailbox: Some("Ada@contoso.com"),
    };

    #[test]
    fn a_counted_order_strikes_so_often_and_no_more() {
        let faults = Faults::new(Clock::system());
        faults.order(order("throttle,times=2"));
        let strikes: Vec<bool> = (0..3)
            .map(|_| faults.strikes(FaultKind::Throttle, ADA))
            .collect();
        assert_eq!(strikes, [true, true, false]);
        assert_eq!(faults.standing(), []);
    }

    #[test]
    fn an_order_for_one_mailbox_spares_the_others() {
        let faults = Faults::new(Clock::system());
        faults.order(order("drop-idle,mailbox=ada@contoso.com"));
        let bob = Target {
            mailbox: Some("bob@contoso.com"),
            ..ADA
        };
        assert!(
            faults.stands(FaultKind::DropIdle, ADA),
            "addresses have no case"
        );
        assert!(!faults.stands(FaultKind::DropIdle, bob));
        assert!(!faults.stands(FaultKind::Throttle, ADA));
    }

    #[test]
    fn stamps_tell_before_from_after_within_one_instant() {
        let faults = Faults::new(Clock::system());
        let before = faults.stamp();
        faults.order(order("expire-tokens"));
        let after = faults.stamp();
        let ordered = faults
            .latest(FaultKind::ExpireTokens, ADA)
            .expect("it was ordered");
        assert!(before < ordered.stamp && ordered.stamp < after);
    }
}
