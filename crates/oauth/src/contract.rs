//! What every [`Grants`] promises, as a suite that every implementation runs, and the smallest
//! implementation there is, for tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use gatepost_fault::{After, Next, Owner};
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::{CredentialId, Generation, GrantState, GrantStoreError, Grants};

/// Runs the whole suite against `grants`, which must be empty. Panics with the promise that is
/// broken.
pub async fn grants_contract(grants: &dyn Grants) {
    a_state_is_there_once_it_was_replaced(grants).await;
    only_one_of_two_writers_wins(grants).await;
    removing_forgets_and_starts_anew(grants).await;
    credentials_do_not_touch_each_other(grants).await;
}

async fn a_state_is_there_once_it_was_replaced(grants: &dyn Grants) {
    let id = CredentialId::new("contract/one");
    assert!(
        load(grants, &id).await.is_none(),
        "an unknown id has no state"
    );
    let first = replace(grants, &id, None, "first")
        .await
        .expect("nobody else writes");
    let (text, seen) = load(grants, &id).await.expect("it was stored");
    assert_eq!((text.as_str(), seen), ("first", first));
    let second = replace(grants, &id, Some(first), "second")
        .await
        .expect("nobody else writes");
    assert!(second > first, "generations grow");
    let (text, seen) = load(grants, &id).await.expect("it was stored");
    assert_eq!((text.as_str(), seen), ("second", second));
}

async fn only_one_of_two_writers_wins(grants: &dyn Grants) {
    let id = CredentialId::new("contract/two");
    let seen = replace(grants, &id, None, "start")
        .await
        .expect("nobody else writes");
    stale(replace(grants, &id, None, "blind").await);
    let newer = replace(grants, &id, Some(seen), "faster")
        .await
        .expect("it is the first");
    stale(replace(grants, &id, Some(seen), "slower").await);
    let (text, stands) = load(grants, &id).await.expect("it was stored");
    assert_eq!((text.as_str(), stands), ("faster", newer));
}

async fn removing_forgets_and_starts_anew(grants: &dyn Grants) {
    let id = CredentialId::new("contract/three");
    let seen = replace(grants, &id, None, "gone soon")
        .await
        .expect("nobody else writes");
    grants.remove(&id).await.expect("the store works");
    grants
        .remove(&id)
        .await
        .expect("removing nothing is no error");
    assert!(load(grants, &id).await.is_none(), "it was removed");
    stale(replace(grants, &id, Some(seen), "from the past").await);
    let anew = replace(grants, &id, None, "anew")
        .await
        .expect("nobody else writes");
    assert!(
        anew > seen,
        "a generation is never given twice, else a writer of before the removal would win"
    );
}

async fn credentials_do_not_touch_each_other(grants: &dyn Grants) {
    let before = grants.list().await.expect("the store works");
    let ids = ["contract/a", "contract/ä", "contract/A"].map(CredentialId::new);
    for id in &ids {
        replace(grants, id, None, id.as_str())
            .await
            .expect("nobody else writes");
    }
    for id in &ids {
        let (text, _) = load(grants, id).await.expect("it was stored");
        assert_eq!(text, id.as_str());
    }
    let after = grants.list().await.expect("the store works");
    assert_eq!(after.len(), before.len() + ids.len());
    assert!(ids.iter().all(|id| after.contains(id)));
}

async fn load(grants: &dyn Grants, id: &CredentialId) -> Option<(String, Generation)> {
    let (state, generation) = grants.load(id).await.expect("the store works")?;
    assert_eq!((state.kind.as_str(), state.version), ("contract", 7));
    let text = String::from_utf8(state.secret.expose_secret().to_vec()).expect("it was text");
    Some((text, generation))
}

async fn replace(
    grants: &dyn Grants,
    id: &CredentialId,
    seen: Option<Generation>,
    text: &str,
) -> Result<Generation, GrantStoreError> {
    let state = GrantState {
        kind: "contract".to_owned(),
        version: 7,
        secret: SecretSlice::from(text.as_bytes().to_vec()),
    };
    grants.replace(id, seen, &state).await
}

fn stale(result: Result<Generation, GrantStoreError>) {
    let error = result.expect_err("somebody else was faster");
    assert!(matches!(error, GrantStoreError::Stale { .. }), "{error}");
}

/// Grants in memory, forgotten with the process. Clones share what is stored, as processes share
/// a database.
#[derive(Debug, Clone, Default)]
pub struct MemoryGrants {
    rows: Arc<Mutex<Rows>>,
    broken: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Rows {
    latest: u64,
    states: BTreeMap<CredentialId, (GrantState, Generation)>,
}

impl MemoryGrants {
    /// From now on every write fails, as on a full disk, until it is told otherwise.
    pub fn break_writes(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// Writes work again.
    pub fn mend_writes(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Grants for MemoryGrants {
    async fn load(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        Ok(self.rows().states.get(id).cloned())
    }

    async fn replace(
        &self,
        id: &CredentialId,
        seen: Option<Generation>,
        state: &GrantState,
    ) -> Result<Generation, GrantStoreError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(GrantStoreError::Storage {
                code: "disk_full",
                message: "the disk is full".to_owned(),
                owner: Owner::Operator,
                next: Next::Retry(After::Backoff),
            });
        }
        let mut rows = self.rows();
        if rows.states.get(id).map(|(_, generation)| *generation) != seen {
            return Err(GrantStoreError::Stale { id: id.clone() });
        }
        rows.latest += 1;
        let generation = Generation(rows.latest);
        rows.states.insert(id.clone(), (state.clone(), generation));
        Ok(generation)
    }

    async fn remove(&self, id: &CredentialId) -> Result<(), GrantStoreError> {
        self.rows().states.remove(id);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError> {
        Ok(self.rows().states.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_promises() {
        grants_contract(&MemoryGrants::default()).await;
    }
}
