//! Answers to messages, and messages passed on
//! (<https://learn.microsoft.com/graph/api/message-createreply>).

use serde_json::{Map, Value};

use super::access::Need;
use super::answer::Outcome;
use super::call::BodyKind;
use super::dispatch::Mail;
use super::drafts::{created, fresh, send};
use super::letter::{Letter, pieces};
use super::messages::again;
use super::refusal::Refusal;
use super::send::property;
use crate::mailboxes::{Contents, Correspondent, Flag, FlagEdit, Flags, NewMessage, Placed};

/// How a message answers another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Response {
    Reply,
    ReplyAll,
    Forward,
}

/// What happens with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is kept as a draft.
    Draft,
    /// It goes out.
    Send,
}

/// `reply`, `createReply` and so on; `None` if the word is another.
pub(super) fn named(word: &str) -> Option<(Response, Then)> {
    Some(match word {
        "reply" => (Response::Reply, Then::Send),
        "replyall" => (Response::ReplyAll, Then::Send),
        "forward" => (Response::Forward, Then::Send),
        "createreply" => (Response::Reply, Then::Draft),
        "createreplyall" => (Response::ReplyAll, Then::Draft),
        "createforward" => (Response::Forward, Then::Draft),
        _ => return None,
    })
}

/// Writes the answer, and sends it if that is wanted.
pub(super) fn respond(
    mail: Mail<'_>,
    placed: &Placed,
    (response, then): (Response, Then),
    given: &Map<String, Value>,
) -> Outcome {
    if then == Then::Send {
        mail.owner.open(mail.call, Need::Send)?;
    }
    let mut letter = answer(mail, placed, response);
    let message = property(given, "message").and_then(Value::as_object);
    let comment = property(given, "comment").and_then(Value::as_str);
    let has_body = message.is_some_and(|message| message.contains_key("body"));
    if comment.is_some() && has_body {
        return Err(Refusal::bad(
            "ErrorInvalidRequest",
            "Either the comment or the body of the message can be given, not both.",
        ));
    }
    if let Some(message) = message {
        letter.apply(message)?;
    }
    if let Some(recipients) = property(given, "toRecipients") {
        let to = Map::from_iter([("toRecipients".to_owned(), recipients.clone())]);
        letter.apply(&to)?;
    }
    if !has_body {
        letter.body = (BodyKind::Html, quoted(placed, comment.unwrap_or_default()));
    }
    let new = NewMessage {
        raw: letter.write(&mail.call.graph.chance),
        flags: [Flag::Draft, Flag::Seen].into_iter().collect::<Flags>(),
        received_at: mail.call.at,
    };
    let id = mail.mailbox.put(mail.mailbox.find("Drafts")?, new)?;
    let draft = again(mail, id)?;
    if then == Then::Draft {
        return created(mail, &draft);
    }
    let outcome = send(mail, &draft);
    if outcome.is_err()
        && mail
            .mailbox
            .locate(id)
            .is_some_and(|one| one.folder == draft.folder)
    {
        mail.mailbox.remove(draft.folder, &[draft.message.uid]);
    } else if response != Response::Forward {
        let answered = FlagEdit::Add(Flag::Answered.into());
        mail.mailbox
            .edit_flags(placed.folder, &[placed.message.uid], answered);
    }
    outcome
}

fn answer(mail: Mail<'_>, placed: &Placed, response: Response) -> Letter {
    let contents: &Contents = placed.message.contents();
    let mut letter = fresh(mail.call, mail.owner);
    letter.references.clone_from(&contents.references);
    let own = contents
        .message_id
        .as_deref()
        .map(|id| id.trim_matches(['<', '>']));
    letter.references.extend(own.map(str::to_owned));
    let prefix = match response {
        Response::Forward => "FW: ",
        Response::Reply | Response::ReplyAll => "RE: ",
    };
    let has_prefix = contents
        .subject
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    letter.subject = if has_prefix {
        contents.subject.clone()
    } else {
        format!("{prefix}{}", contents.subject)
    };
    match response {
        Response::Forward => letter.pieces = pieces(&placed.message),
        Response::Reply => letter.to = author(contents),
        Response::ReplyAll => {
            letter.to = author(contents);
            let address = mail.owner.address.to_lowercase();
            let others = |all: &[Correspondent]| {
                let others = all
                    .iter()
                    .filter(|one| one.address.to_lowercase() != address);
                others.cloned().collect::<Vec<_>>()
            };
            letter.to.extend(others(&contents.to));
            letter.cc = others(&contents.cc);
        }
    }
    letter
}

/// Who wants the answer.
fn author(contents: &Contents) -> Vec<Correspondent> {
    if contents.reply_to.is_empty() {
        contents.from.clone().into_iter().collect()
    } else {
        contents.reply_to.clone()
    }
}

/// The comment above the message that it is about.
fn quoted(placed: &Placed, comment: &str) -> String {
    let contents = placed.message.contents();
    let from = contents
        .from
        .as_ref()
        .map_or("", |from| from.address.as_str());
    format!(
        "<html><body><p>{}</p><hr><p><b>From:</b> {}<br><b>Sent:</b> {}<br><b>Subject:</b> {}</p>{}</body></html>",
        escaped(comment),
        escaped(from),
        placed.message.received_at,
        escaped(&contents.subject),
        contents.html,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\n', "<br>")
}
