//! What a person says of a message of which nobody knows whether it was sent.

use gatepost_host::Chance;
use gatepost_mail::Trace;

use super::{FILE, MAILBOX, names, retry_at, submission, term};
use crate::outbox::{BounceTo, SendPolicy};
use crate::storage::contract::{Fresh, at, message};
use crate::{Decision, LeftBy, RecipientFate, Resolution, SubmissionState};

pub(super) async fn a_person_decides_of_what_is_unknown(fresh: Fresh) {
    for (name, resolution, state) in [
        ("2222222222", Resolution::Sent, SubmissionState::Sent),
        ("3333333333", Resolution::Drop, SubmissionState::Cancelled),
        ("4444444444", Resolution::Resend, SubmissionState::Queued),
    ] {
        let due = fresh.lost(name, None).await;
        let decision = decision(&fresh, name, resolution).await;
        let resolve = async |number| {
            let mut decision = decision.clone();
            decision.reports = vec![message(number)];
            let resolved = fresh.outbox.resolve(&due.lease.id, decision, at(50));
            resolved.await.expect("it is stored")
        };
        let told = fresh.told().await;
        assert!(resolve(u32::from(name.as_bytes()[0])).await);
        assert!(!resolve(1).await, "it is decided");
        assert_eq!(fresh.told().await, told + 1);
        let seen = fresh.seen(name).await;
        assert_eq!((seen.state, seen.untold), (state, 0));
        for recipient in &seen.recipients {
            let is_it = match resolution {
                Resolution::Sent => recipient.fate == RecipientFate::Taken,
                Resolution::Drop => matches!(recipient.fate, RecipientFate::Dropped { .. }),
                Resolution::Resend => recipient.fate == RecipientFate::Open,
            };
            assert!(is_it, "{resolution:?}: {recipient:?}");
        }
        assert!(!fresh.settle(&due, retry_at(60)).await, "{name}");
    }
    let again = fresh.claim(term(50, 60), 9).await;
    assert_eq!(names(&again), ["4444444444"]);
    let [again] = &again[..] else {
        panic!("it is one: {again:?}")
    };
    assert_eq!((again.attempt, again.first_attempt_at), (1, at(50)));
    // What is decided of one transmission is not decided of the next.
    let of_the_first = decision(&fresh, "4444444444", Resolution::Sent).await;
    let before = fresh.seen("4444444444").await.former;
    assert!(!before.is_empty(), "it was tried before");
    fresh.depart(again, 51).await;
    let seen = fresh.seen("4444444444").await;
    assert_eq!(seen.former, before, "that stays known");
    let recovered = fresh.outbox.recover(LeftBy::FormerServe, at(52)).await;
    assert_eq!(recovered.expect("it is stored").unknown, 1);
    let resolved = fresh
        .outbox
        .resolve(&again.lease.id, of_the_first, at(53))
        .await;
    assert!(!resolved.expect("it is stored"));
}

pub(super) async fn that_it_was_sent_is_true_of_those_to_whom_it_departed(fresh: Fresh) {
    let reason = || "it said so".to_owned();
    for (name, other, state) in [
        (
            "2222222222",
            RecipientFate::Deferred { reason: reason() },
            SubmissionState::Queued,
        ),
        (
            "3333333333",
            RecipientFate::Refused { reason: reason() },
            SubmissionState::Failed,
        ),
    ] {
        fresh.accept(submission(name, 0)).await;
        let due = fresh.claim_one(name, term(0, 60)).await.expect("it is due");
        let mut recipients = due.recipients.clone();
        recipients[1].fate = other.clone();
        let how = (&Trace::MessageId, &recipients[..]);
        fresh.depart_until(&due, how, (1, 60)).await;
        let recovered = fresh.outbox.recover(LeftBy::FormerServe, at(20)).await;
        assert_eq!(recovered.expect("it is stored").unknown, 1);
        let refused = usize::from(state == SubmissionState::Failed);
        assert_eq!(fresh.seen(name).await.untold, refused);
        let decision = decision(&fresh, name, Resolution::Sent).await;
        let refused = state == SubmissionState::Failed;
        assert_eq!(decision.bounce.is_some(), refused);
        let resolved = fresh.outbox.resolve(&due.lease.id, decision, at(50));
        assert!(resolved.await.expect("it is stored"));
        let seen = fresh.seen(name).await;
        assert_eq!(seen.state, state);
        assert_eq!(seen.recipients[0].fate, RecipientFate::Taken);
        assert_eq!(seen.recipients[1].fate, other);
        assert!(seen.reason.is_some_and(|said| said.contains("it said so")));
        let free = fresh.deliveries.unreferenced(&[FILE.to_owned()]).await;
        assert!(free.expect("it reads").is_empty(), "it may be sent again");
    }
    let due = fresh.claim(term(50, 60), 9).await;
    let [again, bounce] = &due[..] else {
        panic!("one to the other recipient, and a report: {due:?}")
    };
    assert_eq!(again.lease.id.as_str(), "2222222222");
    assert_eq!((again.attempt, again.first_attempt_at), (1, at(50)));
    assert_eq!(bounce.letter.sender, None);
    assert_eq!(bounce.recipients[0].address, MAILBOX);
}

async fn decision(fresh: &Fresh, name: &str, resolution: Resolution) -> Decision {
    let policy = SendPolicy {
        bounce: BounceTo::Sender,
        ..SendPolicy::default()
    };
    let seen = fresh.seen(name).await;
    policy.resolved(&seen, resolution, (&Chance::seeded(1), at(50)))
}
