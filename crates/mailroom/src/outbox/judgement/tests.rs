use gatepost_mail::submission::Path;

use super::super::turn::next_turn;
use super::*;
use crate::{Addressee, DsnRequest, Kept, Letter, Priority, SendLease, SubmissionId};

fn due(recipients: &[&str]) -> DueSubmission {
    DueSubmission {
        lease: SendLease {
            id: SubmissionId::parse("2222222222").expect("a name"),
            claim: 1,
        },
        letter: Letter {
            mailbox: "ada@contoso.com".to_owned(),
            sender: Some("ada@contoso.com".to_owned()),
            message_id: "1@contoso.com".to_owned(),
            subject: None,
            size: 1,
            eight_bit: false,
            priority: Priority::Normal,
            accepted_at: at(0),
            not_before: None,
            dsn: DsnRequest::default(),
        },
        recipients: recipients
            .iter()
            .map(|address| Addressee::new((*address).to_owned()))
            .collect(),
        message: Kept::Inline(b"x".to_vec()),
        attempt: 1,
        first_attempt_at: at(0),
        overdue: Duration::ZERO,
        departed_at: None,
        trace: None,
        draft: None,
        looks_in_vain: 0,
        untold: 0,
        reason: None,
        former: Vec::new(),
    }
}

fn refused(phase: Phase, meaning: Option<Meaning>, next: Next) -> SubmitError {
    SubmitError::Refused {
        host: "smtp.test".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        phase,
        meaning,
        next,
        said: "it said so".to_owned(),
    }
}

fn recipient(address: &str, next: Next) -> RefusedRecipient {
    RefusedRecipient {
        recipient: Path::parse(address).expect("an address"),
        error: refused(Phase::Recipient(0), None, next),
    }
}

fn judged(due: &mut DueSubmission, tried: Tried, now: i64) -> Judged {
    judged_behind(due, (tried, false), now)
}

/// What follows from a try behind which the message had departed or not.
fn judged_behind(due: &mut DueSubmission, tried: (Tried, bool), now: i64) -> Judged {
    let moment = Moment {
        now: at(now),
        chance: &Chance::seeded(1),
        give_up_after: Duration::from_hours(72),
    };
    due.recipients = next_turn(&due.recipients, 500);
    judge(due, tried, moment)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time in this century")
}

const LATER: Next = Next::Retry(After::Backoff);

/// A permission lacks for this message, and not for smaller ones: they go on their way.
#[test]
fn a_message_that_needs_a_draft_fails_alone_where_none_may_be_written() {
    let error = SubmitError::DraftDenied {
        host: "graph.test".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        limit: 1,
        said: "ErrorAccessDenied".to_owned(),
    };
    let mut due = due(&["a@example.com"]);
    let judged = judged(&mut due, Tried::Failed(error), 0);
    let Fate::Failed { reason } = &judged.fate else {
        panic!("another try changes nothing: {judged:?}")
    };
    assert!(reason.contains("Mail.ReadWrite"), "{reason}");
    assert_eq!(judged.lesson, Lesson::Nothing);
    assert_eq!(judged.code, Some("graph_access_denied"));
}

/// What the fate says of an error. Whoever tells it says first that nobody knows.
fn told(error: &SubmitError) -> String {
    match error {
        SubmitError::Unknown { host, reason, .. } => {
            format!("the answer of {host} did not come: {reason}")
        }
        other => other.to_string(),
    }
}

