//! What is on its way to the sinks.

use jiff::Timestamp;

use super::{Fresh, at, message, sink, watch};
use crate::{DeliveryFilter, DeliveryState, Due, Forgone, Horizon, Kept, Settled, SinkName};

pub(super) const SENTENCES: usize = 13;

pub(super) async fn sentence(number: usize, fresh: Fresh) {
    match number {
        0 => a_claim_excludes_others_until_its_time_is_over(fresh).await,
        1 => an_old_claim_settles_nothing(fresh).await,
        2 => a_retry_is_due_at_its_time_and_counts(fresh).await,
        3 => a_released_delivery_was_never_attempted(fresh).await,
        4 => in_strict_order_only_the_oldest_of_a_folder_is_claimed(fresh).await,
        5 => claims_of_a_former_process_are_taken_back(fresh).await,
        6 => a_post_action_is_due_when_every_delivery_is_done(fresh).await,
        7 => reports_are_stored_with_what_they_report(fresh).await,
        8 => what_lies_beyond_the_horizon_is_due_at_once(fresh).await,
        9 => a_person_retries_and_discards(fresh).await,
        10 => sinks_that_were_removed_hold_nothing_back(fresh).await,
        11 => a_post_action_that_comes_to_nothing_keeps_no_event(fresh).await,
        _ => what_is_settled_is_forgotten_with_its_file(fresh).await,
    }
}

async fn a_claim_excludes_others_until_its_time_is_over(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1), message(2)]).await;
    assert_eq!(next_due(&fresh).await, Some(at(0)));
    assert_eq!(
        claim(&fresh, 0, 1).await.len(),
        1,
        "never more than the limit"
    );
    assert_eq!(claim(&fresh, 0, 10).await.len(), 1, "the first is claimed");
    assert!(claim(&fresh, 30, 10).await.is_empty());
    assert_eq!(next_due(&fresh).await, Some(at(60)), "a claim runs out");
    let again = claim(&fresh, 60, 10).await;
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].attempt, 2);
    assert_eq!(again[0].first_attempt_at, Some(at(0)));
    let other = SinkName("other".to_owned());
    let none = fresh
        .deliveries
        .claim_due(&other, at(99), at(999), 10)
        .await;
    assert!(
        none.expect("it answers").is_empty(),
        "each sink has its own"
    );
}

async fn an_old_claim_settles_nothing(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1)]).await;
    let old = claim(&fresh, 0, 1).await.remove(0);
    let new = claim(&fresh, 60, 1).await.remove(0);
    settle(&fresh, &old, Settled::Done).await;
    assert_eq!(states(&fresh).await, [DeliveryState::Claimed]);
    settle(&fresh, &new, Settled::Done).await;
    settle(&fresh, &new, dead()).await;
    assert_eq!(states(&fresh).await, [DeliveryState::Done], "settled once");
    assert_eq!(next_due(&fresh).await, None);
}

async fn a_retry_is_due_at_its_time_and_counts(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1)]).await;
    let due = claim(&fresh, 0, 1).await.remove(0);
    let reason = "the sink is closed".to_owned();
    settle(
        &fresh,
        &due,
        Settled::RetryAt {
            at: at(300),
            reason: reason.clone(),
        },
    )
    .await;
    assert!(claim(&fresh, 299, 1).await.is_empty());
    let shown = fresh.deliveries.show(due.lease.delivery).await;
    let shown = shown.expect("it answers").expect("it is there");
    assert_eq!(shown.reason, Some(reason));
    assert_eq!((shown.attempts, shown.next_attempt_at), (1, Some(at(300))));
    assert_eq!(claim(&fresh, 300, 1).await[0].attempt, 2);
}

async fn a_released_delivery_was_never_attempted(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1)]).await;
    let due = claim(&fresh, 0, 1).await.remove(0);
    settle(&fresh, &due, Settled::Released).await;
    assert_eq!(claim(&fresh, 10, 1).await[0].attempt, 1);
}

