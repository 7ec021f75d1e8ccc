//! What is on its way out.

use gatepost_mail::Trace;

use super::{Fresh, at, message, sink};
use crate::{
    Accepted, Addressee, DeliveryFilter, DsnRequest, DueSubmission, Fate, FormerTries, Holder,
    Kept, LeftBy, Letter, NewEvent, NewSubmission, Priority, RecipientFate, Recovered, Settlement,
    Submission, SubmissionFilter, SubmissionId, SubmissionState, Term,
};

mod time;
mod word;

pub(super) const SENTENCES: usize = 20;

pub(super) async fn sentence(number: usize, fresh: Fresh) {
    match number {
        0 => what_is_accepted_is_claimed_as_it_was(fresh).await,
        1 => an_idempotency_key_stands_for_one_message(fresh).await,
        2 => turns_go_by_priority_and_age_and_not_before_the_time(fresh).await,
        3 => it_departs_once_and_only_while_its_claim_holds(fresh).await,
        4 => a_former_serve_leaves_what_it_claimed_and_what_is_unknown(fresh).await,
        5 => a_claim_beside_holds_until_its_time_is_over(fresh).await,
        6 => what_is_settled_is_told_with_its_reports_once(fresh).await,
        7 => a_retry_keeps_what_became_of_each_recipient(fresh).await,
        8 => what_is_unknown_is_looked_for_and_never_claimed(fresh).await,
        9 => word::a_person_decides_of_what_is_unknown(fresh).await,
        10 => what_was_given_up_can_be_retried_and_cancelled(fresh).await,
        11 => traffic_is_counted_by_departures(fresh).await,
        12 => mailboxes_that_cannot_send_hold_theirs(fresh).await,
        13 => what_was_sent_is_forgotten_and_what_failed_is_not(fresh).await,
        14 => a_bounce_is_accepted_with_the_settlement(fresh).await,
        15 => time::a_claim_holds_from_the_departure_on(fresh).await,
        16 => time::what_was_said_before_a_departure_is_no_reason_afterwards(fresh).await,
        17 => time::time_in_which_nobody_was_there_is_no_time_of_tries(fresh).await,
        18 => time::a_draft_is_known_until_its_message_departs(fresh).await,
        _ => word::that_it_was_sent_is_true_of_those_to_whom_it_departed(fresh).await,
    }
}

async fn what_is_accepted_is_claimed_as_it_was(fresh: Fresh) {
    let mut new = submission("2222222222", 0);
    new.reports = vec![message(1)];
    assert_eq!(fresh.accept(new.clone()).await, Accepted::New);
    let seen = fresh.seen("2222222222").await;
    assert_eq!(seen.letter, new.letter);
    assert_eq!(seen.state, SubmissionState::Queued);
    assert_eq!(seen.next_attempt_at, Some(at(0)));
    let waiting = async |mailbox| fresh.outbox.waiting_of(mailbox).await.expect("it reads");
    assert_eq!(waiting(MAILBOX).await, 1);
    assert_eq!(waiting("nobody@contoso.com").await, 0);
    let due = fresh.claim(term(1, 60), 5).await;
    let [due] = &due[..] else {
        panic!("one was accepted: {due:?}")
    };
    assert_eq!(waiting(MAILBOX).await, 0, "it is on its way");
    assert_eq!(due.letter, new.letter);
    assert_eq!(due.message, new.message);
    let open = new.recipients.iter().cloned().map(Addressee::new);
    assert!(due.recipients.iter().cloned().eq(open));
    assert_eq!((due.attempt, due.first_attempt_at), (1, at(1)));
    assert!(fresh.claim(term(1, 60), 5).await.is_empty(), "it is taken");
    assert_eq!(fresh.told().await, 1, "the report went with it");
    assert_eq!(
        fresh.outbox.next_due_of(MAILBOX).await.expect("it reads"),
        Some(at(60)),
        "then the claim runs out"
    );
}