/// The phase and the meaning decide, and not the first digit of a code.
#[test]
fn every_refusal_has_its_consequence_for_message_and_mailbox() {
    let end = Phase::EndOfData;
    let meant = |meaning: Meaning| refused(end, Some(meaning), meaning.next());
    let unknown = SubmitError::Unknown {
        host: "smtp.test".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        reason: "the connection was lost".to_owned(),
    };
    let too_large = SubmitError::TooLarge {
        host: "smtp.test".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        size: 2,
        limit: 1,
    };
    let pause = Duration::from_secs(90);
    for (error, state, lesson) in [
        (refused(Phase::Mail, None, LATER), "queued", Lesson::Works),
        (
            refused(Phase::BeforeData, None, LATER),
            "queued",
            Lesson::Works,
        ),
        (refused(end, None, LATER), "queued", Lesson::Works),
        (refused(end, None, Next::Discard), "failed", Lesson::Works),
        (
            refused(Phase::Mail, None, Next::Discard),
            "failed",
            Lesson::Works,
        ),
        (meant(Meaning::SendAsDenied), "failed", Lesson::Works),
        (meant(Meaning::MessageTooLarge), "failed", Lesson::Works),
        (meant(Meaning::StoreUnavailable), "queued", Lesson::Works),
        (
            meant(Meaning::MailboxNotAccessible),
            "queued",
            Lesson::Blocked,
        ),
        (meant(Meaning::TenantBlocked), "queued", Lesson::Blocked),
        (meant(Meaning::MailboxFull), "queued", Lesson::Trouble),
        (meant(Meaning::ServerBusy), "queued", Lesson::Trouble),
        (
            meant(Meaning::TooManyConnections),
            "queued",
            Lesson::TooManyConnections,
        ),
        (
            meant(Meaning::TooManyMessages),
            "queued",
            Lesson::TooManyMessages,
        ),
        (
            meant(Meaning::DailyRecipientsExceeded),
            "queued",
            Lesson::TooManyRecipients,
        ),
        (
            refused(Phase::Auth, None, Next::Reconfigure),
            "queued",
            Lesson::Blocked,
        ),
        (
            refused(end, None, Next::Retry(After::AtLeast(pause))),
            "queued",
            Lesson::Pause(pause),
        ),
        (unknown, "unknown", Lesson::Trouble),
        (too_large, "failed", Lesson::Nothing),
    ] {
        let words = told(&error);
        let mut due = due(&["a@example.com"]);
        let judged = judged(&mut due, Tried::Failed(error), 0);
        assert_eq!(judged.fate.state().as_str(), state, "{words}");
        assert_eq!(judged.lesson, lesson, "{words}");
        assert_eq!(judged.fate.words(), Some(words.as_str()));
        assert!(judged.code.is_some());
        let refused = matches!(due.recipients[0].fate, RecipientFate::Refused { .. });
        assert_eq!(refused, state == "failed", "{words}");
    }
}

#[test]
fn some_recipients_are_done_some_come_later_and_some_never() {
    let mut due = due(&["a@example.com", "b@example.com", "c@example.com"]);
    let receipt = Receipt {
        by: "smtp",
        said: "250 OK".to_owned(),
        refused: vec![
            recipient("b@example.com", LATER),
            recipient("c@example.com", Next::Discard),
        ],
    };
    let first = judged(&mut due, Tried::Taken(receipt), 0);
    assert!(matches!(first.fate, Fate::RetryAt { .. }), "{first:?}");
    assert_eq!((first.taken, first.refused), (1, 1));
    assert_eq!(due.recipients[0].fate, RecipientFate::Taken);
    assert!(matches!(
        due.recipients[1].fate,
        RecipientFate::Deferred { .. }
    ));
    assert!(matches!(
        due.recipients[2].fate,
        RecipientFate::Refused { .. }
    ));
    // Next time it is sent to the second alone.
    let receipt = Receipt {
        by: "smtp",
        said: "250 OK".to_owned(),
        refused: Vec::new(),
    };
    let second = judged(&mut due, Tried::Taken(receipt), 10);
    assert_eq!((second.taken, second.refused), (1, 0));
    let Fate::Failed { reason } = second.fate else {
        panic!("one never got it: {second:?}")
    };
    assert!(reason.starts_with("1 of 3 recipients"), "{reason}");
}

#[test]
fn when_all_recipients_are_refused_it_failed_unless_one_may_come_later() {
    let all = |nexts: [Next; 2]| {
        let [first, second] = nexts;
        SubmitError::NoRecipient(vec![
            recipient("a@example.com", first),
            recipient("b@example.com", second),
        ])
    };
    let mut both = due(&["a@example.com", "b@example.com"]);
    let error = all([Next::Discard, Next::Discard]);
    let judged_both = judged(&mut both, Tried::Failed(error), 0);
    assert!(matches!(judged_both.fate, Fate::Failed { .. }));
    assert_eq!(judged_both.refused, 2);
    let mut one = due(&["a@example.com", "b@example.com"]);
    let error = all([Next::Discard, LATER]);
    let judged_one = judged(&mut one, Tried::Failed(error), 0);
    assert!(matches!(judged_one.fate, Fate::RetryAt { .. }));
    assert_eq!(judged_one.refused, 1);
}

