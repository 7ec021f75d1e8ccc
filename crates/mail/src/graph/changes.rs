//! What is new in a folder since a cursor.
//!
//! Rows of changes only say where to look: a message is new if its digest is not in the cursor,
//! and everything else of it is asked for by its id. From time to time the folder's count is
//! compared with what is known, because not every move into a folder need be told as a change.
//! No look goes through all of a large folder: the cursor says how far it came.

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};

use super::TRANSPORT;
use super::client::Graph;
use super::cursor::{Listing, Place, Purpose, Walk};
use super::delta::Further;
use super::listing::Budget;
use super::refusal::GraphMeaning;
use super::resources::{MailFolder, Message};
use super::session::{Session, is_missing};
use crate::beginning::Beginning;
use crate::{
    Arrival, Changes, Cursor, CursorError, FolderName, Intake as _, MailError, MessageKey, Pull,
    Resync, fingerprint,
};

impl Session {
    pub(super) async fn changes_since(
        &mut self,
        folder: &FolderName,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let found = self.folder(folder).await?;
        let mut place = match pull.since {
            None => self.beginning(&found.id),
            Some(cursor) if cursor.is_foreign_to(TRANSPORT.name) => {
                self.unidentified(&found.id, pull.news_from)
            }
            Some(cursor) => self.place(folder, cursor, (&found.id, pull.news_from))?,
        };
        if !place.is_behind() {
            match self.changed(place.clone(), &found, pull).await {
                Err(MailError::Graph(refusal))
                    if refusal.meaning == GraphMeaning::SyncStateLost =>
                {
                    tracing::info!(
                        mailbox = self.graph.mailbox(), %folder,
                        "Microsoft Graph forgot how far the folder was seen; it is compared with what is known: {refusal}"
                    );
                    place = self.anew(place, (&found.id, pull.news_from));
                }
                changes => return changes,
            }
        }
        self.catch_up(place, &found, pull).await
    }

    /// The cursor behind everything that is there. Of a large folder, it is the beginning of the
    /// way there.
    pub(super) async fn all_seen(&mut self, folder: &FolderName) -> Result<Cursor, MailError> {
        let found = self.folder(folder).await?;
        let mut place = self.before_all(&found.id).walking(Purpose::Baseline);
        place.listing = Listing::All;
        let mut budget = Budget::new(self.graph.settings());
        self.walk_on(&mut place, (&found, None), &mut budget)
            .await?;
        if place.is_behind() {
            let there = self.settle(&mut place).await?;
            for (id, received_at) in there {
                place.see(&id, received_at);
            }
        }
        if place.walk.is_none() && place.behind.is_some() {
            let (new, is_over) = self.list_on(&mut place, 0, &mut budget).await?;
            debug_assert!(new.is_empty(), "none was wanted");
            self.end_listing(&mut place, is_over, &found);
        }
        self.watch(&place.link);
        Ok(place.into())
    }

    /// The place that a cursor holds, if it is one of this mailbox.
    fn place(
        &mut self,
        folder: &FolderName,
        cursor: &Cursor,
        (found, news_from): (&str, Option<Timestamp>),
    ) -> Result<Place, MailError> {
        let unusable = |reason| MailError::Cursor {
            mailbox: self.graph.mailbox().to_owned(),
            folder: folder.to_string(),
            reason,
        };
        let place = Place::try_from(cursor).map_err(unusable)?;
        if !place.mailbox.eq_ignore_ascii_case(self.graph.mailbox()) {
            return Err(unusable(CursorError::OtherMailbox {
                found: place.mailbox,
            }));
        }
        let next = match &place.walk {
            Some(walk) => walk.next.as_deref(),
            None => Some(place.link.as_str()),
        };
        // A token must not follow a link elsewhere: Graph of this cloud has another address now. Nor
        // is what changed in another mailbox news of this one.
        let leads_away = next.is_some_and(|link| !link.is_empty() && !self.is_ours(link));
        if leads_away {
            tracing::warn!(
                mailbox = self.graph.mailbox(), %folder,
                "the link of the cursor leads to another place than this mailbox; the folder is compared with what is known"
            );
        }
        if leads_away || place.folder != found {
            return Ok(self.anew(place, (found, news_from)));
        }
        Ok(place)
    }

