//! The store and the storage in memory, which is the executable reading of the traits, answer
//! the same to whatever is asked in whatever order.

use std::collections::BTreeMap;

use gatepost_host::Chance;
use gatepost_mailroom::{
    Cursors, Deliveries, DeliveryFilter, Due, EventId, Horizon, Lease, MemoryStorage, Settled,
};
use gatepost_store::Store;

use crate::crash::seed;
use crate::samples::{START, advance, arrival, at, fixture, sink, watch};

#[tokio::test]
async fn whatever_is_asked_both_answer_the_same() {
    let seed = seed();
    for run in 0..RUNS {
        let fixture = fixture().await;
        let mut twins = Twins {
            store: fixture.store,
            memory: MemoryStorage::new(),
            chance: Chance::seeded(seed.wrapping_add(run)),
            now: 0,
            seen: BTreeMap::new(),
            claims: Vec::new(),
            forgot: false,
        };
        for _ in 0..STEPS {
            twins.step().await;
        }
    }
}

struct Twins {
    store: Store,
    memory: MemoryStorage,
    chance: Chance,
    now: i64,
    /// How far each folder was advanced.
    seen: BTreeMap<&'static str, u32>,
    /// Claims of both that may be settled, sooner or later.
    claims: Vec<(Lease, Lease)>,
    /// Whether anything may have been forgotten.
    forgot: bool,
}

/// Calls the same method of both twins and asserts that the answers are equal.
macro_rules! both {
    ($twins:ident, $trait:ident :: $method:ident ( $($argument:expr),* )) => {{
        let stored = $trait::$method(&$twins.store, $($argument),*).await;
        let remembered = $trait::$method(&$twins.memory, $($argument),*).await;
        let stored = stored.map_err(|error| error.to_string());
        let remembered = remembered.map_err(|error| error.to_string());
        assert_eq!(stored, remembered, stringify!($method));
    }};
}

impl Twins {
    async fn step(&mut self) {
        self.now += self.number(30);
        match self.number(10) {
            0 | 1 => self.advance().await,
            2 | 3 => self.claim().await,
            4 | 5 => self.settle().await,
            6 => self.change().await,
            7 if self.now > HALF => self.forget().await,
            8 => self.remove_a_sink().await,
            _ => self.start_over().await,
        }
        self.look().await;
    }

    async fn advance(&mut self) {
        let folder = self.one_of(["INBOX", "Other"]);
        let last = self.seen.get(folder).copied();
        let next = last.unwrap_or(0) + u32::try_from(self.number(4)).expect("a small number");
        let key = watch(folder);
        // Some of them are known already. What was forgotten is never offered again.
        let known = if self.forgot { 0 } else { 2 };
        let first = (last.unwrap_or(0) + 1).saturating_sub(known).max(1);
        let mut events = Vec::new();
        for uid in first..=next {
            let mut event = arrival(&key, uid, self.one_of([&["a"][..], &["a", "b"], &[]]));
            event.post_action = uid % 2 == 0;
            events.push(event);
        }
        let from = self.one_of([last, last, last, Some(99)]);
        let mut step = advance(&key, (from, next), events);
        step.at = at(self.now);
        if step.from.as_ref().map(|cursor| cursor.state.clone())
            == last.map(|last| last.to_string())
        {
            self.seen.insert(folder, next);
        }
        both!(self, Cursors::advance(step.clone()));
    }

    async fn claim(&mut self) {
        let (now, until) = (at(self.now), at(self.now + self.number(40)));
        let limit = usize::try_from(self.number(4)).expect("a small number");
        let to = sink(self.one_of(["a", "b"]));
        let strict = self.number(2) == 0;
        let [stored, remembered]: [&dyn Deliveries; 2] = [&self.store, &self.memory];
        let claim = async |from: &dyn Deliveries| {
            let due = if strict {
                from.claim_heads(&to, now, until, limit).await
            } else {
                from.claim_due(&to, now, until, limit).await
            };
            due.expect("both can claim")
        };
        let (stored, remembered) = (claim(stored).await, claim(remembered).await);
        let told = |due: &Due| (due.event.clone(), due.message.clone(), due.attempt);
        assert!(stored.iter().map(told).eq(remembered.iter().map(told)));
        let leases = stored.iter().zip(&remembered);
        self.claims
            .extend(leases.map(|(one, other)| (one.lease, other.lease)));
    }

