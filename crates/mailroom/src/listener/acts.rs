//! What is done to messages in the mailbox once every sink has them.

use std::time::Duration;

use gatepost_mail::{Flag, Mailbox, MessageKey};

use super::ListenError;
use super::words::Outstanding;
use crate::{Event, EventData, EventId, Mailroom, PostAction, WatchKey};

/// Does the post-actions that are due. Doing one twice is harmless: it is recorded afterwards.
pub(super) async fn perform(
    room: &Mailroom,
    watch: &WatchKey,
    action: &PostAction,
    mailbox: &mut dyn Mailbox,
) -> Result<Outstanding, ListenError> {
    loop {
        let due = room.deliveries.post_actions_due(watch, AT_ONCE).await?;
        if due.is_empty() {
            break;
        }
        let keys: Vec<MessageKey> = due.iter().filter_map(key).collect();
        let acted = act(watch, action, (mailbox, &keys));
        let acted = room.clock.within(LIMIT, acted).await;
        acted.map_err(|_| ListenError::Silent {
            watch: watch.clone(),
            limit: LIMIT,
        })??;
        let ids: Vec<EventId> = due.into_iter().map(|event| event.id).collect();
        room.deliveries.post_actions_done(&ids).await?;
        tracing::debug!(mailbox = %watch.mailbox, folder = %watch.folder, messages = ids.len(), "post-actions are done");
    }
    let (open, _) = room.deliveries.backlog(&watch.mailbox).await?;
    Ok(if open > 0 {
        Outstanding::Something
    } else {
        Outstanding::Nothing
    })
}

async fn act(
    watch: &WatchKey,
    action: &PostAction,
    (mailbox, keys): (&mut dyn Mailbox, &[MessageKey]),
) -> Result<(), ListenError> {
    let folder = &watch.folder;
    match action {
        PostAction::MarkRead => mailbox.mark(folder, keys, &[Flag::Seen], &[]).await?,
        PostAction::MoveTo(to) => mailbox.move_to(folder, keys, to).await?,
        PostAction::Delete => mailbox.delete(folder, keys).await?,
    }
    Ok(())
}

fn key(event: &Event) -> Option<MessageKey> {
    match &event.data {
        EventData::Message(message) => Some(message.ids.key.clone()),
        EventData::Resynced { .. } | EventData::Trouble { .. } => None,
    }
}

const AT_ONCE: usize = 256;
const LIMIT: Duration = Duration::from_mins(5);