async fn an_idempotency_key_stands_for_one_message(fresh: Fresh) {
    let with = |name: &str, key, digest| NewSubmission {
        idempotency_key: Some([key; 32]),
        digest: [digest; 32],
        reports: vec![message(u32::from(key))],
        ..submission(name, 0)
    };
    assert_eq!(fresh.accept(with("2222222222", 1, 1)).await, Accepted::New);
    let first = SubmissionId::parse("2222222222").expect("a name");
    let again = fresh.accept(with("3333333333", 1, 1)).await;
    assert_eq!(again, Accepted::Before(first.clone()));
    let other = fresh.accept(with("4444444444", 1, 2)).await;
    assert_eq!(other, Accepted::Other(first.clone()));
    assert_eq!(fresh.accept(with("5555555555", 2, 1)).await, Accepted::New);
    let mut of_another = with("6666666666", 1, 1);
    ANOTHER.clone_into(&mut of_another.letter.mailbox);
    assert_eq!(fresh.accept(of_another).await, Accepted::New);
    // It is still known when it was sent.
    fresh.send("2222222222").await;
    let again = fresh.accept(with("7777777777", 1, 1)).await;
    assert_eq!(again, Accepted::Before(first));
}

async fn turns_go_by_priority_and_age_and_not_before_the_time(fresh: Fresh) {
    for (name, priority, not_before) in [
        ("2222222222", Priority::Low, None),
        ("3333333333", Priority::Normal, None),
        ("4444444444", Priority::Normal, None),
        ("5555555555", Priority::High, None),
        ("6666666666", Priority::High, Some(100)),
    ] {
        let mut new = submission(name, 0);
        new.letter.priority = priority;
        new.letter.not_before = not_before.map(at);
        fresh.accept(new).await;
    }
    let scheduled = fresh.seen("6666666666").await;
    assert_eq!(scheduled.state, SubmissionState::Scheduled);
    let first = names(&fresh.claim(term(0, 60), 3).await);
    assert_eq!(first, ["5555555555", "3333333333", "4444444444"]);
    assert_eq!(names(&fresh.claim(term(0, 60), 3).await), ["2222222222"]);
    assert!(fresh.claim(term(99, 200), 3).await.is_empty());
    assert!(fresh.claim_one("6666666666", term(99, 200)).await.is_none());
    assert!(
        fresh
            .claim_one("6666666666", term(100, 200))
            .await
            .is_some()
    );
}

async fn it_departs_once_and_only_while_its_claim_holds(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    let departs = async |due: &DueSubmission, seconds| {
        let departed = fresh.outbox.depart(
            due,
            (&Trace::MessageId, &due.recipients),
            (at(seconds), at(60)),
        );
        departed.await.expect("it is stored")
    };
    assert!(departs(&due, 5).await);
    assert!(!departs(&due, 6).await, "it is on its way");
    let seen = fresh.seen("2222222222").await;
    assert_eq!(seen.state, SubmissionState::Transmitting);
    assert_eq!(seen.departed_at, Some(at(5)));
    fresh.settle(&due, retry_at(7)).await;
    let again = fresh.claim(term(7, 60), 1).await.remove(0);
    assert!(!departs(&due, 8).await, "the claim is an old one");
    assert!(!fresh.settle(&due, sent()).await, "so it decides nothing");
    assert!(departs(&again, 8).await);
    let traffic = fresh.outbox.traffic(MAILBOX, at(0)).await;
    let messages = traffic
        .expect("it reads")
        .iter()
        .map(|one| one.messages)
        .sum::<u64>();
    assert_eq!(messages, 2, "what did not depart counts nowhere");
    assert_eq!(again.trace, Some(Trace::MessageId));
    assert_eq!(again.attempt, 2);
    assert!(fresh.settle(&again, sent()).await);
}

async fn a_former_serve_leaves_what_it_claimed_and_what_is_unknown(fresh: Fresh) {
    for name in ["2222222222", "3333333333", "4444444444"] {
        fresh.accept(submission(name, 0)).await;
    }
    let due = fresh.claim(term(0, 600), 2).await;
    fresh.depart(&due[1], 1).await;
    let recovered = fresh.outbox.recover(LeftBy::FormerServe, at(10)).await;
    let both = Recovered {
        queued: 1,
        unknown: 1,
    };
    assert_eq!(recovered.expect("it is stored"), both);
    assert_eq!(
        fresh.states().await,
        [
            SubmissionState::Queued,
            SubmissionState::Unknown,
            SubmissionState::Queued
        ]
    );
    let again = fresh.outbox.recover(LeftBy::FormerServe, at(10)).await;
    assert_eq!(again.expect("it is stored"), Recovered::default());
    let claimed = names(&fresh.claim(term(10, 60), 5).await);
    assert_eq!(claimed, ["2222222222", "4444444444"], "not what is unknown");
}

