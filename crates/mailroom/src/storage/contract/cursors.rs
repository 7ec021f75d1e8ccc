//! How far each watch has come.

use super::{Fresh, at, cursor, message, sink, step, watch};
use crate::{Advance, DeliveryFilter, EventData, StorageError};

pub(super) const SENTENCES: usize = 9;

pub(super) async fn sentence(number: usize, fresh: Fresh) {
    match number {
        0 => a_watch_that_never_started_has_no_standing(fresh).await,
        1 => cursor_and_events_become_durable_together(fresh).await,
        2 => a_cursor_that_somebody_else_moved_is_not_moved(fresh).await,
        3 => a_known_event_is_skipped_and_takes_no_number(fresh).await,
        4 => the_high_water_mark_never_goes_back(fresh).await,
        5 => the_ledger_knows_what_was_stored_or_remembered(fresh).await,
        6 => a_proof_of_a_clock_that_was_ahead_is_replaced(fresh).await,
        7 => a_step_may_leave_the_cursor_where_it_is(fresh).await,
        _ => an_event_that_moves_no_cursor_is_recorded_once(fresh).await,
    }
}

async fn a_watch_that_never_started_has_no_standing(fresh: Fresh) {
    let standing = fresh.cursors.load(&watch()).await.expect("it answers");
    assert_eq!(standing, None);
    assert!(
        fresh
            .cursors
            .standings()
            .await
            .expect("it answers")
            .is_empty()
    );
}

async fn cursor_and_events_become_durable_together(fresh: Fresh) {
    let new = fresh
        .advance(step(None, 1, vec![message(1), message(2)]))
        .await;
    assert_eq!(new, 2);
    let standing = fresh.cursors.load(&watch()).await.expect("it answers");
    let standing = standing.expect("the watch has started");
    assert_eq!(standing.cursor, cursor(1));
    assert_eq!(standing.sequence, 2);
    assert_eq!(standing.proven_at, Some(at(0)));
    let all = fresh.cursors.standings().await.expect("it answers");
    assert_eq!(all, [(watch(), standing)]);
    let due = fresh.deliveries.claim_due(&sink(), at(1), at(60), 10).await;
    let due = due.expect("it answers");
    let sequences: Vec<_> = due.iter().map(|due| due.event.sequence).collect();
    assert_eq!(
        sequences,
        [Some(1), Some(2)],
        "oldest first, numbered from 1"
    );
    assert_eq!(due[0].message, message(1).message);
    let mut stored = due[0].event.clone();
    stored.sequence = None;
    assert_eq!(stored, message(1).event);
}

async fn a_cursor_that_somebody_else_moved_is_not_moved(fresh: Fresh) {
    fresh.advance(step(None, 1, vec![])).await;
    for from in [None, Some(2)] {
        let overtaken = fresh.cursors.advance(step(from, 3, vec![message(1)])).await;
        let overtaken = overtaken.expect_err("the cursor is another one");
        assert!(
            matches!(overtaken, StorageError::Overtaken { .. }),
            "{overtaken}"
        );
    }
    let standing = fresh.cursors.load(&watch()).await.expect("it answers");
    assert_eq!(standing.map(|standing| standing.cursor), Some(cursor(1)));
    let all = fresh
        .deliveries
        .list(&everything())
        .await
        .expect("it answers");
    assert!(all.is_empty(), "nothing of a refused step is stored");
}

async fn a_known_event_is_skipped_and_takes_no_number(fresh: Fresh) {
    fresh.advance(step(None, 1, vec![message(1)])).await;
    let new = fresh
        .advance(step(Some(1), 2, vec![message(1), message(2)]))
        .await;
    assert_eq!(new, 1);
    let all = fresh
        .deliveries
        .list(&everything())
        .await
        .expect("it answers");
    let sequences: Vec<_> = all.iter().map(|one| one.event.sequence).collect();
    assert_eq!(sequences, [Some(2), Some(1)], "newest first, without a gap");
}

async fn the_high_water_mark_never_goes_back(fresh: Fresh) {
    let marked = |from, to, high_water| {
        let mut step = step(from, to, vec![]);
        step.high_water = high_water;
        step
    };
    fresh.advance(marked(None, 1, None)).await;
    let load = async || {
        let standing = fresh.cursors.load(&watch()).await.expect("it answers");
        standing.expect("the watch has started")
    };
    assert_eq!(load().await.high_water, None);
    fresh.advance(marked(Some(1), 2, Some(at(100)))).await;
    for (from, lower) in [(2, Some(at(50))), (3, None)] {
        fresh.advance(marked(Some(from), from + 1, lower)).await;
        assert_eq!(load().await.high_water, Some(at(100)));
    }
}

