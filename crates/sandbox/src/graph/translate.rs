//! Ids of one kind into those of another
//! (<https://learn.microsoft.com/graph/api/user-translateexchangeids>).

use serde_json::{Map, Value, json};

use super::access::Need;
use super::access::Owner;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::ids::{self, Kind};
use super::incoming::Incoming;
use super::letter::wrong;
use super::refusal::Refusal;
use super::send::property;
use crate::mailboxes::{Mailbox, MessageId, Stay};

/// `POST …/translateExchangeIds`.
pub(super) async fn answer(call: &Call, owner: &Owner, incoming: Incoming) -> Outcome {
    let mailbox = owner.open(call, Need::Read)?;
    let given = incoming.object(&call.graph.clock).await?;
    let (from, to) = (kind(&given, "sourceIdType")?, kind(&given, "targetIdType")?);
    let ids = property(&given, "inputIds").and_then(Value::as_array);
    let ids = ids
        .filter(|ids| ids.len() <= MOST)
        .ok_or_else(|| wrong("inputIds"))?;
    let translated = ids.iter().map(|id| {
        let id = id.as_str().ok_or_else(|| wrong("inputIds"))?;
        Ok(match translate(&mailbox, id, (from, to)) {
            Ok(target) => json!({"sourceId": id, "targetId": target}),
            Err(refusal) => json!({
                "sourceId": id,
                "errorDetails": {"code": refusal.code, "message": refusal.message},
            }),
        })
    });
    let translated: Result<Vec<Value>, Refusal> = translated.collect();
    Ok(Answer::json(json!({
        "@odata.context": format!("{}/$metadata#Collection(microsoft.graph.convertIdResult)", call.base),
        "value": translated?,
    })))
}

fn kind(given: &Map<String, Value>, name: &str) -> Result<Kind, Refusal> {
    let text = property(given, name)
        .and_then(Value::as_str)
        .unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "restid" => Ok(Kind::Stay),
        "restimmutableentryid" => Ok(Kind::Message),
        _ => Err(wrong(name)),
    }
}

fn translate(mailbox: &Mailbox, id: &str, (from, to): (Kind, Kind)) -> Result<String, Refusal> {
    let (kind, number) = ids::read(id, mailbox)?;
    if kind == Kind::Folder {
        // Folders have one id only.
        return Ok(id.to_owned());
    }
    if kind != from {
        return Err(Refusal::id_malformed());
    }
    let placed = match kind {
        Kind::Message => mailbox.locate(MessageId::of(number)),
        _ => mailbox.staying(Stay::of(number)),
    };
    let message = placed.ok_or_else(Refusal::item_not_found)?.message;
    let number = match to {
        Kind::Message => message.id.number(),
        _ => message.stay.number(),
    };
    Ok(ids::write(to, mailbox, number))
}

/// The most ids in one request.
const MOST: usize = 1_000;
