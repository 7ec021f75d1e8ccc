//! Messages: listing, reading, marking, moving, deleting.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::dispatch::Mail;
use super::folders::{context, destination, resolve_for_mail};
use super::ids::{self, Kind};
use super::incoming::Incoming;
use super::letter::wrong;
use super::refusal::Refusal;
use super::shape::{Look, change_key};
use super::{attachments, drafts, responses};
use crate::mailboxes::{Flag, Flags, Message, MessageId, Placed, Scope, Stay};

/// The message that an id names, in the folder that was named with it.
pub(super) fn find(mail: Mail<'_>, scope: Scope, id: &str) -> Result<Placed, Refusal> {
    let placed = match ids::read(id, mail.mailbox)? {
        (Kind::Message, number) => mail.mailbox.locate(MessageId::of(number)),
        (Kind::Stay, number) => mail.mailbox.staying(Stay::of(number)),
        _ => return Err(Refusal::id_malformed()),
    };
    placed
        .filter(|placed| scope == Scope::Whole || scope == Scope::Folder(placed.folder))
        .ok_or_else(Refusal::item_not_found)
}

/// What is asked of one message.
pub(super) async fn follow(
    mail: Mail<'_>,
    placed: Placed,
    (words, names): (&[&str], &[String]),
    incoming: Incoming,
) -> Outcome {
    let clock = &mail.call.graph.clock;
    if let [word] = words
        && let Some(way) = responses::named(word)
        && mail.call.method == Method::POST
    {
        let given = incoming.object(clock).await?;
        return responses::respond(mail, &placed, way, &given);
    }
    match (&mail.call.method, words) {
        (&Method::GET, []) => show(mail, &placed).map(Answer::json),
        (&Method::GET, ["$value"]) => Ok(Answer::octets("text/plain", placed.message.raw)),
        (&Method::PATCH, []) => change(mail, &placed, &incoming.object(clock).await?),
        (&Method::POST, ["send"]) => drafts::send(mail, &placed),
        (_, ["attachments", ..]) => {
            let way = (&words[1..], &names[1..]);
            attachments::follow(mail, &placed, way, incoming).await
        }
        (&Method::DELETE, []) => {
            unchanged_since(mail, &placed)?;
            delete(mail, &placed)
        }
        (&Method::POST, ["permanentdelete"]) => Ok(purge(mail, &placed)),
        (&Method::POST, ["move"]) => relocate(mail, &placed, &incoming.object(clock).await?),
        (&Method::POST, ["copy"]) => copy(mail, &placed, &incoming.object(clock).await?),
        (_, [] | ["$value" | "permanentdelete" | "move" | "copy" | "send"]) => {
            Err(Refusal::method(mail.call.method.as_str()))
        }
        (_, [other, ..]) => Err(Refusal::segment(other)),
    }
}

/// A message as the request wants it.
pub(super) fn show(mail: Mail<'_>, placed: &Placed) -> Result<Value, Refusal> {
    let select = mail.call.options.select();
    let look = Look::of(mail.call, mail.mailbox, select.as_deref())?;
    let mut shape = look.message(placed);
    shape["@odata.context"] = json!(context(mail, "messages/$entity"));
    Ok(shape)
}

/// The message as it is now.
pub(super) fn again(mail: Mail<'_>, id: MessageId) -> Result<Placed, Refusal> {
    mail.mailbox.locate(id).ok_or_else(Refusal::item_not_found)
}

fn change(mail: Mail<'_>, placed: &Placed, given: &Map<String, Value>) -> Outcome {
    if drafts::is_draft(placed) {
        return drafts::change(mail, placed, given);
    }
    let fixed = |name: &&String| !name.starts_with('@') && !MARKS.contains(&name.as_str());
    if let Some(name) = given.keys().find(fixed) {
        return Err(Refusal::bad(
            "ErrorInvalidPropertySet",
            format!("Set action is invalid for property '{name}' of a message that is no draft."),
        ));
    }
    unchanged_since(mail, placed)?;
    let placed = marked(mail, placed, given)?;
    Ok(Answer::json(show(mail, &placed)?))
}

