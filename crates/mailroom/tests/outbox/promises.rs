//! What the outbox promises.

use std::time::Duration;

use gatepost_mailroom::outbox::{BounceTo, SendLimits};
use gatepost_mailroom::{
    Addressee, EventType, Outbox as _, RecipientFate, Resolution, Submission, SubmissionState,
    UnknownThen,
};

use crate::seed;
use crate::server::Faults;
use crate::stand::Stand;

const BAD: Faults = Faults {
    no_session: 15,
    refused_for_now: 20,
    refused_for_good: 3,
    recipient_for_now: 10,
    recipient_for_good: 5,
    answer_lost: 20,
    only_answer_lost: 0,
    session_over: 20,
    no_look: 20,
    room: None,
    transmission: Duration::ZERO,
};
const MAILBOXES: [&str; 2] = ["ada@contoso.com", "support@contoso.com"];
const WEEK: Duration = Duration::from_hours(7 * 24);

/// Runs processes that are killed at any moment against a server that does everything badly, and
/// one more that is left alone.
async fn turmoil(stand: &Stand) {
    stand.server.behaves(BAD);
    for _ in 0..25 {
        let office = stand.office();
        for _ in 0..4 {
            let mailbox = MAILBOXES[usize::try_from(stand.chance.below(2)).expect("0 or 1")];
            stand.accept(&office, mailbox).await;
        }
        let life = stand.chance.up_to(Duration::from_secs(20));
        stand.live(&MAILBOXES, life).await;
    }
    stand.server.behaves(Faults::default());
    stand.live(&MAILBOXES, WEEK).await;
}

async fn assert_told(stand: &Stand, one: &Submission) {
    let told = async |kind| stand.told(&one.id, kind).await.len();
    assert_eq!(told(EventType::SendAccepted).await, 1);
    let taken = one.recipients.iter();
    let taken = taken.filter(|one| one.fate == RecipientFate::Taken).count();
    assert_eq!(taken > 0, told(EventType::SendSent).await > 0, "{one:#?}");
    let failed = matches!(one.state, SubmissionState::Failed | SubmissionState::Dead);
    assert_eq!(failed, told(EventType::SendFailed).await > 0, "{one:#?}");
}

