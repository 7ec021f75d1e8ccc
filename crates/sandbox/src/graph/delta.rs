//! What changed in a folder (<https://learn.microsoft.com/graph/delta-query-messages>).
//!
//! A round is a walk over the folder, or over what was touched since the last round, in pages;
//! its last page has the link to the next round.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::dispatch::Mail;
use super::filter::{Filter, Kind as PropertyKind, Literal, Operator};
use super::folders::{self, context};
use super::ids::{self, Kind};
use super::refusal::Refusal;
use super::shape::Look;
use crate::faults::FaultKind;
use crate::mailboxes::{
    FolderId, FolderState, Message, MessageId, Placed, Scope, Slice, Stay, Touched,
};

/// Where a client is: opaque to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Round {
    /// The folder, as an id, which is good in its mailbox only.
    folder: String,
    uidvalidity: u32,
    /// What was touched after this version is told in this round; `None` is everything.
    since: Option<u64>,
    /// The version at the start of this round, after which the next round begins.
    until: u64,
    /// The last UID that was told.
    after: u32,
    /// Which properties.
    select: Option<String>,
    /// From where on messages count, by the time they were received, and whether that time
    /// itself does not; a walk is then by date.
    from: Option<(Timestamp, bool)>,
    /// Whether a walk goes from the newest to the oldest.
    by_date: bool,
    /// The last message of a walk by date.
    before: Option<(Timestamp, u32)>,
    /// How many a walk by date told.
    told: usize,
    /// Which changes are told: all, or `created`, `updated` or `deleted`.
    only: Option<Change>,
    /// UIDs from here on are new in this round, and those from there on in the next.
    new: (u32, u32),
}

/// A kind of change (`changeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Created,
    Updated,
    Deleted,
}

/// `GET …/messages/delta`.
pub(super) fn answer(mail: Mail<'_>, folder: FolderId) -> Outcome {
    let options = &mail.call.options;
    let token = options
        .get("$skiptoken")
        .or_else(|| options.get("$deltatoken"));
    let mut round = match token {
        Some(token) => {
            refused(mail)?;
            Round::read(mail, folder, token)?
        }
        None => Round::first(mail, folder)?,
    };
    if options.get("$deltatoken").is_some() {
        let state = state(mail, folder)?;
        round.until = state.version;
        round.new = (round.new.1, state.uidnext);
    }
    let chosen = round.select.clone();
    let select: Option<Vec<&str>> = chosen.as_deref().map(|names| names.split(',').collect());
    let look = Look::of(mail.call, mail.mailbox, select.as_deref())?;
    let strikes = |kind| strikes(mail, kind);
    let mut step = round.step(mail, folder, &look)?;
    if strikes(FaultKind::ReplayedDelta) {
        step.rows.extend(newest(mail, folder, &look));
    }
    if strikes(FaultKind::SparseDelta) {
        step.rows.iter_mut().for_each(thin_out);
    }
    let mut page = Map::new();
    page.insert(
        "@odata.context".to_owned(),
        json!(context(mail, "messages/$delta")),
    );
    let (name, token, round) = match step.onward {
        Onward::Page(round) => ("@odata.nextLink", "$skiptoken", round),
        Onward::Round(round) => ("@odata.deltaLink", "$deltatoken", round),
    };
    page.insert("value".to_owned(), Value::Array(step.rows));
    let mut link = format!("{}?{token}={}", mail.call.address, round.write());
    if token == "$skiptoken" {
        link = mail.call.onward(mail.mailbox.address(), link);
    }
    page.insert(name.to_owned(), json!(link));
    Ok(Answer::json(Value::Object(page)))
}

fn state(mail: Mail<'_>, folder: FolderId) -> Result<FolderState, Refusal> {
    let state = mail.mailbox.state(folder);
    state.ok_or_else(Refusal::folder_not_found)
}

struct Step {
    rows: Vec<Value>,
    onward: Onward,
}

enum Onward {
    Page(Round),
    Round(Round),
}

impl Round {
    fn first(mail: Mail<'_>, folder: FolderId) -> Result<Self, Refusal> {
        let state = state(mail, folder)?;
        let options = &mail.call.options;
        if options.get("$search").is_some() {
            return Err(Refusal::query("$search is not supported with delta."));
        }
        let by_date = match options.get("$orderby").map(str::trim) {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("receivedDateTime desc") => true,
            Some(_) => {
                return Err(Refusal::query(
                    "Only $orderby=receivedDateTime desc is supported with delta.",
                ));
            }
        };
        let from = options.get("$filter").map(beginning).transpose()?;
        Ok(Self {
            from,
            by_date: by_date || from.is_some(),
            before: None,
            told: 0,
            only: options.get("changetype").map(change).transpose()?,
            new: (0, state.uidnext),
            folder: folders::id(mail.mailbox, folder),
            uidvalidity: state.uidvalidity,
            since: None,
            until: state.version,
            after: 0,
            select: mail.call.options.select().map(|names| names.join(",")),
        })
    }