/// The message with its marks as JSON wants them; other properties are passed over.
pub(super) fn marked(
    mail: Mail<'_>,
    placed: &Placed,
    given: &Map<String, Value>,
) -> Result<Placed, Refusal> {
    let Message { flags, marks, .. } = &placed.message;
    let (mut flags, mut marks) = (*flags, (**marks).clone());
    for (name, value) in given {
        match name.as_str() {
            "isRead" => {
                let read = value.as_bool().ok_or_else(|| wrong(name))?;
                flags = set(flags, Flag::Seen, read);
            }
            "flag" => {
                let status = value.get("flagStatus").and_then(Value::as_str);
                let status = status.ok_or_else(|| wrong(name))?;
                (flags, marks.completed) = match status {
                    "flagged" => (set(flags, Flag::Flagged, true), false),
                    "complete" => (set(flags, Flag::Flagged, false), true),
                    "notFlagged" => (set(flags, Flag::Flagged, false), false),
                    _ => return Err(wrong(name)),
                };
            }
            "categories" => {
                let names: Option<Vec<String>> = value.as_array().and_then(|all| {
                    all.iter()
                        .map(|one| one.as_str().map(str::to_owned))
                        .collect()
                });
                marks.categories = names.ok_or_else(|| wrong(name))?;
            }
            "importance" => {
                let known = ["low", "normal", "high"];
                let given = value.as_str().filter(|one| known.contains(one));
                marks.importance = Some(given.ok_or_else(|| wrong(name))?.to_owned());
            }
            _ => {}
        }
    }
    marks.modified_at = Some(mail.call.at);
    let marked = mail.mailbox.mark(placed.message.id, flags, marks);
    marked.ok_or_else(Refusal::item_not_found)
}

/// `If-Match` (RFC 9110 §13.1.1).
pub(super) fn unchanged_since(mail: Mail<'_>, placed: &Placed) -> Result<(), Refusal> {
    let Some(wanted) = mail.call.header("if-match") else {
        return Ok(());
    };
    let now = change_key(placed);
    if wanted == "*" || wanted.trim_start_matches("W/").trim_matches('"') == now {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::PRECONDITION_FAILED,
        "ErrorIrresolvableConflict",
        "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.",
    ))
}

fn set(flags: Flags, flag: Flag, to: bool) -> Flags {
    if to {
        flags.with(flag.into())
    } else {
        flags.without(flag.into())
    }
}

/// It goes to Deleted Items, and from there for good.
fn delete(mail: Mail<'_>, placed: &Placed) -> Outcome {
    let trash = mail.mailbox.find("Deleted Items")?;
    if placed.folder == trash {
        return Ok(purge(mail, placed));
    }
    let uids = [placed.message.uid];
    mail.mailbox.relocate(placed.folder, &uids, trash)?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

fn purge(mail: Mail<'_>, placed: &Placed) -> Answer {
    mail.mailbox.remove(placed.folder, &[placed.message.uid]);
    Answer::empty(StatusCode::NO_CONTENT)
}

fn relocate(mail: Mail<'_>, placed: &Placed, given: &Map<String, Value>) -> Outcome {
    let to = resolve_for_mail(mail.mailbox, destination(given)?)?;
    mail.mailbox
        .relocate(placed.folder, &[placed.message.uid], to)?;
    Ok(Answer::created(show(
        mail,
        &again(mail, placed.message.id)?,
    )?))
}

fn copy(mail: Mail<'_>, placed: &Placed, given: &Map<String, Value>) -> Outcome {
    let to = resolve_for_mail(mail.mailbox, destination(given)?)?;
    let copied = mail
        .mailbox
        .copy(placed.folder, &[placed.message.uid], to)?;
    let (_, filed) = copied.first().ok_or_else(Refusal::item_not_found)?;
    let message = mail.mailbox.message(to, filed.uid);
    let message = message.ok_or_else(Refusal::item_not_found)?;
    let placed = Placed {
        folder: to,
        message,
    };
    Ok(Answer::created(show(mail, &placed)?))
}

/// What may change of a message that was sent or received.
const MARKS: &[&str] = &[
    "isRead",
    "flag",
    "categories",
    "importance",
    "inferenceClassification",
];
