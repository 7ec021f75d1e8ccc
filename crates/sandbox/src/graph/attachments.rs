//! What hangs on messages (<https://learn.microsoft.com/graph/api/resources/attachment>).

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::dispatch::Mail;
use super::drafts::{fresh, only_drafts, rewrite};
use super::folders::context;
use super::ids::{self, Kind};
use super::incoming::Incoming;
use super::letter::{File, Letter, Piece, pieces};
use super::messages::again;
use super::refusal::Refusal;
use super::shape::time;
use super::uploads;
use crate::mailboxes::{Attached, Mailbox, Placed};

/// What is asked of the attachments of a message.
pub(super) async fn follow(
    mail: Mail<'_>,
    placed: &Placed,
    (words, names): (&[&str], &[String]),
    incoming: Incoming,
) -> Outcome {
    let clock = &mail.call.graph.clock;
    match (&mail.call.method, words) {
        (&Method::GET, []) => Ok(list(mail, placed)),
        (&Method::POST, []) => {
            let given = incoming.object(clock).await?;
            add(mail, placed, &File::read(&Value::Object(given))?)
        }
        (&Method::POST, ["createuploadsession"]) => {
            only_drafts(placed)?;
            uploads::create(mail, placed, &incoming.object(clock).await?)
        }
        (&Method::GET, [_]) => {
            let shape = shape(mail.mailbox, placed, find(mail, placed, &names[0])?, true);
            Ok(Answer::json(picked(mail, shape)))
        }
        (&Method::GET, [_, "$value"]) => {
            let one = find(mail, placed, &names[0])?;
            let octets = one.octets(&placed.message.raw);
            Ok(Answer::octets(&one.content_type, octets))
        }
        (&Method::DELETE, [_]) => delete(mail, placed, find(mail, placed, &names[0])?),
        (_, [] | [_] | [_, "$value"]) => Err(Refusal::method(mail.call.method.as_str())),
        (_, [.., last]) => Err(Refusal::segment(last)),
    }
}

fn list(mail: Mail<'_>, placed: &Placed) -> Answer {
    let names = mail.call.options.select();
    let with_octets = names.is_none_or(|names| names.contains(&"contentBytes"));
    let attached = placed.message.contents().attached.iter();
    let all = attached.map(|one| picked(mail, shape(mail.mailbox, placed, one, with_octets)));
    let value: Vec<Value> = all.collect();
    Answer::json(json!({
        "@odata.context": context(mail, "messages/attachments"),
        "value": value,
    }))
}

/// What `$select` leaves; attachments are of several types, so that no name is wrong.
fn picked(mail: Mail<'_>, mut shape: Value) -> Value {
    if let (Some(names), Value::Object(all)) = (mail.call.options.select(), &mut shape) {
        all.retain(|name, _| {
            name.starts_with('@') || name == "id" || names.contains(&name.as_str())
        });
    }
    shape
}

/// An attachment, with its octets unless nobody wants them.
pub(super) fn shape(
    mailbox: &Mailbox,
    placed: &Placed,
    one: &Attached,
    with_octets: bool,
) -> Value {
    let mut shape = Map::new();
    let kind = if one.is_message {
        "itemAttachment"
    } else {
        "fileAttachment"
    };
    shape.insert(
        "@odata.type".to_owned(),
        json!(format!("#microsoft.graph.{kind}")),
    );
    if !one.is_message {
        shape.insert(
            "@odata.mediaContentType".to_owned(),
            json!(one.content_type),
        );
    }
    let modified = placed
        .message
        .marks
        .modified_at
        .unwrap_or(placed.message.received_at);
    for (name, value) in [
        (
            "id",
            json!(ids::write(Kind::Attachment, mailbox, one.fingerprint)),
        ),
        ("lastModifiedDateTime", time(modified)),
        ("name", json!(one.name.as_deref().unwrap_or("attachment"))),
        ("contentType", json!(one.content_type)),
        ("size", json!(one.size)),
        ("isInline", json!(one.is_inline)),
    ] {
        shape.insert(name.to_owned(), value);
    }
    if !one.is_message {
        shape.insert("contentId".to_owned(), json!(one.content_id));
        shape.insert("contentLocation".to_owned(), Value::Null);
        if with_octets {
            let octets = one.octets(&placed.message.raw);
            shape.insert("contentBytes".to_owned(), json!(STANDARD.encode(octets)));
        }
    }
    Value::Object(shape)
}

fn find<'a>(mail: Mail<'_>, placed: &'a Placed, id: &str) -> Result<&'a Attached, Refusal> {
    let (Kind::Attachment, number) = ids::read(id, mail.mailbox)? else {
        return Err(Refusal::id_malformed());
    };
    let mut attached = placed.message.contents().attached.iter();
    let found = attached.find(|one| one.fingerprint == number);
    found.ok_or_else(Refusal::item_not_found)
}

fn add(mail: Mail<'_>, placed: &Placed, file: &File) -> Outcome {
    only_drafts(placed)?;
    hang(mail, placed, file.clone()).map(Answer::created)
}

/// Hangs a file on a draft, and says how it is shown.
pub(super) fn hang(mail: Mail<'_>, placed: &Placed, file: File) -> Result<Value, Refusal> {
    let mut letter = Letter::of(&placed.message, fresh(mail.call, mail.owner));
    letter.pieces.push(Piece::File(file));
    rewrite(mail, placed.message.id, &letter)?;
    let placed = again(mail, placed.message.id)?;
    let last = placed.message.contents().attached.last();
    let last = last.ok_or_else(Refusal::item_not_found)?;
    Ok(shape(mail.mailbox, &placed, last, false))
}

fn delete(mail: Mail<'_>, placed: &Placed, one: &Attached) -> Outcome {
    only_drafts(placed)?;
    let mut letter = Letter::of(&placed.message, fresh(mail.call, mail.owner));
    let attached = placed.message.contents().attached.iter();
    let kept = attached.map(|other| other.fingerprint != one.fingerprint);
    let pieces = pieces(&placed.message).into_iter().zip(kept);
    letter.pieces = pieces
        .filter_map(|(piece, kept)| kept.then_some(piece))
        .collect();
    rewrite(mail, placed.message.id, &letter)?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
