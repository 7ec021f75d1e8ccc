//! Deliveries are claimed and settled.

use gatepost_mailroom::{
    Cursors, Deliveries, DeliveryFilter, DeliveryState, Due, EventId, Forgone, Kept, Settled,
};
use gatepost_store::Store;
use sqlx::{Connection as _, SqliteConnection};

use crate::samples::{Fixture, START, advance, arrival, at, fixture, sink, watch};

/// A store with messages 1 to `count` of the inbox on their way to `sinks`.
pub(crate) async fn with_arrivals(count: u32, sinks: &[&str]) -> Fixture {
    let fixture = fixture().await;
    let inbox = watch("INBOX");
    let events = (1..=count).map(|uid| arrival(&inbox, uid, sinks)).collect();
    let step = advance(&inbox, (None, count), events);
    fixture.store.advance(step).await.expect("the first step");
    fixture
}

pub(crate) async fn claim(store: &Store, now: i64, limit: usize) -> Vec<Due> {
    let claimed = store
        .claim_due(&sink("a"), at(now), at(now + 60), limit)
        .await;
    claimed.expect("a store")
}

pub(crate) async fn settle(store: &Store, due: &Due, settled: Settled, now: i64) -> Vec<EventId> {
    let settled = store
        .settle(vec![(due.lease, settled)], Vec::new(), at(now))
        .await;
    settled.expect("a store")
}

pub(crate) async fn states(store: &Store) -> Vec<DeliveryState> {
    let all = DeliveryFilter {
        limit: 100,
        ..DeliveryFilter::default()
    };
    let mut all = store.list(&all).await.expect("a store");
    all.reverse();
    all.iter().map(|delivery| delivery.state).collect()
}

#[tokio::test]
async fn what_is_claimed_comes_whole_and_in_order_and_only_once() {
    let fixture = with_arrivals(3, &["a", "b"]).await;
    let store = &fixture.store;
    assert!(claim(store, -1, 10).await.is_empty(), "nothing is due yet");
    let due = claim(store, 0, 2).await;
    let sequences: Vec<_> = due.iter().map(|due| due.event.sequence).collect();
    assert_eq!(sequences, [Some(1), Some(2)]);
    assert_eq!(due[0].message, Some(Kept::Inline(b"hello".to_vec())));
    assert_eq!((due[0].attempt, due[0].first_attempt_at), (1, Some(at(0))));
    let mut wanted = arrival(&watch("INBOX"), 1, &[]).event;
    wanted.sequence = Some(1);
    assert_eq!(due[0].event, wanted);
    assert_eq!(claim(store, 0, 10).await.len(), 1, "the rest");
    assert!(claim(store, 0, 10).await.is_empty(), "all are claimed");
    assert_eq!(
        store.next_due(&sink("a")).await.expect("a store"),
        Some(at(60))
    );
    assert_eq!(
        store.next_due(&sink("b")).await.expect("a store"),
        Some(at(0))
    );
    assert_eq!(store.next_due(&sink("c")).await.expect("a store"), None);
}

#[tokio::test]
async fn a_claim_that_ran_out_is_taken_again_and_settles_nothing() {
    let fixture = with_arrivals(1, &["a"]).await;
    let store = &fixture.store;
    let first = claim(store, 0, 10).await.remove(0);
    let second = claim(store, 60, 10).await.remove(0);
    assert_eq!((second.attempt, second.first_attempt_at), (2, Some(at(0))));
    settle(
        store,
        &first,
        Settled::Dead {
            reason: "late".to_owned(),
        },
        61,
    )
    .await;
    assert_eq!(states(store).await, [DeliveryState::Claimed]);
    settle(store, &second, Settled::Done, 61).await;
    settle(
        store,
        &second,
        Settled::Dead {
            reason: "twice".to_owned(),
        },
        62,
    )
    .await;
    assert_eq!(states(store).await, [DeliveryState::Done]);
    assert_eq!(store.next_due(&sink("a")).await.expect("a store"), None);
}

#[tokio::test]
async fn a_released_claim_is_as_if_it_had_never_been() {
    let fixture = with_arrivals(1, &["a"]).await;
    let store = &fixture.store;
    let due = claim(store, 0, 10).await.remove(0);
    settle(store, &due, Settled::Released, 5).await;
    let due = claim(store, 5, 10).await.remove(0);
    assert_eq!((due.attempt, due.first_attempt_at), (1, Some(at(5))));
    let retry = Settled::RetryAt {
        at: at(100),
        reason: "503".to_owned(),
    };
    settle(store, &due, retry, 6).await;
    assert!(claim(store, 99, 10).await.is_empty());
    let due = claim(store, 100, 10).await.remove(0);
    assert_eq!((due.attempt, due.first_attempt_at), (2, Some(at(5))));
    settle(store, &due, Settled::Released, 101).await;
    let shown = store.show(due.lease.delivery).await.expect("a store");
    let shown = shown.expect("it is there");
    assert_eq!((shown.attempts, shown.first_attempt_at), (1, Some(at(5))));
    assert_eq!(shown.reason.as_deref(), Some("503"));
}

