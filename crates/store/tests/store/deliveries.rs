//! Deliveries are claimed, settled, retried, discarded and forgotten.

use gatepost_mailroom::{
    Cursors, Deliveries, DeliveryFilter, DeliveryState, Due, Event, EventData, EventId, EventType,
    Kept, NewEvent, Settled,
};
use gatepost_store::Store;

use crate::samples::{Fixture, advance, arrival, at, fixture, sink, watch};

/// A store with messages 1 to `count` of the inbox on their way to `sinks`.
async fn with_arrivals(count: u32, sinks: &[&str]) -> Fixture {
    let fixture = fixture().await;
    let inbox = watch("INBOX");
    let events = (1..=count).map(|uid| arrival(&inbox, uid, sinks)).collect();
    let step = advance(&inbox, (None, count), events);
    fixture.store.advance(step).await.expect("the first step");
    fixture
}

async fn claim(store: &Store, now: i64, limit: usize) -> Vec<Due> {
    let claimed = store
        .claim_due(&sink("a"), at(now), at(now + 60), limit)
        .await;
    claimed.expect("a store")
}

async fn settle(store: &Store, due: &Due, settled: Settled, now: i64) -> Vec<EventId> {
    let settled = store
        .settle(vec![(due.lease, settled)], Vec::new(), at(now))
        .await;
    settled.expect("a store")
}

async fn states(store: &Store) -> Vec<DeliveryState> {
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
    assert_eq!(store.reclaim(&sink("a"), at(1)).await.expect("a store"), 2);
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
async fn people_retry_and_discard_what_is_not_done() {
    let fixture = with_arrivals(4, &["a"]).await;
    let store = &fixture.store;
    let due = claim(store, 0, 3).await;
    let ids: Vec<_> = due.iter().map(|due| due.lease.delivery).collect();
    settle(store, &due[0], Settled::Done, 1).await;
    settle(
        store,
        &due[1],
        Settled::Dead {
            reason: "no".to_owned(),
        },
        1,
    )
    .await;
    assert_eq!(store.discard(&ids, at(2)).await.expect("a store"), 2);
    let discarded = [
        DeliveryState::Done,
        DeliveryState::Discarded,
        DeliveryState::Discarded,
        DeliveryState::Pending,
    ];
    assert_eq!(states(store).await, discarded);
    settle(store, &due[2], Settled::Done, 3).await;
    assert_eq!(states(store).await, discarded, "a discarded claim is lost");
    assert_eq!(store.retry(&ids, at(4)).await.expect("a store"), 2);
    assert_eq!(
        store.next_due(&sink("a")).await.expect("a store"),
        Some(at(0))
    );
    assert_eq!(claim(store, 4, 10).await.len(), 3);
    assert_eq!(store.retry(&[4711], at(4)).await.expect("a store"), 0);
    assert!(store.show(4711).await.expect("a store").is_none());
}

#[tokio::test]
async fn lists_are_filtered_by_every_criterion() {
    let fixture = with_arrivals(3, &["a", "b"]).await;
    let store = &fixture.store;
    let due = claim(store, 0, 2).await;
    settle(
        store,
        &due[0],
        Settled::Dead {
            reason: "no".to_owned(),
        },
        1,
    )
    .await;
    settle(store, &due[1], Settled::Done, 1).await;
    let count = async |filter: DeliveryFilter| {
        let filter = DeliveryFilter {
            limit: 100,
            ..filter
        };
        store.list(&filter).await.expect("a store").len()
    };
    let any = DeliveryFilter::default;
    let in_state = |state| DeliveryFilter {
        state: Some(state),
        ..any()
    };
    assert_eq!(count(any()).await, 6);
    assert_eq!(count(in_state(DeliveryState::Pending)).await, 4);
    assert_eq!(count(in_state(DeliveryState::Dead)).await, 1);
    assert_eq!(count(in_state(DeliveryState::Done)).await, 1);
    assert_eq!(
        count(DeliveryFilter {
            sink: Some(sink("b")),
            ..any()
        })
        .await,
        3
    );
    let event = Some(due[0].event.id.clone());
    assert_eq!(count(DeliveryFilter { event, ..any() }).await, 2);
    let mailbox = Some("nobody@contoso.com".to_owned());
    assert_eq!(count(DeliveryFilter { mailbox, ..any() }).await, 0);
    let both = DeliveryFilter {
        mailbox: Some("ada@contoso.com".to_owned()),
        sink: Some(sink("a")),
        ..in_state(DeliveryState::Pending)
    };
    assert_eq!(count(both).await, 1);
}

#[tokio::test]
async fn a_backlog_counts_deliveries_and_each_message_once() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let mut large = arrival(&inbox, 2, &["a", "b"]);
    large.message = Some(Kept::File {
        name: "f00d".to_owned(),
        size: 1000,
    });
    let events = vec![arrival(&inbox, 1, &["a"]), large];
    store
        .advance(advance(&inbox, (None, 2), events))
        .await
        .expect("the first step");
    let backlog = async || store.backlog("ada@contoso.com").await.expect("a store");
    assert_eq!(backlog().await, (3, 1005));
    let due = claim(store, 0, 10).await;
    assert_eq!(backlog().await, (3, 1005), "what is claimed is not done");
    settle(store, &due[0], Settled::Done, 1).await;
    assert_eq!(backlog().await, (2, 1000));
    settle(
        store,
        &due[1],
        Settled::Dead {
            reason: "no".to_owned(),
        },
        1,
    )
    .await;
    assert_eq!(backlog().await, (1, 1000));
}

