//! What runs under a name, and what it was made of.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use gatepost_host::{Stop, Tasks};

use super::supervisor::Supervisor;

/// Something that is to run: its name, what it is made of, and its work, which can be begun again.
pub(super) struct Part<K, M> {
    key: K,
    made_of: M,
    name: String,
    work: Work,
}

/// Makes the work anew; it ends when it is stopped.
pub(super) type Work = Box<dyn Fn(Stop) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl<K, M> Part<K, M> {
    pub(super) fn new<F>(
        (key, made_of): (K, M),
        name: String,
        work: impl Fn(Stop) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            key,
            made_of,
            name,
            work: Box::new(move |stop| Box::pin(work(stop))),
        }
    }
}

/// All parts of one kind.
#[derive(Debug)]
pub(super) struct Parts<K, M> {
    running: BTreeMap<K, (M, Tasks)>,
    /// Those that were told to end and may not have yet: who comes again waits for them.
    leaving: BTreeMap<K, Tasks>,
}

impl<K, M> Default for Parts<K, M> {
    fn default() -> Self {
        Self {
            running: BTreeMap::new(),
            leaving: BTreeMap::new(),
        }
    }
}

/// How many parts of one kind a reload touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// They are new.
    pub started: usize,
    /// They are gone.
    pub ended: usize,
    /// They are made of something else than before.
    pub replaced: usize,
    /// They go on undisturbed.
    pub kept: usize,
}

impl<K: Ord + Clone, M: Same> Parts<K, M> {
    /// Whether a part of this name runs that is made of the same.
    pub(super) fn has(&self, key: &K, made_of: &M) -> bool {
        let running = self.running.get(key);
        running.is_some_and(|(before, _)| before.is_same(made_of))
    }

    /// Goes over to `wanted`: ends what is not in it, starts what is new, replaces what is made of
    /// something else or idles, and leaves the rest alone. A successor begins when its predecessor has
    /// ended. `gone` is told of those that end for good.
    pub(super) fn become_those(
        &mut self,
        wanted: Vec<Part<K, M>>,
        supervisor: &Supervisor,
        (gone, idles): (impl Fn(&K), impl Fn(&K) -> bool),
    ) -> Changes {
        let mut changes = Changes::default();
        let mut before = std::mem::take(&mut self.running);
        self.leaving.retain(|_, tasks| !tasks.have_ended());
        for part in wanted {
            let predecessor = match before.remove(&part.key) {
                Some((made_of, tasks)) if made_of.is_same(&part.made_of) && !idles(&part.key) => {
                    changes.kept += 1;
                    self.running.insert(part.key, (made_of, tasks));
                    continue;
                }
                Some((_, tasks)) => {
                    changes.replaced += 1;
                    tasks.cancel();
                    Some(tasks)
                }
                None => {
                    changes.started += 1;
                    self.leaving.remove(&part.key)
                }
            };
            let tasks = supervisor.tasks.child();
            supervisor.keep((part.name, part.work), &tasks, predecessor);
            self.running.insert(part.key, (part.made_of, tasks));
        }
        for (key, (_, tasks)) in before {
            changes.ended += 1;
            tasks.cancel();
            gone(&key);
            self.leaving.insert(key, tasks);
        }
        changes
    }
}

/// Whether two of a kind are made of the same.
pub(super) trait Same {
    fn is_same(&self, other: &Self) -> bool;
}

impl Same for crate::compose::SinkMadeOf {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for crate::compose::WatchMadeOf {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for crate::compose::SenderMadeOf {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for crate::compose::DoorMadeOf {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for crate::config::TokenFileSettings {
    fn is_same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Same for gatepost_oauth::TokenKeeper {
    fn is_same(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            started,
            ended,
            replaced,
            kept,
        } = self;
        write!(
            f,
            "{started} started, {ended} ended, {replaced} replaced, {kept} unchanged"
        )
    }
}