#[test]
fn a_try_that_is_cut_off_is_unknown_only_behind_its_departure() {
    for (departed, state) in [(false, "queued"), (true, "unknown")] {
        let mut due = due(&["a@example.com"]);
        let reason = "it took too long".to_owned();
        let judged = judged_behind(&mut due, (Tried::CutOff { reason }, departed), 0);
        assert_eq!(judged.fate.state().as_str(), state);
    }
}

#[test]
fn waits_grow_until_the_patience_is_over() {
    let mut due = due(&["a@example.com"]);
    let (mut now, mut tries) = (0, 0);
    let dead = loop {
        tries += 1;
        due.attempt = tries;
        let error = refused(Phase::EndOfData, None, LATER);
        match judged(&mut due, Tried::Failed(error), now).fate {
            Fate::RetryAt { at: next, .. } => {
                let wait = next.duration_since(at(now)).as_secs();
                assert!((1..=4 * 3600 * 11 / 10).contains(&wait), "{wait}");
                now += wait + 1;
            }
            fate => break fate,
        }
    };
    let hours = now / 3600;
    assert!((72..=76).contains(&hours), "after {hours} hours");
    assert!((20..=30).contains(&tries), "{tries} tries");
    let Fate::Dead { reason } = dead else {
        panic!("{dead:?}")
    };
    assert!(reason.contains("it said so"), "{reason}");
}

#[test]
fn neither_restarts_nor_pauses_shorten_the_patience() {
    assert_eq!(wait(500, Duration::from_secs(2)), WAITS[0]);
    assert_eq!(wait(2, Duration::from_hours(60)), WAITS[1]);
    assert_eq!(wait(500, Duration::from_hours(60)), WAITS[7]);
}

#[test]
fn what_breaks_its_connection_waits_longer_each_time_and_the_others_do_not() {
    for (attempt, departed, least, most) in [
        (5, false, 5, 6),
        (2, true, 60, 66),
        (5, true, 30 * 60, 33 * 60),
    ] {
        let mut due = due(&["a@example.com"]);
        due.attempt = attempt;
        let lost = SubmitError::Session(MailError::Disconnected {
            host: "smtp.test".to_owned(),
            mailbox: "ada@contoso.com".to_owned(),
            reason: "connection reset".to_owned(),
        });
        let now = 3 * 3600;
        let judged = judged_behind(&mut due, (Tried::Failed(lost), departed), now);
        assert_eq!(judged.lesson, Lesson::Trouble);
        let Fate::RetryAt { at: next, .. } = judged.fate else {
            panic!("it is tried again: {judged:?}")
        };
        let wait = next.duration_since(at(now)).as_secs();
        assert!((least..=most).contains(&wait), "{attempt}: {wait}");
    }
}

#[test]
fn time_in_which_nobody_was_there_takes_nothing_of_the_patience() {
    let error = || Tried::Failed(refused(Phase::EndOfData, None, LATER));
    let week = 7 * 24 * 3600;
    let mut due = due(&["a@example.com"]);
    due.attempt = 2;
    due.overdue = Duration::from_secs(7 * 24 * 3600 - 10);
    let judged_soon = judged(&mut due, error(), week);
    let Fate::RetryAt { at: next, .. } = judged_soon.fate else {
        panic!("it was tried for ten seconds: {judged_soon:?}")
    };
    assert!(next.duration_since(at(week)).as_secs() >= 60);
    let judged_late = judged(&mut due, error(), week + 72 * 3600);
    assert!(matches!(judged_late.fate, Fate::Dead { .. }));
    due.overdue = Duration::from_hours(24 * 365 * 10);
    let judged_at_last = judged(&mut due, error(), 40 * 24 * 3600);
    assert!(matches!(judged_at_last.fate, Fate::Dead { .. }));
}

fn without_room(address: &str) -> RefusedRecipient {
    let meaning = Meaning::EnvelopeFull;
    RefusedRecipient {
        recipient: Path::parse(address).expect("an address"),
        error: refused(Phase::Recipient(0), Some(meaning), meaning.next()),
    }
}

