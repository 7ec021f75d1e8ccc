//! Watches one folder: a pure machine says what is wanted, a thin driver does it.

mod acts;
mod backoff;
mod batch;
mod error;
mod machine;
mod words;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Stop;
use gatepost_mail::{Changes, Mailbox, MessageKey, Opener, Pull, Query, Woke};
use jiff::Timestamp;

use acts::{Acts, Others};
pub use error::ListenError;
use machine::{Machine, oldest_new};
use words::{Failure, Outstanding, Resynced, Saw, Session, Signals, Step, Want};

use crate::{Mailroom, Watch, WatchState};

/// Watches one folder and stores what arrives. Nothing that happens to it touches another.
#[derive(Debug)]
pub struct Listener {
    room: Mailroom,
    watch: Watch,
    opener: Arc<dyn Opener>,
    proof_stored_at: Option<Timestamp>,
    /// A key that the server gave out lately.
    witness: Option<MessageKey>,
    others: Others,
}

impl Listener {
    /// A listener for `watch`, whose sessions `opener` opens.
    pub fn new(room: Mailroom, watch: Watch, opener: Arc<dyn Opener>) -> Self {
        room.board.enter(&watch, room.clock.now());
        Self {
            room,
            watch,
            opener,
            proof_stored_at: None,
            witness: None,
            others: Others::Unknown,
        }
    }

    /// Listens until it is stopped.
    pub async fn run(mut self, stop: Stop) {
        let mut session = None;
        stop.or(self.listen(&mut session)).await;
        self.room.board.state(&self.watch.key, WatchState::Stopped);
        if let Some(mut session) = session {
            let _ = self.room.clock.within(GOODBYE, session.close()).await;
        }
    }

    async fn listen(&mut self, session: &mut Option<Box<dyn Mailbox>>) {
        let mut machine = Machine::new(&self.watch, self.room.chance.clone());
        let mut want = Want::Load;
        loop {
            self.show(&want, &machine);
            want = match self.fulfil(want, session).await {
                Ok(saw) => machine.next(self.room.clock.now(), saw),
                Err(error) => {
                    let saw = self.failed(&error, session);
                    let want = machine.next(self.room.clock.now(), saw);
                    self.log(&error, &want);
                    want
                }
            };
        }
    }

    /// Does what the machine wants.
    async fn fulfil(
        &mut self,
        want: Want,
        session: &mut Option<Box<dyn Mailbox>>,
    ) -> Result<Saw, ListenError> {
        let key = &self.watch.key;
        match want {
            Want::Load => {
                let standing = self.room.cursors.load(key).await?;
                let now = self.room.clock.now();
                let proven_at = standing.as_ref();
                let proven_at = proven_at.and_then(|standing| standing.proven_by(now));
                self.room.board.loaded(key, proven_at);
                Ok(Saw::Loaded(standing))
            }
            Want::Open => self.open(session).await,
            Want::Measure => {
                let backlog = self
                    .room
                    .deliveries
                    .backlog(&key.mailbox, &self.watch.sinks);
                let backlog = backlog.await?;
                Ok(Saw::Measured(backlog))
            }
            Want::Recognise(fingerprints) => {
                let known = self.room.cursors.known(key, &fingerprints).await?;
                Ok(Saw::Recognised(known))
            }
            Want::Sleep { until } => {
                self.room.clock.sleep_until(until).await;
                Ok(Saw::Woke)
            }
            Want::Baseline
            | Want::Pull { .. }
            | Want::Commit(_)
            | Want::Act
            | Want::Idle { .. } => match session.as_deref_mut() {
                Some(mailbox) => self.with_session(want, mailbox).await,
                None => self.open(session).await,
            },
        }
    }

    async fn open(&self, session: &mut Option<Box<dyn Mailbox>>) -> Result<Saw, ListenError> {
        *session = None;
        let opened = self.answered(ANSWER, self.opener.open()).await??;
        let signals = if opened.is_pushed() {
            Signals::Pushed
        } else {
            Signals::Polled
        };
        *session = Some(opened);
        Ok(Saw::Opened(signals))
    }