    async fn settle(&mut self) {
        let mut settled = (Vec::new(), Vec::new());
        for (stored, remembered) in self.claims.clone() {
            let reason = "no".to_owned();
            let how = match self.number(6) {
                0 => continue,
                1 => Settled::Released,
                2 => Settled::Dead { reason },
                3 => Settled::RetryAt {
                    at: at(self.now + self.number(50)),
                    reason,
                },
                _ => Settled::Done,
            };
            settled.0.push((stored, how.clone()));
            settled.1.push((remembered, how));
        }
        let now = at(self.now);
        let stored = self.store.settle(settled.0, Vec::new(), now).await;
        let remembered = self.memory.settle(settled.1, Vec::new(), now).await;
        assert_eq!(
            in_order(stored.expect("a store")),
            in_order(remembered.expect("a store"))
        );
    }

    /// A person retries or discards; a post-action is done.
    async fn change(&mut self) {
        let some = |ids: Vec<i64>| ids.into_iter().step_by(3).collect::<Vec<_>>();
        let stored = some(ids(&self.store).await);
        let remembered = some(ids(&self.memory).await);
        let now = at(self.now);
        match self.number(3) {
            0 => {
                let stored = Deliveries::retry(&self.store, &stored, now).await;
                let remembered = self.memory.retry(&remembered, now).await;
                assert_eq!(stored.expect("a store"), remembered.expect("a store"));
            }
            1 => {
                let stored = Deliveries::discard(&self.store, &stored, now).await;
                let remembered = self.memory.discard(&remembered, now).await;
                assert_eq!(stored.expect("a store"), remembered.expect("a store"));
            }
            _ => {
                let due = self.memory.post_actions_due(&watch("INBOX"), 2).await;
                let due = due.expect("a store").into_iter();
                let due: Vec<EventId> = due.map(|event| event.id).collect();
                both!(self, Deliveries::post_actions_done(&due));
            }
        }
    }

    async fn forget(&mut self) {
        self.forgot = true;
        let before = at(self.now - self.number(60));
        both!(self, Deliveries::forget(before, usize::MAX));
    }

    async fn start_over(&mut self) {
        let to = sink(self.one_of(["a", "b"]));
        let horizon = match self.number(2) {
            0 => START,
            _ => Horizon {
                claims: at(self.now + self.number(40)),
                retries: at(self.now + self.number(50)),
            },
        };
        both!(self, Deliveries::reclaim(&to, at(self.now), horizon));
    }

    async fn remove_a_sink(&mut self) {
        let left = [sink(self.one_of(["a", "b"]))];
        both!(self, Deliveries::forgo_others(&watch("INBOX"), &left));
    }

    async fn look(&self) {
        for name in ["a", "b"] {
            both!(self, Deliveries::next_due(&sink(name)));
        }
        for sinks in [&[sink("a")][..], &[sink("a"), sink("b")]] {
            both!(self, Deliveries::backlog("ada@contoso.com", sinks));
        }
        both!(self, Cursors::standings());
        let inbox = watch("INBOX");
        both!(self, Deliveries::post_actions_due(&inbox, 100));
        let filter = everything();
        let stored = Deliveries::list(&self.store, &filter).await;
        let remembered = self.memory.list(&filter).await;
        let told = |listed: Result<Vec<gatepost_mailroom::Delivery>, _>| {
            let mut listed = listed.expect("a store");
            // Rows are numbered differently, and a claim that was released is forgotten more
            // thoroughly by the store.
            for delivery in &mut listed {
                (delivery.id, delivery.first_attempt_at) = (0, None);
            }
            format!("{listed:#?}")
        };
        assert_eq!(told(stored), told(remembered));
    }

    fn number(&self, below: u64) -> i64 {
        i64::try_from(self.chance.below(below)).expect("a small number")
    }

    fn one_of<T: Copy, const N: usize>(&self, choices: [T; N]) -> T {
        let number = self.chance.below(N as u64);
        choices[usize::try_from(number).expect("a small number")]
    }
}

fn everything() -> DeliveryFilter {
    DeliveryFilter {
        limit: usize::MAX,
        ..DeliveryFilter::default()
    }
}

async fn ids(deliveries: &dyn Deliveries) -> Vec<i64> {
    let listed = deliveries.list(&everything()).await.expect("a store");
    listed.into_iter().map(|delivery| delivery.id).collect()
}

fn in_order(mut ids: Vec<EventId>) -> Vec<EventId> {
    ids.sort();
    ids.dedup();
    ids
}

const RUNS: u64 = 6;
const STEPS: u32 = 80;
/// The time, in seconds, after which things are forgotten.
const HALF: i64 = 600;
