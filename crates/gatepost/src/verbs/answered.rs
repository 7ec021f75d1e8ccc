//! The message that another one answers.

use gatepost_mail::FolderName;
use gatepost_mail::content::envelope;
use gatepost_mailroom::outbox::{Correspondent, Draft};

use crate::cli::Settings;
use crate::config::{Config, MailboxSettings};
use crate::failure::Failure;
use crate::usage::UsageError;
use crate::verbs::message_key::all_present;
use crate::verbs::session;

/// Makes `draft` an answer to the message `id`: a Message-ID, or a UID in the inbox of `mailbox`,
/// whose subject and sender are taken over where the draft has none.
pub(super) fn fill(
    draft: &mut Draft,
    id: &str,
    (mailbox, (config, settings)): (&MailboxSettings, (&Config, &Settings)),
) -> Result<(), Failure> {
    let bare = id.trim().trim_start_matches('<').trim_end_matches('>');
    if bare.contains('@') {
        draft.answers = vec![bare.to_owned()];
        return Ok(());
    }
    let inbox = FolderName::inbox();
    let header = session::within(
        (config.clone(), settings),
        mailbox,
        async |session| -> Result<Option<Vec<u8>>, Failure> {
            let uids = [id.to_owned()];
            let keys = all_present(session, (&mailbox.address, &inbox), &uids).await?;
            let header = session.header(&inbox, &keys[0]).await;
            header.map_err(UsageError::of_mailbox)
        },
    )?;
    let answered = envelope(&header.unwrap_or_default());
    let message_id = answered.message_id.ok_or_else(|| UsageError::Argument {
        argument: "--reply-to".to_owned(),
        reason: format!("the message {id} has no Message-ID to be answered"),
    })?;
    draft.answers = answered.references;
    draft.answers.push(message_id);
    if draft.subject.is_none() {
        let subject = answered.subject.unwrap_or_default();
        let is_answer = subject
            .get(..3)
            .is_some_and(|re| re.eq_ignore_ascii_case("re:"));
        draft.subject = Some(if is_answer {
            subject
        } else {
            format!("Re: {subject}")
        });
    }
    if draft.to.is_empty() {
        let to = if answered.reply_to.is_empty() {
            answered.from
        } else {
            answered.reply_to
        };
        draft.to = to
            .into_iter()
            .map(|one| Correspondent {
                name: one.name,
                address: one.address,
            })
            .collect();
    }
    Ok(())
}