/// Nobody has a message whom it was refused, and whoever has it by what we say has it.
fn assert_true(stand: &Stand, one: &Submission, most: u32) {
    for recipient in &one.recipients {
        let delivered = stand
            .server
            .delivered(&one.letter.message_id, &recipient.address);
        assert!(delivered <= most, "{delivered} times: {one:#?}");
        match &recipient.fate {
            RecipientFate::Taken => assert!(delivered >= 1, "{one:#?}"),
            // Who has a copy of which nobody knew may be refused another.
            RecipientFate::Refused { .. } => assert!(delivered < most, "{one:#?}"),
            RecipientFate::Open
            | RecipientFate::Waiting
            | RecipientFate::Deferred { .. }
            | RecipientFate::Dropped { .. } => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_and_nothing_is_sent_twice_where_it_can_be_looked_up() {
    let seed = seed();
    for run in 0..RUNS {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.policy.on_unknown = UnknownThen::Resend;
        turmoil(&stand).await;
        let all = stand.all().await;
        assert_eq!(all.len(), 100);
        for one in &all {
            assert!(one.state.is_settled(), "seed {seed}+{run}: {one:#?}");
            // A copy may be of one of two envelopes, and nobody knows of which.
            let resent = stand.told(&one.id, EventType::SendUnknown).await.len();
            let alone = one.recipients.len() == 1;
            let resent = u32::try_from(resent).expect("a few");
            let most = if alone { 1 } else { 1 + resent };
            assert_true(&stand, one, most);
            assert_told(&stand, one).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_look_up_stays_unknown_is_told_and_is_never_sent_again() {
    let seed = seed();
    for run in 0..RUNS {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.looks = false;
        turmoil(&stand).await;
        let all = stand.all().await;
        let mut unknown = 0;
        for one in &all {
            assert_true(&stand, one, 1);
            assert_told(&stand, one).await;
            let told = stand.told(&one.id, EventType::SendUnknown).await;
            if one.state == SubmissionState::Unknown {
                unknown += 1;
                assert_eq!(one.next_attempt_at, None);
                assert_eq!(told.len(), 1, "{one:#?}");
                assert_eq!(told[0].then, Some(UnknownThen::Hold));
            } else {
                assert!(one.state.is_settled(), "{one:#?}");
                assert_eq!(told.len(), 0, "{one:#?}");
            }
        }
        assert!(unknown > 0, "seed {seed}+{run}: answers were lost");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_policy_says_resend_every_copy_that_may_be_one_too_many_is_told() {
    let seed = seed();
    let mut twice = 0;
    for run in 0..RUNS {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.looks = false;
        stand.policy.on_unknown = UnknownThen::Resend;
        turmoil(&stand).await;
        for one in &stand.all().await {
            assert!(one.state.is_settled(), "seed {seed}+{run}: {one:#?}");
            let resent = stand.told(&one.id, EventType::SendUnknown).await;
            assert!(
                resent
                    .iter()
                    .all(|told| told.then == Some(UnknownThen::Resend))
            );
            let most = 1 + u32::try_from(resent.len()).expect("a few");
            for recipient in &one.recipients {
                let id = &one.letter.message_id;
                let delivered = stand.server.delivered(id, &recipient.address);
                assert!(delivered <= most, "{one:#?}");
                twice += delivered.saturating_sub(1);
                if recipient.fate == RecipientFate::Taken {
                    assert!(delivered >= 1, "{one:#?}");
                }
            }
        }
    }
    assert!(
        twice > 0,
        "seed {seed}: some arrived before their answers were lost"
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_policy_says_drop_nothing_is_sent_twice_and_each_is_told() {
    let mut stand = Stand::new(seed());
    stand.looks = false;
    stand.policy.on_unknown = UnknownThen::Drop;
    turmoil(&stand).await;
    for one in &stand.all().await {
        assert!(one.state.is_settled(), "{one:#?}");
        assert_true(&stand, one, 1);
        let told = stand.told(&one.id, EventType::SendUnknown).await;
        let let_go =
            |recipient: &Addressee| matches!(recipient.fate, RecipientFate::Dropped { .. });
        assert_eq!(
            one.recipients.iter().any(let_go),
            told.iter().any(|told| told.then == Some(UnknownThen::Drop))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_keeps_to_its_limits_and_holds_up_no_other() {
    let stand = Stand::new(seed());
    let office = stand.office();
    for _ in 0..200 {
        stand.accept(&office, MAILBOXES[0]).await;
    }
    let other = stand.accept(&office, MAILBOXES[1]).await;
    stand.live(&MAILBOXES, Duration::from_secs(30)).await;
    let seen = stand.storage.submission(&other).await.expect("it reads");
    assert_eq!(seen.expect("it is there").state, SubmissionState::Sent);
    stand.live(&MAILBOXES, Duration::from_mins(10)).await;
    assert!(
        stand
            .all()
            .await
            .iter()
            .all(|one| one.state == SubmissionState::Sent)
    );
    assert!(stand.server.most_sessions() <= 4, "three and one");
    let mut begun = stand.server.begun();
    begun.sort_unstable();
    // A process that starts knows only the minute in which messages left, so it may be a few more.
    for window in begun.windows(66) {
        let minute = window[65].duration_since(window[0]);
        assert!(minute.as_secs() >= 58, "{} to {}", window[0], window[65]);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_used_for_several_messages() {
    let mut stand = Stand::new(seed());
    stand.policy.limits = SendLimits {
        messages_per_minute: 10_000,
        ..SendLimits::default()
    };
    let office = stand.office();
    for _ in 0..300 {
        stand.accept(&office, MAILBOXES[0]).await;
    }
    stand.live(&MAILBOXES, Duration::from_mins(10)).await;
    assert!(
        stand
            .all()
            .await
            .iter()
            .all(|one| one.state == SubmissionState::Sent)
    );
    assert_eq!(stand.server.opened(), 3);
    assert_eq!(stand.server.most_sessions(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_told_by_mail_of_what_failed_if_that_is_wanted() {
    let mut stand = Stand::new(seed());
    stand.policy.bounce = BounceTo::Sender;
    stand.server.behaves(Faults {
        refused_for_good: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let id = stand.accept(&office, MAILBOXES[0]).await;
    stand.live(&MAILBOXES, Duration::from_mins(1)).await;
    let all = stand.all().await;
    let [report, failed] = &all[..] else {
        panic!("a message and its report, and no report on that: {all:#?}")
    };
    assert_eq!(failed.id, id);
    assert_eq!(failed.state, SubmissionState::Failed);
    assert_eq!(report.letter.sender, None);
    assert_eq!(report.recipients[0].address, MAILBOXES[0]);
    assert_eq!(report.state, SubmissionState::Failed, "refused as well");
    stand.server.behaves(Faults::default());
    let ids = [report.id.clone()];
    let retried = stand.storage.retry_sending(&ids, stand.clock.now());
    assert_eq!(retried.await.expect("it is stored"), 1);
    stand.live(&MAILBOXES, Duration::from_mins(1)).await;
    assert_eq!(
        stand
            .server
            .delivered(&report.letter.message_id, MAILBOXES[0]),
        1
    );
}

/// A message with many recipients goes out in several envelopes, and between any two of them the
/// process may be killed.
#[tokio::test(start_paused = true)]
async fn many_recipients_go_in_turns_and_a_crash_repeats_and_forgets_nobody() {
    let seed = seed();
    let mut decided = 0;
    for run in 0..RUNS {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.looks = false;
        stand.policy.limits.recipients_per_message = 10;
        stand.server.behaves(Faults {
            room: Some(7),
            recipient_for_now: 5,
            refused_for_now: 10,
            ..Faults::default()
        });
        let recipients = (0..60).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOXES[0], recipients.collect());
        let (id, message_id) = (new.id.clone(), new.letter.message_id.clone());
        stand.office().accept(new).await.expect("it is stored");
        for _ in 0..300 {
            let life = stand.chance.up_to(Duration::from_secs(40));
            stand.live(&MAILBOXES, life).await;
            let found = stand.storage.submission(&id).await;
            let one = found.expect("it is read").expect("it is there");
            if one.state == SubmissionState::Unknown && one.next_attempt_at.is_none() {
                // Somebody asks those to whom it departed.
                let mut open = one.recipients.iter();
                let open = open.find(|other| other.fate == RecipientFate::Open);
                let open = &open.expect("it departed to somebody").address;
                let resolution = if stand.server.delivered(&message_id, open) > 0 {
                    Resolution::Sent
                } else {
                    Resolution::Resend
                };
                let around = (&stand.chance, stand.clock.now());
                let decision = stand.policy.resolved(&one, resolution, around);
                let now = stand.clock.now();
                let resolved = stand.storage.resolve(&id, decision, now).await;
                assert!(resolved.expect("it is stored"));
                decided += 1;
            }
            if one.state.is_settled() {
                break;
            }
        }
        let found = stand.storage.submission(&id).await;
        let one = found.expect("it is read").expect("it is there");
        assert_eq!(
            one.state,
            SubmissionState::Sent,
            "seed {seed}+{run}: {one:#?}"
        );
        for number in 0..60 {
            let recipient = format!("r{number}@example.com");
            let delivered = stand.server.delivered(&message_id, &recipient);
            assert_eq!(delivered, 1, "seed {seed}+{run}: {recipient}");
        }
        assert!(stand.server.begun().len() >= 9, "60 by 7");
    }
    assert!(
        decided > 0,
        "some were killed while an answer was on its way"
    );
}

/// It is known of a mailbox that waits until when and why, also by those who were not tried.
#[tokio::test(start_paused = true)]
async fn what_waits_with_its_mailbox_is_known() {
    let stand = Stand::new(seed());
    stand.server.behaves(Faults {
        no_session: 100,
        ..Faults::default()
    });
    let office = stand.office();
    stand.accept(&office, MAILBOXES[0]).await;
    stand.live(&MAILBOXES, Duration::from_mins(2)).await;
    stand.accept(&office, MAILBOXES[0]).await;
    let (all, now) = (stand.all().await, stand.clock.now());
    let pause = stand.policy.limits.pause((&all, &[]), now);
    let pause = pause.expect("the mailbox waits");
    assert!(pause.until > now, "{pause:?}");
    assert!(pause.reason.contains("421 not now"), "{pause:?}");
    assert_eq!(all[1].mailbox_waits_until, Some(pause.until));
    assert_eq!(all[0].mailbox_waits_until, None, "it was not tried");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_not_kept_waiting_by_turns() {
    let mut stand = Stand::new(seed());
    stand.policy.limits.recipients_per_message = 10;
    stand.server.behaves(Faults {
        room: Some(7),
        ..Faults::default()
    });
    let recipients = (0..24).map(|number| format!("r{number}@example.com"));
    let office = stand.office();
    let new = stand.submission(MAILBOXES[0], recipients.collect());
    let id = new.id.clone();
    office.accept(new).await.expect("it is stored");
    let sending = stand.sending(MAILBOXES[0]);
    let sent = sending.send_now(&id, (&office, Duration::from_secs(40)));
    let sent = sent.await.expect("it is stored").expect("it is there");
    assert_eq!(sent.state, SubmissionState::Sent);
    // The first of ten had no room for three, and then it is seven at a time.
    assert_eq!(stand.server.begun().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_person_can_decide_that_what_is_unknown_is_sent_again() {
    let mut stand = Stand::new(seed());
    stand.looks = false;
    stand.server.behaves(Faults {
        answer_lost: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let id = stand.accept(&office, MAILBOXES[0]).await;
    stand.live(&MAILBOXES, WEEK).await;
    stand.server.behaves(Faults::default());
    stand.live(&MAILBOXES, WEEK).await;
    assert_eq!(stand.all().await[0].state, SubmissionState::Unknown);
    let (seen, now) = (&stand.all().await[0], stand.clock.now());
    let about = (&stand.chance, now);
    let decision = stand.policy.resolved(seen, Resolution::Resend, about);
    let resolved = stand.storage.resolve(&id, decision, now);
    assert!(resolved.await.expect("it is stored"));
    stand.live(&MAILBOXES, Duration::from_mins(1)).await;
    assert_eq!(stand.all().await[0].state, SubmissionState::Sent);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_one_message_is_told_what_became_of_it() {
    let stand = Stand::new(seed());
    let office = stand.office();
    let sending = stand.sending(MAILBOXES[0]);
    let patience = Duration::from_secs(30);
    let id = stand.accept(&office, MAILBOXES[0]).await;
    let sent = sending.send_now(&id, (&office, patience)).await;
    let sent = sent.expect("it is stored").expect("it is there");
    assert_eq!(sent.state, SubmissionState::Sent);
    stand.server.behaves(Faults {
        no_session: 100,
        ..Faults::default()
    });
    let id = stand.accept(&office, MAILBOXES[0]).await;
    let before = stand.clock.now();
    let seen = sending.send_now(&id, (&office, patience)).await;
    let seen = seen.expect("it is stored").expect("it is there");
    assert_eq!(seen.state, SubmissionState::Queued);
    assert!(
        seen.reason
            .is_some_and(|reason| reason.contains("421 not now"))
    );
    let waited = stand.clock.now().duration_since(before);
    assert!(waited.as_secs() <= 32, "{waited:?}");
    assert!((4..=8).contains(&seen.attempts), "{} tries", seen.attempts);
}

#[tokio::test(start_paused = true)]
async fn a_message_is_given_up_after_days_and_that_is_told() {
    let stand = Stand::new(seed());
    stand.server.behaves(Faults {
        no_session: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let id = stand.accept(&office, MAILBOXES[0]).await;
    stand.live(&MAILBOXES, WEEK).await;
    let all = stand.all().await;
    assert_eq!(all[0].state, SubmissionState::Dead);
    assert_eq!(stand.told(&id, EventType::SendFailed).await.len(), 1);
    let tried = all[0].settled_at.expect("it is settled");
    let tried = tried.duration_since(all[0].letter.accepted_at);
    assert!((72..=80).contains(&tried.as_hours()), "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_is_not_taken_for_lost() {
    let mut stand = Stand::new(seed());
    stand.looks = false;
    stand.policy.on_unknown = UnknownThen::Resend;
    stand.server.behaves(Faults {
        transmission: Duration::from_mins(10),
        ..Faults::default()
    });
    let office = stand.office();
    for _ in 0..19 {
        stand.accept(&office, MAILBOXES[0]).await;
    }
    stand.live(&MAILBOXES, Duration::from_hours(3)).await;
    for one in &stand.all().await {
        assert_eq!(one.state, SubmissionState::Sent);
        assert_eq!(one.attempts, 1);
        assert_true(&stand, one, 1);
        assert_eq!(stand.told(&one.id, EventType::SendUnknown).await.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_nothing_of_what_may_be_sent_in_a_day() {
    let mut stand = Stand::new(seed());
    stand.policy.limits.recipients_per_day = 500;
    let down = Faults {
        no_session: 100,
        ..Faults::default()
    };
    stand.server.behaves(down);
    let office = stand.office();
    for _ in 0..3 {
        let recipients = (0..100).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOXES[0], recipients.collect());
        office.accept(new).await.expect("it is stored");
    }
    let outage = async {
        stand.clock.sleep(Duration::from_hours(3)).await;
        stand.server.behaves(Faults::default());
    };
    let life = stand.live(
        &MAILBOXES,
        Duration::from_hours(3) + Duration::from_mins(10),
    );
    tokio::join!(life, outage);
    for one in &stand.all().await {
        assert_eq!(one.state, SubmissionState::Sent, "{one:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_looks_a_day_long_before_anything_is_decided() {
    let mut stand = Stand::new(seed());
    stand.policy.on_unknown = UnknownThen::Drop;
    stand.server.behaves(Faults {
        answer_lost: 100,
        no_look: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let id = stand.accept(&office, MAILBOXES[0]).await;
    let told = async || stand.told(&id, EventType::SendUnknown).await.len();
    stand.live(&MAILBOXES, Duration::from_mins(1)).await;
    stand.clock.sleep(Duration::from_hours(25)).await;
    for _ in 0..2 {
        stand.live(&MAILBOXES, Duration::from_hours(10)).await;
        let seen = &stand.all().await[0];
        assert_eq!(seen.state, SubmissionState::Unknown);
        assert!(seen.next_attempt_at.is_some(), "{seen:#?}");
        assert_eq!(told().await, 0);
    }
    stand.live(&MAILBOXES, WEEK).await;
    assert_eq!(stand.all().await[0].state, SubmissionState::Cancelled);
    assert_eq!(told().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_may_be_of_another_message_proves_nothing() {
    for run in 0..RUNS {
        let stand = Stand::new(seed().wrapping_add(run));
        let office = stand.office();
        let to = || vec!["r0@example.com".to_owned()];
        let first = stand.submission(MAILBOXES[0], to());
        let mut second = stand.submission(MAILBOXES[0], to());
        second.message = first.message.clone();
        second.letter = first.letter.clone();
        let ids = [first.id.clone(), second.id.clone()];
        office.accept(first).await.expect("it is stored");
        stand.live(&MAILBOXES, Duration::from_secs(30)).await;
        stand.server.behaves(Faults {
            answer_lost: 100,
            ..Faults::default()
        });
        office.accept(second).await.expect("it is stored");
        stand.live(&MAILBOXES, Duration::from_hours(1)).await;
        let mut states = Vec::new();
        for id in &ids {
            let seen = stand.storage.submission(id).await.expect("it reads");
            states.push(seen.expect("it is there").state);
        }
        assert_eq!(states, [SubmissionState::Sent, SubmissionState::Unknown]);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_sends_in_the_name_of_another_mailbox() {
    let stand = Stand::new(seed());
    let office = stand.office();
    let id = stand.accept(&office, MAILBOXES[1]).await;
    let sending = stand.sending(MAILBOXES[0]);
    let seen = sending.send_now(&id, (&office, Duration::from_secs(30)));
    let seen = seen.await.expect("it is stored").expect("it is there");
    assert_eq!(seen.state, SubmissionState::Queued);
    assert!(stand.server.begun().is_empty());
}

const RUNS: u64 = 4;
