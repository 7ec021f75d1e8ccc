//! Folders of mail (<https://learn.microsoft.com/graph/api/resources/mailfolder>).

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::dispatch::Mail;
use super::ids::{self, Kind};
use super::incoming::Incoming;
use super::refusal::Refusal;
use super::shape::picked;
use crate::mailboxes::{FolderEntry, FolderId, FolderPath, Mailbox, MailboxError};

/// Where in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// No folder was named.
    Everywhere,
    /// The folder that holds all others, and no mail.
    Root,
    /// A folder.
    Folder(FolderId),
}

/// The folder that a client means, by id or by its well-known name.
pub(super) fn resolve(mailbox: &Mailbox, name: &str) -> Result<Where, Refusal> {
    let lowered = name.to_ascii_lowercase();
    if lowered == "msgfolderroot" {
        return Ok(Where::Root);
    }
    if let Some((_, path)) = WELL_KNOWN.iter().find(|(known, _)| *known == lowered) {
        return Ok(Where::Folder(mailbox.find(path)?));
    }
    if UNFILLED.contains(&lowered.as_str()) {
        return Err(Refusal::folder_not_found());
    }
    match ids::read(name, mailbox)? {
        (Kind::Folder, ROOT) => Ok(Where::Root),
        (Kind::Folder, number) => {
            let id = FolderId::of(number);
            let known = mailbox.state(id).is_some();
            known
                .then_some(Where::Folder(id))
                .ok_or_else(Refusal::item_not_found)
        }
        _ => Err(Refusal::id_malformed()),
    }
}

/// A folder that holds mail.
pub(super) fn resolve_for_mail(mailbox: &Mailbox, name: &str) -> Result<FolderId, Refusal> {
    match resolve(mailbox, name)? {
        Where::Folder(id) => Ok(id),
        Where::Root | Where::Everywhere => Err(Refusal::folder_not_found()),
    }
}

/// The id of a folder.
pub(super) fn id(mailbox: &Mailbox, folder: FolderId) -> String {
    ids::write(Kind::Folder, mailbox, folder.number())
}

/// What is asked of a folder, or of the list of folders.
pub(super) async fn follow(
    mail: Mail<'_>,
    place: Where,
    words: &[&str],
    incoming: Incoming,
) -> Outcome {
    let clock = &mail.call.graph.clock;
    match (&mail.call.method, words) {
        (&Method::GET, ["mailfolders" | "childfolders"]) => list(mail, place),
        (&Method::POST, ["mailfolders" | "childfolders"]) => {
            create(mail, place, &incoming.object(clock).await?)
        }
        (&Method::GET, []) => show(mail, place).map(Answer::json),
        (&Method::PATCH, []) => rename(mail, &entry(mail, place)?, &incoming.object(clock).await?),
        (&Method::DELETE, []) => delete(mail, &entry(mail, place)?),
        (&Method::POST, ["move"]) => {
            relocate(mail, &entry(mail, place)?, &incoming.object(clock).await?)
        }
        (_, [] | ["mailfolders" | "childfolders" | "move"]) => {
            Err(Refusal::method(mail.call.method.as_str()))
        }
        (_, [other, ..]) => Err(Refusal::segment(other)),
    }
}

fn list(mail: Mail<'_>, place: Where) -> Outcome {
    let all = mailbox_folders(mail.mailbox);
    let parent = match place {
        Where::Everywhere | Where::Root => None,
        Where::Folder(_) => Some(entry(mail, place)?.path),
    };
    let below: Vec<&FolderEntry> = all
        .iter()
        .filter(|folder| folder.path.parent() == parent)
        .collect();
    let options = &mail.call.options;
    let (top, skip) = (page_size(mail)?, options.skip()?);
    let shown = below.iter().skip(skip).take(top);
    let shown: Result<Vec<Value>, Refusal> = shown
        .map(|folder| picked(shape(mail.mailbox, folder, &all), options, NAME))
        .collect();
    let mut page = Map::new();
    page.insert(
        "@odata.context".to_owned(),
        json!(context(mail, "mailFolders")),
    );
    if options.counts() {
        page.insert("@odata.count".to_owned(), json!(below.len()));
    }
    page.insert("value".to_owned(), json!(shown?));
    if skip.saturating_add(top) < below.len() {
        let next = mail.call.page(
            mail.mailbox.address(),
            &[("$skip", (skip + top).to_string())],
        );
        page.insert("@odata.nextLink".to_owned(), json!(next));
    }
    Ok(Answer::json(Value::Object(page)))
}

