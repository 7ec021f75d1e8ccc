//! What the client knows of the open folder.

use super::numbers::{By, Numbers};
use super::{Access, Flag, Flags, Opened};

/// The open folder as the client knows it: its messages in the order of their sequence
/// numbers. It changes only when the client is told so (RFC 3501 §7.4.1).
#[derive(Debug)]
pub(super) struct View {
    pub(super) access: Access,
    pub(super) uidvalidity: u32,
    pub(super) version: u64,
    messages: Vec<(u32, Flags)>,
}

/// What the client has to be told, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Sequence numbers to be expunged, falling, so that each is right when it is read.
    pub(super) expunged: Vec<u32>,
    /// How many messages there are, if there are more than before.
    pub(super) exists: Option<u32>,
    /// Sequence number, UID and flags of messages whose flags changed.
    pub(super) flags: Vec<(u32, u32, Flags)>,
}

impl View {
    pub(super) fn new(opened: Opened, access: Access) -> Self {
        let Opened {
            uidvalidity,
            version,
            messages,
            ..
        } = opened;
        Self {
            access,
            uidvalidity,
            version,
            messages,
        }
    }

    /// How many messages the client knows.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.messages.len()).unwrap_or(u32::MAX)
    }

    /// The sequence number of the first message that is unread.
    pub(super) fn first_unseen(&self) -> Option<u32> {
        let at = self
            .messages
            .iter()
            .position(|(_, flags)| !flags.contains(Flag::Seen))?;
        Some(sequence(at))
    }

    /// Sequence number and flags of a message.
    pub(super) fn find(&self, uid: u32) -> Option<(u32, Flags)> {
        let at = self
            .messages
            .binary_search_by_key(&uid, |(uid, _)| *uid)
            .ok()?;
        Some((sequence(at), self.messages[at].1))
    }

    /// The UIDs of the messages the client names; `None` if it names a sequence number that
    /// does not exist. UIDs that do not exist are ignored (RFC 3501 §6.4.8).
    pub(super) fn select(&self, numbers: &Numbers, by: By) -> Option<Vec<u32>> {
        let spans = self.spans(numbers, by)?;
        let messages = spans
            .into_iter()
            .flat_map(|(from, to)| &self.messages[from..to]);
        Some(messages.map(|(uid, _)| *uid).collect())
    }

    /// The same as inclusive ranges of UIDs.
    pub(super) fn uid_ranges(&self, numbers: &Numbers, by: By) -> Option<Vec<(u32, u32)>> {
        let spans = self.spans(numbers, by)?;
        let ends = |(from, to): (usize, usize)| (self.messages[from].0, self.messages[to - 1].0);
        Some(
            spans
                .into_iter()
                .filter(|(from, to)| from < to)
                .map(ends)
                .collect(),
        )
    }

    /// The client is told the flags of a message. Answers whether they are new to it.
    pub(super) fn set_flags(&mut self, uid: u32, flags: Flags) -> bool {
        let found = self.messages.binary_search_by_key(&uid, |(uid, _)| *uid);
        found.is_ok_and(|at| std::mem::replace(&mut self.messages[at].1, flags) != flags)
    }

    /// Takes single changes in.
    pub(super) fn apply(
        &mut self,
        version: u64,
        present: &[(u32, Flags)],
        vanished: &[u32],
    ) -> News {
        self.version = version;
        let mut news = News {
            expunged: self.expunge(vanished),
            ..News::default()
        };
        let last = self.messages.last().map_or(0, |(uid, _)| *uid);
        let split = present.partition_point(|(uid, _)| *uid <= last);
        let (known, arrived) = present.split_at(split);
        for (uid, flags) in known {
            if self.set_flags(*uid, *flags)
                && let Some((number, _)) = self.find(*uid)
            {
                news.flags.push((number, *uid, *flags));
            }
        }
        self.messages.extend_from_slice(arrived);
        news.exists = (!arrived.is_empty()).then(|| self.len());
        news
    }

    /// Takes the whole folder in.
    pub(super) fn replace(&mut self, now: &Opened) -> News {
        let here = |uid: &u32| {
            now.messages
                .binary_search_by_key(uid, |(uid, _)| *uid)
                .is_ok()
        };
        let vanished: Vec<u32> = self
            .messages
            .iter()
            .map(|(uid, _)| *uid)
            .filter(|uid| !here(uid))
            .collect();
        self.apply(now.version, &now.messages, &vanished)
    }

    fn expunge(&mut self, vanished: &[u32]) -> Vec<u32> {
        let mut expunged = Vec::new();
        if vanished.is_empty() {
            return expunged;
        }
        let mut number = 0;
        self.messages.retain(|(uid, _)| {
            number += 1;
            let gone = vanished.binary_search(uid).is_ok();
            if gone {
                expunged.push(number);
            }
            !gone
        });
        expunged.reverse();
        expunged
    }

    /// Half-open ranges of places in the list.
    fn spans(&self, numbers: &Numbers, by: By) -> Option<Vec<(usize, usize)>> {
        match by {
            By::Uid => {
                let last = self.messages.last().map_or(0, |(uid, _)| *uid);
                let place = |uid: u32| self.messages.partition_point(|(other, _)| *other < uid);
                let after = |uid: u32| self.messages.partition_point(|(other, _)| *other <= uid);
                let ranges = numbers.ranges(last);
                Some(
                    ranges
                        .into_iter()
                        .map(|(from, to)| (place(from), after(to)))
                        .collect(),
                )
            }
            By::Sequence => {
                let ranges = numbers.ranges(self.len());
                let good = |(from, to): &(u32, u32)| *from >= 1 && *to <= self.len();
                if !ranges.iter().all(good) {
                    return None;
                }
                Some(
                    ranges
                        .into_iter()
                        .map(|(from, to)| (index(from - 1), index(to)))
                        .collect(),
                )
            }
        }
    }
}

