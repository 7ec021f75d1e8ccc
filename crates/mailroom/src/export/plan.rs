//! What is to be exported: every folder with its messages, and what of it is done already.

use std::collections::BTreeSet;
use std::sync::Arc;

use gatepost_mail::{
    Arrival, Changes, Cursor, Flag, Folder, FolderName, MailError, Mailbox, MessageKey, Pull,
};
use jiff::Timestamp;

use super::manifest::Manifest;
use super::proof::Tally;
use super::sessions::Sessions;
use super::{Estimate, Export, ExportError};

/// A folder, and what of it is to be fetched.
pub(super) struct Planned {
    pub(super) name: FolderName,
    pub(super) items: Vec<Item>,
    pub(super) tally: Tally,
    /// The messages that are there now.
    pub(super) present: Present,
}

/// The keys of everything that is in a folder.
pub(super) type Present = Arc<BTreeSet<MessageKey>>;

/// A message that is to be fetched.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) key: MessageKey,
    pub(super) received_at: Option<Timestamp>,
    /// Its size in octets, as the server estimates it.
    pub(super) estimated: Option<u64>,
    pub(super) flags: Vec<Flag>,
}

/// Looks at every folder.
pub(super) async fn make(
    export: &Export,
    sessions: &mut Sessions<'_>,
    manifest: &Manifest,
) -> Result<Vec<Planned>, ExportError> {
    let folders = repeated(sessions, async |session| session.folders().await).await?;
    let mut planned = Vec::new();
    for name in wanted(export, folders)? {
        let arrivals = repeated(sessions, async |session| everything(session, &name).await).await?;
        planned.push(of_folder(export, manifest, name, arrivals));
    }
    Ok(planned)
}

/// Looks at a folder again of which messages were gone when they were asked for: if it was
/// renumbered, they are there under other keys.
pub(super) async fn again(
    export: &Export,
    sessions: &mut Sessions<'_>,
    planned: &mut Planned,
) -> Result<(), ExportError> {
    let name = &planned.name;
    let arrivals = repeated(sessions, async |session| everything(session, name).await).await?;
    let before = std::mem::replace(&mut planned.present, keys_of(&arrivals));
    let items = arrivals
        .into_iter()
        .filter(|arrival| is_in_time(export, arrival) && !before.contains(&arrival.key));
    planned.items = items.map(item).collect();
    planned.tally.on_server += count(planned.items.len());
    Ok(())
}

/// The work in figures.
pub(super) fn estimate(planned: &[Planned]) -> Estimate {
    let items = planned.iter().flat_map(|folder| &folder.items);
    Estimate {
        folders: planned.iter().filter(|f| !f.present.is_empty()).count(),
        messages: planned.iter().map(|f| count(f.items.len())).sum(),
        octets: items.map(|item| item.estimated).sum(),
        earlier: planned.iter().map(|f| f.tally.earlier).sum(),
    }
}

async fn repeated<T>(
    sessions: &mut Sessions<'_>,
    mut ask: impl AsyncFnMut(&mut dyn Mailbox) -> Result<T, MailError>,
) -> Result<T, ExportError> {
    loop {
        match ask(sessions.get().await?).await {
            Ok(answer) => {
                sessions.succeeded();
                return Ok(answer);
            }
            Err(error) => sessions.failed(error, false).await?,
        }
    }
}

fn wanted(export: &Export, folders: Vec<Folder>) -> Result<Vec<FolderName>, ExportError> {
    let there = folders.into_iter().filter(|folder| folder.selectable);
    let there: Vec<FolderName> = there.map(|folder| folder.name).collect();
    if export.folders.is_empty() {
        return Ok(there);
    }
    let missing = export.folders.iter().find(|name| !there.contains(name));
    if let Some(folder) = missing {
        return Err(ExportError::NoFolder {
            mailbox: export.mailbox.clone(),
            folder: folder.to_string(),
        });
    }
    let asked: BTreeSet<&FolderName> = export.folders.iter().collect();
    Ok(asked.into_iter().cloned().collect())
}

/// Every message of a folder, oldest first.
async fn everything(
    session: &mut dyn Mailbox,
    folder: &FolderName,
) -> Result<Vec<Arrival>, MailError> {
    let mut all = Vec::new();
    let mut since: Option<Cursor> = None;
    loop {
        let pull = Pull {
            since: since.as_ref(),
            limit: PAGE,
            octets: u64::MAX,
            news_from: None,
        };
        match session.changes(folder, pull).await? {
            Changes::Since {
                arrivals,
                next,
                more,
            } => {
                all.extend(arrivals);
                if !more {
                    return Ok(all);
                }
                since = Some(next);
            }
            // It was renumbered while we looked.
            Changes::Lost(_) => {
                all.clear();
                since = None;
            }
        }
    }
}

fn of_folder(
    export: &Export,
    manifest: &Manifest,
    name: FolderName,
    arrivals: Vec<Arrival>,
) -> Planned {
    let present = keys_of(&arrivals);
    let in_time = arrivals
        .into_iter()
        .filter(|arrival| is_in_time(export, arrival));
    let arrivals: Vec<Arrival> = in_time.collect();
    let on_server = count(arrivals.len());
    let left = arrivals
        .into_iter()
        .filter(|arrival| !manifest.holds(&name, &arrival.key));
    let items: Vec<Item> = left.map(item).collect();
    let earlier = on_server - count(items.len());
    Planned {
        tally: Tally::new(name.clone(), on_server, earlier),
        name,
        items,
        present,
    }
}

fn keys_of(arrivals: &[Arrival]) -> Present {
    let keys = arrivals.iter().map(|arrival| arrival.key.clone());
    Arc::new(keys.collect())
}

fn is_in_time(export: &Export, arrival: &Arrival) -> bool {
    export.since.is_none_or(|since| !arrival.is_before(since))
}

fn item(arrival: Arrival) -> Item {
    Item {
        key: arrival.key,
        received_at: arrival.received_at,
        estimated: arrival.size_hint,
        flags: arrival.flags,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// How many messages are asked about at once.
const PAGE: usize = 5_000;
