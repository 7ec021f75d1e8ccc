//! How far a folder has been seen over Graph: the link to what changes next, and which messages
//! were seen, as short digests.
//!
//! The link alone would not do. Its rows also tell of messages that were seen and only marked,
//! and when Graph forgets it, the digests say which messages are new, since immutable ids stay.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;

use super::TRANSPORT;
use crate::{Cursor, CursorError};

/// The state behind a [`Cursor`] of this transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Whose folder it is.
    pub(super) mailbox: String,
    /// The folder's id.
    pub(super) folder: String,
    /// Where the next changes are listed.
    pub(super) link: String,
    /// When Graph gave out the link.
    pub(super) linked_at: Timestamp,
    /// When the newest message was received that was seen.
    pub(super) high_water: Option<Timestamp>,
    /// Messages received at this time or later may be there that were neither seen nor are listed
    /// as changes.
    pub(super) behind: Option<Timestamp>,
    /// What was received before was seen, though its digest is not kept.
    pub(super) floor: Option<Timestamp>,
    seen: BTreeSet<Print>,
}

/// The first octets of the SHA-256 of an id: seventy-two bits tell the messages of a folder apart.
type Print = [u8; LENGTH];

impl Place {
    /// A place before everything in a folder, with the link to what changes from now on.
    pub(super) fn before_all(
        (mailbox, folder): (&str, &str),
        link: String,
        now: Timestamp,
    ) -> Self {
        Self {
            mailbox: mailbox.to_owned(),
            folder: folder.to_owned(),
            link,
            linked_at: now,
            high_water: None,
            behind: Some(Timestamp::UNIX_EPOCH),
            floor: None,
            seen: BTreeSet::new(),
        }
    }

    /// Whether a message was seen. What has no time is told by its id alone.
    pub(super) fn has_seen(&self, id: &str, received_at: Option<Timestamp>) -> bool {
        let is_below = received_at
            .zip(self.floor)
            .is_some_and(|(at, floor)| at < floor);
        is_below || self.seen.contains(&print_of(id))
    }

    /// Whether nothing was seen yet.
    pub(super) fn has_seen_nothing(&self) -> bool {
        self.seen.is_empty() && self.floor.is_none()
    }

    /// How many messages are known, if every one is.
    pub(super) fn known(&self) -> Option<usize> {
        self.floor.is_none().then_some(self.seen.len())
    }

    /// The same when a message has been seen.
    pub(super) fn see(&mut self, id: &str, received_at: Option<Timestamp>) {
        self.seen.insert(print_of(id));
        self.high_water = self.high_water.max(received_at);
    }

    /// The same when a message has left the folder.
    pub(super) fn forget(&mut self, id: &str) {
        self.seen.remove(&print_of(id));
    }

    /// Keeps of the digests those of `present`, the newest of them if there are too many.
    pub(super) fn keep(&mut self, present: &[(String, Option<Timestamp>)]) {
        let mut kept: Vec<(Option<Timestamp>, Print)> = present
            .iter()
            .map(|(id, at)| (*at, print_of(id)))
            .filter(|(_, print)| self.seen.contains(print))
            .collect();
        if kept.len() > MOST_KEPT {
            kept.sort_unstable();
            kept.drain(..kept.len() - MOST_KEPT);
            let oldest = kept.first().and_then(|(at, _)| *at);
            self.floor = self.floor.max(oldest);
        }
        self.seen = kept.into_iter().map(|(_, print)| print).collect();
    }

    /// Whether more digests are kept than should be.
    pub(super) fn is_large(&self) -> bool {
        self.seen.len() > MOST_KEPT + MOST_KEPT / 10
    }
}

fn print_of(id: &str) -> Print {
    let digest = digest(&SHA256, id.as_bytes());
    let mut print = [0; LENGTH];
    print.copy_from_slice(&digest.as_ref()[..LENGTH]);
    print
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    mailbox: String,
    folder: String,
    link: String,
    linked_at: Timestamp,
    high_water: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    behind: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    floor: Option<Timestamp>,
    /// The digests one behind the other, in base64.
    seen: String,
}

