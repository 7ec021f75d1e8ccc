//! Whatever comes in whatever order: many callers, renewals, refusals, a full disk, processes that
//! die. Each seed is one story in virtual time; a failure names its seed, and `GATEPOST_SEED`
//! tells that story again.
//!
//! Why not loom or shuttle: they choose the schedule of what is built of their own primitives, and
//! the keeper waits for tokio's (its clock, its tasks, its channels) by way of `gatepost-host`,
//! which production shares. Exchanged, another keeper would be proven than the one that runs.
//! Here the real one runs, and the seed is the scheduler: the keeper holds no lock of `std` over an
//! await, so what a task does between two awaits is of one piece, and the order in which tasks go
//! on after an await is all that can differ on one thread. Every await of the store and the issuer
//! therefore yields as often as the seed says. What this does not see is a thread that is stopped
//! between two short locks; there each lock leaves behind a state that any other may find.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use gatepost_host::environment;

use super::world::Issuer;
use super::*;
use crate::answers::Reply;
use crate::contract::MemoryGrants;
use crate::{Form, Generation, GrantState, GrantStoreError};

#[tokio::test(start_paused = true)]
async fn no_story_loses_a_sign_in_or_asks_twice_at_once() {
    for seed in seeds(STORIES) {
        let story = Story::begin(seed, Rotation::Lenient, Size::LONG);
        story.await.tell().await;
    }
}

/// An issuer that knows only the newest refresh token forgives no process that dies with the
/// answer in hand, so nobody dies in these stories and one process is enough.
#[tokio::test(start_paused = true)]
async fn no_story_without_a_death_loses_a_sign_in_at_a_strict_issuer() {
    for seed in seeds(STORIES) {
        let strict = Rotation::Strict { newest: 0 };
        let story = Story::begin(seed, strict, Size::LONG);
        story.await.tell().await;
    }
}

/// Thousands of schedules of few tasks, some of which all want something within seconds.
#[tokio::test(start_paused = true)]
async fn no_schedule_of_a_short_story_loses_a_sign_in_or_asks_twice_at_once() {
    for seed in seeds(SHORT_STORIES) {
        let rotation = match seed % 3 {
            0 => Rotation::Strict { newest: 0 },
            _ => Rotation::Lenient,
        };
        let story = Story::begin(seed, rotation, Size::short(seed));
        story.await.tell().await;
    }
}

/// The seed that is asked for, or so many.
fn seeds(many: u64) -> Vec<u64> {
    let wanted = environment::text("GATEPOST_SEED").and_then(|seed| seed.parse().ok());
    wanted.map_or_else(|| (1..=many).collect(), |seed| vec![seed])
}

/// How much happens in a story, and how fast.
#[derive(Debug, Clone, Copy)]
struct Size {
    callers: usize,
    calls: usize,
    happenings: usize,
    /// The longest time between two calls of one caller.
    pace: Duration,
}

impl Size {
    const LONG: Self = Self {
        callers: 50,
        calls: 8,
        happenings: 25,
        pace: Duration::from_mins(90),
    };

    fn short(seed: u64) -> Self {
        Self {
            callers: 4,
            calls: 4,
            happenings: 6,
            pace: match seed / 3 % 3 {
                0 => Duration::from_secs(2),
                1 => Duration::from_mins(2),
                _ => Duration::from_mins(40),
            },
        }
    }
}

/// A machine on which things happen by chance.
struct Story {
    seed: u64,
    world: World,
    chance: Chance,
    rotation: Rotation,
    size: Size,
    processes: Mutex<Vec<Life>>,
}

/// One process: what it can reach, and its keeper.
#[derive(Clone)]
struct Life {
    reach: Reach,
    keeper: TokenKeeper,
}

impl Story {
    async fn begin(seed: u64, rotation: Rotation, size: Size) -> Arc<Self> {
        let world = World::new();
        world.issuer.book().rotation = rotation;
        world.ada_signs_in(&world.ada()).await;
        let processes = match rotation {
            Rotation::Lenient => 3,
            Rotation::Strict { .. } => 1,
        };
        let story = Self {
            seed,
            chance: Chance::seeded(seed),
            rotation,
            size,
            processes: Mutex::default(),
            world,
        };
        let started = (0..processes).map(|_| story.start()).collect();
        *story.processes() = started;
        Arc::new(story)
    }

    /// Lets all of it happen, and looks what is left.
    async fn tell(self: Arc<Self>) {
        let callers: Vec<_> = (0..self.size.callers)
            .map(|_| {
                let story = Arc::clone(&self);
                let tasks = &self.world.tasks;
                tasks.start("caller", async move { story.call_now_and_then().await })
            })
            .collect();
        self.let_things_happen().await;
        for caller in callers {
            caller
                .await
                .unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        }
        self.world.grants.mend_writes();
        self.world.issuer.book().scripted.clear();
        // Whoever still lives stores what the disk did not take; then the next process goes on.
        self.world.clock.sleep(Duration::from_hours(3)).await;
        let living = self.processes().clone();
        for process in living {
            let token = exchange(&process.keeper).await;
            token.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            let most = process.reach.most_at_once.load(Ordering::SeqCst);
            assert!(most <= 1, "seed {}: {most} requests at once", self.seed);
        }
        self.world.clock.sleep(Duration::from_hours(3)).await;
        let heir = exchange(&self.world.ada()).await;
        heir.unwrap_or_else(|error| panic!("seed {}: the heir: {error}", self.seed));
        self.world.tasks.end().await;
    }