    /// The place before everything that is there.
    fn beginning(&mut self, folder: &str) -> Place {
        let mut place = self.before_all(folder).walking(Purpose::Link);
        place.listing = Listing::First;
        place
    }

    /// The place where nothing is known by its id.
    fn unidentified(&mut self, folder: &str, news_from: Option<Timestamp>) -> Place {
        // What is too old to be news need not be identified, and is taken for seen.
        let purpose = news_from.map_or(Purpose::Link, |_| Purpose::Baseline);
        let mut place = self.before_all(folder).walking(purpose);
        place.listing = Listing::Identify;
        place.until = news_from;
        place.behind = Some(news_from.unwrap_or(Timestamp::UNIX_EPOCH));
        place
    }

    /// The place from which to find out what is new, where Graph does not know the link any more,
    /// or the folder is another one.
    fn anew(&mut self, mut place: Place, (found, news_from): (&str, Option<Timestamp>)) -> Place {
        found.clone_into(&mut place.folder);
        match place.listing {
            Listing::Identify => self.unidentified(found, news_from),
            Listing::First => place.walking(Purpose::Link),
            Listing::All if place.until.is_some() => place.walking(Purpose::Baseline),
            Listing::All | Listing::News => place.walking(Purpose::Renewal),
        }
    }

    /// What the link leads to.
    async fn changed(
        &mut self,
        mut place: Place,
        found: &MailFolder,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let mut budget = Budget::new(self.graph.settings());
        let mut unseen: Vec<String> = Vec::new();
        let (mut has_rows, mut is_too_much) = (false, false);
        let mut link = self.quiet_behind(&place.link);
        let mut from = place.link.clone();
        while link.is_none() {
            let (rows, further) = self.graph.walked(&place.folder, Some(&from)).await?;
            self.learn(&further);
            has_rows |= !rows.is_empty();
            for row in rows {
                if row.removed.is_some() {
                    place.forget(&row.id);
                    unseen.retain(|id| *id != row.id);
                } else if !place.has_seen(&row.id, row.received_date_time)
                    && !unseen.contains(&row.id)
                {
                    if unseen.len() < MOST_LOOKED_UP {
                        unseen.push(row.id);
                    } else {
                        is_too_much = true;
                    }
                }
            }
            match further {
                Further::Link(to) => link = Some(to),
                Further::Page(to) if budget.spend() => from = to,
                Further::Page(to) => {
                    let mut place = place.walking(Purpose::Link);
                    place.walk = place.walk.map(|walk| Walk {
                        next: Some(to),
                        ..walk
                    });
                    place.list_all();
                    return Ok(since(place, &[]));
                }
            }
        }
        // A link that still holds is kept, so that nothing need be stored; but none grows old.
        let now = self.graph.settings().clock.now();
        let is_old = now.duration_since(place.linked_at).abs() > LINK_HOLDS;
        if let Some(link) = link.filter(|_| has_rows || is_old) {
            (place.link, place.linked_at) = (link, now);
        }
        self.watch(&place.link);
        if is_too_much {
            place.list_all();
            return self.catch_up(place, found, pull).await;
        }
        let ids = unseen.iter().map(String::as_str).collect();
        let mut new = self.graph.messages(ids).await?;
        new.retain(|message| {
            message.parent_folder_id.as_deref() == Some(&found.id)
                && !place.has_seen(&message.id, message.received_date_time)
        });
        new.sort_by_key(oldest_first);
        let wanted = pull.limit.clamp(1, PAGE);
        let rest = new.split_off(new.len().min(wanted));
        place.behind = oldest_of(rest.iter().map(|one| one.received_date_time));
        for message in &new {
            place.see(&message.id, message.received_date_time);
        }
        if rest.is_empty() && self.is_due(&found.id) {
            self.compare(&mut place, found);
            if new.is_empty() && place.behind.is_some() {
                return self.catch_up(place, found, pull).await;
            }
        }
        Ok(since(place, &new))
    }