    async fn with_session(
        &mut self,
        want: Want,
        mailbox: &mut dyn Mailbox,
    ) -> Result<Saw, ListenError> {
        let folder = &self.watch.key.folder;
        match want {
            Want::Baseline => {
                let cursor = self.answered(ANSWER, mailbox.present(folder)).await??;
                let newest = Query::newest(ENOUGH);
                let newest = self.answered(ANSWER, mailbox.list(folder, &newest));
                let newest = newest.await??;
                let newest = newest.iter().filter_map(|one| one.received_at).max();
                Ok(Saw::Baseline(cursor, newest))
            }
            Want::Pull {
                since,
                limit,
                begun,
            } => {
                let now = self.room.clock.now();
                let pull = Pull {
                    news_from: begun.map(|begun| oldest_new(begun, now)),
                    since: since.as_ref(),
                    limit,
                    octets: OCTETS_OF_A_LOOK,
                };
                let changes = mailbox.changes(folder, pull);
                let changes = self.answered(ANSWER, changes).await??;
                self.bear_witness(&changes);
                self.proven().await?;
                Ok(Saw::Changes(changes))
            }
            Want::Commit(step) => self.commit(step, mailbox).await,
            Want::Act => Ok(Saw::Acted(self.act(mailbox).await?)),
            Want::Idle { until } => {
                let left = until.duration_since(self.room.clock.now());
                let left = Duration::try_from(left).unwrap_or_default();
                let woke = self.answered(left + ANSWER, mailbox.wait(until)).await??;
                // Either way the server proved to be alive, and it is looked at next.
                let (Woke::Changed | Woke::TimeOver) = woke;
                self.proven().await?;
                Ok(Saw::Woke)
            }
            Want::Load | Want::Open | Want::Measure | Want::Recognise(_) | Want::Sleep { .. } => {
                Ok(Saw::Woke)
            }
        }
    }

    /// Fetches, spools and stores; the cursor moves in one transaction with the last events.
    async fn commit(&self, step: Step, mailbox: &mut dyn Mailbox) -> Result<Saw, ListenError> {
        let resynced = step.resynced.clone();
        let new = batch::commit(&self.room, &self.watch, step, mailbox).await?;
        if let Some(resynced) = resynced.filter(|resynced| resynced.is_over) {
            self.log_resynced(&resynced);
        }
        self.room
            .board
            .moved(&self.watch.key, self.room.clock.now());
        if new > 0 {
            tracing::info!(
                mailbox = %self.watch.key.mailbox, folder = %self.watch.key.folder, new,
                "new messages"
            );
            self.room.bell.ring();
        }
        Ok(Saw::Committed)
    }

    fn log_resynced(&self, resynced: &Resynced) {
        tracing::info!(
            mailbox = %self.watch.key.mailbox, folder = %self.watch.key.folder,
            matched = resynced.matched, new = resynced.new, ambiguous = resynced.ambiguous_in_all(),
            "the stored cursor names nothing any more (the server forgot it, or the mailbox is read another way); the folder was compared with what was known"
        );
    }

    fn bear_witness(&mut self, changes: &Changes) {
        match changes {
            Changes::Since { arrivals, .. } => {
                if let Some(last) = arrivals.last() {
                    self.witness = Some(last.key.clone());
                }
            }
            Changes::Lost(resync) => {
                let last = resync.present.last();
                self.witness = last.map(|(arrival, _)| arrival.key.clone());
            }
        }
    }

    async fn act(&mut self, mailbox: &mut dyn Mailbox) -> Result<Outstanding, ListenError> {
        let Some(action) = &self.watch.post_action else {
            return Ok(Outstanding::Nothing);
        };
        let mut acts = Acts {
            room: &self.room,
            watch: &self.watch.key,
            sinks: &self.watch.sinks,
            action,
            witness: &mut self.witness,
            others: &mut self.others,
        };
        let acted = acts.perform(mailbox).await;
        acted.or_else(|error| self.not_acted(error))
    }