#[tokio::test]
async fn only_what_is_settled_for_good_is_forgotten() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let in_file = |uid, name: &str| {
        let mut event = arrival(&inbox, uid, &["a"]);
        let name = name.to_owned();
        event.message = Some(Kept::File { name, size: 9 });
        event
    };
    let events = vec![
        in_file(1, "shared"),
        in_file(2, "shared"),
        in_file(3, "own"),
        in_file(4, "dead"),
    ];
    let step = advance(&inbox, (None, 4), events);
    store.advance(step).await.expect("the first step");
    let due = claim(store, 0, 10).await;
    settle(store, &due[0], Settled::Done, 10).await;
    settle(store, &due[2], Settled::Done, 10).await;
    settle(
        store,
        &due[3],
        Settled::Dead {
            reason: "no".to_owned(),
        },
        10,
    )
    .await;
    let forget = async |before| store.forget(at(before), 10).await.expect("a store");
    assert!(forget(10).await.is_empty(), "nothing is older");
    assert_eq!(forget(11).await, ["own"], "shared is still referred to");
    let names = ["own", "shared", "dead", "never"].map(str::to_owned);
    let free = store.unreferenced(&names).await.expect("a store");
    assert_eq!(free, ["never", "own"]);
    settle(store, &due[1], Settled::Done, 20).await;
    assert_eq!(forget(21).await, ["shared"]);
    store
        .discard(&[due[3].lease.delivery], at(30))
        .await
        .expect("a store");
    assert_eq!(forget(31).await, ["dead"], "a person let it go");
    assert!(states(store).await.is_empty());
    let again = advance(&inbox, (Some(4), 5), vec![arrival(&inbox, 5, &["a"])]);
    store.advance(again).await.expect("the cursor is at 4");
    assert_eq!(claim(store, 40, 1).await[0].event.sequence, Some(5));
}

#[tokio::test]
async fn a_dead_letter_and_its_report_are_stored_together() {
    let fixture = with_arrivals(1, &["a"]).await;
    let store = &fixture.store;
    let due = claim(store, 0, 1).await.remove(0);
    let report = Event {
        id: EventId::of_mailbox("ada@contoso.com", EventType::DeliveryDeadLettered, at(1)),
        kind: EventType::DeliveryDeadLettered,
        folder: None,
        data: EventData::Trouble {
            code: None,
            reason: "gave up".to_owned(),
            event: Some(due.event.id.clone()),
            sink: Some("a".to_owned()),
        },
        ..due.event.clone()
    };
    let report = || NewEvent {
        event: report.clone(),
        message: None,
        fingerprint: None,
        sinks: vec![sink("b")],
        post_action: false,
    };
    let dead = Settled::Dead {
        reason: "gave up".to_owned(),
    };
    let settled = store
        .settle(vec![(due.lease, dead)], vec![report()], at(1))
        .await;
    settled.expect("a store");
    let told = store.claim_due(&sink("b"), at(1), at(60), 10).await;
    let told = told.expect("a store");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].event.kind, EventType::DeliveryDeadLettered);
    assert_eq!((told[0].event.sequence, &told[0].message), (None, &None));
    let again = store.record(vec![report()], at(2)).await;
    assert_eq!(again.expect("a store"), 0, "it is known");
}
