//! What is done to messages in the mailbox once every sink has them.

use std::time::Duration;

use gatepost_mail::{Flag, Mailbox, MessageKey, Query, Summary};

use super::ListenError;
use super::words::Outstanding;
use crate::{Event, EventData, EventId, Mailroom, MessageData, PostAction, SinkName, WatchKey};

/// What is to be done, and where.
pub(super) struct Acts<'a> {
    pub(super) room: &'a Mailroom,
    pub(super) watch: &'a WatchKey,
    /// Those of the watch.
    pub(super) sinks: &'a [SinkName],
    pub(super) action: &'a PostAction,
    /// A key that the server gave out lately: those of its kind still hold.
    pub(super) witness: &'a mut Option<MessageKey>,
    pub(super) others: &'a mut Others,
}

/// Whether messages wait for sinks that the watch has no longer. While it runs, it loses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    Unknown,
    Awaited,
    Forgone,
}

impl Acts<'_> {
    /// Does the post-actions that are due. Doing one twice is harmless: it is recorded
    /// afterwards.
    pub(super) async fn perform(
        &mut self,
        mailbox: &mut dyn Mailbox,
    ) -> Result<Outstanding, ListenError> {
        let deliveries = &self.room.deliveries;
        self.forgo_others().await?;
        loop {
            let due = deliveries.post_actions_due(self.watch, AT_ONCE).await?;
            if due.is_empty() {
                break;
            }
            let clock = &self.room.clock;
            let acted = clock.within(LIMIT, self.act(&due, mailbox)).await;
            acted.map_err(|_| ListenError::Silent {
                watch: self.watch.clone(),
                limit: LIMIT,
            })??;
            let ids: Vec<EventId> = due.into_iter().map(|event| event.id).collect();
            deliveries.post_actions_done(&ids).await?;
            let (mailbox, folder) = (&self.watch.mailbox, &self.watch.folder);
            tracing::debug!(%mailbox, %folder, messages = ids.len(), "post-actions are done");
        }
        let (open, _) = deliveries.backlog(&self.watch.mailbox, self.sinks).await?;
        Ok(if open > 0 {
            Outstanding::Something
        } else {
            Outstanding::Nothing
        })
    }

    /// A sink that was removed holds no post-action back; that is said once.
    async fn forgo_others(&mut self) -> Result<(), ListenError> {
        if *self.others == Others::Forgone {
            return Ok(());
        }
        let deliveries = &self.room.deliveries;
        let forgone = deliveries.forgo_others(self.watch, self.sinks).await?;
        let messages = forgone.due + forgone.waiting;
        if *self.others == Others::Unknown && messages > 0 {
            let (mailbox, folder) = (&self.watch.mailbox, &self.watch.folder);
            tracing::warn!(
                %mailbox, %folder, messages,
                "messages wait for sinks that this watch has no longer; what is done with them afterwards waits for its present sinks alone. `gatepost deliveries list` shows them: they are kept until their sink is back, or somebody discards them"
            );
        }
        *self.others = match forgone.waiting {
            0 => Others::Forgone,
            _ => Others::Awaited,
        };
        Ok(())
    }

    async fn act(&mut self, due: &[Event], mailbox: &mut dyn Mailbox) -> Result<(), ListenError> {
        let keys = self.keys(due, mailbox).await?;
        if keys.is_empty() {
            return Ok(());
        }
        let folder = &self.watch.folder;
        match self.action {
            PostAction::MarkRead => mailbox.mark(folder, &keys, &[Flag::Seen], &[]).await?,
            PostAction::MoveTo(to) => mailbox.move_to(folder, &keys, to).await?,
            PostAction::Delete => mailbox.delete(folder, &keys).await?,
        }
        Ok(())
    }

    /// The keys by which the server knows these messages now.
    async fn keys(
        &mut self,
        due: &[Event],
        mailbox: &mut dyn Mailbox,
    ) -> Result<Vec<MessageKey>, ListenError> {
        if self.witness.is_none() {
            let newest = mailbox.list(&self.watch.folder, &Query::newest(1)).await?;
            *self.witness = newest.into_iter().next().map(|one| one.key);
        }
        let Some(witness) = self.witness.as_ref() else {
            // There is nothing in the folder.
            return Ok(Vec::new());
        };
        let (good, forgotten): (Vec<_>, Vec<_>) = due
            .iter()
            .filter_map(message)
            .partition(|message| holds(&message.ids.key, witness));
        let mut keys: Vec<MessageKey> = good.iter().map(|one| one.ids.key.clone()).collect();
        if !forgotten.is_empty() {
            keys.extend(self.found_again(&forgotten, mailbox).await?);
        }
        Ok(keys)
    }

    /// The new keys of messages whose keys the server has forgotten. One that is not found by
    /// header and time of receipt is left as it is: another must not be touched in its place.
    async fn found_again(
        &self,
        forgotten: &[&MessageData],
        mailbox: &mut dyn Mailbox,
    ) -> Result<Vec<MessageKey>, ListenError> {
        let oldest = forgotten.iter().map(|one| one.received_at).min().flatten();
        let query = Query {
            // Another way may tell a time that is a little earlier.
            since: oldest.map(|oldest| oldest.checked_sub(MARGIN).unwrap_or(oldest)),
            ..Query::newest(LOOKED_THROUGH)
        };
        let mut present = mailbox.list(&self.watch.folder, &query).await?;
        let mut keys = Vec::new();
        for message in forgotten {
            let found = same(&present, message);
            keys.extend(found.map(|at| present.swap_remove(at).key));
        }
        let missing = forgotten.len() - keys.len();
        if missing > 0 {
            let (mailbox, folder) = (&self.watch.mailbox, &self.watch.folder);
            tracing::warn!(
                %mailbox, %folder, missing,
                "the keys of messages that waited for their post-action name nothing any more (the server forgot them, or the mailbox is read another way), and they were not found again; they stay as they are"
            );
        }
        Ok(keys)
    }
}