    /// One of many tasks that need a token again and again.
    async fn call_now_and_then(&self) {
        for _ in 0..self.size.calls {
            let pause = self.chance.up_to(self.size.pace);
            self.world.clock.sleep(pause).await;
            let keeper = self.anyone().keeper;
            let audience = match self.chance.below(3) {
                0 => Audience::Graph,
                _ => Audience::Exchange,
            };
            let patience = match self.chance.below(4) {
                0 => self.chance.up_to(ANSWER_TIME),
                _ => Duration::from_mins(5),
            };
            let asked = self.world.clock.within(patience, keeper.token(audience));
            if let Ok(Ok(token)) = asked.await
                && self.chance.below(6) == 0
            {
                keeper.refused(&token);
            }
        }
    }

    /// What is not the callers' doing.
    async fn let_things_happen(&self) {
        for _ in 0..self.size.happenings {
            let pause = self.chance.up_to(self.size.pace / 2);
            self.world.clock.sleep(pause).await;
            match self.chance.below(7) {
                0 => self.world.grants.break_writes(),
                1 => self.world.grants.mend_writes(),
                2 => self.world.issuer.will_answer(503, ""),
                3 => self.world.issuer.will_answer(200, "<html>"),
                4 => {
                    let mut throttled = reply(429, "");
                    throttled.retry_after = Some("30".to_owned());
                    self.world.issuer.book().scripted.push_back(throttled);
                }
                _ if self.rotation == Rotation::Lenient => self.somebody_dies(),
                _ => {}
            }
        }
    }

    /// Kills a process wherever it is, and starts another in its place.
    fn somebody_dies(&self) {
        let heir = self.start();
        let mut processes = self.processes();
        let at = self.chance.below(processes.len() as u64);
        let at = usize::try_from(at).expect("there are three");
        let dead = std::mem::replace(&mut processes[at], heir);
        dead.reach.is_dead.store(true, Ordering::SeqCst);
    }

    fn start(&self) -> Life {
        let reach = Reach {
            issuer: self.world.issuer.clone(),
            grants: self.world.grants.clone(),
            is_dead: Arc::default(),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
            chance: self.chance.clone(),
            end_of_story: self.world.tasks.stop(),
        };
        let around: (Arc<dyn Endpoint>, Arc<dyn Grants>) =
            (Arc::new(reach.clone()), Arc::new(reach.clone()));
        let ada = Some("ada@contoso.example");
        let keeper = self.world.process_at("authorization_code", ada, around);
        Life { reach, keeper }
    }

    fn anyone(&self) -> Life {
        let processes = self.processes();
        let at = self.chance.below(processes.len() as u64);
        processes[usize::try_from(at).expect("there are three")].clone()
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Life>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one process reaches, until it is dead: then nothing that it began ends in this story.
#[derive(Debug, Clone)]
struct Reach {
    issuer: Issuer,
    grants: MemoryGrants,
    is_dead: Arc<AtomicBool>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    chance: Chance,
    end_of_story: Stop,
}

impl Reach {
    /// Lets others go first, as often as chance says.
    async fn live_on(&self) {
        for _ in 0..self.chance.below(LONGEST_YIELD) {
            tokio::task::yield_now().await;
        }
        if self.is_dead.load(Ordering::SeqCst) {
            self.end_of_story.requested().await;
        }
    }
}

#[async_trait]
impl Endpoint for Reach {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        self.live_on().await;
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let reply = self.issuer.post(form).await;
        self.live_on().await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        reply
    }
}

#[async_trait]
impl Grants for Reach {
    async fn load(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        self.live_on().await;
        let loaded = self.grants.load(id).await;
        self.live_on().await;
        loaded
    }

    async fn replace(
        &self,
        id: &CredentialId,
        seen: Option<Generation>,
        state: &GrantState,
    ) -> Result<Generation, GrantStoreError> {
        self.live_on().await;
        let generation = self.grants.replace(id, seen, state).await;
        self.live_on().await;
        generation
    }

    async fn remove(&self, id: &CredentialId) -> Result<(), GrantStoreError> {
        self.grants.remove(id).await
    }

    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError> {
        self.grants.list().await
    }
}

const STORIES: u64 = 20;
const SHORT_STORIES: u64 = 2_000;
/// More tasks than a short story has never stand between two others.
const LONGEST_YIELD: u64 = 6;
