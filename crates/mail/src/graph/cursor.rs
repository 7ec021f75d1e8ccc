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
use super::resources::Message;
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
    /// As long as the walk to the link is not over: the page that comes next.
    pub(super) walk: Option<Walk>,
    /// Until the folder was listed once: what was received before was there before.
    pub(super) until: Option<Timestamp>,
    /// What the folder is listed for.
    pub(super) listing: Listing,
    /// When all of the folder was last listed.
    pub(super) listed_at: Timestamp,
    /// How many digests are of messages that are gone, though nobody told so.
    pub(super) stale: usize,
    seen: BTreeSet<Print>,
}

/// How far a walk to a link has come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Walk {
    /// The page that comes next; the first one if there is none.
    pub(super) next: Option<String>,
    pub(super) purpose: Purpose,
    /// How many messages the pages held.
    pub(super) rows: usize,
    /// How many of them were known.
    pub(super) known: usize,
}

impl Walk {
    /// Whether the ids are others than those that are known.
    pub(super) fn knows_hardly_any(&self) -> bool {
        self.rows > 0 && self.known < self.rows.div_ceil(10)
    }
}

/// What a walk is for, besides the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// Only for the link.
    Link,
    /// To take what is there for seen.
    Baseline,
    /// To find out whether the ids are still those that are known.
    Renewal,
}

/// What a folder is listed for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Listing {
    /// For what was not seen.
    #[default]
    News,
    /// The same, from the beginning of what is not summed up.
    All,
    /// The same, and nothing was seen before.
    First,
    /// To find out what is new by other means than ids.
    Identify,
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
            walk: None,
            until: None,
            listing: Listing::News,
            listed_at: now,
            stale: 0,
            seen: BTreeSet::new(),
        }
    }

    /// The same with a walk before it that leads to the link.
    pub(super) fn walking(mut self, purpose: Purpose) -> Self {
        self.walk = Some(Walk {
            next: None,
            purpose,
            rows: 0,
            known: 0,
        });
        self
    }

    /// What is not summed up is to be listed.
    pub(super) fn list_all(&mut self) {
        self.behind = Some(self.floor.unwrap_or(Timestamp::UNIX_EPOCH));
        self.listing = Listing::All;
    }

    /// Whether a message that was received then was there before.
    pub(super) fn was_there(&self, received_at: Option<Timestamp>) -> bool {
        let both = received_at.zip(self.until);
        both.is_some_and(|(at, until)| at < until)
    }

    /// The same behind one row of a walk.
    pub(super) fn pass(&mut self, row: &Message, walk: &mut Walk) {
        let received_at = row.received_date_time;
        if row.removed.is_some() {
            self.forget(&row.id);
            return;
        }
        // What is summed up tells nothing of ids.
        let is_below = received_at.zip(self.floor);
        if is_below.is_none_or(|(at, floor)| at >= floor) {
            walk.rows += 1;
            walk.known += usize::from(self.knows(&row.id));
        }
        let was_there = self.until.is_none() || self.was_there(received_at);
        if walk.purpose == Purpose::Baseline && was_there && !self.has_seen(&row.id, received_at) {
            self.see(&row.id, received_at);
        }
    }

    /// Whether there is more to be done than to look for changes.
    pub(super) fn is_behind(&self) -> bool {
        self.walk.is_some() || self.behind.is_some()
    }

    /// Whether a message was seen. What has no time is told by its id alone.
    pub(super) fn has_seen(&self, id: &str, received_at: Option<Timestamp>) -> bool {
        let is_below = received_at
            .zip(self.floor)
            .is_some_and(|(at, floor)| at < floor);
        is_below || self.seen.contains(&print_of(id))
    }

    /// Whether its digest is kept.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.seen.contains(&print_of(id))
    }

    /// Whether nothing was seen yet.
    pub(super) fn has_seen_nothing(&self) -> bool {
        self.seen.is_empty() && self.floor.is_none()
    }

    /// How many messages are known, if every one is.
    pub(super) fn known(&self) -> Option<usize> {
        let known = self.seen.len().saturating_sub(self.stale);
        self.floor.is_none().then_some(known)
    }

    /// Of everything, `count` messages are there: what else is known is gone.
    pub(super) fn has_listed_all(&mut self, count: Option<u32>, now: Timestamp) {
        let there = count.map_or(self.seen.len(), |count| count as usize);
        self.stale = self.seen.len().saturating_sub(there);
        self.listed_at = now;
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

    /// Sums up by `time` what was received before it, all of which was seen. `below` are the ids
    /// of such messages, and `rest` those of messages at that time or later; `None` if nothing
    /// else is known.
    pub(super) fn sum_up<'a>(
        &mut self,
        time: Timestamp,
        below: impl Iterator<Item = &'a str>,
        rest: Option<Vec<&'a str>>,
    ) {
        self.floor = self.floor.max(Some(time));
        self.stale = 0;
        match rest {
            Some(rest) => self.seen = rest.into_iter().map(print_of).collect(),
            None => {
                for id in below {
                    self.forget(id);
                }
            }
        }
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
    #[serde(skip_serializing_if = "Option::is_none", default)]
    walk: Option<Walk>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<Timestamp>,
    #[serde(default)]
    listing: Listing,
    #[serde(default)]
    listed_at: Timestamp,
    #[serde(default)]
    stale: usize,
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
            walk: place.walk,
            until: place.until,
            listing: place.listing,
            listed_at: place.listed_at,
            stale: place.stale,
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
            walk: written.walk,
            until: written.until,
            listing: written.listing,
            listed_at: written.listed_at,
            stale: written.stale,
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
        let mut place = place.walking(Purpose::Renewal);
        (place.until, place.stale) = (Some(at(4)), 1);
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
        let (below, _) = many.split_at(50_000);
        place.sum_up(at(50_000), below.iter().map(|(id, _)| id.as_str()), None);
        assert!(!place.is_large());
        assert_eq!(place.known(), None);
        let unseen = many.iter().filter(|(id, at)| !place.has_seen(id, *at));
        assert_eq!(unseen.count(), 0);
        assert!(!place.has_seen("new", Some(at(1_790_000_000))));
        let first = |mut place: Place| {
            place.sum_up(at(60_000), std::iter::empty(), Some(vec!["id-60000"]));
            (
                place.has_seen("id-60000", Some(at(60_000))),
                place.seen.len(),
            )
        };
        assert_eq!(first(place), (true, 1));
    }

    #[test]
    fn what_is_gone_without_a_word_is_not_counted() {
        let mut place = place();
        place.see("a", Some(at(5)));
        place.see("b", Some(at(6)));
        place.has_listed_all(Some(1), at(9));
        assert_eq!((place.known(), place.listed_at), (Some(1), at(9)));
        place.see("c", Some(at(7)));
        assert_eq!(place.known(), Some(2));
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