async fn a_proof_of_a_clock_that_was_ahead_is_replaced(fresh: Fresh) {
    fresh.advance(step(None, 1, vec![])).await;
    let load = async || {
        let standing = fresh.cursors.load(&watch()).await.expect("it answers");
        standing.expect("the watch has started")
    };
    let prove = async |time| {
        let proven = fresh.cursors.proven(&watch(), time).await;
        proven.expect("it answers");
    };
    prove(at(90_000)).await;
    let standing = load().await;
    assert_eq!(
        standing.proven_by(at(100)),
        Some(at(100)),
        "no proof lies ahead"
    );
    assert_eq!(standing.proven_by(at(90_001)), Some(at(90_000)));
    prove(at(200)).await;
    assert_eq!(load().await.proven_at, Some(at(200)));
    prove(at(90_000)).await;
    let mut earlier = step(Some(1), 2, vec![]);
    earlier.at = at(300);
    fresh.advance(earlier).await;
    assert_eq!(
        load().await.proven_at,
        Some(at(300)),
        "a step is a proof, too"
    );
}

async fn the_ledger_knows_what_was_stored_or_remembered(fresh: Fresh) {
    fresh.advance(step(None, 1, vec![message(1)])).await;
    let remembered = fresh
        .cursors
        .remember(&watch(), &[[9; 32], [9; 32]], at(0))
        .await;
    remembered.expect("it answers, and remembers twice without harm");
    let asked = [[1; 32], [2; 32], [9; 32]];
    let known = fresh
        .cursors
        .known(&watch(), &asked)
        .await
        .expect("it answers");
    assert_eq!(known, [true, false, true]);
    let other = crate::WatchKey {
        mailbox: "other@contoso.com".to_owned(),
        ..watch()
    };
    let known = fresh
        .cursors
        .known(&other, &asked)
        .await
        .expect("it answers");
    assert_eq!(known, [false; 3], "each watch has its own ledger");
    assert!(
        fresh
            .cursors
            .known(&watch(), &[])
            .await
            .expect("it answers")
            .is_empty()
    );
}

async fn a_step_may_leave_the_cursor_where_it_is(fresh: Fresh) {
    let stays = |from, events| Advance {
        to: None,
        ..step(from, 0, events)
    };
    let new = fresh.advance(stays(None, vec![message(1)])).await;
    assert_eq!(new, 1);
    let standing = fresh.cursors.load(&watch()).await.expect("it answers");
    assert_eq!(standing, None, "the watch has not come anywhere");
    // The whole step, told again from its beginning after a crash.
    fresh
        .advance(step(None, 1, vec![message(1), message(2)]))
        .await;
    fresh.advance(stays(Some(1), vec![message(3)])).await;
    let standing = fresh.cursors.load(&watch()).await.expect("it answers");
    let standing = standing.expect("the watch has started");
    assert_eq!((standing.cursor, standing.sequence), (cursor(1), 3));
    let overtaken = fresh.cursors.advance(stays(None, vec![message(4)])).await;
    assert!(matches!(overtaken, Err(StorageError::Overtaken { .. })));
    fresh.advance(step(Some(1), 2, vec![message(3)])).await;
    let due = fresh.deliveries.claim_due(&sink(), at(1), at(60), 10).await;
    let due = due.expect("it answers");
    let sequences: Vec<_> = due.iter().map(|due| due.event.sequence).collect();
    assert_eq!(sequences, [Some(1), Some(2), Some(3)]);
}

async fn an_event_that_moves_no_cursor_is_recorded_once(fresh: Fresh) {
    let mut trouble = message(1);
    trouble.event.folder = None;
    trouble.message = None;
    let record = async || fresh.cursors.record(vec![trouble.clone()], at(5)).await;
    assert_eq!(record().await.expect("it answers"), 1);
    assert_eq!(record().await.expect("it answers"), 0);
    let all = fresh
        .deliveries
        .list(&everything())
        .await
        .expect("it answers");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].event.sequence, None);
    assert!(matches!(all[0].event.data, EventData::Trouble { .. }));
}

fn everything() -> DeliveryFilter {
    DeliveryFilter {
        limit: 100,
        ..DeliveryFilter::default()
    }
}