fn sequence(at: usize) -> u32 {
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::codec::types::sequence::SequenceSet;

    fn view(uids: &[u32]) -> View {
        let messages = uids.iter().map(|uid| (*uid, Flags::NONE)).collect();
        View::new(
            Opened {
                uidvalidity: 1,
                uidnext: 99,
                version: 1,
                messages,
            },
            Access::ReadWrite,
        )
    }

    fn numbers(set: &str) -> Numbers {
        Numbers::new(&SequenceSet::try_from(set).expect("a sequence set"))
    }

    #[test]
    fn numbers_name_messages() {
        let view = view(&[2, 3, 5, 8]);
        assert_eq!(
            view.select(&numbers("1,3:*"), By::Sequence),
            Some(vec![2, 5, 8])
        );
        assert_eq!(view.select(&numbers("5"), By::Sequence), None);
        assert_eq!(view.select(&numbers("4:6,99:*"), By::Uid), Some(vec![5, 8]));
        assert_eq!(
            view.uid_ranges(&numbers("2:3"), By::Sequence),
            Some(vec![(3, 5)])
        );
    }

    #[test]
    fn changes_become_news_in_the_order_of_the_protocol() {
        let mut view = view(&[2, 3, 5, 8]);
        let seen = Flags::from(Flag::Seen);
        let news = view.apply(2, &[(5, seen), (9, Flags::NONE)], &[2, 8]);
        assert_eq!(
            news,
            News {
                expunged: vec![4, 1],
                exists: Some(3),
                flags: vec![(2, 5, seen)]
            }
        );
        assert_eq!(view.find(9), Some((3, Flags::NONE)));
    }

    #[test]
    fn a_change_the_client_made_itself_is_no_news() {
        let mut view = view(&[2]);
        view.set_flags(2, Flag::Seen.into());
        assert_eq!(
            view.apply(2, &[(2, Flag::Seen.into())], &[]),
            News::default()
        );
    }

    #[test]
    fn the_whole_folder_is_compared() {
        let mut view = view(&[2, 3]);
        let messages = vec![(3, Flags::NONE), (4, Flags::NONE)];
        let now = Opened {
            uidvalidity: 1,
            uidnext: 5,
            version: 7,
            messages,
        };
        let news = view.replace(&now);
        assert_eq!((news.expunged, news.exists), (vec![1], Some(2)));
        assert_eq!(view.version, 7);
    }
}
