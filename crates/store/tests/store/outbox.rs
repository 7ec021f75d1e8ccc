//! The outbox of the store and that in memory, which is the executable reading of the trait, answer
//! the same to whatever is asked in whatever order.

use gatepost_host::Chance;
use gatepost_mail::Trace;
use gatepost_mailroom::{
    Decision, DueSubmission, Fate, Holder, LeftBy, MemoryStorage, Outbox, Priority, RecipientFate,
    Settlement, SubmissionFilter, SubmissionId, Term,
};
use gatepost_store::Store;

use crate::crash::seed;
use crate::samples::{at, fixture, submission};

#[tokio::test]
async fn whatever_is_asked_of_the_outbox_both_answer_the_same() {
    let seed = seed();
    for run in 0..RUNS {
        let fixture = fixture().await;
        let mut twins = Twins {
            store: fixture.store,
            memory: MemoryStorage::new(),
            chance: Chance::seeded(seed.wrapping_add(run)),
            now: 0,
            known: Vec::new(),
            claims: Vec::new(),
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
    known: Vec<SubmissionId>,
    /// Claims that may be settled, sooner or later; both have the same.
    claims: Vec<DueSubmission>,
}

/// Asks both twins the same, asserts that the answers are equal, and answers it.
macro_rules! both {
    ($twins:ident . $method:ident ( $($argument:expr),* )) => {{
        let stored = Outbox::$method(&$twins.store, $($argument),*).await.expect("a store");
        let remembered = Outbox::$method(&$twins.memory, $($argument),*).await;
        let remembered = remembered.expect("a store");
        assert_eq!(
            format!("{stored:#?}"),
            format!("{remembered:#?}"),
            stringify!($method)
        );
        stored
    }};
}

impl Twins {
    async fn step(&mut self) {
        self.now += self.number(30);
        match self.number(10) {
            0 | 1 => self.accept().await,
            2 | 3 => self.claim().await,
            4 => self.depart().await,
            5 | 6 => self.settle().await,
            7 => self.change().await,
            _ => self.start_over().await,
        }
        self.look().await;
    }

    async fn accept(&mut self) {
        let mut new = submission(SubmissionId::new(&self.chance), at(self.now));
        new.letter.mailbox = self.mailbox();
        new.letter.priority = self.one_of([Priority::High, Priority::Normal, Priority::Low]);
        new.letter.not_before = match self.number(3) {
            0 => Some(at(self.now + self.number(60) - 20)),
            _ => None,
        };
        new.idempotency_key = match self.number(3) {
            0 => Some([u8::try_from(self.number(5)).expect("a small number"); 32]),
            _ => None,
        };
        new.digest = [u8::try_from(self.number(2)).expect("a small number"); 32];
        self.known.push(new.id.clone());
        both!(self.accept(new.clone()));
    }

    async fn claim(&mut self) {
        let term = Term {
            now: at(self.now),
            until: at(self.now + 1 + self.number(60)),
            holder: self.one_of([Holder::Serve, Holder::Beside]),
        };
        let claimed = if self.number(3) == 0 {
            let id = self.any();
            both!(self.claim_one(&id, term))
        } else {
            let limit = usize::try_from(self.number(4)).expect("a small number");
            let mailbox = self.mailbox();
            both!(self.claim_for(&mailbox, term, limit))
        };
        self.claims.extend(claimed.whole);
    }

    async fn depart(&mut self) {
        for due in self.claims.clone() {
            if self.number(3) == 0 {
                continue;
            }
            let trace = match self.number(2) {
                0 => Trace::MessageId,
                _ => Trace::Draft {
                    id: "AAMk".to_owned(),
                },
            };
            let now = at(self.now);
            let mut recipients = due.recipients.clone();
            recipients[1].fate = self.fate();
            let until = at(self.now + 1 + self.number(60));
            both!(self.depart(&due, (&trace, &recipients), (now, until)));
        }
    }

    async fn settle(&mut self) {
        let mut settlements = Vec::new();
        for due in self.claims.clone() {
            let reason = "no".to_owned();
            let later = at(self.now + self.number(50));
            let fate = match self.number(9) {
                0 | 1 => continue,
                2 => Fate::Released,
                3 => Fate::Failed { reason },
                4 => Fate::Dead { reason },
                5 => Fate::Unknown {
                    look_at: self.one_of([Some(later), None]),
                    looks_in_vain: u32::try_from(self.number(9)).expect("a small number"),
                    reason,
                },
                6 => Fate::Dropped { reason },
                7 => Fate::RetryAt { at: later, reason },
                _ => Fate::Sent { said: reason },
            };
            let mut recipients = due.recipients.clone();
            recipients[0].fate = self.fate();
            settlements.push(Settlement {
                lease: due.lease,
                recipients,
                fate,
                code: None,
                mailbox_waits_until: None,
                reports: Vec::new(),
                bounce: None,
            });
        }
        both!(self.conclude(settlements.clone(), at(self.now)));
    }

    /// A person decides.
    async fn change(&mut self) {
        let ids = [self.any(), self.any()];
        let now = at(self.now);
        match self.number(3) {
            0 => _ = both!(self.retry_sending(&ids, now)),
            1 => _ = both!(self.cancel(&ids, now)),
            _ => {
                let decision = self.decision(&ids[0]).await;
                both!(self.resolve(&ids[0], decision.clone(), now));
            }
        }
    }

    async fn decision(&self, id: &SubmissionId) -> Decision {
        let seen = self.memory.submission(id).await.expect("a store");
        let mut recipients = seen
            .as_ref()
            .map_or_else(Vec::new, |seen| seen.recipients.clone());
        for recipient in &mut recipients {
            recipient.fate = self.fate();
        }
        let reason = "a person said so".to_owned();
        let fate = match self.number(4) {
            0 => Fate::Sent { said: reason },
            1 => Fate::Failed { reason },
            2 => Fate::Dropped { reason },
            _ => Fate::RetryAt {
                at: at(self.now),
                reason,
            },
        };
        Decision {
            departed_at: match self.number(9) {
                0 => Some(at(self.now)),
                _ => seen.and_then(|seen| seen.departed_at),
            },
            recipients,
            fate,
            reports: Vec::new(),
            bounce: None,
        }
    }

    async fn start_over(&mut self) {
        let now = at(self.now);
        match self.number(4) {
            0 => _ = both!(self.recover(LeftBy::FormerServe, now)),
            1 => {
                let latest = at(self.now + self.number(60));
                both!(self.recover(LeftBy::Anybody { latest }, now));
            }
            2 => {
                let open = [self.mailbox()];
                both!(self.hold_others(&open, now));
            }
            _ => {
                let before = at(self.now - 30 - self.number(60));
                both!(self.forget_sent(before, 2));
            }
        }
    }

    async fn look(&self) {
        let now = at(self.now);
        let filter = SubmissionFilter {
            limit: usize::MAX,
            ..SubmissionFilter::default()
        };
        both!(self.submissions(&filter));
        let due_later = SubmissionFilter {
            due_after: Some(now),
            ..filter
        };
        both!(self.submissions(&due_later));
        for mailbox in MAILBOXES {
            both!(self.next_due_of(mailbox));
            both!(self.unknown_due(mailbox, now, 3));
            both!(self.traffic(mailbox, at(self.now - 100)));
        }
    }

    fn fate(&self) -> RecipientFate {
        let reason = "no".to_owned();
        match self.number(3) {
            0 => RecipientFate::Taken,
            1 => RecipientFate::Deferred { reason },
            _ => RecipientFate::Refused { reason },
        }
    }

    fn any(&self) -> SubmissionId {
        let number = self.chance.below(self.known.len() as u64);
        let known = self
            .known
            .get(usize::try_from(number).expect("a small number"));
        known.map_or_else(|| SubmissionId::new(&self.chance), Clone::clone)
    }

    fn mailbox(&self) -> String {
        self.one_of(MAILBOXES).to_owned()
    }

    fn number(&self, below: u64) -> i64 {
        i64::try_from(self.chance.below(below)).expect("a small number")
    }

    fn one_of<T: Copy, const N: usize>(&self, choices: [T; N]) -> T {
        let number = self.chance.below(N as u64);
        choices[usize::try_from(number).expect("a small number")]
    }
}

const MAILBOXES: [&str; 2] = ["ada@contoso.com", "support@contoso.com"];
const RUNS: u64 = 6;
const STEPS: u32 = 120;