#[tokio::test]
async fn in_strict_order_a_folder_waits_for_its_oldest() {
    let fixture = with_arrivals(3, &["a"]).await;
    let (store, other) = (&fixture.store, watch("Other"));
    let step = advance(&other, (None, 1), vec![arrival(&other, 1, &["a"])]);
    store.advance(step).await.expect("the first step");
    let heads = async |now| {
        let heads = store
            .claim_heads(&sink("a"), at(now), at(now + 60), 10)
            .await;
        heads.expect("a store")
    };
    let due = heads(0).await;
    assert_eq!(due.len(), 2, "one of each folder");
    assert_eq!(due[0].event.sequence, Some(1));
    assert_eq!(due[1].event.folder, Some(other.folder.clone()));
    assert!(heads(0).await.is_empty(), "both folders are blocked");
    let retry = Settled::RetryAt {
        at: at(30),
        reason: "busy".to_owned(),
    };
    settle(store, &due[0], retry, 1).await;
    assert!(heads(29).await.is_empty(), "a waiting one blocks too");
    let due = heads(30).await;
    assert_eq!(due[0].event.sequence, Some(1));
    settle(
        store,
        &due[0],
        Settled::Dead {
            reason: "no".to_owned(),
        },
        31,
    )
    .await;
    assert_eq!(
        heads(31).await[0].event.sequence,
        Some(2),
        "a dead one does not"
    );
}

#[tokio::test]
async fn a_process_that_starts_takes_the_claims_of_its_predecessor() {
    let fixture = with_arrivals(2, &["a", "b"]).await;
    let store = &fixture.store;
    let old = claim(store, 0, 10).await;
    assert_eq!(
        store
            .reclaim(&sink("a"), at(1), START)
            .await
            .expect("a store"),
        2
    );
    settle(store, &old[0], Settled::Done, 1).await;
    let again = claim(store, 1, 10).await;
    assert_eq!(again.len(), 2, "an old lease settles nothing");
    assert_eq!(again[0].attempt, 2);
}

#[tokio::test]
async fn a_post_action_waits_until_every_sink_has_it() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let mut wanted = arrival(&inbox, 1, &["a", "b"]);
    wanted.post_action = true;
    let mut unsent = arrival(&inbox, 2, &[]);
    unsent.post_action = true;
    let (first, second) = (wanted.event.id.clone(), unsent.event.id.clone());
    let step = advance(&inbox, (None, 2), vec![wanted, unsent]);
    store.advance(step).await.expect("the first step");
    let due = async || {
        let due = store.post_actions_due(&inbox, 10).await.expect("a store");
        due.into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!(
        due().await,
        std::slice::from_ref(&second),
        "without sinks it is due at once"
    );
    let to_a = claim(store, 0, 1).await.remove(0);
    assert!(settle(store, &to_a, Settled::Done, 1).await.is_empty());
    let to_b = store.claim_due(&sink("b"), at(0), at(60), 1).await;
    let to_b = to_b.expect("a store").remove(0);
    assert!(
        settle(
            store,
            &to_b,
            Settled::Dead {
                reason: "x".to_owned()
            },
            1
        )
        .await
        .is_empty()
    );
    assert_eq!(
        store
            .retry(&[to_b.lease.delivery], at(2))
            .await
            .expect("a store"),
        1
    );
    let to_b = store.claim_due(&sink("b"), at(2), at(60), 1).await;
    let to_b = to_b.expect("a store").remove(0);
    assert_eq!(
        settle(store, &to_b, Settled::Done, 3).await,
        std::slice::from_ref(&first)
    );
    assert_eq!(due().await, [first.clone(), second.clone()]);
    store.post_actions_done(&[first]).await.expect("a store");
    assert_eq!(due().await, [second]);
}

#[tokio::test]
async fn what_waits_for_a_present_sink_is_looked_for_without_writing() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let events = [1, 2].map(|uid| {
        let mut event = arrival(&inbox, uid, &["a", "removed"]);
        event.post_action = true;
        event
    });
    let step = advance(&inbox, (None, 2), events.to_vec());
    store.advance(step).await.expect("the first step");
    let due = claim(store, 0, 1).await.remove(0);
    let forgo = async || {
        let forgone = store.forgo_others(&inbox, &[sink("a")]).await;
        forgone.expect("nobody writes meanwhile")
    };
    let url = format!("sqlite:{}", store.folder().database().display());
    let mut other = SqliteConnection::connect(&url).await.expect("a database");
    let writing = other.begin_with("BEGIN IMMEDIATE").await;
    let writing = writing.expect("nobody else writes");
    assert_eq!(forgo().await, Forgone { due: 0, waiting: 2 });
    writing.rollback().await.expect("it wrote nothing");
    settle(store, &due, Settled::Done, 1).await;
    assert_eq!(forgo().await, Forgone { due: 1, waiting: 1 });
    assert_eq!(forgo().await, Forgone { due: 0, waiting: 1 });
}
