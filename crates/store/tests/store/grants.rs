//! The state of grants: compare-and-set, and what a wrong key or a removal does.

use gatepost_oauth::{Generation, GrantStoreError, Grants};
use secrecy::ExposeSecret as _;

use crate::samples::{credential, fixture, grant_state, reopen};

#[tokio::test]
async fn a_state_is_replaced_only_by_who_saw_the_last_one() {
    let fixture = fixture().await;
    let (store, id) = (&fixture.store, credential("a"));
    let grants: &dyn Grants = store;
    assert!(grants.load(&id).await.expect("a store").is_none());
    let first = grants
        .replace(&id, None, &grant_state("one"))
        .await
        .expect("there was none");
    assert_eq!(first, Generation(1));
    let second = grants.replace(&id, Some(first), &grant_state("two")).await;
    assert_eq!(second.expect("it was seen"), Generation(2));
    for seen in [None, Some(first), Some(Generation(3))] {
        let error = grants.replace(&id, seen, &grant_state("three")).await;
        let error = error.expect_err("it is at generation 2");
        assert!(matches!(error, GrantStoreError::Stale { .. }), "{error}");
    }
    let (state, generation) = grants
        .load(&id)
        .await
        .expect("a store")
        .expect("it is there");
    assert_eq!(generation, Generation(2));
    assert_eq!(state.secret.expose_secret(), b"two");
    assert_eq!(
        (state.kind.as_str(), state.version),
        ("authorization_code", 1)
    );
}

#[tokio::test]
async fn of_many_who_saw_the_same_state_one_replaces_it() {
    let fixture = fixture().await;
    let beside = reopen(&fixture.folder).await.expect("a second process");
    let id = credential("a");
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = [&fixture.store, &beside][number % 2].clone();
        let (id, state) = (id.clone(), grant_state(&number.to_string()));
        attempts.spawn(async move { store.replace(&id, None, &state).await.is_ok() });
    }
    let won = attempts.join_all().await;
    let won = won.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_generation_is_never_used_twice_not_even_after_signing_out() {
    let fixture = fixture().await;
    let (store, id) = (&fixture.store, credential("a"));
    let grants: &dyn Grants = store;
    let first = grants.replace(&id, None, &grant_state("one")).await;
    let first = first.expect("there was none");
    grants.remove(&id).await.expect("a store");
    assert!(grants.load(&id).await.expect("a store").is_none());
    assert!(grants.list().await.expect("a store").is_empty());
    let again = grants.replace(&id, None, &grant_state("two")).await;
    assert!(again.expect("it was removed") > first);
    let error = grants.replace(&id, Some(first), &grant_state("old")).await;
    error.expect_err("a process from before the sign-out must not win");
}

#[tokio::test]
async fn credentials_are_listed_in_order() {
    let fixture = fixture().await;
    let grants: &dyn Grants = &fixture.store;
    for name in ["b", "a", "c"] {
        let stored = grants
            .replace(&credential(name), None, &grant_state(name))
            .await;
        stored.expect("there was none");
    }
    let listed = grants.list().await.expect("a store");
    assert_eq!(listed, ["a", "b", "c"].map(credential));
}