/// Ten, when nobody says otherwise.
pub(super) fn page_size(mail: Mail<'_>) -> Result<usize, Refusal> {
    let top = mail.call.options.top()?;
    Ok(top.or(mail.call.preferences.page).unwrap_or(10))
}

/// Where the metadata of an answer are said to be.
pub(super) fn context(mail: Mail<'_>, what: &str) -> String {
    let (base, oid) = (&mail.call.base, &mail.owner.oid);
    format!("{base}/$metadata#users('{oid}')/{what}")
}

fn show(mail: Mail<'_>, place: Where) -> Result<Value, Refusal> {
    let all = mailbox_folders(mail.mailbox);
    let shape = match place {
        Where::Folder(_) => shape(mail.mailbox, &entry(mail, place)?, &all),
        Where::Root | Where::Everywhere => root(mail.mailbox, &all),
    };
    picked(shape, &mail.call.options, NAME)
}

fn create(mail: Mail<'_>, place: Where, given: &Map<String, Value>) -> Outcome {
    let parent = match place {
        Where::Everywhere | Where::Root => None,
        Where::Folder(_) => Some(entry(mail, place)?.path),
    };
    let path = below(parent.as_ref(), display_name(given)?);
    let id = mail.mailbox.create(&path)?;
    Ok(Answer::created(show(mail, Where::Folder(id))?))
}

fn rename(mail: Mail<'_>, folder: &FolderEntry, given: &Map<String, Value>) -> Outcome {
    let path = below(folder.path.parent().as_ref(), display_name(given)?);
    mail.mailbox.rename(folder.path.as_str(), &path)?;
    Ok(Answer::json(show(mail, Where::Folder(folder.id))?))
}

fn relocate(mail: Mail<'_>, folder: &FolderEntry, given: &Map<String, Value>) -> Outcome {
    let parent = match resolve(mail.mailbox, destination(given)?)? {
        Where::Root | Where::Everywhere => None,
        place @ Where::Folder(_) => Some(entry(mail, place)?.path),
    };
    let path = below(parent.as_ref(), leaf(&folder.path));
    mail.mailbox.rename(folder.path.as_str(), &path)?;
    Ok(Answer::created(show(mail, Where::Folder(folder.id))?))
}

/// Where something shall go.
pub(super) fn destination(given: &Map<String, Value>) -> Result<&str, Refusal> {
    let id = given
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("destinationId"));
    id.and_then(|(_, value)| value.as_str()).ok_or_else(|| {
        Refusal::bad(
            "ErrorInvalidRequest",
            "The parameter 'DestinationId' is missing.",
        )
    })
}

