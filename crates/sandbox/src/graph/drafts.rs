//! Messages that are being written (<https://learn.microsoft.com/graph/api/user-post-messages>).

use serde_json::{Map, Value};

use super::access::{Need, Owner};
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::dispatch::Mail;
use super::folders::Where;
use super::incoming::{Incoming, LARGEST_MESSAGE};
use super::letter::Letter;
use super::messages::{again, marked, show, unchanged_since};
use super::refusal::Refusal;
use super::send::{Departure, correspondent, departed, is_late, is_mime, later};
use crate::mailboxes::{Flag, Flags, Kept, MessageId, NewMessage, Placed};

/// `POST …/messages`, of JSON or of MIME in base64.
pub(super) async fn create(mail: Mail<'_>, place: Where, incoming: Incoming) -> Outcome {
    let call = mail.call;
    let clock = &call.graph.clock;
    let folder = match place {
        Where::Everywhere => mail.mailbox.find("Drafts")?,
        Where::Folder(folder) => folder,
        Where::Root => return Err(Refusal::folder_not_found()),
    };
    let (raw, given) = if is_mime(call) {
        let most = call.graph.largest_mime;
        (incoming.mime(most, clock).await?, Map::new())
    } else {
        let given = incoming.object(clock).await?;
        let mut letter = fresh(call, mail.owner);
        letter.apply(&given)?;
        (letter.write(&call.graph.chance), given)
    };
    let new = NewMessage {
        raw,
        flags: [Flag::Draft, Flag::Seen].into_iter().collect::<Flags>(),
        received_at: call.at,
    };
    let id = mail.mailbox.put(folder, new)?;
    let placed = marked(mail, &again(mail, id)?, &given)?;
    created(mail, &placed)
}

/// 201 with a new message.
pub(super) fn created(mail: Mail<'_>, placed: &Placed) -> Outcome {
    let shape = show(mail, placed)?;
    let id = shape["id"].as_str().unwrap_or_default();
    let (base, oid) = (&mail.call.base, &mail.owner.oid);
    let address = format!("{base}/users('{oid}')/messages('{id}')");
    Ok(Answer::created(shape).at(&address))
}

/// An empty letter of whoever owns the mailbox.
pub(super) fn fresh(call: &Call, owner: &Owner) -> Letter {
    Letter::new(correspondent(owner), &call.graph.chance, call.at)
}

/// `PATCH` of a draft: everything may change.
pub(super) fn change(mail: Mail<'_>, placed: &Placed, given: &Map<String, Value>) -> Outcome {
    unchanged_since(mail, placed)?;
    let mut letter = Letter::of(&placed.message, fresh(mail.call, mail.owner));
    letter.apply(given)?;
    let rewritten = given.keys().any(|name| WRITTEN.contains(&name.as_str()));
    if rewritten {
        rewrite(mail, placed.message.id, &letter)?;
    }
    let placed = marked(mail, &again(mail, placed.message.id)?, given)?;
    Ok(Answer::json(show(mail, &placed)?))
}

/// Puts what was written in the place of what a draft held.
pub(super) fn rewrite(mail: Mail<'_>, id: MessageId, letter: &Letter) -> Result<(), Refusal> {
    let raw = letter.write(&mail.call.graph.chance);
    if raw.len() > LARGEST_MESSAGE {
        return Err(Refusal::too_large());
    }
    let filed = mail.mailbox.rewrite(id, raw);
    filed.map(|_| ()).ok_or_else(Refusal::item_not_found)
}

/// `POST …/send`: the draft becomes the copy in Sent Items, and keeps its immutable id.
pub(super) fn send(mail: Mail<'_>, placed: &Placed) -> Outcome {
    let mailbox = mail.owner.open(mail.call, Need::Send)?;
    if !placed.message.flags.contains(Flag::Draft) {
        return Err(Refusal::bad(
            "ErrorInvalidRequest",
            "The message is no draft: it has been sent or received already.",
        ));
    }
    let departure = Departure::check(mail.call, mail.owner, placed.message.raw.clone())?;
    let (id, raw) = (placed.message.id, departure.raw.clone());
    let sent_items = mail.mailbox.find("Sent Items")?;
    let is_late = is_late(mail.call, mail.owner);
    let to = if is_late {
        mail.mailbox.find("Outbox")?
    } else {
        sent_items
    };
    let sent = mail.mailbox.dispatch(id, raw, mail.call.at, to);
    // Whoever took it away meanwhile, it is not there to be sent twice.
    sent.ok_or_else(Refusal::item_not_found)?;
    departure.leave(mail.call, mail.mailbox, Kept::Nowhere)?;
    if is_late {
        later(mail.call, move || {
            let Some(waiting) = mailbox.locate(id).filter(|waiting| waiting.folder == to) else {
                return Ok(());
            };
            let uids = [waiting.message.uid];
            mailbox.relocate(to, &uids, sent_items).map(|_| ())
        });
    }
    departed(mail.call, mail.owner)
}

/// Whether a message may still be written.
pub(super) fn is_draft(placed: &Placed) -> bool {
    placed.message.flags.contains(Flag::Draft)
}

/// Refuses what was sent or received already.
pub(super) fn only_drafts(placed: &Placed) -> Result<(), Refusal> {
    if is_draft(placed) {
        return Ok(());
    }
    Err(Refusal::bad(
        "ErrorInvalidRequest",
        "Attachments can be added to and taken from drafts only.",
    ))
}

/// Properties that stand in the message itself.
const WRITTEN: &[&str] = &[
    "subject",
    "importance",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "body",
    "from",
    "sender",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "internetMessageId",
    "internetMessageHeaders",
    "attachments",
];
