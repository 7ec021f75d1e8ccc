//! How people name messages on the command line: as `gatepost messages` shows them.

use gatepost_mail::{FolderName, Mailbox, MessageKey, Query};

use crate::failure::Failure;
use crate::usage::UsageError;

/// The key of the message with `uid`, or of the newest one; `None` in an empty folder.
pub(super) async fn named_or_newest(
    session: &mut dyn Mailbox,
    folder: &FolderName,
    uid: Option<&str>,
) -> Result<Option<MessageKey>, Failure> {
    let newest = newest(session, folder).await?;
    match (newest, uid) {
        (Some(newest), Some(uid)) => Ok(Some(like(&newest, uid)?)),
        (newest, _) => Ok(newest),
    }
}

/// The keys of messages that are all there; otherwise nothing is done to any of them.
pub(super) async fn all_present(
    session: &mut dyn Mailbox,
    (mailbox, folder): (&str, &FolderName),
    uids: &[String],
) -> Result<Vec<MessageKey>, Failure> {
    let missing = |uid: &str| UsageError::NoMessage {
        mailbox: mailbox.to_owned(),
        folder: folder.to_string(),
        message: uid.to_owned(),
    };
    let newest = newest(session, folder).await?;
    let mut keys = Vec::with_capacity(uids.len());
    for uid in uids {
        let newest = newest.as_ref().ok_or_else(|| missing(uid))?;
        let key = like(newest, uid)?;
        let header = session.header(folder, &key).await;
        if header.map_err(UsageError::of_mailbox)?.is_none() {
            return Err(missing(uid).into());
        }
        keys.push(key);
    }
    Ok(keys)
}

async fn newest(
    session: &mut dyn Mailbox,
    folder: &FolderName,
) -> Result<Option<MessageKey>, Failure> {
    let newest = session.list(folder, &Query::newest(1)).await;
    let newest = newest.map_err(UsageError::of_mailbox)?;
    Ok(newest.into_iter().next().map(|summary| summary.key))
}

/// The key with this UID in the folder of another message.
fn like(other: &MessageKey, uid: &str) -> Result<MessageKey, UsageError> {
    match other {
        MessageKey::Imap { uidvalidity, .. } => {
            let number = uid.parse().ok().filter(|number| *number > 0);
            let uid = number.ok_or_else(|| UsageError::Argument {
                argument: "UID".to_owned(),
                reason: format!("`{uid}` is no UID; `gatepost messages` shows them"),
            })?;
            Ok(MessageKey::Imap {
                uidvalidity: *uidvalidity,
                uid,
            })
        }
        MessageKey::Graph { .. } => Ok(MessageKey::Graph { id: uid.to_owned() }),
        MessageKey::Pop3 { .. } => Ok(MessageKey::Pop3 {
            uidl: uid.to_owned(),
        }),
    }
}