fn delete(mail: Mail<'_>, folder: &FolderEntry) -> Outcome {
    let all = mailbox_folders(mail.mailbox);
    // The deepest first: a folder goes with all that is below it.
    let below = all
        .iter()
        .rev()
        .filter(|other| other.path.is_below(&folder.path));
    for other in below {
        mail.mailbox.delete(other.path.as_str())?;
    }
    mail.mailbox.delete(folder.path.as_str())?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn entry(mail: Mail<'_>, place: Where) -> Result<FolderEntry, Refusal> {
    let Where::Folder(id) = place else {
        return Err(Refusal::from(MailboxError::FolderReserved {
            address: mail.owner.address.clone(),
            folder: "msgfolderroot".to_owned(),
        }));
    };
    let mut all = mailbox_folders(mail.mailbox).into_iter();
    all.find(|folder| folder.id == id)
        .ok_or_else(Refusal::folder_not_found)
}

/// The folders of mail; those of appointments, contacts and the like are other resources.
pub(super) fn mailbox_folders(mailbox: &Mailbox) -> Vec<FolderEntry> {
    let mut folders = mailbox.folders();
    folders.retain(|folder| {
        let first = folder.path.as_str().split('/').next().unwrap_or_default();
        !NOT_MAIL
            .iter()
            .any(|other| other.eq_ignore_ascii_case(first))
    });
    folders
}

fn shape(mailbox: &Mailbox, folder: &FolderEntry, all: &[FolderEntry]) -> Value {
    let parent = folder.path.parent();
    let parent = parent.and_then(|path| all.iter().find(|other| other.path == path));
    let children = all
        .iter()
        .filter(|other| other.path.parent().as_ref() == Some(&folder.path));
    let state = mailbox.state(folder.id);
    json!({
        "id": id(mailbox, folder.id),
        "displayName": spelt(&folder.path),
        "parentFolderId": ids::write(Kind::Folder, mailbox, parent.map_or(ROOT, |parent| parent.id.number())),
        "childFolderCount": children.count(),
        "unreadItemCount": state.map_or(0, |state| state.unseen),
        "totalItemCount": state.map_or(0, |state| state.messages),
        "sizeInBytes": mailbox.octets(folder.id),
        "isHidden": false,
    })
}

fn root(mailbox: &Mailbox, all: &[FolderEntry]) -> Value {
    let id = ids::write(Kind::Folder, mailbox, ROOT);
    json!({
        "id": id,
        "displayName": "Top of Information Store",
        "parentFolderId": id,
        "childFolderCount": all.iter().filter(|folder| folder.path.parent().is_none()).count(),
        "unreadItemCount": 0,
        "totalItemCount": 0,
        "sizeInBytes": 0,
        "isHidden": false,
    })
}

fn display_name(given: &Map<String, Value>) -> Result<&str, Refusal> {
    let name = given.get("displayName").and_then(Value::as_str);
    name.filter(|name| !name.is_empty() && !name.contains('/'))
        .ok_or_else(|| {
            Refusal::bad(
                "ErrorInvalidRequest",
                "The folder's display name is missing or invalid.",
            )
        })
}

fn below(parent: Option<&FolderPath>, name: &str) -> String {
    parent.map_or_else(|| name.to_owned(), |parent| format!("{parent}/{name}"))
}

fn leaf(path: &FolderPath) -> &str {
    path.as_str().rsplit('/').next().unwrap_or_default()
}

/// IMAP shouts it.
fn spelt(path: &FolderPath) -> &str {
    match path.as_str() {
        "INBOX" => "Inbox",
        _ => leaf(path),
    }
}

/// Well-known names, and the folders they stand for.
const WELL_KNOWN: &[(&str, &str)] = &[
    ("archive", "Archive"),
    ("conversationhistory", "Conversation History"),
    ("deleteditems", "Deleted Items"),
    ("drafts", "Drafts"),
    ("inbox", "INBOX"),
    ("junkemail", "Junk Email"),
    ("outbox", "Outbox"),
    ("sentitems", "Sent Items"),
];

/// Well-known names of folders that this tenant's mailboxes do not have.
const UNFILLED: &[&str] = &[
    "clutter",
    "conflicts",
    "localfailures",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "serverfailures",
    "syncissues",
];

/// Folders at the top whose items are no messages.
const NOT_MAIL: &[&str] = &["Calendar", "Contacts", "Journal", "Notes", "Tasks"];

/// No folder of a mailbox has this number.
const ROOT: u64 = 0;

const NAME: &str = "mailFolder";
