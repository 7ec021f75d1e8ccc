//! What is new in a folder since a cursor.
//!
//! Rows of changes only say where to look: a message is new if its digest is not in the cursor,
//! and everything else of it is asked for by its id. From time to time the folder's count is
//! compared with what is known, because not every move into a folder need be told as a change.

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::{SignedDuration, Timestamp};

use super::TRANSPORT;
use super::call::Call;
use super::client::Graph;
use super::cursor::Place;
use super::delta::Baseline;
use super::list::whole_seconds;
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
        let Some(cursor) = pull.since else {
            let baseline = self.graph.baseline(&found.id).await?;
            let place = self.before_all(&found.id, baseline.link);
            return self.listed(place, pull).await;
        };
        if cursor.is_foreign_to(TRANSPORT.name) {
            let baseline = self.graph.baseline(&found.id).await?;
            return self.all_identified(&found, &baseline).await;
        }
        let place = self.place(folder, cursor)?;
        if place.folder != found.id {
            // Another folder has the name now.
            return self.start_again(place, &found, pull).await;
        }
        if place.behind.is_some() {
            return self.listed(place, pull).await;
        }
        match self.changed(place.clone(), &found, pull).await {
            Err(MailError::Graph(refusal)) if refusal.meaning == GraphMeaning::SyncStateLost => {
                tracing::info!(
                    mailbox = self.graph.mailbox(), %folder,
                    "Microsoft Graph forgot how far the folder was seen; it is compared with what is known: {refusal}"
                );
                self.start_again(place, &found, pull).await
            }
            changes => changes,
        }
    }

    /// The cursor behind everything that is there.
    pub(super) async fn all_seen(&mut self, folder: &FolderName) -> Result<Cursor, MailError> {
        let found = self.folder(folder).await?;
        let baseline = self.graph.baseline(&found.id).await?;
        let place = self.behind_all(&found.id, &baseline);
        self.watch(&place.link);
        Ok(place.into())
    }

    /// The place that a cursor holds, if it is one of this mailbox.
    fn place(&self, folder: &FolderName, cursor: &Cursor) -> Result<Place, MailError> {
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
        // A token must not follow it elsewhere, whatever comes next.
        self.graph.link(&place.link)?;
        Ok(place)
    }

    /// What the link leads to.
    async fn changed(
        &mut self,
        mut place: Place,
        found: &MailFolder,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let mut unseen: Vec<String> = Vec::new();
        let mut has_rows = false;
        let mut link = None;
        if !self.takes_quiet(&place.link) {
            let from = self.graph.link(&place.link)?;
            let walked = self.graph.walk(from, |row| {
                has_rows = true;
                if row.removed.is_some() {
                    place.forget(&row.id);
                    unseen.retain(|id| *id != row.id);
                } else if !place.has_seen(&row.id, row.received_date_time)
                    && !unseen.contains(&row.id)
                    && unseen.len() <= MOST_LOOKED_UP
                {
                    unseen.push(row.id);
                }
            });
            link = Some(walked.await?);
        }
        // A link that still holds is kept, so that nothing need be stored; but none grows old.
        let now = self.graph.settings().clock.now();
        let is_old = now.duration_since(place.linked_at).abs() > LINK_HOLDS;
        if let Some(link) = link.filter(|_| has_rows || is_old) {
            (place.link, place.linked_at) = (link, now);
        }
        self.watch(&place.link);
        if unseen.len() > MOST_LOOKED_UP {
            place.behind = Some(Timestamp::UNIX_EPOCH);
            return self.listed(place, pull).await;
        }
        let ids = unseen.iter().map(String::as_str).collect();
        let mut new = self.graph.messages(ids).await?;
        new.retain(|message| {
            message.parent_folder_id.as_deref() == Some(&found.id)
                && !place.has_seen(&message.id, message.received_date_time)
        });
        if new.is_empty() && self.is_due(&found.id) {
            self.compare(&mut place, found).await?;
            if place.behind.is_some() {
                return self.listed(place, pull).await;
            }
        }
        new.sort_by_key(oldest_first);
        let wanted = pull.limit.clamp(1, PAGE);
        let rest = new.split_off(new.len().min(wanted));
        place.behind = oldest_of(rest.iter().map(|one| one.received_date_time));
        Ok(since(place, &new))
    }

    /// What was received at `place.behind` or later and was not seen, by listing the folder.
    async fn listed(&mut self, mut place: Place, pull: Pull<'_>) -> Result<Changes, MailError> {
        let wanted = pull.limit.clamp(1, PAGE);
        let behind = place.behind.unwrap_or(Timestamp::UNIX_EPOCH);
        let address = self
            .graph
            .at(&["mailFolders", &place.folder, "messages"])
            .with(
                "$filter",
                &format!("receivedDateTime ge {}", whole_seconds(behind)),
            )
            .with("$orderby", "receivedDateTime asc")
            .with("$select", Message::OF_AN_ARRIVAL)
            .with(
                "$top",
                &(wanted + 1).clamp(LEAST_LISTED, MOST_LISTED).to_string(),
            );
        let mut new: Vec<Message> = Vec::new();
        let mut next = Some(address.url());
        while let Some(url) = next.take().filter(|_| new.len() <= wanted) {
            let (page, further) = self.graph.page(Call::get(url, "list messages")).await?;
            let unseen = page.into_iter().filter(|message: &Message| {
                !place.has_seen(&message.id, message.received_date_time)
            });
            new.extend(unseen);
            next = further;
        }
        // A message that arrived between two pages may stand on both.
        new.dedup_by(|one, other| one.id == other.id);
        let rest = new.split_off(new.len().min(wanted));
        place.behind = oldest_of(rest.iter().map(|one| one.received_date_time));
        self.watch(&place.link);
        Ok(since(place, &new))
    }

    /// Graph does not know the link any more, or the folder is another one. The digests tell what
    /// is new; if they know nothing of what is there, the ids are others, and only the headers do.
    async fn start_again(
        &mut self,
        mut place: Place,
        found: &MailFolder,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let baseline = self.graph.baseline(&found.id).await?;
        let present = &baseline.present;
        let unseen = || present.iter().filter(|(id, at)| !place.has_seen(id, *at));
        let knows_none = unseen().count() == present.len() && !present.is_empty();
        if knows_none && !place.has_seen_nothing() {
            return self.all_identified(found, &baseline).await;
        }
        place.behind = oldest_of(unseen().map(|(_, at)| *at));
        place.keep(present);
        place.folder.clone_from(&found.id);
        place.link.clone_from(&baseline.link);
        place.linked_at = self.graph.settings().clock.now();
        self.has_compared(&found.id);
        self.watch(&place.link);
        if place.behind.is_some() {
            return self.listed(place, pull).await;
        }
        Ok(since(place, &[]))
    }

    /// What is there, told by the headers.
    async fn all_identified(
        &mut self,
        found: &MailFolder,
        baseline: &Baseline,
    ) -> Result<Changes, MailError> {
        let restart = self.behind_all(&found.id, baseline);
        self.watch(&restart.link);
        let present = &baseline.present;
        let newest = &present[present.len().saturating_sub(MOST_IDENTIFIED)..];
        Ok(Changes::Lost(Resync {
            present: self.graph.identified(&found.id, newest).await?,
            restart: restart.into(),
        }))
    }

    /// Compares what is known with the folder's count, and with the folder itself if they differ.
    async fn compare(&mut self, place: &mut Place, found: &MailFolder) -> Result<(), MailError> {
        let known = place.known().and_then(|known| u32::try_from(known).ok());
        if known != found.total_item_count || place.is_large() {
            let present = self.graph.present_in(&found.id).await?;
            let unseen = present.iter().filter(|(id, at)| !place.has_seen(id, *at));
            place.behind = oldest_of(unseen.map(|(_, at)| *at));
            place.keep(&present);
        }
        self.has_compared(&found.id);
        Ok(())
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

    fn before_all(&mut self, folder: &str, link: String) -> Place {
        self.has_compared(folder);
        let now = self.graph.settings().clock.now();
        Place::before_all((self.graph.mailbox(), folder), link, now)
    }

    fn behind_all(&mut self, folder: &str, baseline: &Baseline) -> Place {
        let mut place = self.before_all(folder, baseline.link.clone());
        place.behind = None;
        for (id, received_at) in &baseline.present {
            place.see(id, *received_at);
        }
        place.keep(&baseline.present);
        place
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
        present: &[(String, Option<Timestamp>)],
    ) -> Result<Vec<(Arrival, [u8; 32])>, MailError> {
        let ids = present.iter().map(|(id, _)| id.as_str()).collect();
        let messages = self.messages(ids).await?;
        let arrivals = messages.iter().map(arrival);
        let headers = stream::iter(arrivals).map(|arrival| async move {
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

/// The answer with these arrivals; more is to come as long as something lies behind.
fn since(mut place: Place, new: &[Message]) -> Changes {
    for message in new {
        place.see(&message.id, message.received_date_time);
    }
    let more = place.behind.is_some();
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
    }
}

fn oldest_first(message: &Message) -> (bool, Option<Timestamp>) {
    let at = message.received_date_time;
    (at.is_none(), at)
}

/// From when on to list; what has no time may stand anywhere.
fn oldest_of(times: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.map(|at| at.unwrap_or(Timestamp::UNIX_EPOCH)).min()
}

/// As many messages of one look: their sizes are not told, and each is fetched by a question of
/// its own.
const PAGE: usize = 256;
/// More than these are not asked for one by one; the folder is listed.
const MOST_LOOKED_UP: usize = 1_000;
const LEAST_LISTED: usize = 100;
const MOST_LISTED: usize = 1_000;
/// When the ids are others, the newest messages are compared with what is known. What stands
/// before them was there before, and is no news.
const MOST_IDENTIFIED: usize = 1_000;
const AT_ONCE: usize = 4;
/// Graph keeps a link for as long as its cache holds it, which is longer.
const LINK_HOLDS: SignedDuration = SignedDuration::from_hours(1);
const COMPARED_EVERY: SignedDuration = SignedDuration::from_hours(1);
