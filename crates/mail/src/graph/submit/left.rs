//! The draft that an earlier try left: it is out of the world, or known to be sent, before the
//! message goes once more.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_fault::Fault as _;

use super::plan::Plan;
use crate::graph::TRANSPORT;
use crate::graph::client::Graph;
use crate::graph::drafts::Withdrawal;
use crate::{Departure, MailError, Receipt, SubmitError, Trace};

impl Graph {
    /// Takes away the draft `left` of a try that was killed before it could, or that was not let.
    /// Answers a receipt if the message need not be sent any more, since a person sent that draft.
    /// Of one that is not there, and that was not known to be taken away, nobody knows whether it
    /// was sent: its copy may be with a delegate, not be there yet, or be deleted.
    pub(super) async fn of_left(
        &self,
        left: String,
        plan: &Plan,
        departure: &mut dyn Departure,
    ) -> Result<Option<Receipt>, SubmitError> {
        match self.withdraw_draft(&left).await {
            Ok(Withdrawal::Withdrawn) => {
                departure.withdrawn().await?;
                Ok(None)
            }
            Ok(Withdrawal::Gone) => {
                let id = left.clone();
                departure.begins(Trace::Draft { id }).await?;
                Err(SubmitError::DraftGone {
                    host: self.host(),
                    mailbox: self.mailbox().to_owned(),
                    draft: left,
                })
            }
            Ok(Withdrawal::Sent) => {
                let lacks = match self.lacks(&left, plan).await {
                    Ok(lacks) => lacks,
                    Err(error) if error.next().is_retry() => return Err(self.of_draft(error)),
                    Err(error) => Some(format!("what it is cannot be seen: {error}")),
                };
                let sent = self.was_sent_by_a_person(left, lacks, departure).await;
                sent.map(Some)
            }
            // Another would be noted in its place, and nobody knew of this one any more.
            Ok(Withdrawal::Changed) => Err(SubmitError::DraftChanged {
                host: self.host(),
                mailbox: self.mailbox().to_owned(),
                draft: left,
            }),
            Err(error) if error.next().is_retry() => Err(self.of_draft(error)),
            Err(error) => {
                self.warn_of_left(&left, &error);
                Ok(None)
            }
        }
    }

    /// Nobody sends it once more by himself: it counts as sent if it was all of it, and otherwise
    /// it is for a person to decide.
    async fn was_sent_by_a_person(
        &self,
        id: String,
        lacks: Option<String>,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let Some(lacks) = lacks else {
            let said = format!(
                "somebody sent its draft from the mailbox, with the immutable id {id}, all its \
                 files, and to the same recipients"
            );
            tracing::info!(mailbox = self.mailbox(), "a message is not sent: {said}");
            departure.begins(Trace::Draft { id }).await?;
            return Ok(Receipt {
                by: TRANSPORT.name,
                said,
                refused: Vec::new(),
            });
        };
        let trace = Trace::Altered {
            id: id.clone(),
            lacks: lacks.clone(),
        };
        departure.begins(trace).await?;
        Err(SubmitError::DraftAltered {
            host: self.host(),
            mailbox: self.mailbox().to_owned(),
            draft: id,
            lacks,
        })
    }

    /// How what was sent of a draft differs from what it was to be, if it does.
    async fn lacks(&self, draft: &str, plan: &Plan) -> Result<Option<String>, MailError> {
        let mut files: BTreeMap<String, usize> = BTreeMap::new();
        for file in self.attachments(draft).await? {
            *files.entry(file.name.unwrap_or_default()).or_default() += 1;
        }
        let hangs_on_it = |name: &str| match files.get_mut(name) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        };
        let names = plan.files.iter().map(|planned| planned.file.name.as_str());
        let there = names.map(hangs_on_it).filter(|is_there| *is_there).count();
        let missing = plan.files.len() - there;
        let mail = &plan.mail;
        let wanted = mail.to.iter().chain(&mail.cc).chain(&mail.bcc);
        let wanted: BTreeSet<String> = wanted.map(|one| one.address.to_lowercase()).collect();
        let given = self.addressees(draft).await?;
        let (without, besides) = (
            wanted.difference(&given).count(),
            given.difference(&wanted).count(),
        );
        let mut differs = Vec::new();
        if missing > 0 {
            differs.push(format!(
                "without {missing} of its {} files",
                plan.files.len()
            ));
        }
        if without > 0 {
            differs.push(format!(
                "not to {without} of its {} recipients",
                wanted.len()
            ));
        }
        if besides > 0 {
            differs.push(format!("to {besides} whom it did not name"));
        }
        Ok((!differs.is_empty()).then(|| format!("it went {}", differs.join(" and "))))
    }
}