fn message(event: &Event) -> Option<&MessageData> {
    match &event.data {
        EventData::Message(message) => Some(message),
        EventData::Resynced { .. }
        | EventData::Credential(_)
        | EventData::Send(_)
        | EventData::Trouble { .. } => None,
    }
}

/// Whether a key still holds as the witness does: over IMAP, if it was given out under the same
/// UIDVALIDITY (RFC 9051 §2.3.1.1).
fn holds(key: &MessageKey, witness: &MessageKey) -> bool {
    match (key, witness) {
        (
            MessageKey::Imap {
                uidvalidity: mine, ..
            },
            MessageKey::Imap { uidvalidity, .. },
        ) => mine == uidvalidity,
        // A name is never given to another message (RFC 1939 §7), nor is an immutable id.
        (MessageKey::Pop3 { .. }, MessageKey::Pop3 { .. })
        | (MessageKey::Graph { .. }, MessageKey::Graph { .. }) => true,
        (
            MessageKey::Imap { .. } | MessageKey::Pop3 { .. } | MessageKey::Graph { .. },
            MessageKey::Imap { .. } | MessageKey::Pop3 { .. } | MessageKey::Graph { .. },
        ) => false,
    }
}

/// Which of the messages that are there is this one.
fn same(present: &[Summary], message: &MessageData) -> Option<usize> {
    let found = present.iter().position(|one| is_same(one, message));
    if found.is_some() {
        return found;
    }
    // Another way tells times of receipt a little otherwise, and writes names otherwise; the
    // Message-ID is the same, unless two messages have one. A copy of a list comes later.
    let mut others = present
        .iter()
        .enumerate()
        .filter(|(_, one)| is_of_another_way(&one.key, &message.ids.key))
        .filter(|(_, one)| has_same_id(one, message) && came_with(one, message));
    let first = others.next();
    first.filter(|_| others.next().is_none()).map(|(at, _)| at)
}

