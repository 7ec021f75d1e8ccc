//! What became of messages that were drafts in Graph when their answer was lost.

use async_trait::async_trait;
use gatepost_mail::Trace;
use gatepost_mail::graph::{DraftFate, Graph, Withdrawal};
use gatepost_mailroom::DueSubmission;
use gatepost_mailroom::outbox::{LookError, Lookout, Sighting};

/// Looks for drafts by their immutable ids, which they keep when they are sent
/// (<https://learn.microsoft.com/graph/outlook-immutable-id>), and for all else in Sent Items.
#[derive(Debug)]
pub(super) struct Drafts<L> {
    pub(super) graph: Graph,
    pub(super) sent_items: L,
}

#[async_trait]
impl<L: Lookout> Lookout for Drafts<L> {
    async fn look(&self, due: &DueSubmission) -> Result<Sighting, LookError> {
        let Some(Trace::Draft { id }) = &due.trace else {
            return self.sent_items.look(due).await;
        };
        match self.graph.draft_fate(id).await? {
            DraftFate::Sent => Ok(Sighting::Sent),
            DraftFate::Unsent => Ok(Sighting::Draft),
            // Somebody deleted it, from the one folder or the other.
            DraftFate::Gone => self.sent_items.look(due).await,
        }
    }

    async fn withdraw(&self, due: &DueSubmission) -> Result<(), LookError> {
        let Some(Trace::Draft { id }) = &due.trace else {
            return Ok(());
        };
        match self.graph.withdraw_draft(id).await? {
            Withdrawal::Withdrawn => Ok(()),
            // The next look finds out.
            Withdrawal::Sent => Err(LookError::NotNow(
                "it was a draft and was sent just now".to_owned(),
            )),
            Withdrawal::Gone => Err(LookError::NotNow(
                "it was a draft and is gone, so somebody sent or deleted it just now".to_owned(),
            )),
            Withdrawal::Changed => Err(LookError::NotNow(format!(
                "it is a draft still, and somebody changes it, so it is not taken away, and not \
                 sent anew; the draft has the immutable id {id}"
            ))),
        }
    }
}