async fn a_claim_beside_holds_until_its_time_is_over(fresh: Fresh) {
    for name in ["2222222222", "3333333333"] {
        fresh.accept(submission(name, 0)).await;
    }
    let beside = Term {
        holder: Holder::Beside,
        ..term(0, 60)
    };
    let due = fresh.claim(beside, 2).await;
    fresh.depart(&due[1], 1).await;
    let recovers = async |left_by, seconds| {
        let recovered = fresh.outbox.recover(left_by, at(seconds)).await;
        recovered.expect("it is stored")
    };
    assert_eq!(
        recovers(LeftBy::FormerServe, 59).await,
        Recovered::default()
    );
    let anybody = |latest| LeftBy::Anybody { latest: at(latest) };
    assert_eq!(recovers(anybody(60), 59).await, Recovered::default());
    let both = Recovered {
        queued: 1,
        unknown: 1,
    };
    // A claim by a clock that was ahead is void at once.
    assert_eq!(recovers(anybody(59), 20).await, both);
    // What it has to say in spite of that is still believed of what is unknown.
    assert!(fresh.settle(&due[1], sent()).await);
    assert!(!fresh.settle(&due[0], sent()).await);
}

async fn what_is_settled_is_told_with_its_reports_once(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    fresh.depart(&due, 1).await;
    let mut settlement = settlement(&due, sent());
    settlement.recipients[0].fate = RecipientFate::Taken;
    settlement.reports = vec![message(1)];
    assert_eq!(fresh.conclude(settlement.clone()).await, [true]);
    settlement.reports = vec![message(2)];
    assert_eq!(fresh.conclude(settlement).await, [false]);
    assert_eq!(fresh.told().await, 1);
    let seen = fresh.seen("2222222222").await;
    assert_eq!(seen.state, SubmissionState::Sent);
    assert_eq!(seen.settled_at, Some(at(20)));
    assert_eq!(seen.reason.as_deref(), Some("250 OK"));
    assert_eq!(seen.recipients[0].fate, RecipientFate::Taken);
    assert_eq!(seen.next_attempt_at, None);
    let file = [FILE.to_owned()];
    let free = fresh.deliveries.unreferenced(&file).await;
    assert_eq!(free.expect("it reads"), file);
}

async fn a_retry_keeps_what_became_of_each_recipient(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    let mut settlement = settlement(&due, retry_at(30));
    settlement.recipients[0].fate = RecipientFate::Taken;
    let reason = "450 later".to_owned();
    settlement.recipients[1].fate = RecipientFate::Deferred { reason };
    let recipients = settlement.recipients.clone();
    assert_eq!(fresh.conclude(settlement).await, [true]);
    assert!(fresh.claim(term(29, 60), 1).await.is_empty());
    let again = fresh.claim(term(30, 60), 1).await.remove(0);
    assert_eq!(again.recipients, recipients);
    assert_eq!((again.attempt, again.first_attempt_at), (2, at(0)));
    assert_eq!(again.reason.as_deref(), Some("451 later"));
    // One that is given back was never tried.
    assert!(fresh.settle(&again, Fate::Released).await);
    let again = fresh.claim(term(30, 60), 1).await.remove(0);
    assert_eq!(again.attempt, 2);
    assert_eq!(again.recipients, recipients);
    let file = [FILE.to_owned()];
    let free = fresh.deliveries.unreferenced(&file).await;
    assert!(free.expect("it reads").is_empty(), "it is still to be sent");
}