fn is_of_another_way(one: &MessageKey, other: &MessageKey) -> bool {
    std::mem::discriminant(one) != std::mem::discriminant(other)
}

fn has_same_id(summary: &Summary, message: &MessageData) -> bool {
    let (theirs, ours) = (&summary.envelope, &message.envelope);
    let agree = |theirs: &Option<String>, ours: &Option<String>| {
        theirs.is_none() || ours.is_none() || theirs == ours
    };
    theirs.message_id.is_some()
        && theirs.message_id == ours.message_id
        && agree(&theirs.subject, &ours.subject)
        && (theirs.date.is_none() || ours.date.is_none() || theirs.date == ours.date)
}

/// Whether both were received about the same time, as far as it is known.
fn came_with(summary: &Summary, message: &MessageData) -> bool {
    match (summary.received_at, message.received_at) {
        (Some(theirs), Some(ours)) => theirs.duration_since(ours).unsigned_abs() <= APART,
        _ => true,
    }
}

fn is_same(summary: &Summary, message: &MessageData) -> bool {
    let (theirs, ours) = (&summary.envelope, &message.envelope);
    summary.received_at == message.received_at
        && theirs.message_id == ours.message_id
        && theirs.date == ours.date
        && theirs.from == ours.from
        && theirs.subject == ours.subject
}

const AT_ONCE: usize = 256;
/// How many of the newest messages are looked through for forgotten ones.
const LOOKED_THROUGH: usize = 5_000;
const MARGIN: Duration = Duration::from_hours(1);
/// How far the times may be apart that two ways tell of one message.
const APART: Duration = Duration::from_mins(2);
const LIMIT: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use gatepost_mail::Envelope;
    use jiff::Timestamp;

    use super::*;
    use crate::MessageIds;

    fn imap(uid: u32) -> MessageKey {
        let uidvalidity = 1;
        MessageKey::Imap { uidvalidity, uid }
    }

    fn graph(id: &str) -> MessageKey {
        MessageKey::Graph { id: id.to_owned() }
    }

    fn envelope(id: &str) -> Envelope {
        Envelope {
            message_id: Some(id.to_owned()),
            subject: Some("x".to_owned()),
            ..Envelope::default()
        }
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Timestamp::from_second(seconds).ok()
    }

    fn summary(key: MessageKey, envelope: Envelope, seconds: i64) -> Summary {
        Summary {
            key,
            received_at: at(seconds),
            size_hint: None,
            flags: Vec::new(),
            envelope,
        }
    }

    fn message(key: MessageKey) -> MessageData {
        MessageData {
            ids: MessageIds {
                key,
                internet_message_id: None,
            },
            envelope: envelope("1"),
            received_at: at(10),
            size: 0,
            sha256: String::new(),
            flags: Vec::new(),
            preview: None,
            attachments: Vec::new(),
        }
    }

    #[test]
    fn by_another_way_a_message_is_found_by_its_message_id_unless_two_have_it() {
        let other = Envelope {
            subject: Some("y".to_owned()),
            ..envelope("1")
        };
        let mut present = vec![
            summary(graph("a"), envelope("2"), 10),
            summary(graph("b"), other, 10),
            summary(graph("c"), envelope("1"), 12),
        ];
        assert_eq!(same(&present, &message(imap(1))), Some(2));
        assert_eq!(
            same(&present, &message(graph("gone"))),
            None,
            "by the same way"
        );
        present.push(summary(graph("d"), envelope("1"), 13));
        assert_eq!(same(&present, &message(imap(1))), None, "either may be it");
        for (seconds, found) in [(-110, Some(0)), (130, Some(0)), (-111, None), (131, None)] {
            let copy = [summary(graph("f"), envelope("1"), seconds)];
            let seen = same(&copy, &message(imap(1)));
            assert_eq!(seen, found, "a copy of a list, by {seconds} seconds");
        }
        present.push(summary(graph("e"), envelope("1"), 10));
        assert_eq!(
            same(&present, &message(imap(1))),
            Some(4),
            "the time agrees"
        );
    }
}
