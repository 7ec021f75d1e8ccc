//! What the endpoint remembers: refresh tokens, and the life of access tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_host::Chance;

/// Refresh tokens by their text, and counters.
#[derive(Debug)]
pub(super) struct Ledger {
    refresh: Mutex<BTreeMap<String, SignedIn>>,
    lifetime: AtomicU64,
    answered: AtomicU64,
}

/// Whose refresh token it is.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    pub(super) client_id: String,
    pub(super) user: String,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            refresh: Mutex::default(),
            lifetime: AtomicU64::new(3_600),
            answered: AtomicU64::new(0),
        }
    }
}

impl Ledger {
    /// A new refresh token.
    pub(super) fn issue(&self, chance: &Chance, client_id: &str, user: &str) -> String {
        let token = chance.token(32);
        let signed_in = SignedIn {
            client_id: client_id.to_owned(),
            user: user.to_owned(),
        };
        self.refresh().insert(token.clone(), signed_in);
        token
    }

    /// Takes a refresh token out of use and says whose it was: each works once.
    pub(super) fn redeem(&self, client_id: &str, token: &str) -> Option<SignedIn> {
        let mut refresh = self.refresh();
        let fits = refresh
            .get(token)
            .is_some_and(|signed_in| signed_in.client_id == client_id);
        if fits { refresh.remove(token) } else { None }
    }

    /// Refuses every refresh token of a person.
    pub(super) fn revoke(&self, user: &str) {
        self.refresh()
            .retain(|_, signed_in| !signed_in.user.eq_ignore_ascii_case(user));
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime.load(Ordering::Relaxed))
    }

    pub(super) fn set_lifetime(&self, lifetime: Duration) {
        self.lifetime.store(lifetime.as_secs(), Ordering::Relaxed);
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    pub(super) fn count_answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn refresh(&self) -> MutexGuard<'_, BTreeMap<String, SignedIn>> {
        // A panic elsewhere cannot leave the map half-changed.
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