async fn what_is_unknown_is_looked_for_and_never_claimed(fresh: Fresh) {
    let due = fresh.lost("2222222222", Some(40)).await;
    assert!(fresh.claim(term(100, 200), 5).await.is_empty());
    assert!(
        fresh
            .claim_one("2222222222", term(100, 200))
            .await
            .is_none()
    );
    let ids = [due.lease.id.clone()];
    for refused in [
        fresh.outbox.retry_sending(&ids, at(50)).await,
        fresh.outbox.cancel(&ids, at(50)).await,
    ] {
        assert_eq!(refused.expect("it reads"), 0);
    }
    let unknown = async |seconds| {
        let unknown = fresh.outbox.unknown_due(MAILBOX, at(seconds), 5).await;
        unknown.expect("it reads").whole
    };
    assert!(unknown(39).await.is_empty());
    let found = unknown(40).await.remove(0);
    assert_eq!(found.lease, due.lease);
    assert_eq!(found.departed_at, Some(at(1)));
    assert_eq!(found.trace, Some(Trace::MessageId));
    assert!(fresh.settle(&found, unknown_until(None)).await);
    assert!(unknown(1000).await.is_empty(), "a person is to decide");
    assert_eq!(
        fresh.outbox.next_due_of(MAILBOX).await.expect("it reads"),
        None
    );
    assert_eq!(fresh.states().await, [SubmissionState::Unknown]);
}

async fn what_was_given_up_can_be_retried_and_cancelled(fresh: Fresh) {
    let reason = || "550 no such mailbox".to_owned();
    for (name, fate) in [
        ("2222222222", Fate::Failed { reason: reason() }),
        ("3333333333", Fate::Dead { reason: reason() }),
    ] {
        fresh.accept(submission(name, 0)).await;
        let due = fresh.claim(term(0, 60), 1).await.remove(0);
        let mut settlement = settlement(&due, fate);
        settlement.recipients[1].fate = RecipientFate::Refused { reason: reason() };
        assert_eq!(fresh.conclude(settlement).await, [true]);
        let seen = fresh.seen(name).await;
        assert_eq!(seen.code.as_deref(), Some("submission_refused"));
        assert_eq!(seen.mailbox_waits_until, Some(at(77)));
        let ids = [due.lease.id.clone()];
        let retried = fresh.outbox.retry_sending(&ids, at(30)).await;
        assert_eq!(retried.expect("it is stored"), 1);
        let again = fresh.claim(term(30, 60), 1).await.remove(0);
        assert_eq!(again.attempt, 1, "patience begins anew");
        let seen = fresh.seen(name).await;
        let former = FormerTries {
            attempts: 1,
            first_attempt_at: Some(at(0)),
            reason: Some(reason()),
        };
        assert_eq!(seen.former, [former], "what was before is known");
        assert_eq!((seen.code, seen.reason), (None, None));
        assert!(again.recipients.iter().all(|one| one.fate.is_open()));
        // It was claimed, and not an octet was sent.
        let cancelled = fresh.outbox.cancel(&ids, at(31)).await;
        assert_eq!(cancelled.expect("it is stored"), 1);
        let departed = fresh.outbox.depart(
            &again,
            (&Trace::MessageId, &again.recipients),
            (at(32), at(60)),
        );
        assert!(!departed.await.expect("it reads"));
        assert_eq!(fresh.seen(name).await.state, SubmissionState::Cancelled);
    }
}

async fn traffic_is_counted_by_departures(fresh: Fresh) {
    // The clock is put back between the first two.
    for (name, seconds) in [("2222222222", 11), ("3333333333", 10), ("4444444444", 300)] {
        fresh.accept(submission(name, 0)).await;
        let due = fresh.claim(term(0, 600), 1).await.remove(0);
        fresh.depart(&due, seconds).await;
    }
    let traffic = async |since| {
        let traffic = fresh.outbox.traffic(MAILBOX, at(since)).await;
        let traffic = traffic.expect("it reads");
        let counted = traffic.iter();
        let counted = counted.map(|one| (one.at, one.messages, one.recipients));
        counted.collect::<Vec<_>>()
    };
    let (first, second) = ((at(11), 2, 4), (at(300), 1, 2));
    assert_eq!(traffic(0).await, [first, second]);
    assert_eq!(traffic(11).await, [first, second], "whole minutes");
    assert_eq!(traffic(60).await, [second]);
    assert_eq!(traffic(360).await, []);
    let of_others = fresh.outbox.traffic(ANOTHER, at(0)).await;
    assert!(of_others.expect("it reads").is_empty());
}

