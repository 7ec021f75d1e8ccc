//! What people and the house-keeping do with deliveries: look, retry, discard, count, forget.

use gatepost_mailroom::{
    Cursors, Deliveries, DeliveryFilter, DeliveryState, Event, EventData, EventId, EventType, Kept,
    NewEvent, Settled,
};

use crate::deliveries::{claim, settle, states, with_arrivals};
use crate::samples::{advance, arrival, at, fixture, sink, watch};

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
    let sinks = [sink("a"), sink("b")];
    let backlog = async || {
        let backlog = store.backlog("ada@contoso.com", &sinks).await;
        backlog.expect("a store")
    };
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
        id: EventId::of_delivery(
            &due.event.id,
            (&sink("a"), due.attempt),
            EventType::DeliveryDeadLettered,
        ),
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

#[tokio::test]
async fn what_was_forgotten_takes_no_room_on_the_disk() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let mut large = arrival(&inbox, 1, &["a"]);
    large.message = Some(Kept::Inline(vec![b'x'; 1_000_000]));
    let step = advance(&inbox, (None, 1), vec![large]);
    store.advance(step).await.expect("the first step");
    let due = claim(store, 0, 1).await.remove(0);
    settle(store, &due, Settled::Done, 1).await;
    let forgotten = store.forget(at(2), 10).await;
    assert!(forgotten.expect("a store").is_empty(), "there was no file");
    store.close().await;
    let size = std::fs::metadata(store.folder().database()).expect("a database");
    assert!(size.len() < 500_000, "{} octets are left", size.len());
}