    fn read(mail: Mail<'_>, folder: FolderId, token: &str) -> Result<Self, Refusal> {
        let octets = URL_SAFE_NO_PAD.decode(token).ok();
        let round: Option<Self> = octets.and_then(|octets| serde_json::from_slice(&octets).ok());
        round
            .filter(|round| round.folder == folders::id(mail.mailbox, folder))
            .ok_or_else(|| Refusal::bad("InvalidSyncStateData", "The sync state data is invalid."))
    }

    fn write(&self) -> String {
        // A struct of numbers and texts always has a JSON form.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn step(self, mail: Mail<'_>, folder: FolderId, look: &Look<'_>) -> Result<Step, Refusal> {
        match self.since {
            None if self.by_date => self.walk_back(mail, folder, look),
            None => self.walk(mail, folder, look),
            Some(since) => self.changes(mail, folder, look, since),
        }
    }

    /// The next page of a walk over all that is there.
    fn walk(self, mail: Mail<'_>, folder: FolderId, look: &Look<'_>) -> Result<Step, Refusal> {
        let size = page_size(mail)?;
        let place = (folder, self.uidvalidity);
        let mut found = mail
            .mailbox
            .walk(place, self.after, size + 1)
            .ok_or_else(|| resync(mail, folder))?;
        let more = found.len() > size && !strikes(mail, FaultKind::ShortDelta);
        found.truncate(size);
        let after = found.last().map_or(self.after, |message| message.uid);
        let rows = found
            .into_iter()
            .map(|message| look.message(&Placed { folder, message }));
        Ok(Step {
            rows: rows.collect(),
            onward: self.onward(more, after),
        })
    }

    /// The next page of a walk from the newest to the oldest that counts.
    fn walk_back(
        mut self,
        mail: Mail<'_>,
        folder: FolderId,
        look: &Look<'_>,
    ) -> Result<Step, Refusal> {
        let size = page_size(mail)?;
        let place = (folder, self.uidvalidity);
        let found = mail.mailbox.walk_back(place, self.before, size + 1);
        let mut found = found.ok_or_else(|| resync(mail, folder))?;
        found.retain(|message| self.counts(message));
        let left = if self.from.is_some() {
            MOST_FILTERED.saturating_sub(self.told)
        } else {
            usize::MAX
        };
        let more = found.len() > size && size < left && !strikes(mail, FaultKind::ShortDelta);
        found.truncate(size.min(left));
        self.told += found.len();
        self.before = found
            .last()
            .map(|last| (last.received_at, last.uid))
            .or(self.before);
        let rows = found
            .into_iter()
            .map(|message| look.message(&Placed { folder, message }));
        Ok(Step {
            rows: rows.collect(),
            onward: self.onward(more, 0),
        })
    }

    /// Whether a message is young enough.
    fn counts(&self, message: &Message) -> bool {
        self.from.is_none_or(|(from, is_open)| {
            message.received_at > from || (message.received_at == from && !is_open)
        })
    }

    /// Whether this kind of change is told.
    fn tells(&self, uid: u32) -> bool {
        self.only.is_none_or(|only| match only {
            Change::Created => uid >= self.new.0,
            Change::Updated => uid < self.new.0,
            Change::Deleted => false,
        })
    }

    /// The next page of what was touched.
    fn changes(
        self,
        mail: Mail<'_>,
        folder: FolderId,
        look: &Look<'_>,
        since: u64,
    ) -> Result<Step, Refusal> {
        let place = (folder, self.uidvalidity);
        let touched = mail.mailbox.touched(place, since);
        let mut touched = touched.ok_or_else(|| resync(mail, folder))?;
        touched
            .present
            .retain(|message| self.counts(message) && self.tells(message.uid));
        if strikes(mail, FaultKind::MovesUnseen) {
            touched.present.retain(|message| !message.came_by_move);
        }
        if self.only.is_some_and(|only| only != Change::Deleted) {
            touched.gone.clear();
        }
        let size = page_size(mail)?;
        let mut rows = told(mail, folder, look, touched, self.after);
        let more = rows.len() > size;
        rows.truncate(size);
        let after = rows.last().map_or(self.after, |(uid, _)| *uid);
        Ok(Step {
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            onward: self.onward(more, after),
        })
    }