async fn mailboxes_that_cannot_send_hold_theirs(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let mut later = submission("3333333333", 0);
    later.letter.not_before = Some(at(500));
    fresh.accept(later).await;
    let hold = async |open: &[String]| {
        let held = fresh.outbox.hold_others(open, at(10)).await;
        held.expect("it is stored")
    };
    assert_eq!(hold(&[]).await, 2);
    assert_eq!(hold(&[ANOTHER.to_owned()]).await, 2);
    assert_eq!(fresh.states().await, [SubmissionState::Held; 2]);
    assert!(fresh.claim(term(1000, 2000), 5).await.is_empty());
    assert_eq!(hold(&[MAILBOX.to_owned()]).await, 0);
    assert_eq!(names(&fresh.claim(term(10, 20), 5).await), ["2222222222"]);
    assert_eq!(names(&fresh.claim(term(500, 600), 5).await), ["3333333333"]);
}

async fn what_was_sent_is_forgotten_and_what_failed_is_not(fresh: Fresh) {
    fresh.send("2222222222").await;
    fresh.accept(submission("3333333333", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    let reason = "550 no".to_owned();
    fresh.settle(&due, Fate::Failed { reason }).await;
    fresh.lost("4444444444", None).await;
    let forget = async |before| {
        let forgotten = fresh.outbox.forget_sent(at(before), 10).await;
        forgotten.expect("it is stored")
    };
    assert_eq!(forget(20).await, 0, "not older than that");
    assert_eq!(forget(1000).await, 1);
    assert_eq!(
        fresh.states().await,
        [SubmissionState::Failed, SubmissionState::Unknown]
    );
    let traffic = async || {
        fresh
            .outbox
            .traffic(MAILBOX, at(0))
            .await
            .expect("it reads")
    };
    assert_eq!(
        traffic().await[0].messages,
        2,
        "the limit of a day knows them"
    );
    assert_eq!(forget(24 * 3600 + 1000).await, 0);
    assert!(traffic().await.is_empty());
}

async fn a_bounce_is_accepted_with_the_settlement(fresh: Fresh) {
    fresh.accept(submission("2222222222", 0)).await;
    let due = fresh.claim(term(0, 60), 1).await.remove(0);
    let reason = "550 no".to_owned();
    let mut settlement = settlement(&due, Fate::Failed { reason });
    let mut bounce = submission("3333333333", 20);
    bounce.letter.sender = None;
    let octets = b"Subject: it failed\r\n\r\n".to_vec();
    bounce.letter.size = octets.len() as u64;
    bounce.message = Kept::Inline(octets);
    settlement.bounce = Some(Box::new(bounce.clone()));
    assert_eq!(fresh.conclude(settlement.clone()).await, [true]);
    assert_eq!(fresh.conclude(settlement).await, [false]);
    let due = fresh.claim(term(20, 60), 5).await;
    assert_eq!(names(&due), ["3333333333"]);
    assert_eq!(due[0].message, bounce.message);
    assert_eq!(due[0].letter.sender, None);
}

impl Fresh {
    async fn accept(&self, new: NewSubmission) -> Accepted {
        self.outbox.accept(new).await.expect("it is stored")
    }

    async fn claim(&self, term: Term, limit: usize) -> Vec<DueSubmission> {
        let claimed = self.outbox.claim_for(MAILBOX, term, limit).await;
        claimed.expect("it is stored").whole
    }

    async fn claim_one(&self, name: &str, term: Term) -> Option<DueSubmission> {
        let id = SubmissionId::parse(name).expect("a name");
        let claimed = self.outbox.claim_one(&id, term).await;
        claimed.expect("it is stored").whole.pop()
    }

    async fn depart(&self, due: &DueSubmission, seconds: i64) {
        let how = (&Trace::MessageId, &due.recipients[..]);
        self.depart_until(due, how, (seconds, 60)).await;
    }

    async fn depart_until(
        &self,
        due: &DueSubmission,
        how: (&Trace, &[Addressee]),
        (now, until): (i64, i64),
    ) {
        let term = (at(now), at(until));
        let departed = self.outbox.depart(due, how, term).await;
        assert!(departed.expect("it is stored"));
    }

    async fn conclude(&self, settlement: Settlement) -> Vec<bool> {
        let settled = self.outbox.conclude(vec![settlement], at(20)).await;
        settled.expect("it is stored")
    }

    async fn settle(&self, due: &DueSubmission, fate: Fate) -> bool {
        self.conclude(settlement(due, fate)).await[0]
    }

    /// Sends a message of this name.
    async fn send(&self, name: &str) {
        if self.outbox_row(name).await.is_none() {
            self.accept(submission(name, 0)).await;
        }
        let due = self.claim_one(name, term(0, 60)).await.expect("it is due");
        self.depart(&due, 1).await;
        assert!(self.settle(&due, sent()).await);
    }

    /// A message of which it is not known whether it was sent.
    async fn lost(&self, name: &str, look_at: Option<i64>) -> DueSubmission {
        self.accept(submission(name, 0)).await;
        let due = self.claim_one(name, term(0, 60)).await.expect("it is due");
        self.depart(&due, 1).await;
        assert!(self.settle(&due, unknown_until(look_at)).await);
        due
    }

    async fn outbox_row(&self, name: &str) -> Option<Submission> {
        let id = SubmissionId::parse(name).expect("a name");
        self.outbox.submission(&id).await.expect("it reads")
    }

    async fn seen(&self, name: &str) -> Submission {
        self.outbox_row(name).await.expect("it was accepted")
    }

    /// The states of all, in the order in which they were accepted.
    async fn states(&self) -> Vec<SubmissionState> {
        let filter = SubmissionFilter {
            limit: 10,
            ..SubmissionFilter::default()
        };
        let listed = self.outbox.submissions(&filter).await.expect("it lists");
        listed.iter().rev().map(|one| one.state).collect()
    }

    /// How many reports are on their way to the sink.
    async fn told(&self) -> usize {
        let filter = DeliveryFilter {
            sink: Some(sink()),
            limit: 100,
            ..DeliveryFilter::default()
        };
        self.deliveries.list(&filter).await.expect("it lists").len()
    }
}

fn submission(name: &str, accepted: i64) -> NewSubmission {
    NewSubmission {
        id: SubmissionId::parse(name).expect("a name"),
        letter: Letter {
            mailbox: MAILBOX.to_owned(),
            sender: Some(MAILBOX.to_owned()),
            message_id: format!("{name}@contoso.com"),
            subject: Some("Offer".to_owned()),
            size: 300,
            eight_bit: true,
            priority: Priority::Normal,
            accepted_at: at(accepted),
            not_before: None,
            dsn: DsnRequest::default(),
        },
        recipients: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        message: Kept::File {
            name: FILE.to_owned(),
            size: 300,
        },
        idempotency_key: None,
        digest: [0; 32],
        reports: Vec::<NewEvent>::new(),
    }
}

fn settlement(due: &DueSubmission, fate: Fate) -> Settlement {
    Settlement {
        lease: due.lease.clone(),
        recipients: due.recipients.clone(),
        fate,
        code: Some("submission_refused"),
        mailbox_waits_until: Some(at(77)),
        reports: Vec::new(),
        bounce: None,
    }
}

fn term(now: i64, until: i64) -> Term {
    Term {
        now: at(now),
        until: at(until),
        holder: Holder::Serve,
    }
}

fn sent() -> Fate {
    Fate::Sent {
        said: "250 OK".to_owned(),
    }
}

fn retry_at(seconds: i64) -> Fate {
    Fate::RetryAt {
        at: at(seconds),
        reason: "451 later".to_owned(),
    }
}

fn unknown_until(look_at: Option<i64>) -> Fate {
    Fate::Unknown {
        look_at: look_at.map(at),
        looks_in_vain: 0,
        reason: "the answer did not come".to_owned(),
    }
}

fn names(due: &[DueSubmission]) -> Vec<String> {
    due.iter().map(|due| due.lease.id.to_string()).collect()
}

const MAILBOX: &str = "support@contoso.com";
const ANOTHER: &str = "another@contoso.com";
const FILE: &str = "ab";