impl From<Place> for Cursor {
    fn from(place: Place) -> Self {
        let prints: Vec<u8> = place.seen.iter().flatten().copied().collect();
        let written = Written {
            mailbox: place.mailbox,
            folder: place.folder,
            link: place.link,
            linked_at: place.linked_at,
            high_water: place.high_water,
            behind: place.behind,
            floor: place.floor,
            seen: STANDARD_NO_PAD.encode(prints),
        };
        let state = serde_json::to_string(&written).expect("texts and times can be written");
        Self {
            transport: TRANSPORT.name.to_owned(),
            version: VERSION,
            state,
        }
    }
}

impl TryFrom<&Cursor> for Place {
    type Error = CursorError;

    fn try_from(cursor: &Cursor) -> Result<Self, CursorError> {
        let unreadable = |reason: String| CursorError::Unreadable { reason };
        let state = cursor.state_of(TRANSPORT.name, VERSION)?;
        let written: Written =
            serde_json::from_str(state).map_err(|error| unreadable(error.to_string()))?;
        let octets = STANDARD_NO_PAD.decode(&written.seen);
        let octets = octets.map_err(|error| unreadable(error.to_string()))?;
        let (prints, rest) = octets.as_chunks();
        if !rest.is_empty() {
            return Err(unreadable("it is cut off".to_owned()));
        }
        Ok(Self {
            mailbox: written.mailbox,
            folder: written.folder,
            link: written.link,
            linked_at: written.linked_at,
            high_water: written.high_water,
            behind: written.behind,
            floor: written.floor,
            seen: prints.iter().copied().collect(),
        })
    }
}

const VERSION: u32 = 1;
const LENGTH: usize = 9;
/// As text they take 1.2 MB. Of a larger folder the oldest are summed up by their time.
const MOST_KEPT: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small number")
    }

    fn place() -> Place {
        let link = "https://graph.example/v1.0/delta?$deltatoken=x".to_owned();
        Place::before_all(("ada@contoso.com", "AAMk="), link, at(1_790_000_000))
    }

    #[test]
    fn what_was_seen_survives_and_nothing_else_is_taken_for_it() {
        let mut place = place();
        place.see("a", Some(at(5)));
        place.see("b", Some(at(3)));
        place.behind = None;
        let cursor = Cursor::from(place.clone());
        let read = Place::try_from(&cursor).expect("it is our own");
        assert_eq!(read, place);
        assert_eq!(read.high_water, Some(at(5)));
        assert!(read.has_seen("a", None) && !read.has_seen("c", Some(at(1))));
        for (transport, version, state) in [
            ("pop3", 1, cursor.state.clone()),
            ("graph", 2, cursor.state.clone()),
            ("graph", 1, "{}".to_owned()),
            (
                "graph",
                1,
                cursor.state.replace("\"seen\":\"", "\"seen\":\"AAAA"),
            ),
        ] {
            let odd = Cursor {
                transport: transport.into(),
                version,
                state,
            };
            assert!(Place::try_from(&odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn of_a_large_folder_the_oldest_are_summed_up() {
        let mut place = place();
        let many: Vec<(String, Option<Timestamp>)> = (0..=MOST_KEPT + MOST_KEPT / 10)
            .map(|number| (format!("id-{number}"), i64::try_from(number).ok().map(at)))
            .collect();
        for (id, received_at) in &many {
            place.see(id, *received_at);
        }
        assert!(place.is_large());
        place.keep(&many);
        assert!(!place.is_large());
        assert_eq!(place.known(), None);
        let unseen = many.iter().filter(|(id, at)| !place.has_seen(id, *at));
        assert_eq!(unseen.count(), 0);
        assert!(!place.has_seen("new", Some(at(1_790_000_000))));
    }

    #[test]
    fn what_left_the_folder_may_come_again() {
        let mut place = place();
        place.see("a", Some(at(5)));
        place.forget("a");
        assert!(!place.has_seen("a", Some(at(5))));
        assert_eq!(place.known(), Some(0));
    }
}