    /// Goes on with what a look left undone.
    async fn catch_up(
        &mut self,
        mut place: Place,
        found: &MailFolder,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let mut budget = Budget::new(self.graph.settings());
        let context = (found, pull.news_from);
        self.walk_on(&mut place, context, &mut budget).await?;
        if place.walk.is_some() || place.behind.is_none() {
            self.watch(&place.link);
            return Ok(since(place, &[]));
        }
        let listing = place.listing;
        let wanted = match listing {
            Listing::Identify => MOST_IDENTIFIED,
            Listing::News | Listing::All | Listing::First => pull.limit.clamp(1, PAGE),
        };
        let (new, is_over) = self.list_on(&mut place, wanted, &mut budget).await?;
        self.end_listing(&mut place, is_over, found);
        self.watch(&place.link);
        if listing == Listing::Identify {
            return Ok(Changes::Lost(Resync {
                present: self.graph.identified(&found.id, &new).await?,
                more: place.is_behind(),
                restart: place.into(),
            }));
        }
        Ok(since(place, &new))
    }

    /// Goes on with the walk of `place` to its link, if it is not over.
    async fn walk_on(
        &mut self,
        place: &mut Place,
        (found, news_from): (&MailFolder, Option<Timestamp>),
        budget: &mut Budget,
    ) -> Result<(), MailError> {
        while let Some(mut walk) = place.walk.take() {
            if !budget.spend() {
                place.walk = Some(walk);
                return Ok(());
            }
            let page = self.graph.walked(&place.folder, walk.next.as_deref()).await;
            let (rows, further) = match page {
                // A page that waited for too long is forgotten, too.
                Err(MailError::Graph(refusal))
                    if refusal.meaning == GraphMeaning::SyncStateLost && walk.next.is_some() =>
                {
                    *place = place.clone().walking(walk.purpose);
                    continue;
                }
                page => page?,
            };
            self.learn(&further);
            for row in &rows {
                place.pass(row, &mut walk);
            }
            if walk.purpose == Purpose::Baseline && place.is_large() {
                let newest = self.settle(place).await?;
                let known = newest.iter().map(|(id, _)| id.as_str());
                let known = known.filter(|id| place.knows(id)).collect();
                let until = place.until.unwrap_or(Timestamp::UNIX_EPOCH);
                place.sum_up(until, std::iter::empty(), Some(known));
            }
            match further {
                Further::Page(next) => {
                    walk.next = Some(next);
                    place.walk = Some(walk);
                }
                Further::Link(link) => {
                    place.link = link;
                    place.linked_at = self.graph.settings().clock.now();
                    self.end_walk(place, &walk, (found, news_from));
                }
            }
        }
        Ok(())
    }

    /// Decides what follows a walk.
    fn end_walk(
        &mut self,
        place: &mut Place,
        walk: &Walk,
        (found, news_from): (&MailFolder, Option<Timestamp>),
    ) {
        match walk.purpose {
            // What is to be listed is known.
            Purpose::Link => {}
            Purpose::Renewal if walk.knows_hardly_any() && !place.has_seen_nothing() => {
                *place = self.unidentified(&found.id, news_from);
            }
            Purpose::Renewal => place.list_all(),
            Purpose::Baseline if place.listing == Listing::Identify => {}
            // What was walked through tells whether it was cut short, if nothing came meanwhile.
            Purpose::Baseline => {
                let known = place.known().and_then(|known| u32::try_from(known).ok());
                let is_whole = found.total_item_count.is_none() || known == found.total_item_count;
                if place.until.is_none() && is_whole {
                    place.behind = None;
                    place.listing = Listing::News;
                } else if known.is_none() {
                    place.behind = place.until;
                }
            }
        }
    }

    /// Fixes until when messages were there before, and answers the newest of them: what was received
    /// later is news.
    async fn settle(
        &mut self,
        place: &mut Place,
    ) -> Result<Vec<(String, Option<Timestamp>)>, MailError> {
        let newest = self.graph.newest_of(&place.folder).await?;
        let until = newest.iter().filter_map(|(_, at)| *at).max();
        let until = until.unwrap_or(Timestamp::UNIX_EPOCH);
        place.until = place.until.or(Some(until));
        Ok(newest)
    }

