//! Cursors move together with their events, or not at all.

use gatepost_fault::Fault as _;
use gatepost_mailroom::{Cursors, Deliveries, DeliveryFilter, StorageError};

use crate::samples::{advance, arrival, at, cursor, fingerprint, fixture, reopen, sink, watch};

#[tokio::test]
async fn a_step_stores_cursor_events_and_deliveries_together() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let events = vec![arrival(&inbox, 1, &["a", "b"]), arrival(&inbox, 2, &["a"])];
    let mut step = advance(&inbox, (None, 2), events);
    step.high_water = Some(at(2));
    assert_eq!(store.advance(step).await.expect("the first step"), 2);
    let standing = Cursors::load(store, &inbox).await.expect("a store");
    let standing = standing.expect("it started");
    assert_eq!(standing.cursor, cursor(2));
    assert_eq!(standing.high_water, Some(at(2)));
    assert_eq!(standing.proven_at, Some(at(0)));
    assert_eq!(standing.sequence, 2);
    let all = DeliveryFilter {
        limit: 10,
        ..DeliveryFilter::default()
    };
    let listed = store.list(&all).await.expect("a store");
    let listed: Vec<_> = listed
        .iter()
        .map(|delivery| (delivery.event.sequence, delivery.sink.0.as_str()))
        .collect();
    assert_eq!(listed, [(Some(2), "a"), (Some(1), "b"), (Some(1), "a")]);
}

#[tokio::test]
async fn somebody_elses_cursor_undoes_the_whole_step() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let first = store.advance(advance(&inbox, (None, 1), Vec::new())).await;
    first.expect("the first step");
    for from in [None, Some(7)] {
        let step = advance(&inbox, (from, 9), vec![arrival(&inbox, 9, &["a"])]);
        let error = store.advance(step).await.expect_err("the cursor is at 1");
        assert!(matches!(error, StorageError::Overtaken { .. }), "{error}");
        assert_eq!(error.code(), "cursor_overtaken");
    }
    let standings = store.standings().await.expect("a store");
    assert_eq!(standings.len(), 1);
    assert_eq!(standings[0].1.cursor, cursor(1));
    let backlog = store.backlog("ada@contoso.com", &[sink("a")]).await;
    assert_eq!(backlog.expect("a store"), (0, 0));
    let known = store.known(&inbox, &[fingerprint(9)]).await;
    assert_eq!(known.expect("a store"), [false]);
}

#[tokio::test]
async fn an_event_that_is_known_takes_no_sequence_number() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let twice = vec![arrival(&inbox, 1, &["a"]), arrival(&inbox, 1, &["a"])];
    let new = store.advance(advance(&inbox, (None, 1), twice)).await;
    assert_eq!(new.expect("the first step"), 1);
    let more = vec![arrival(&inbox, 1, &["a"]), arrival(&inbox, 2, &["a"])];
    let new = store.advance(advance(&inbox, (Some(1), 2), more)).await;
    assert_eq!(new.expect("the second step"), 1);
    let standing = Cursors::load(store, &inbox).await.expect("a store");
    assert_eq!(standing.expect("it started").sequence, 2);
    let backlog = store.backlog("ada@contoso.com", &[sink("a")]).await;
    assert_eq!(backlog.expect("a store").0, 2);
}

#[tokio::test]
async fn sequences_are_counted_by_folder_and_survive_a_restart() {
    let fixture = fixture().await;
    for folder in ["INBOX", "Invoices"] {
        let folder = watch(folder);
        let step = advance(&folder, (None, 1), vec![arrival(&folder, 1, &["a"])]);
        fixture.store.advance(step).await.expect("the first step");
    }
    fixture.store.close().await;
    let store = reopen(&fixture.folder).await.expect("it opens again");
    let inbox = watch("INBOX");
    let step = advance(&inbox, (Some(1), 2), vec![arrival(&inbox, 2, &["a"])]);
    store.advance(step).await.expect("the cursor is at 1");
    let standings = store.standings().await.expect("a store");
    let counted: Vec<_> = standings
        .iter()
        .map(|(key, standing)| (key.folder.as_str(), standing.sequence))
        .collect();
    assert_eq!(counted, [("INBOX", 2), ("Invoices", 1)]);
}

#[tokio::test]
async fn the_high_water_mark_never_goes_back_and_the_last_proof_stands() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let mut step = advance(&inbox, (None, 1), Vec::new());
    (step.at, step.high_water) = (at(100), Some(at(50)));
    store.advance(step).await.expect("the first step");
    let mut step = advance(&inbox, (Some(1), 1), Vec::new());
    (step.at, step.high_water) = (at(90), Some(at(40)));
    store.advance(step).await.expect("the same cursor again");
    store.proven(&inbox, at(80)).await.expect("a store");
    let standing = Cursors::load(store, &inbox).await.expect("a store");
    let standing = standing.expect("it started");
    assert_eq!(standing.high_water, Some(at(50)));
    assert_eq!(standing.proven_at, Some(at(80)));
    store.proven(&inbox, at(120)).await.expect("a store");
    let standing = Cursors::load(store, &inbox).await.expect("a store");
    assert_eq!(standing.expect("it started").proven_at, Some(at(120)));
}

#[tokio::test]
async fn a_baseline_is_known_before_the_watch_starts() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    let baseline: Vec<_> = (0..1000).map(fingerprint).collect();
    for _ in 0..2 {
        let remembered = store.remember(&inbox, &baseline, at(0)).await;
        remembered.expect("a store");
    }
    let wanted = [fingerprint(999), fingerprint(1000), fingerprint(0)];
    let known = store.known(&inbox, &wanted).await.expect("a store");
    assert_eq!(known, [true, false, true]);
    let other = store.known(&watch("Other"), &wanted).await;
    assert_eq!(other.expect("a store"), [false; 3]);
    assert!(store.standings().await.expect("a store").is_empty());
    assert!(
        Cursors::load(store, &inbox)
            .await
            .expect("a store")
            .is_none()
    );
}
