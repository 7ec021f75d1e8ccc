//! The fields of a draft, and what of a header it cannot have.

use gatepost_wire::smtp::Envelope;
use mail_parser::{Address as Field, HeaderValue, Message};

use crate::Address;
use crate::graph::drafts::{Importance, MailBody, NewMail};

/// The fields of a draft without its text, and the names of those that it cannot have.
pub(super) fn of(message: &Message<'_>, envelope: &Envelope) -> (NewMail, Vec<String>) {
    let (to, cc) = (people(message.to()), people(message.cc()));
    let is_named = |address: &str| {
        let mut named = to.iter().chain(&cc);
        named.any(|one| one.address.eq_ignore_ascii_case(address))
    };
    let hidden = envelope.recipients.iter().map(|one| one.path.as_str());
    let hidden = hidden.filter(|address| !is_named(address));
    let bcc = hidden.map(|address| Address {
        name: None,
        address: address.to_owned(),
    });
    let ids = |field: &HeaderValue<'_>| {
        let ids = field.as_text_list()?;
        let ids: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    };
    let mail = NewMail {
        subject: message.subject().unwrap_or_default().to_owned(),
        body: MailBody::default(),
        from: people(message.from()).into_iter().next(),
        sender: people(message.sender()).into_iter().next(),
        bcc: bcc.collect(),
        reply_to: people(message.reply_to()),
        message_id: message.message_id().map(|id| format!("<{id}>")),
        in_reply_to: ids(message.in_reply_to()),
        references: ids(message.references()),
        importance: importance(message),
        wants_read_receipt: has(message, READ_RECEIPT),
        wants_delivery_receipt: has(message, DELIVERY_RECEIPT),
        headers: own_headers(message),
        to,
        cc,
    };
    let left_out = left_out(message, &mail);
    (mail, left_out)
}

/// What stands in a field that has no form of its own, in lower case.
fn text(message: &Message<'_>, name: &str) -> Option<String> {
    let found = message.header_raw(name)?.trim().to_ascii_lowercase();
    (!found.is_empty()).then_some(found)
}

fn has(message: &Message<'_>, name: &str) -> bool {
    text(message, name).is_some()
}

/// By `Importance` (RFC 4021 §2.1), or what was there before it: `X-Priority`, from 1 to 5, and
/// `Priority`.
fn importance(message: &Message<'_>) -> Option<Importance> {
    let said = |name| text(message, name);
    let by_importance = match said("Importance").as_deref() {
        Some("high") => Some(Importance::High),
        Some("normal") => Some(Importance::Normal),
        Some("low") => Some(Importance::Low),
        _ => None,
    };
    let by_number = || match said("X-Priority")?.as_bytes().first()? {
        b'1' | b'2' => Some(Importance::High),
        b'3' => Some(Importance::Normal),
        b'4' | b'5' => Some(Importance::Low),
        _ => None,
    };
    let by_priority = || match said("Priority")?.as_str() {
        "urgent" => Some(Importance::High),
        "normal" => Some(Importance::Normal),
        "non-urgent" => Some(Importance::Low),
        _ => None,
    };
    by_importance.or_else(by_number).or_else(by_priority)
}

/// The fields whose names begin with `x-`, as many as Graph takes.
fn own_headers(message: &Message<'_>) -> Vec<(String, String)> {
    let own = message.headers().iter().filter_map(|header| {
        let name = header.name().to_owned();
        let value = header.value().as_text()?.trim().to_owned();
        let begin = name.get(..2);
        let is_own = begin.is_some_and(|begin| begin.eq_ignore_ascii_case("x-"));
        let is_own = is_own && !is_among(&name, PRIORITIES);
        (is_own && !value.is_empty()).then_some((name, value))
    });
    own.take(MOST_HEADERS).collect()
}

/// The names of the fields that `mail` does not have, each once.
fn left_out(message: &Message<'_>, mail: &NewMail) -> Vec<String> {
    let mut left_out: Vec<String> = Vec::new();
    let mut own = mail.headers.iter().peekable();
    for header in message.headers() {
        let name = header.name();
        let is_carried = own.next_if(|(carried, _)| carried == name).is_some()
            || is_among(name, CARRIED)
            || is_among(name, WRITTEN_ANEW)
            || name
                .get(..8)
                .is_some_and(|begin| begin.eq_ignore_ascii_case("content-"))
            || (mail.importance.is_some() && is_among(name, PRIORITIES));
        let letters = name.chars().filter(char::is_ascii_graphic);
        let name: String = letters.take(LONGEST_NAME).collect();
        if !is_carried && !left_out.iter().any(|one| one.eq_ignore_ascii_case(&name)) {
            left_out.push(name);
        }
    }
    if people(message.from()).len() > 1 {
        left_out.push("all of From but the first".to_owned());
    }
    // Exchange sends receipts to whoever the message is from.
    let wanted_by = text(message, READ_RECEIPT).unwrap_or_default();
    let from = mail
        .from
        .as_ref()
        .map(|from| from.address.to_ascii_lowercase());
    // Addresses stand between these, whatever stands with them.
    let between = [',', ';', '<', '>', '(', ')', '"', ' ', '\t'];
    let is_named = |from: &String| wanted_by.split(between).any(|one| one == from);
    if from.is_some_and(|from| !wanted_by.is_empty() && !is_named(&from)) {
        left_out.push(format!("the address in {READ_RECEIPT}"));
    }
    left_out
}

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn people(field: Option<&Field<'_>>) -> Vec<Address> {
    let people = field.into_iter().flat_map(Field::iter);
    let people = people.filter_map(|one| {
        Some(Address {
            name: one.name().map(str::to_owned),
            address: one.address()?.to_owned(),
        })
    });
    people.collect()
}

/// "Max 5" is what people found out
/// (<https://learn.microsoft.com/graph/api/resources/internetmessageheader> names no number).
const MOST_HEADERS: usize = 5;
const READ_RECEIPT: &str = "Disposition-Notification-To";
const DELIVERY_RECEIPT: &str = "Return-Receipt-To";
/// What says how important a message is.
const PRIORITIES: &[&str] = &["Importance", "X-Priority", "Priority", "X-MSMail-Priority"];
/// What a draft has a place for.
const CARRIED: &[&str] = &[
    "From",
    "Sender",
    "To",
    "Cc",
    "Bcc",
    "Reply-To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    READ_RECEIPT,
    DELIVERY_RECEIPT,
];
/// As much of a name as is told, in letters.
const LONGEST_NAME: usize = 76;
/// What Exchange writes for every message.
const WRITTEN_ANEW: &[&str] = &["Date", "MIME-Version", "Received", "Return-Path"];
