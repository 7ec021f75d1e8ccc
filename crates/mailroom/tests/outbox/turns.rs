//! Messages that go out in several envelopes, one of which nobody knows the end of.

use std::time::Duration;

use gatepost_mailroom::{Outbox as _, RecipientFate, Resolution, SubmissionState, UnknownThen};

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
        assert!(one.state.is_settled(), "seed {seed}+{run}: {one:#?}");
        assert_eq!(stand.server.begun().len(), 4, "seed {seed}+{run}: {one:#?}");
        for recipient in &one.recipients {
            let delivered = stand.server.delivered(&message_id, &recipient.address);
            match &recipient.fate {
                RecipientFate::Taken => assert_eq!(delivered, 1, "{}", recipient.address),
                RecipientFate::Refused { reason } => {
                    assert!(reason.contains("not sent again"), "{reason}");
                    assert!(delivered <= 1, "{}", recipient.address);
                    let_go += 1;
                }
                fate => {
                    let is_last = one.state == SubmissionState::Cancelled;
                    assert!(is_last && *fate == RecipientFate::Open, "{one:#?}");
                    assert!(delivered <= 1, "{}", recipient.address);
                }
            }
        }
    }
    assert!(let_go > 0, "some answers were lost before the last turn");
}