    fn onward(self, more: bool, after: u32) -> Onward {
        if more {
            Onward::Page(Self { after, ..self })
        } else {
            Onward::Round(Self {
                since: Some(self.until),
                after: 0,
                before: None,
                told: 0,
                ..self
            })
        }
    }
}

/// The only filter that delta knows.
fn beginning(text: &str) -> Result<(Timestamp, bool), Refusal> {
    match Filter::parse(text, &[("receivedDateTime", PropertyKind::Time)])? {
        Filter::Compare(_, Operator::GreaterOrEqual, Literal::Time(from)) => Ok((from, false)),
        Filter::Compare(_, Operator::Greater, Literal::Time(from)) => Ok((from, true)),
        _ => Err(Refusal::query(
            "Only $filter=receivedDateTime ge or gt is supported with delta.",
        )),
    }
}

fn change(text: &str) -> Result<Change, Refusal> {
    match text {
        "created" => Ok(Change::Created),
        "updated" => Ok(Change::Updated),
        "deleted" => Ok(Change::Deleted),
        _ => Err(Refusal::query(format!(
            "Invalid value '{text}' for changeType."
        ))),
    }
}

/// Rows for what was touched above a UID, by rising UID.
fn told(
    mail: Mail<'_>,
    folder: FolderId,
    look: &Look<'_>,
    touched: Touched,
    after: u32,
) -> Vec<(u32, Value)> {
    let mut rows: Vec<(u32, Value)> = Vec::new();
    for message in touched.present {
        if message.uid > after {
            let uid = message.uid;
            rows.push((uid, look.message(&Placed { folder, message })));
        }
    }
    for (uid, id, stay) in touched.gone {
        if uid > after && !is_there(mail, folder, look, (id, stay)) {
            let id = if look.immutable_ids {
                ids::write(Kind::Message, mail.mailbox, id.number())
            } else {
                ids::write(Kind::Stay, mail.mailbox, stay.number())
            };
            rows.push((uid, json!({"@removed": {"reason": "deleted"}, "id": id})));
        }
    }
    rows.sort_by_key(|(uid, _)| *uid);
    rows
}

/// Whether what left one UID is in the folder under another: a draft that was changed, or a
/// message that came back and whose name did not change on the way.
fn is_there(
    mail: Mail<'_>,
    folder: FolderId,
    look: &Look<'_>,
    (id, stay): (MessageId, Stay),
) -> bool {
    let placed = if look.immutable_ids {
        mail.mailbox.locate(id)
    } else {
        mail.mailbox.staying(stay)
    };
    placed.is_some_and(|placed| placed.folder == folder)
}

fn strikes(mail: Mail<'_>, kind: FaultKind) -> bool {
    let target = mail.call.target(Some(mail.mailbox.address()));
    mail.call.graph.faults.strikes(kind, target)
}

/// What is said of a link that is good, when that is ordered.
fn refused(mail: Mail<'_>) -> Result<(), Refusal> {
    if strikes(mail, FaultKind::DeltaGone) {
        return Err(gone(mail));
    }
    if strikes(mail, FaultKind::SyncStateLost) {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "syncStateNotFound",
            "The sync state generation is not found; please perform a full sync.",
        ));
    }
    Ok(())
}

/// The newest messages of a folder, told whether or not they were told before.
fn newest(mail: Mail<'_>, folder: FolderId, look: &Look<'_>) -> Vec<Value> {
    let slice = Slice {
        most: 3,
        ..Slice::ALL
    };
    let newest = mail.mailbox.slice(Scope::Folder(folder), slice);
    newest.iter().map(|placed| look.message(placed)).collect()
}

/// Leaves of a row what says only which message it is.
fn thin_out(row: &mut Value) {
    if let Value::Object(row) = row {
        row.retain(|name, _| ["@odata.etag", "@removed", "id", "isRead"].contains(&name.as_str()));
    }
}

/// Too much happened since: begin anew, there.
fn resync(mail: Mail<'_>, folder: FolderId) -> Refusal {
    if mail.mailbox.state(folder).is_none() {
        return Refusal::folder_not_found();
    }
    gone(mail)
}

fn gone(mail: Mail<'_>) -> Refusal {
    Refusal::new(
        StatusCode::GONE,
        "resyncRequired",
        "Resync required. Replace any local items with the server's version (including deletes) if you're sure that the service was up to date with your local changes when you last sync'd.",
    )
    .with(LOCATION, &mail.call.address)
}

/// What the client prefers, or wants at most; ten, when nobody says otherwise.
fn page_size(mail: Mail<'_>) -> Result<usize, Refusal> {
    let top = mail.call.options.top()?;
    Ok(mail.call.preferences.page.or(top).unwrap_or(10))
}

/// A walk with a filter tells no more.
const MOST_FILTERED: usize = 5_000;