    /// A post-action that fails does not hold back what arrives; it is tried at the next look.
    fn not_acted(&self, error: ListenError) -> Result<Outstanding, ListenError> {
        if error.ends_session() {
            return Err(error);
        }
        let (mailbox, folder) = (&self.watch.key.mailbox, &self.watch.key.folder);
        let code = error.code();
        if error.is_told() {
            tracing::debug!(%mailbox, %folder, code, "a post-action is not done");
        } else {
            tracing::warn!(%mailbox, %folder, code, "a post-action is not done: {error}");
        }
        Ok(Outstanding::Nothing)
    }

    /// The server answered: it is alive. That is stored once a minute at most.
    async fn proven(&mut self) -> Result<(), ListenError> {
        let now = self.room.clock.now();
        self.room.board.proven(&self.watch.key, now);
        let due = self
            .proof_stored_at
            .is_none_or(|at| now.duration_since(at).as_secs().abs() >= PROOF_EVERY_SECONDS);
        if due {
            self.room.cursors.proven(&self.watch.key, now).await?;
            self.proof_stored_at = Some(now);
        }
        Ok(())
    }

    /// Waits for an answer of the server, but not for ever.
    async fn answered<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = T>,
    ) -> Result<T, ListenError> {
        let answer = self.room.clock.within(limit, answer).await;
        answer.map_err(|_| ListenError::Silent {
            watch: self.watch.key.clone(),
            limit,
        })
    }

    fn log(&self, error: &ListenError, next: &Want) {
        let (mailbox, folder) = (&self.watch.key.mailbox, &self.watch.key.folder);
        let Want::Sleep { until } = next else {
            return;
        };
        let wait = until.duration_since(self.room.clock.now());
        let seconds = wait.as_secs_f64().ceil();
        let code = error.code();
        if error.is_told() {
            tracing::debug!(
                %mailbox, %folder, code, next_attempt_at = %until,
                "the watch waits for the storage"
            );
        } else {
            tracing::warn!(
                %mailbox, %folder, code, next_attempt_at = %until,
                "{error}; the next try is in {seconds} s"
            );
        }
    }

    fn failed(&self, error: &ListenError, session: &mut Option<Box<dyn Mailbox>>) -> Saw {
        let left = if error.ends_session() || error.is_closed() {
            *session = None;
            Session::Ended
        } else {
            Session::Kept
        };
        if error.is_overtaken() {
            return Saw::Overtaken;
        }
        let now = self.room.clock.now();
        self.room.board.failed(&self.watch.key, error, now);
        Saw::Failed(Failure {
            next: error.next(),
            session: left,
            cause: error.cause(),
        })
    }

    fn show(&self, want: &Want, machine: &Machine) {
        let key = &self.watch.key;
        let state = match want {
            Want::Load => WatchState::Starting,
            Want::Open => WatchState::Connecting,
            Want::Baseline | Want::Measure | Want::Pull { .. } | Want::Recognise(_) | Want::Act => {
                WatchState::Looking
            }
            Want::Commit(_) => WatchState::Fetching,
            Want::Idle { .. } if machine.is_paused() => WatchState::Paused,
            Want::Idle { .. } => WatchState::Watching,
            Want::Sleep { until } => return self.room.board.retrying(key, *until),
        };
        self.room.board.state(key, state);
    }
}

/// Enough to find the newest time of receipt, even if the last messages were moved here.
const ENOUGH: usize = 50;
/// How long any answer but that to a fetch may take.
const ANSWER: Duration = Duration::from_mins(3);
/// Between two looks it is measured whether the sinks and the disk can take more.
const OCTETS_OF_A_LOOK: u64 = 256 << 20;
const GOODBYE: Duration = Duration::from_secs(2);
const PROOF_EVERY_SECONDS: i64 = 60;
