//! What the mailboxes say, as the IMAP machine wants to hear it.

use gatepost_wire::imap::server::{Answer, Attribute, Copied, Listed, Opened, Refusal, Status};

use super::exchange::UNAVAILABLE;
use crate::mailboxes::{Filed, FolderEntry, FolderId, FolderState, Mailbox, MailboxError, Use};

pub(super) fn missing(folder: &str) -> Refusal {
    Refusal::no(format!("{folder} doesn't exist."))
}

pub(super) fn refusal(error: &MailboxError) -> Refusal {
    Refusal::no(match error {
        MailboxError::FolderUnknown { folder, .. } => return missing(folder),
        MailboxError::FolderExists { .. } => "Mailbox already exists.",
        MailboxError::FolderReserved { .. } => "Folder name is reserved",
        MailboxError::FolderNotEmpty { .. } => "Mailbox has inferior hierarchical names.",
        MailboxError::FolderName { .. } => "Mailbox name is invalid.",
        MailboxError::MailboxUnknown { .. } | MailboxError::MailboxExists { .. } => UNAVAILABLE,
    })
}

pub(super) fn copied(filed: Result<Vec<(u32, Filed)>, MailboxError>) -> Result<Answer, Refusal> {
    let filed = filed.map_err(|error| refusal(&error))?;
    let uidvalidity = filed.first().map_or(0, |(_, filed)| filed.uidvalidity);
    let uids = filed
        .into_iter()
        .map(|(uid, filed)| (uid, filed.uid))
        .collect();
    Ok(Answer::Copied(Copied { uidvalidity, uids }))
}

pub(super) fn listed(entry: &FolderEntry) -> Listed {
    let children = if entry.has_children {
        Attribute::HasChildren
    } else {
        Attribute::HasNoChildren
    };
    let special = entry.special.map(|special| match special {
        Use::Drafts => Attribute::Drafts,
        Use::Sent => Attribute::Sent,
        Use::Trash => Attribute::Trash,
        Use::Junk => Attribute::Junk,
    });
    Listed {
        name: entry.path.to_string(),
        attributes: std::iter::once(children).chain(special).collect(),
        subscribed: entry.subscribed,
    }
}

pub(super) fn status(state: &FolderState) -> Status {
    Status {
        messages: state.messages,
        unseen: state.unseen,
        uidnext: state.uidnext,
        uidvalidity: state.uidvalidity,
    }
}

pub(super) fn opened(mailbox: &Mailbox, folder: FolderId) -> Option<Opened> {
    let (state, messages) = mailbox.overview(folder)?;
    Some(Opened {
        uidvalidity: state.uidvalidity,
        uidnext: state.uidnext,
        version: state.version,
        messages,
    })
}
