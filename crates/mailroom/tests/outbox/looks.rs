//! Looks that take long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Clock, Tasks};
use gatepost_mailroom::outbox::{Clerk, Dispatcher, LookError, Lookout, Sending, Sighting};
use gatepost_mailroom::{DueSubmission, Outbox as _, SubmissionState, UnknownThen};

use crate::seed;
use crate::server::Faults;
use crate::stand::Stand;

/// A mailbox that answers after a while.
#[derive(Debug)]
struct Slow(Clock);

#[async_trait]
impl Lookout for Slow {
    async fn look(&self, _: &DueSubmission) -> Result<Sighting, LookError> {
        self.0.sleep(Duration::from_secs(55)).await;
        Ok(Sighting::Nothing)
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_due_while_another_is_looked_for_does_not_wait_for_it() {
    let stand = Stand::new(seed());
    stand.server.behaves(Faults {
        only_answer_lost: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let lost = stand.accept(&office, ADA).await;
    // It ends before the first look.
    stand.live(&[ADA], Duration::from_secs(4)).await;
    stand.server.behaves(Faults::default());
    let now = stand.clock.now();
    let mut later = stand.submission(ADA, vec!["r0@example.com".to_owned()]);
    later.letter.not_before = Some(now + Duration::from_secs(15));
    let later_id = later.id.clone();
    office.accept(later).await.expect("it is stored");

    let office = stand.office();
    let clerk = Clerk::new(office.clone(), Duration::from_hours(24));
    clerk.take_over().await.expect("the storage is there");
    let sending = Sending {
        lookout: Some(Arc::new(Slow(stand.clock.clone()))),
        ..stand.sending(ADA)
    };
    let tasks = Tasks::new();
    let run = Dispatcher::new(office, sending).run(tasks.stop());
    tokio::select! {
        () = run => panic!("nobody stopped it"),
        () = stand.clock.sleep(Duration::from_secs(25)) => {}
    }
    for (id, state) in [
        (lost, SubmissionState::Unknown),
        (later_id, SubmissionState::Sent),
    ] {
        let seen = stand.storage.submission(&id).await.expect("it reads");
        assert_eq!(seen.expect("it is there").state, state);
    }
}

/// Sent Items in which the copy that makes it clear is late.
#[derive(Debug, Default)]
struct Late(AtomicU32);

#[async_trait]
impl Lookout for Late {
    async fn look(&self, _: &DueSubmission) -> Result<Sighting, LookError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(LookError::Unclear(
                "1 copy, which may be of another".to_owned(),
            )),
            _ => Ok(Sighting::Sent),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_unclear_is_not_decided_while_a_further_copy_may_appear() {
    let mut stand = Stand::new(seed());
    stand.policy.on_unknown = UnknownThen::Resend;
    stand.server.behaves(Faults {
        only_answer_lost: 100,
        ..Faults::default()
    });
    let office = stand.office();
    let lost = stand.accept(&office, ADA).await;
    let sending = Sending {
        lookout: Some(Arc::new(Late::default())),
        ..stand.sending(ADA)
    };
    let tasks = Tasks::new();
    let run = Dispatcher::new(office, sending).run(tasks.stop());
    tokio::select! {
        () = run => panic!("nobody stopped it"),
        () = stand.clock.sleep(Duration::from_mins(10)) => {}
    }
    let seen = stand.storage.submission(&lost).await.expect("it reads");
    assert_eq!(seen.expect("it is there").state, SubmissionState::Sent);
    assert_eq!(stand.server.begun().len(), 1, "and it was sent once");
}

const ADA: &str = "ada@contoso.com";