async fn in_strict_order_only_the_oldest_of_a_folder_is_claimed(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1), message(2)]).await;
    let first = claim_head(&fresh, 0).await;
    assert_eq!(first.len(), 1);
    assert!(
        claim_head(&fresh, 1).await.is_empty(),
        "the claimed one is before it"
    );
    let later = Settled::RetryAt {
        at: at(40),
        reason: String::new(),
    };
    settle(&fresh, &first[0], later).await;
    assert!(
        claim_head(&fresh, 39).await.is_empty(),
        "the failed one is before it"
    );
    let first = claim_head(&fresh, 40).await;
    assert_eq!(first[0].event.sequence, Some(1));
    settle(&fresh, &first[0], dead()).await;
    assert_eq!(claim_head(&fresh, 41).await[0].event.sequence, Some(2));
}

async fn claims_of_a_former_process_are_taken_back(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1)]).await;
    let old = claim(&fresh, 0, 1).await.remove(0);
    let taken = fresh.deliveries.reclaim(&sink(), at(1), START).await;
    assert_eq!(taken.expect("it answers"), 1);
    settle(&fresh, &old, Settled::Done).await;
    assert_eq!(
        states(&fresh).await,
        [DeliveryState::Pending],
        "the claim is over"
    );
    assert_eq!(
        claim(&fresh, 1, 1).await[0].attempt,
        2,
        "attempts stay counted"
    );
}

async fn what_lies_beyond_the_horizon_is_due_at_once(fresh: Fresh) {
    let fresh = fresh.filled((1..=4).map(message).collect()).await;
    // The clock is a day ahead, and is set right afterwards.
    let due = claim(&fresh, 86_400, 4).await;
    for (due, wait) in due.iter().zip([10, 40_000]) {
        let later = Settled::RetryAt {
            at: at(86_400 + wait),
            reason: String::new(),
        };
        settle(&fresh, due, later).await;
    }
    settle(&fresh, &due[2], Settled::Done).await;
    let horizon = Horizon {
        claims: at(5 + 120),
        retries: at(5 + 90_000),
    };
    let reclaim = async || fresh.deliveries.reclaim(&sink(), at(5), horizon).await;
    assert_eq!(
        reclaim().await.expect("it answers"),
        2,
        "a claim and a retry"
    );
    assert_eq!(reclaim().await.expect("it answers"), 0);
    let now: Vec<_> = claim(&fresh, 5, 9).await;
    let now: Vec<_> = now.iter().map(|due| due.event.sequence).collect();
    assert_eq!(now, [Some(2), Some(4)], "the others are believed, or done");
    settle(&fresh, &due[3], Settled::Done).await;
    let pending = states(&fresh).await;
    assert_eq!(pending[0], DeliveryState::Claimed, "the old claim is void");
}

async fn a_post_action_is_due_when_every_delivery_is_done(fresh: Fresh) {
    let other = SinkName("other".to_owned());
    let mut new = message(1);
    new.post_action = true;
    new.sinks.push(other.clone());
    let fresh = fresh.filled(vec![new, message(2)]).await;
    let due = claim(&fresh, 0, 10).await;
    for due in &due {
        assert!(settle(&fresh, due, Settled::Done).await.is_empty());
    }
    assert!(
        post_actions(&fresh).await.is_empty(),
        "the other sink is not done"
    );
    let due = fresh.deliveries.claim_due(&other, at(0), at(60), 10).await;
    let due = due.expect("it answers").remove(0);
    assert_eq!(
        settle(&fresh, &due, Settled::Done).await,
        std::slice::from_ref(&due.event.id)
    );
    assert_eq!(
        post_actions(&fresh).await,
        std::slice::from_ref(&due.event.id)
    );
    let done = fresh.deliveries.post_actions_done(&[due.event.id]).await;
    done.expect("it answers");
    assert!(post_actions(&fresh).await.is_empty());
}

