//! Changes flags, moves and deletes.

use gatepost_wire::imap::client::{
    Capability, Code, Command, Criterion, Flag as WireFlag, FlagChange, Reply, UidSet, Untagged,
};

use super::session::{Mode, Session};
use super::verdict::Asked;
use crate::{Flag, FolderName, MailError, MessageKey};

impl Session {
    pub(super) async fn change_flags(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        (add, remove): (&[Flag], &[Flag]),
    ) -> Result<(), MailError> {
        let selected = self.open(folder, Mode::Write).await?;
        let changes = [(FlagChange::Add, add), (FlagChange::Remove, remove)];
        for uids in sets(&Self::uids(&selected, keys)) {
            for (change, flags) in changes.iter().filter(|(_, flags)| !flags.is_empty()) {
                let flags: Vec<WireFlag> = flags.iter().map(to_wire).collect();
                let store = Command::UidStore {
                    uids: uids.clone(),
                    change: *change,
                    flags,
                };
                self.link
                    .must(&store, Asked::Other("change flags"), |_| {})
                    .await?;
            }
        }
        Ok(())
    }

    pub(super) async fn move_messages(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        to: &FolderName,
    ) -> Result<(), MailError> {
        let selected = self.open(folder, Mode::Write).await?;
        let uids = Self::uids(&selected, keys);
        let moved = match self.move_sets(&uids, to).await {
            Err(missing @ MailError::FolderMissing { .. }) => {
                self.look_around(to, missing).await?;
                self.move_sets(&uids, to).await
            }
            moved => moved,
        };
        self.upcoming = None;
        moved
    }

    async fn move_sets(&mut self, uids: &[u32], to: &FolderName) -> Result<(), MailError> {
        let target = self.wire_name(to);
        let can_move = self.link.client.capabilities().has(Capability::Move);
        for uids in sets(uids) {
            let target = target.clone();
            if can_move {
                let command = Command::UidMove { uids, to: target };
                self.transfer(&command, to).await?;
            } else {
                let command = Command::UidCopy {
                    uids: uids.clone(),
                    to: target,
                };
                self.transfer(&command, to).await?;
                self.expunge(uids).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn delete_messages(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
    ) -> Result<(), MailError> {
        let selected = self.open(folder, Mode::Write).await?;
        for uids in sets(&Self::uids(&selected, keys)) {
            self.expunge(uids).await?;
        }
        self.upcoming = None;
        Ok(())
    }

    /// Some servers refuse the whole because a few of the messages are gone, until they have
    /// told us so (RFC 5530 §3, EXPUNGEISSUED), which they do at NOOP.
    async fn transfer(&mut self, command: &Command, to: &FolderName) -> Result<(), MailError> {
        let mut reply = self.link.run(command, |_| {}).await?;
        if is_expunge_issued(&reply) {
            self.has_looked_again().await?;
            reply = self.link.run(command, |_| {}).await?;
        }
        self.link.check(&reply, Asked::Into(to.as_str()))
    }

    /// Marks as deleted and removes these messages and no others.
    ///
    /// Without UIDPLUS there is only EXPUNGE, which also removes what somebody else marked. If
    /// there is such a message, ours stay marked until its owner expunges.
    async fn expunge(&mut self, uids: UidSet) -> Result<(), MailError> {
        let flags = vec![WireFlag::Deleted];
        let store = Command::UidStore {
            uids: uids.clone(),
            change: FlagChange::Add,
            flags,
        };
        self.link
            .must(&store, Asked::Other("mark messages as deleted"), |_| {})
            .await?;
        let removal = if self.link.client.capabilities().has(Capability::UidPlus) {
            Command::UidExpunge(uids)
        } else if self.others_are_deleted(&uids).await? {
            tracing::warn!(
                mailbox = self.link.place.mailbox,
                "messages stay marked as deleted: the server has no UIDPLUS, and EXPUNGE would remove messages that others marked"
            );
            return Ok(());
        } else {
            Command::Expunge
        };
        self.link
            .must(&removal, Asked::Other("remove messages"), |_| {})
            .await
    }

    async fn others_are_deleted(&mut self, ours: &UidSet) -> Result<bool, MailError> {
        let mut others = false;
        let search = Command::UidSearch(vec![Criterion::Deleted, Criterion::NotUid(ours.clone())]);
        self.link
            .must(&search, Asked::Other("search"), |untagged| {
                if let Untagged::Found(uids) = untagged {
                    others |= !uids.is_empty();
                }
            })
            .await?;
        Ok(others)
    }
}

fn is_expunge_issued(reply: &Reply) -> bool {
    matches!(&reply.code, Some(Code::Other(code)) if code.eq_ignore_ascii_case("EXPUNGEISSUED"))
}

/// The UIDs in sets that fit into a command.
pub(super) fn sets(uids: &[u32]) -> impl Iterator<Item = UidSet> {
    uids.chunks(UIDS_IN_COMMAND)
        .map(|uids| uids.iter().copied().collect())
}

/// Exchange refuses commands of more than 10,240 octets; a UID has at most ten digits.
pub(super) const UIDS_IN_COMMAND: usize = 500;

fn to_wire(flag: &Flag) -> WireFlag {
    match flag {
        Flag::Seen => WireFlag::Seen,
        Flag::Answered => WireFlag::Answered,
        Flag::Flagged => WireFlag::Flagged,
        Flag::Draft => WireFlag::Draft,
        Flag::Deleted => WireFlag::Deleted,
        Flag::Keyword(keyword) => WireFlag::Other(keyword.clone()),
    }
}

pub(super) fn from_wire(flags: Vec<WireFlag>) -> Vec<Flag> {
    flags
        .into_iter()
        .map(|flag| match flag {
            WireFlag::Seen => Flag::Seen,
            WireFlag::Answered => Flag::Answered,
            WireFlag::Flagged => Flag::Flagged,
            WireFlag::Draft => Flag::Draft,
            WireFlag::Deleted => Flag::Deleted,
            WireFlag::Other(keyword) => Flag::Keyword(keyword),
        })
        .collect()
}
