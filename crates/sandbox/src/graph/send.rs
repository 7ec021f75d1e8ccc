//! Mail that goes out (<https://learn.microsoft.com/graph/api/user-sendmail>).

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::access::{Need, Owner};
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::incoming::Incoming;
use super::letter::{Letter, is_address, rfc_5322, wrong};
use super::refusal::Refusal;
use crate::faults::FaultKind;
use crate::mailboxes::{
    Contents, Correspondent, Flag, Flags, Kept, Leaving, Mailbox, MailboxError, NewMessage,
};
use crate::sending::Limited;
use crate::tenant::{Principal, Sending, Trustee};

/// `POST /sendMail`, of JSON or of MIME in base64.
pub(super) async fn send_mail(call: &Call, owner: &Owner, incoming: Incoming) -> Outcome {
    let mailbox = owner.open(call, Need::Send)?;
    let clock = &call.graph.clock;
    let (raw, kept) = if is_mime(call) {
        (
            incoming.mime(call.graph.largest_mime, clock).await?,
            Kept::InSentItems,
        )
    } else {
        let given = incoming.object(clock).await?;
        let message = property(&given, "message").and_then(Value::as_object);
        let message = message.ok_or_else(|| wrong("message"))?;
        let mut letter = Letter::new(correspondent(owner), &call.graph.chance, call.at);
        letter.apply(message)?;
        (letter.write(&call.graph.chance), kept(&given)?)
    };
    let departure = Departure::check(call, owner, raw)?;
    if kept == Kept::InSentItems && is_late(call, owner) {
        departure.leave(call, &mailbox, Kept::Nowhere)?;
        let folder = mailbox.find("Sent Items")?;
        let copy = NewMessage {
            raw: departure.raw,
            flags: Flags::from(Flag::Seen),
            received_at: call.at,
        };
        later(call, move || mailbox.file(folder, copy).map(|_| ()));
    } else {
        departure.leave(call, &mailbox, kept)?;
    }
    departed(call, owner)
}

/// Whether the body is MIME in base64.
pub(super) fn is_mime(call: &Call) -> bool {
    let kind = call
        .headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain"))
}

/// Whoever owns the mailbox.
pub(super) fn correspondent(owner: &Owner) -> Correspondent {
    Correspondent {
        name: owner.name.clone(),
        address: owner.address.clone(),
    }
}

/// Names of parameters have no case.
pub(super) fn property<'a>(given: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = given
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn kept(given: &Map<String, Value>) -> Result<Kept, Refusal> {
    let kept = match property(given, "saveToSentItems") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(kept)) => *kept,
        // Some clients quote it.
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
        Some(_) => return Err(wrong("saveToSentItems")),
    };
    Ok(if kept {
        Kept::InSentItems
    } else {
        Kept::Nowhere
    })
}

/// A message that may go out.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) raw: Bytes,
    recipients: Vec<String>,
    on_behalf: Option<String>,
}

impl Departure {
    /// Checks in whose name it goes, and to whom; what every message has to have is added.
    pub(super) fn check(call: &Call, owner: &Owner, raw: Bytes) -> Result<Self, Refusal> {
        let contents = Contents::of_header(&raw);
        let from = contents
            .from
            .as_ref()
            .map_or(&owner.address, |from| &from.address);
        let (trustee, own) = match &call.principal {
            Principal::App { client_id, .. } => {
                (Trustee::App(client_id.clone()), owner.address.clone())
            }
            Principal::Person { upn, .. } => (Trustee::Person(upn.clone()), upn.clone()),
        };
        let sending = call.graph.tenant.rights().sending(&trustee, &own, from);
        let on_behalf = match sending.ok_or_else(Refusal::send_as_denied)? {
            Sending::AsItself | Sending::As => None,
            Sending::OnBehalf => Some(own),
        };
        let recipients: Vec<String> = contents
            .recipients()
            .map(|one| one.address.clone())
            .collect();
        if recipients.is_empty() {
            return Err(Refusal::no_recipient());
        }
        if let Some(odd) = recipients.iter().find(|one| !is_address(one)) {
            return Err(Refusal::recipient(odd));
        }
        let meter = &call.graph.meter;
        let admitted = meter.admit(&owner.address, recipients.len(), call.at);
        admitted.map_err(|limited| match limited {
            Limited::Wait(wait) => Refusal::over("message rate", wait),
            Limited::UsedUp => Refusal::message_limit(),
        })?;
        Ok(Self {
            raw: completed(call, owner, raw, &contents),
            recipients,
            on_behalf,
        })
    }

    /// It goes out of this mailbox.
    pub(super) fn leave(&self, call: &Call, mailbox: &Mailbox, kept: Kept) -> Result<(), Refusal> {
        let leaving = Leaving {
            raw: self.raw.clone(),
            recipients: self.recipients.clone(),
            on_behalf: self.on_behalf.clone(),
            kept,
        };
        call.graph.mailboxes.leave(mailbox, leaving, call.at)?;
        Ok(())
    }
}

/// Nothing of the message is changed; Exchange adds the fields that it lacks.
fn completed(call: &Call, owner: &Owner, raw: Bytes, contents: &Contents) -> Bytes {
    let mut fields = Vec::new();
    if contents.from.is_none() {
        fields.push(format!("From: <{}>\r\n", owner.address));
    }
    if contents.header("Date").is_none() {
        fields.push(format!("Date: {}\r\n", rfc_5322(call.at)));
    }
    if contents.header("Message-ID").is_none() {
        let domain = owner.address.rsplit_once('@');
        let domain = domain.map_or("localhost", |(_, domain)| domain);
        let id = call.graph.chance.uuid();
        fields.push(format!("Message-ID: <{id}@{domain}>\r\n"));
    }
    let fields = fields.concat();
    if fields.is_empty() {
        return raw;
    }
    let mut whole = BytesMut::with_capacity(fields.len() + raw.len());
    whole.extend_from_slice(fields.as_bytes());
    whole.extend_from_slice(&raw);
    whole.freeze()
}

/// Whether what is sent shall appear in Sent Items later.
pub(super) fn is_late(call: &Call, owner: &Owner) -> bool {
    let target = call.target(Some(&owner.address));
    call.graph.faults.strikes(FaultKind::SentItemsLate, target)
}

/// Does it after a while, unless the sandbox ends before.
pub(super) fn later(call: &Call, act: impl FnOnce() -> Result<(), MailboxError> + Send + 'static) {
    let (clock, stop) = (call.graph.clock.clone(), call.graph.tasks.stop());
    call.graph.tasks.start("sandbox late copy", async move {
        if stop.or(clock.sleep(LATE)).await.is_some()
            && let Err(error) = act()
        {
            tracing::warn!(%error, "a late copy has nowhere to go");
        }
    });
}

/// What is said of a message that went out.
pub(super) fn departed(call: &Call, owner: &Owner) -> Outcome {
    let strikes = |kind| {
        call.graph
            .faults
            .strikes(kind, call.target(Some(&owner.address)))
    };
    if strikes(FaultKind::SentThenTimeout) {
        return Err(Refusal::gateway_timeout());
    }
    let accepted = Answer::empty(StatusCode::ACCEPTED);
    if strikes(FaultKind::SendThrottled) {
        return Ok(accepted.with(RETRY_AFTER, "2"));
    }
    Ok(accepted)
}

/// Longer than a hasty look into Sent Items takes.
const LATE: Duration = Duration::from_secs(5);