async fn sinks_that_were_removed_hold_nothing_back(fresh: Fresh) {
    let removed = SinkName("removed".to_owned());
    let events = [1, 2, 3].map(|uid| {
        let mut new = message(uid);
        new.post_action = true;
        new.sinks.push(removed.clone());
        new
    });
    let fresh = fresh.filled(events.to_vec()).await;
    let mut alone = message(4);
    alone.post_action = true;
    alone.sinks = vec![removed.clone()];
    fresh.advance(super::step(Some(1), 2, vec![alone])).await;
    let forgo = async |fresh: &Fresh, sinks: &[SinkName]| {
        let forgone = fresh.deliveries.forgo_others(&watch(), sinks).await;
        forgone.expect("it answers")
    };
    let both = [sink(), removed.clone()];
    assert_eq!(backlog_of(&fresh, &both).await.0, 7);
    assert_eq!(backlog(&fresh).await, (3, 27), "each message counts once");
    let due = claim(&fresh, 0, 2).await;
    settle(&fresh, &due[0], Settled::Done).await;
    settle(&fresh, &due[1], dead()).await;
    assert_eq!(forgo(&fresh, &both).await, Forgone::default());
    let expected = Forgone { due: 1, waiting: 3 };
    let forgone = forgo(&fresh, &[sink()]).await;
    assert_eq!(forgone, expected, "no sink has the last message");
    let first = std::slice::from_ref(&due[0].event.id);
    assert_eq!(post_actions(&fresh).await, first);
    let kept = states(&fresh).await.into_iter();
    let kept = kept.filter(|state| *state == DeliveryState::Pending);
    assert_eq!(kept.count(), 5, "what waits for the other stays");
    let done = fresh.deliveries.post_actions_done(first).await;
    done.expect("it answers");
    assert!(post_actions(&fresh).await.is_empty());
    let last = claim(&fresh, 0, 2).await.remove(0);
    settle(&fresh, &last, Settled::Done).await;
    assert!(post_actions(&fresh).await.is_empty(), "until it is asked");
    assert_eq!(forgo(&fresh, &[sink()]).await.due, 1);
    assert_eq!(post_actions(&fresh).await, [last.event.id]);
}

async fn reports_are_stored_with_what_they_report(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1)]).await;
    let due = claim(&fresh, 0, 1).await.remove(0);
    let mut report = message(2);
    report.event.folder = None;
    for _ in 0..2 {
        let settled = vec![(due.lease, dead())];
        let settled = fresh
            .deliveries
            .settle(settled, vec![report.clone()], at(1))
            .await;
        settled.expect("it answers, and stores a known report once");
    }
    let states = states(&fresh).await;
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Dead]);
}

async fn a_person_retries_and_discards(fresh: Fresh) {
    let fresh = fresh.filled(vec![message(1), message(2)]).await;
    assert_eq!(backlog(&fresh).await, (2, 18));
    let due = claim(&fresh, 0, 10).await;
    settle(&fresh, &due[0], dead()).await;
    settle(&fresh, &due[1], Settled::Done).await;
    assert_eq!(backlog(&fresh).await, (0, 0));
    let ids: Vec<i64> = due.iter().map(|due| due.lease.delivery).collect();
    let retried = fresh
        .deliveries
        .retry(&ids, at(5))
        .await
        .expect("it answers");
    assert_eq!(retried, 1, "one that is done is not done again");
    let due = claim(&fresh, 5, 10).await;
    assert_eq!((due.len(), due[0].attempt), (1, 2));
    settle(&fresh, &due[0], dead()).await;
    let discarded = fresh.deliveries.discard(&ids, at(6)).await;
    assert_eq!(discarded.expect("it answers"), 1);
    let listed = |state| DeliveryFilter {
        state: Some(state),
        limit: 9,
        ..DeliveryFilter::default()
    };
    let listed = fresh
        .deliveries
        .list(&listed(DeliveryState::Discarded))
        .await;
    assert_eq!(listed.expect("it answers").len(), 1);
    assert!(
        fresh
            .deliveries
            .show(9_999)
            .await
            .expect("it answers")
            .is_none()
    );
}

