//! Reads untagged responses. Lists, counts and messages are read forgivingly; what no server is
//! known to bend is left to the codec.

use super::capabilities::Capabilities;
use super::event::{Counted, Flag, Listed, Untagged};
use super::reader::Reader;
use super::status;
use super::wire_name::WireName;
use crate::imap::codec::{self, types};
use crate::imap::mailbox_name;

/// Reads what follows `* `, except FETCH.
pub(super) fn untagged(message: &[u8], reader: Reader<'_>) -> Option<Untagged> {
    let mut ahead = reader;
    if let Some(number) = ahead.number() {
        let number = u32::try_from(number).ok()?;
        ahead.skip_spaces();
        return numbered(number, ahead);
    }
    if let Some(line) = status::status_line(reader) {
        return Some(Untagged::Status(line));
    }
    let word = ahead.word().to_ascii_uppercase();
    ahead.skip_spaces();
    match word.as_slice() {
        b"CAPABILITY" => Some(Untagged::Capabilities(Capabilities::new(words(
            ahead.rest(),
        )))),
        b"LIST" | b"XLIST" => listed(ahead).map(Untagged::Listed),
        b"STATUS" => counted(ahead).map(Untagged::Counted),
        b"SEARCH" => found(ahead).map(Untagged::Found),
        b"FLAGS" => {
            let flags = ahead.words_in_parentheses()?;
            Some(Untagged::Flags(
                flags.into_iter().map(Flag::parse).collect(),
            ))
        }
        _ => from_codec(message),
    }
}

fn numbered(number: u32, mut reader: Reader<'_>) -> Option<Untagged> {
    let word = reader.word().to_ascii_uppercase();
    match word.as_slice() {
        b"EXISTS" => Some(Untagged::Exists(number)),
        b"RECENT" => Some(Untagged::Recent(number)),
        b"EXPUNGE" => Some(Untagged::Expunged(number)),
        _ => None,
    }
}

/// `(\HasNoChildren \Sent) "/" "Sent Items"`. Exchange is known to write names with control
/// characters unquoted: a name that begins with no quote runs to the end of the line.
fn listed(mut reader: Reader<'_>) -> Option<Listed> {
    let attributes = reader.words_in_parentheses()?;
    reader.skip_spaces();
    let delimiter = reader.nstring()?;
    reader.skip_spaces();
    let quoted = matches!(reader.rest().first()?, b'"' | b'{');
    let name = if quoted {
        reader.nstring()??
    } else {
        reader.rest().into()
    };
    Some(Listed {
        wire: WireName::as_listed(&name),
        name: mailbox_name::decode(&name),
        delimiter: delimiter.and_then(|octets| octets.first().map(|octet| char::from(*octet))),
        attributes: attributes.into_iter().map(status::words).collect(),
    })
}

/// `"INBOX" (MESSAGES 17 UNSEEN 2)`
fn counted(mut reader: Reader<'_>) -> Option<Counted> {
    let name = mailbox_name::decode(&reader.nstring()??);
    reader.skip_spaces();
    let items = reader.words_in_parentheses()?;
    let mut counted = Counted {
        name,
        ..Counted::default()
    };
    for pair in items.chunks_exact(2) {
        let value = std::str::from_utf8(pair[1])
            .ok()
            .and_then(|digits| digits.parse().ok());
        match pair[0].to_ascii_uppercase().as_slice() {
            b"MESSAGES" => counted.messages = value,
            b"UNSEEN" => counted.unseen = value,
            b"UIDVALIDITY" => counted.uidvalidity = value,
            b"UIDNEXT" => counted.uidnext = value,
            _ => {}
        }
    }
    Some(counted)
}

fn found(reader: Reader<'_>) -> Option<Vec<u32>> {
    // A trailing (MODSEQ n) belongs to nobody here (RFC 7162 §3.1.5).
    let numbers = words(reader.rest()).take_while(|word| !word.starts_with(b"("));
    numbers
        .map(|word| std::str::from_utf8(word).ok()?.parse().ok())
        .collect()
}

fn from_codec(message: &[u8]) -> Option<Untagged> {
    use types::response::{Data, Response};
    match codec::decode_response(message)? {
        Response::Data(Data::Namespace { personal, .. }) => {
            let first = personal.first()?;
            Some(Untagged::Namespace {
                prefix: mailbox_name::decode(first.prefix.as_ref()),
                delimiter: first.delimiter.map(|delimiter| delimiter.inner()),
            })
        }
        Response::Data(Data::Id { parameters }) => {
            let text = |octets: &[u8]| status::words(octets);
            let pairs = parameters
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| {
                    (
                        text(name.as_ref()),
                        value.0.as_ref().map(|value| text(value.as_ref())),
                    )
                });
            Some(Untagged::Id(pairs.collect()))
        }
        _ => None,
    }
}

fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty())
}
