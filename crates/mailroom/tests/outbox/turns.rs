//! Messages that go out in several envelopes, one of which nobody knows the end of.

use std::time::Duration;

use gatepost_mailroom::{
    Addressee, EventType, Outbox as _, RecipientFate, Resolution, SubmissionState, UnknownThen,
};

use crate::seed;
use crate::server::Faults;
use crate::stand::Stand;

const MAILBOX: &str = "ada@contoso.com";
const AN_HOUR: Duration = Duration::from_hours(1);

/// What is not sent again is not sent again to those who may have it; nothing is unknown of the
/// others.
#[tokio::test(start_paused = true)]
async fn who_had_no_turn_yet_gets_it_also_where_an_unknown_turn_is_dropped() {
    let (seed, mut let_go) = (seed(), 0);
    for run in 0..20 {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.looks = false;
        stand.policy.limits.recipients_per_message = 10;
        stand.policy.on_unknown = match run % 2 {
            0 => UnknownThen::Drop,
            _ => UnknownThen::Hold,
        };
        stand.server.behaves(Faults {
            answer_lost: 40,
            ..Faults::default()
        });
        let recipients = (0..40).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOX, recipients.collect());
        let (id, message_id) = (new.id.clone(), new.letter.message_id.clone());
        stand.office().accept(new).await.expect("it is stored");
        for _ in 0..8 {
            stand.live(&[MAILBOX], AN_HOUR).await;
            let one = stand.all().await.remove(0);
            if one.state == SubmissionState::Unknown {
                let now = stand.clock.now();
                let about = (&stand.chance, now);
                let decision = stand.policy.resolved(&one, Resolution::Drop, about);
                let resolved = stand.storage.resolve(&id, decision, now).await;
                assert!(resolved.expect("it is stored"));
            }
        }
        let one = stand.all().await.remove(0);
        let has_it = |other: &Addressee| other.fate == RecipientFate::Taken;
        let state = if one.recipients.iter().all(has_it) {
            SubmissionState::Sent
        } else {
            SubmissionState::Cancelled
        };
        assert_eq!(one.state, state, "seed {seed}+{run}: {one:#?}");
        assert_eq!(stand.server.begun().len(), 4, "seed {seed}+{run}: {one:#?}");
        for recipient in &one.recipients {
            let delivered = stand.server.delivered(&message_id, &recipient.address);
            match &recipient.fate {
                RecipientFate::Taken => assert_eq!(delivered, 1, "{}", recipient.address),
                RecipientFate::Dropped { reason } => {
                    assert!(reason.contains("not sent again"), "{reason}");
                    assert!(delivered <= 1, "{}", recipient.address);
                    let_go += 1;
                }
                _ => panic!("nobody is left over, and nobody was refused: {one:#?}"),
            }
        }
    }
    assert!(let_go > 0, "some answers were lost before the last turn");
}

/// Each turn leaves a copy among the sent messages, so whoever reads them has nothing to decide
/// while every message arrives whose answer is lost. Where one did not, which copy is of which turn
/// may not be known for a while, and that is told.
#[tokio::test(start_paused = true)]
async fn what_became_of_each_turn_is_looked_up() {
    let (seed, mut lost, mut told_of) = (seed(), 0, 0);
    for run in 0..20 {
        let mut stand = Stand::new(seed.wrapping_add(run));
        stand.policy.limits.recipients_per_message = 10;
        stand.policy.on_unknown = UnknownThen::Resend;
        let all_arrive = run % 2 == 0;
        stand.server.behaves(Faults {
            only_answer_lost: if all_arrive { 40 } else { 0 },
            answer_lost: if all_arrive { 0 } else { 40 },
            recipient_for_now: 5,
            ..Faults::default()
        });
        let recipients = (0..50).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOX, recipients.collect());
        let (id, message_id) = (new.id.clone(), new.letter.message_id.clone());
        stand.office().accept(new).await.expect("it is stored");
        let mut one = stand.all().await.remove(0);
        while !one.state.is_settled() {
            let life = if all_arrive {
                AN_HOUR
            } else {
                stand.chance.up_to(Duration::from_mins(2))
            };
            stand.live(&[MAILBOX], life).await;
            one = stand.all().await.remove(0);
            lost += usize::from(one.state == SubmissionState::Unknown);
        }
        let state = SubmissionState::Sent;
        assert_eq!(one.state, state, "seed {seed}+{run}: {one:#?}");
        let told = stand.told(&id, EventType::SendUnknown).await.len();
        assert!(!all_arrive || told == 0, "seed {seed}+{run}: {one:#?}");
        told_of += told;
        for recipient in &one.recipients {
            let delivered = stand.server.delivered(&message_id, &recipient.address);
            let most = 1 + u32::try_from(told).expect("a few");
            let range = 1..=most;
            assert!(
                range.contains(&delivered),
                "seed {seed}+{run}: {recipient:#?}"
            );
        }
    }
    assert!(lost > 0, "answers were lost");
    assert!(told_of > 0, "messages were lost, and sent again");
}

