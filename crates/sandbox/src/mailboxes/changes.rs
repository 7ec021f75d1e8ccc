//! What happened in a folder since somebody last looked.

use std::collections::{BTreeMap, VecDeque};

use gatepost_wire::imap::server::Flags;

use super::message::{Message, MessageId, Stay};

/// The answer to "what changed since version `n`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Nothing did.
    Nothing,
    /// This did.
    Delta(Delta),
    /// Too much to tell apart: look at the whole folder.
    Everything,
}

/// Single changes, each message named once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// The version after these changes.
    pub version: u64,
    /// Messages that are new or whose flags changed, with their flags now, by rising UID.
    pub present: Vec<(u32, Flags)>,
    /// Messages that are gone, by rising UID.
    pub vanished: Vec<u32>,
}

/// What happened to the messages of a folder, by their lasting names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// The version after these changes.
    pub version: u64,
    /// Messages that are new or changed, by rising UID.
    pub present: Vec<Message>,
    /// Messages that are gone from the folder, with the UID they had.
    pub gone: Vec<(u32, MessageId, Stay)>,
}

/// The last changes of a folder, each with its own version, so that a session catches up in
/// time proportional to what happened and not to the size of the folder.
#[derive(Debug, Default)]
pub(super) struct Journal {
    version: u64,
    touched: VecDeque<(u32, MessageId, Stay)>,
}

impl Journal {
    /// The version of the folder now.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Notes that the message `uid` came, changed or went.
    pub(super) fn note(&mut self, uid: u32, id: MessageId, stay: Stay) {
        if self.touched.len() == LONGEST_JOURNAL {
            self.touched.pop_front();
        }
        self.touched.push_back((uid, id, stay));
        self.version += 1;
    }

    /// The messages touched since `version`; `None` if that is forgotten.
    pub(super) fn since(&self, version: u64) -> Option<BTreeMap<u32, (MessageId, Stay)>> {
        let missed = usize::try_from(self.version.checked_sub(version)?).ok()?;
        let first = self.touched.len().checked_sub(missed)?;
        let touched = self.touched.range(first..);
        Some(touched.map(|&(uid, id, stay)| (uid, (id, stay))).collect())
    }
}

/// At most this many changes are remembered for each folder; 24 octets each.
const LONGEST_JOURNAL: usize = 65_536;