async fn what_is_settled_is_forgotten_with_its_file(fresh: Fresh) {
    let name = |digit: &str| digit.repeat(64);
    let mut events = vec![message(1), message(2), message(3), message(4)];
    for (event, digit) in events.iter_mut().zip(["a", "a", "b", "c"]) {
        event.message = Some(Kept::File {
            name: name(digit),
            size: 200_000,
        });
    }
    let fresh = fresh.filled(events).await;
    assert_eq!(backlog(&fresh).await, (4, 800_000));
    let due = claim(&fresh, 0, 10).await;
    settle(&fresh, &due[0], Settled::Done).await;
    settle(&fresh, &due[2], Settled::Done).await;
    settle(&fresh, &due[3], dead()).await;
    let asked = [name("a"), name("c"), name("d")];
    let free = fresh
        .deliveries
        .unreferenced(&asked)
        .await
        .expect("it answers");
    assert_eq!(free, [name("d")]);
    let forget = async |before| {
        let names = fresh.deliveries.forget(at(before), 10).await;
        names.expect("it answers")
    };
    assert!(forget(0).await.is_empty(), "nothing was settled before");
    assert_eq!(
        forget(100).await,
        [name("b")],
        "a second event holds the other file"
    );
    assert_eq!(
        states(&fresh).await.len(),
        2,
        "dead letters and open deliveries stay"
    );
}

async fn a_post_action_that_comes_to_nothing_keeps_no_event(fresh: Fresh) {
    let events = [1, 2].map(|uid| {
        let mut new = message(uid);
        new.post_action = true;
        new
    });
    let fresh = fresh.filled(events.to_vec()).await;
    let due = claim(&fresh, 0, 10).await;
    settle(&fresh, &due[0], Settled::Done).await;
    let ids = [due[1].lease.delivery];
    let discarded = fresh.deliveries.discard(&ids, at(1)).await;
    assert_eq!(discarded.expect("it answers"), 1);
    let forget = async || {
        let forgotten = fresh.deliveries.forget(at(100), 10).await;
        forgotten.expect("it answers");
        states(&fresh).await
    };
    let left = forget().await;
    assert_eq!(left, [DeliveryState::Done], "its post-action is due");
    let ids = [due[0].event.id.clone()];
    let done = fresh.deliveries.post_actions_done(&ids).await;
    done.expect("it answers");
    assert!(forget().await.is_empty());
}

async fn claim(fresh: &Fresh, now: i64, limit: usize) -> Vec<Due> {
    let sink = sink();
    let due = fresh
        .deliveries
        .claim_due(&sink, at(now), at(now + 60), limit);
    due.await.expect("it answers")
}

async fn claim_head(fresh: &Fresh, now: i64) -> Vec<Due> {
    let sink = sink();
    let due = fresh
        .deliveries
        .claim_heads(&sink, at(now), at(now + 60), 10);
    due.await.expect("it answers")
}

async fn settle(fresh: &Fresh, due: &Due, settled: Settled) -> Vec<crate::EventId> {
    let settled = fresh
        .deliveries
        .settle(vec![(due.lease, settled)], vec![], at(1));
    settled.await.expect("it answers")
}

async fn post_actions(fresh: &Fresh) -> Vec<crate::EventId> {
    let due = fresh.deliveries.post_actions_due(&watch(), 10).await;
    due.expect("it answers")
        .into_iter()
        .map(|event| event.id)
        .collect()
}

async fn next_due(fresh: &Fresh) -> Option<Timestamp> {
    fresh
        .deliveries
        .next_due(&sink())
        .await
        .expect("it answers")
}

async fn backlog(fresh: &Fresh) -> (u64, u64) {
    backlog_of(fresh, &[sink()]).await
}

async fn backlog_of(fresh: &Fresh, sinks: &[SinkName]) -> (u64, u64) {
    let backlog = fresh.deliveries.backlog(&watch().mailbox, sinks).await;
    backlog.expect("it answers")
}

/// The states of all deliveries, the newest first.
async fn states(fresh: &Fresh) -> Vec<DeliveryState> {
    let filter = DeliveryFilter {
        limit: 100,
        ..DeliveryFilter::default()
    };
    let all = fresh.deliveries.list(&filter).await.expect("it answers");
    all.into_iter().map(|one| one.state).collect()
}

fn dead() -> Settled {
    Settled::Dead {
        reason: "it gave up".to_owned(),
    }
}

/// What a process says that starts.
const START: Horizon = Horizon {
    claims: Timestamp::MIN,
    retries: Timestamp::MAX,
};
