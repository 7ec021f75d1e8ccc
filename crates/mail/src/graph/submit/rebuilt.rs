//! Sends a message that is too large for one request: as a draft with the same fields, text and
//! files.

use gatepost_wire::smtp::Envelope;

use super::files::Files;
use super::plan::{Plan, Unplanned};
use super::{Header, Session, not_sent};
use crate::graph::TRANSPORT;
use crate::graph::client::Graph;
use crate::graph::drafts::Withdrawal;
use crate::graph::refusal::GraphMeaning;
use crate::{Departure, MailError, Outgoing, Receipt, SubmitError, Trace};

impl Session {
    /// Reads the message twice: once to see what it is made of, and once to hand its files over.
    pub(super) async fn submit_rebuilt(
        &mut self,
        envelope: &Envelope,
        (header, message): (Header, &mut dyn Outgoing),
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let size = message.size();
        if size > LARGEST_REBUILT {
            return Err(SubmitError::TooLarge {
                host: self.graph.host(),
                mailbox: self.graph.mailbox().to_owned(),
                size,
                limit: LARGEST_REBUILT,
            });
        }
        let Header { octets, read } = header;
        drop(read);
        message.begin_again().await?;
        let plan = Plan::of((&octets, &mut *message), envelope).await;
        let plan = plan.map_err(|error| match error {
            Unplanned::Unsendable(reason) => self.unsendable(reason),
            Unplanned::Unread(error) => error.into(),
        })?;
        self.graph.send_plan((plan, message), departure).await
    }
}

impl Graph {
    /// Makes the draft, hangs the files on it, and sends it. A draft that is not sent is thrown
    /// away, as far as that is possible.
    async fn send_plan(
        &self,
        (plan, message): (Plan, &mut dyn Outgoing),
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let left = departure.left_draft().map(str::to_owned);
        if let Some(left) = left
            && let Some(receipt) = self.of_left(left, &plan, departure).await?
        {
            return Ok(receipt);
        }
        let draft = self.write_draft(&plan.mail).await;
        let draft = draft.map_err(|error| self.of_draft(error))?;
        match self.finish(&draft, (&plan, message), departure).await {
            Ok(()) => {
                let receipt = Receipt {
                    by: TRANSPORT.name,
                    said: format!("sent, with the immutable id {draft}"),
                    refused: Vec::new(),
                };
                Ok(receipt.without_fields(&plan.left_out))
            }
            // It may have been sent, and then it is no draft any more.
            Err(error @ SubmitError::Unknown { .. }) => Err(error),
            Err(error) => {
                // That this try did not send it is known, whatever can be noted of its draft. One
                // that is not taken away, since somebody has sent or changed it meanwhile, is for
                // the next try to look at.
                let _ = match self.withdraw_draft(&draft).await {
                    Ok(Withdrawal::Withdrawn) => departure.withdrawn().await,
                    Ok(Withdrawal::Sent | Withdrawal::Gone | Withdrawal::Changed) => {
                        departure.drafted(&draft).await
                    }
                    Err(left) => {
                        self.warn_of_left(&draft, &left);
                        departure.drafted(&draft).await
                    }
                };
                Err(error)
            }
        }
    }

    pub(super) fn warn_of_left(&self, draft: &str, error: &MailError) {
        tracing::warn!(
            mailbox = self.mailbox(),
            draft,
            "a draft that is not sent is left: {error}"
        );
    }

    async fn finish(
        &self,
        draft: &str,
        plan: (&Plan, &mut dyn Outgoing),
        departure: &mut dyn Departure,
    ) -> Result<(), SubmitError> {
        self.prepare(draft, plan, departure).await?;
        let ended = self.send_draft(draft).await;
        self.sent(ended)
    }

    async fn prepare(
        &self,
        draft: &str,
        (plan, message): (&Plan, &mut dyn Outgoing),
        departure: &mut dyn Departure,
    ) -> Result<(), SubmitError> {
        departure.drafted(draft).await?;
        let mut files = Files::of(message);
        for planned in &plan.files {
            let mut octets = files.file(planned);
            let attached = self.attach(draft, &planned.file, &mut octets).await;
            attached.map_err(|error| match error {
                SubmitError::Session(error) => self.of_draft(error),
                other => other,
            })?;
        }
        let id = draft.to_owned();
        Ok(departure.begins(Trace::Draft { id }).await?)
    }

    /// What a refusal means before anything departed. Who may send need not be allowed to write
    /// drafts, so it says nothing of smaller messages.
    pub(super) fn of_draft(&self, error: MailError) -> SubmitError {
        match error {
            MailError::Graph(refusal) if refusal.meaning == GraphMeaning::AccessDenied => {
                SubmitError::DraftDenied {
                    host: self.host(),
                    mailbox: self.mailbox().to_owned(),
                    limit: self.settings().largest_mime,
                    said: refusal.words(),
                }
            }
            MailError::Graph(refusal) => not_sent(refusal),
            other => other.into(),
        }
    }
}

/// The largest message that Exchange Online lets a tenant allow, in octets.
const LARGEST_REBUILT: u64 = 150 * 1024 * 1024;