/// Each turn tells of those whom the server refused in it, however its end becomes known.
#[tokio::test(start_paused = true)]
async fn who_is_refused_is_told_once() {
    for run in 0..10 {
        let mut stand = Stand::new(seed().wrapping_add(run));
        stand.policy.limits.recipients_per_message = 10;
        stand.server.behaves(Faults {
            only_answer_lost: 100,
            recipient_for_good: 10,
            ..Faults::default()
        });
        let recipients = (0..40).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOX, recipients.collect());
        let id = new.id.clone();
        stand.office().accept(new).await.expect("it is stored");
        stand.live(&[MAILBOX], AN_HOUR).await;
        let one = stand.all().await.remove(0);
        let refused = |other: &Addressee| matches!(other.fate, RecipientFate::Refused { .. });
        let turns = one.recipients.chunks(10);
        let turns = turns.filter(|turn| turn.iter().any(refused)).count();
        let told = stand.told(&id, EventType::SendBounced).await;
        assert_eq!(told.len(), turns, "seed {}+{run}: {one:#?}", seed());
    }
}

/// A process that is killed tells nothing of the turn in which it was, and the next one tells of that
/// turn and of none before it.
#[tokio::test(start_paused = true)]
async fn who_is_refused_is_told_once_however_often_its_process_is_killed() {
    let mut kills = 0;
    for run in 0..10 {
        let mut stand = Stand::new(seed().wrapping_add(run));
        stand.policy.limits.recipients_per_message = 10;
        stand.policy.on_unknown = UnknownThen::Resend;
        stand.server.behaves(Faults {
            recipient_for_good: 5,
            transmission: Duration::from_secs(20),
            ..Faults::default()
        });
        let recipients = (0..60).map(|number| format!("r{number}@example.com"));
        let new = stand.submission(MAILBOX, recipients.collect());
        let id = new.id.clone();
        stand.office().accept(new).await.expect("it is stored");
        let mut one = stand.all().await.remove(0);
        while !one.state.is_settled() {
            stand
                .live(&[MAILBOX], stand.chance.up_to(Duration::from_mins(2)))
                .await;
            one = stand.all().await.remove(0);
            kills += usize::from(one.state == SubmissionState::Transmitting);
        }
        let refused = |all: &[Addressee]| Addressee::newly_refused(&[], all);
        let told = stand.told(&id, EventType::SendBounced).await;
        let mut counts: Vec<_> = told.iter().map(|data| refused(&data.recipients)).collect();
        counts.sort_unstable();
        let is_news = |pair: &[usize]| pair[0] < pair[1];
        assert!(
            counts.windows(2).all(is_news),
            "seed {}+{run}: {counts:?}",
            seed()
        );
        let last = counts.last().copied().unwrap_or_default();
        assert_eq!(last, refused(&one.recipients), "seed {}+{run}", seed());
    }
    assert!(kills > 0, "processes were killed in the middle of a turn");
}
