//! Decides when something goes wrong, by the seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gatepost_host::Chance;
use tokio::sync::Notify;

/// The troubles of one life. Once calm, nothing goes wrong any more.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    chance: Chance,
    calm: Arc<AtomicBool>,
    /// Whether the storage is busy whoever asks.
    locked: Arc<AtomicBool>,
    /// Whether whoever asks the storage waits for others.
    contended: Arc<AtomicBool>,
    /// How often in a thousand a durable step kills the process.
    deadly: u64,
}

/// What becomes of the lock of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Shut,
    /// Others hold it for most of the time.
    Contended,
    Open,
}

/// The life of one process.
#[derive(Debug, Clone)]
pub(crate) struct Fuse {
    trouble: Trouble,
    blown: Arc<Notify>,
}

impl Trouble {
    pub(crate) fn new(chance: Chance, deadly: u64) -> Self {
        Self {
            chance,
            calm: Arc::default(),
            locked: Arc::default(),
            contended: Arc::default(),
            deadly,
        }
    }

    pub(crate) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    /// Locks the storage, or unlocks it.
    pub(crate) fn lock(&self, lock: Lock) {
        self.locked.store(lock == Lock::Shut, Ordering::Relaxed);
        let contended = lock == Lock::Contended;
        self.contended.store(contended, Ordering::Relaxed);
    }

    pub(crate) fn is_contended(&self) -> bool {
        self.contended.load(Ordering::Relaxed)
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// Whether something happens that happens so often in a thousand times.
    pub(crate) fn strikes(&self, per_thousand: u64) -> bool {
        !self.calm.load(Ordering::Relaxed) && self.chance.below(1000) < per_thousand
    }

    pub(crate) fn chance(&self) -> &Chance {
        &self.chance
    }
}

impl Fuse {
    pub(crate) fn new(trouble: Trouble) -> Self {
        Self {
            trouble,
            blown: Arc::default(),
        }
    }

    /// A moment at which the process may die: then nothing after it happens.
    pub(crate) async fn moment(&self) {
        if self.trouble.strikes(self.trouble.deadly) {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the process dies.
    pub(crate) async fn blown(&self) {
        self.blown.notified().await;
    }

    pub(crate) fn trouble(&self) -> &Trouble {
        &self.trouble
    }
}