    /// Compares what is known with the folder's count, and says that the folder is to be listed if they
    /// differ, or if it was not for long: one that came and one that went look like none.
    fn compare(&mut self, place: &mut Place, found: &MailFolder) {
        self.has_compared(&found.id);
        let count = found.total_item_count.map(|count| count as usize);
        let differs = place
            .known()
            .zip(count)
            .is_some_and(|(known, count)| known != count);
        let now = self.graph.settings().clock.now();
        let is_old = now.duration_since(place.listed_at).abs() > LISTED_EVERY;
        if differs || is_old || place.is_large() {
            place.list_all();
        }
    }

    fn is_due(&self, folder: &str) -> bool {
        let now = self.graph.settings().clock.now();
        let last = self.compared.get(folder);
        last.is_none_or(|last| now.duration_since(*last).abs() > COMPARED_EVERY)
    }

    fn has_compared(&mut self, folder: &str) {
        let now = self.graph.settings().clock.now();
        self.compared.insert(folder.to_owned(), now);
    }

    fn before_all(&mut self, folder: &str) -> Place {
        self.has_compared(folder);
        let now = self.graph.settings().clock.now();
        Place::before_all((self.graph.mailbox(), folder), String::new(), now)
    }
}

impl Graph {
    /// The header of a message of the folder with that id, with the empty line behind it; `None` if it is
    /// gone. The rest of the message is not read.
    pub(super) async fn header(
        &self,
        folder: &str,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        let Some(mut reply) = self.begun(folder, key).await? else {
            return Ok(None);
        };
        let stopped = |reason| MailError::Intake {
            mailbox: self.mailbox().to_owned(),
            reason,
        };
        let mut beginning = Beginning::default();
        beginning.begin(key, None).await.map_err(stopped)?;
        while let Some(chunk) = reply.chunk().await? {
            beginning.chunk(&chunk).await.map_err(stopped)?;
            if beginning.is_read() {
                break;
            }
        }
        Ok(beginning.header())
    }

    /// Each of `present` with what identifies it, in their order. What is gone is left out.
    async fn identified(
        &self,
        folder: &str,
        present: &[Message],
    ) -> Result<Vec<(Arrival, [u8; 32])>, MailError> {
        let headers = stream::iter(present.iter().map(arrival)).map(|arrival| async move {
            match self.header(folder, &arrival.key).await {
                Ok(Some(header)) => Ok(Some((arrival, fingerprint(&header)))),
                Ok(None) => Ok(None),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(error),
            }
        });
        let mut headers = Box::pin(headers.buffered(AT_ONCE));
        let mut identified = Vec::new();
        while let Some(header) = headers.next().await {
            identified.extend(header?);
        }
        Ok(identified)
    }
}

/// The answer with these arrivals, which were seen; more is to come as long as something lies behind.
fn since(place: Place, new: &[Message]) -> Changes {
    let more = place.is_behind();
    Changes::Since {
        arrivals: new.iter().map(arrival).collect(),
        next: place.into(),
        more,
    }
}

fn arrival(message: &Message) -> Arrival {
    Arrival {
        key: MessageKey::Graph {
            id: message.id.clone(),
        },
        received_at: message.received_date_time,
        size_hint: None,
        flags: message.flags(),
        written_at: None,
    }
}

fn oldest_first(message: &Message) -> (bool, Option<Timestamp>) {
    let at = message.received_date_time;
    (at.is_none(), at)
}

/// From when on to list; what has no time may stand anywhere.
pub(super) fn oldest_of(times: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.map(|at| at.unwrap_or(Timestamp::UNIX_EPOCH)).min()
}

/// As many messages of one look: their sizes are not told, and each is fetched by a question of
/// its own.
const PAGE: usize = 256;
/// More than these are not asked for one by one; the folder is listed.
const MOST_LOOKED_UP: usize = 1_000;
/// So many messages are identified in one look: each header is a question of its own.
const MOST_IDENTIFIED: usize = 200;
const AT_ONCE: usize = 4;
/// Graph keeps a link for as long as its cache holds it, which is longer.
const LINK_HOLDS: SignedDuration = SignedDuration::from_hours(1);
const COMPARED_EVERY: SignedDuration = SignedDuration::from_hours(1);
const LISTED_EVERY: SignedDuration = SignedDuration::from_hours(24);
