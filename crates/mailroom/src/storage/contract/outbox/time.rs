//! What is on its way out, and how time passes over it.

use gatepost_mail::Trace;

use super::{MAILBOX, retry_at, submission, term};
use crate::storage::contract::{Fresh, at};
use crate::{DueSubmission, Fate, LeftBy};

pub(super) async fn a_claim_holds_from_the_departure_on(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    let how = (&Trace::MessageId, &due.recipients[..]);
    fresh.depart_until(&due, how, (50, 110)).await;
    let recovers = async |seconds| {
        let latest = at(seconds + 60);
        let recovered = fresh
            .outbox
            .recover(LeftBy::Anybody { latest }, at(seconds));
        recovered.await.expect("it is stored").unknown
    };
    assert_eq!(recovers(109).await, 0, "it is on its way");
    assert_eq!(recovers(110).await, 1);
}

pub(super) async fn what_was_said_before_a_departure_is_no_reason_afterwards(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    assert!(fresh.settle(&due, retry_at(30)).await);
    let again = fresh.claim(term(30, 60), 1).await.remove(0);
    fresh.depart(&again, 31).await;
    let recovered = fresh.outbox.recover(LeftBy::FormerServe, at(40)).await;
    assert_eq!(recovered.expect("it is stored").unknown, 1);
    assert_eq!(fresh.seen("2222222222").await.reason, None);
    // A look that did not work is counted until the next departure.
    let unknown = fresh.outbox.unknown_due(MAILBOX, at(40), 1).await;
    let unknown = unknown.expect("it reads").whole.remove(0);
    assert_eq!(unknown.looks_in_vain, 0);
    let in_vain = Fate::Unknown {
        look_at: Some(at(50)),
        looks_in_vain: 1,
        reason: "nobody knows".to_owned(),
    };
    assert!(fresh.settle(&unknown, in_vain).await);
    let unknown = fresh.outbox.unknown_due(MAILBOX, at(50), 1).await;
    let unknown = unknown.expect("it reads").whole.remove(0);
    assert_eq!(unknown.looks_in_vain, 1);
    assert!(fresh.settle(&unknown, retry_at(60)).await);
    // Whoever has it tried again has read why it waits.
    let ids = [unknown.lease.id];
    let retried = fresh.outbox.retry_sending(&ids, at(60)).await;
    assert_eq!(retried.expect("it is stored"), 1);
    assert_eq!(fresh.seen("2222222222").await.reason, None);
}

pub(super) async fn time_in_which_nobody_was_there_is_no_time_of_tries(fresh: Fresh) {
    let overdue = |due: &DueSubmission| due.overdue.as_secs();
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(10, 60), 1).await.remove(0);
    assert_eq!(overdue(&due), 0, "the first try");
    assert!(fresh.settle(&due, retry_at(30)).await);
    let due = fresh.claim(term(100, 160), 1).await.remove(0);
    assert_eq!(overdue(&due), 70);
    // The claim of a process that is gone had run out for a while.
    let latest = at(260);
    let recovered = fresh.outbox.recover(LeftBy::Anybody { latest }, at(200));
    assert_eq!(recovered.await.expect("it is stored").queued, 1);
    let due = fresh.claim(term(200, 260), 1).await.remove(0);
    assert_eq!((overdue(&due), due.first_attempt_at), (110, at(10)));
    assert!(fresh.settle(&due, retry_at(210)).await);
    // What was held begins anew.
    for open in [&[][..], &[MAILBOX.to_owned()]] {
        let held = fresh.outbox.hold_others(open, at(300)).await;
        held.expect("it is stored");
    }
    let due = fresh.claim(term(400, 460), 1).await.remove(0);
    assert_eq!((overdue(&due), due.first_attempt_at), (0, at(400)));
    assert_eq!(due.attempt, 1);
}

/// Whoever tries next has to take it away.
pub(super) async fn a_draft_is_known_until_its_message_departs(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let notes = async |due: &DueSubmission, draft: &str| {
        let noted = fresh.outbox.note_draft(&due.lease, Some(draft)).await;
        noted.expect("it is stored")
    };
    let first = fresh.claim(term(0, 60), 1).await.remove(0);
    assert_eq!(first.draft, None);
    assert!(notes(&first, "first").await);
    let recovered = fresh.outbox.recover(LeftBy::FormerServe, at(10)).await;
    assert_eq!(recovered.expect("it is stored").queued, 1);
    let second = fresh.claim(term(10, 60), 1).await.remove(0);
    assert_eq!(second.draft.as_deref(), Some("first"));
    assert!(!notes(&first, "late").await, "the claim is an old one");
    assert!(notes(&second, "second").await);
    fresh.depart(&second, 11).await;
    assert!(fresh.settle(&second, retry_at(12)).await);
    assert!(!notes(&second, "late").await, "it is over");
    let third = fresh.claim(term(12, 60), 1).await.remove(0);
    assert_eq!(third.draft, None, "its fate is known by its trace");
    fresh.depart(&third, 13).await;
    assert!(notes(&third, "third").await, "it was refused, and is left");
    assert!(fresh.settle(&third, retry_at(14)).await);
    let fourth = fresh.claim(term(14, 60), 1).await.remove(0);
    assert_eq!(fourth.draft.as_deref(), Some("third"));
    let withdrawn = fresh.outbox.note_draft(&fourth.lease, None).await;
    assert!(withdrawn.expect("it is stored"));
    assert!(fresh.settle(&fourth, retry_at(16)).await);
    let fifth = fresh.claim(term(16, 60), 1).await.remove(0);
    assert_eq!(fifth.draft, None, "it was taken away");
}