#[test]
fn for_whom_an_envelope_had_no_room_has_his_turn_at_once() {
    let mut due = due(&["a@example.com", "b@example.com", "c@example.com"]);
    let receipt = Receipt {
        by: "smtp",
        said: "250 OK".to_owned(),
        refused: vec![without_room("c@example.com")],
    };
    let first = judged(&mut due, Tried::Taken(receipt), 0);
    assert!(
        matches!(first.fate, Fate::RetryAt { at: when, .. } if when == at(0)),
        "{first:?}"
    );
    assert_eq!((first.taken, first.refused), (2, 0));
    assert_eq!(first.lesson, Lesson::Room(2));
    assert_eq!(due.recipients[2].fate, RecipientFate::Waiting);
    // A server that has room for nobody is asked again later.
    let full = SubmitError::NoRecipient(vec![without_room("c@example.com")]);
    due.recipients[2].fate = RecipientFate::Open;
    let second = judged(&mut due, Tried::Failed(full), 0);
    assert!(
        matches!(second.fate, Fate::RetryAt { at: when, .. } if when >= at(10)),
        "{second:?}"
    );
    assert!(matches!(
        due.recipients[2].fate,
        RecipientFate::Deferred { .. }
    ));
}

#[test]
fn a_message_with_too_many_recipients_is_sent_to_half_of_them() {
    let meaning = Meaning::TooManyRecipients;
    let mut due = due(&["a@example.com", "b@example.com", "c@example.com"]);
    let many = refused(Phase::EndOfData, Some(meaning), meaning.next());
    let judged = judged_behind(&mut due, (Tried::Failed(many), true), 0);
    assert!(matches!(judged.fate, Fate::RetryAt { .. }), "{judged:?}");
    assert_eq!(judged.lesson, Lesson::Room(1));
    due.recipients.truncate(1);
    let one = refused(Phase::EndOfData, Some(meaning), meaning.next());
    let judged = judged_behind(&mut due, (Tried::Failed(one), true), 0);
    assert!(matches!(judged.fate, Fate::Failed { .. }), "{judged:?}");
}

/// Whose turn it was had his answer, and those who wait need not wait for anything.
#[test]
fn a_turn_that_is_refused_as_a_whole_does_not_hold_up_the_next() {
    let names = ["a@example.com", "b@example.com", "c@example.com"];
    for (next, about) in [(Next::Discard, "for good"), (LATER, "for now")] {
        let mut due = due(&names);
        due.recipients = next_turn(&due.recipients, 2);
        let refused = names[..2].iter().map(|name| recipient(name, next));
        let error = SubmitError::NoRecipient(refused.collect());
        let moment = Moment {
            now: at(5),
            chance: &Chance::seeded(1),
            give_up_after: Duration::from_hours(72),
        };
        let judged = judge(&mut due, (Tried::Failed(error), false), moment);
        let Fate::RetryAt { at: then, .. } = judged.fate else {
            panic!("somebody waits: {judged:?}")
        };
        assert_eq!(then, at(5), "{about}");
        assert_eq!(next_turn(&due.recipients, 2)[2].fate, RecipientFate::Open);
    }
}

/// The way may be another one tomorrow, and others have the message.
#[test]
fn what_cannot_go_on_by_this_way_is_not_at_its_end() {
    let unsendable = || SubmitError::Unsendable {
        host: "graph.test".to_owned(),
        mailbox: "ada@contoso.com".to_owned(),
        reason: "its header names those who have it".to_owned(),
    };
    let mut due = due(&["a@example.com", "b@example.com"]);
    due.recipients[0].fate = RecipientFate::Taken;
    let fate = judged(&mut due, Tried::Failed(unsendable()), 5).fate;
    assert!(
        matches!(fate, Fate::RetryAt { at: then, .. } if then > at(5)),
        "{fate:?}"
    );
    assert_eq!(due.recipients[1].fate, RecipientFate::Open);
    due.recipients[0].fate = RecipientFate::Open;
    let fate = judged(&mut due, Tried::Failed(unsendable()), 5).fate;
    assert!(matches!(fate, Fate::Failed { .. }), "{fate:?}");
}
