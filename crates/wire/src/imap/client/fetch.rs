//! Reads FETCH responses item by item, so that one malformed item does not cost the others.

use bytes::Bytes;
use jiff::Timestamp;

use super::event::{Fetched, Flag};
use super::reader::Reader;

/// One FETCH response, with the octets of `BODY[]` if they were not streamed.
#[derive(Debug, Default)]
pub(super) struct FetchResponse {
    pub(super) fetched: Fetched,
    pub(super) body: Option<Vec<u8>>,
}

/// Reads what follows `* <seq> FETCH `.
///
/// Reading stops at the first item that has no readable value, which Exchange's BODYSTRUCTURE
/// can bring about; what was read before it counts.
pub(super) fn fetch(seq: u32, mut reader: Reader<'_>) -> FetchResponse {
    let mut response = FetchResponse {
        fetched: Fetched {
            seq,
            ..Fetched::default()
        },
        body: None,
    };
    reader.skip_spaces();
    reader.eat(b'(');
    while !reader.is_at_end() && !reader.eat(b')') {
        if item(&mut reader, &mut response).is_none() {
            break;
        }
        reader.skip_spaces();
    }
    response
}

/// Whether the message so far ends where the octets of a whole message follow, and if so what
/// is known of that message.
pub(super) fn body_ahead(head: &[u8]) -> Option<Fetched> {
    let announced = memchr::memrchr(b'{', head)?;
    let name_end = head[..announced].strip_suffix(b" ")?;
    let name_start = memchr::memrchr2(b' ', b'(', name_end)? + 1;
    if !is_whole_message(&name_end[name_start..]) {
        return None;
    }
    let mut reader = Reader::new(&head[..announced]);
    let seq = seq_of_fetch(&mut reader)?;
    Some(fetch(seq, reader).fetched)
}

/// Takes `* <seq> FETCH ` and answers the sequence number.
pub(super) fn seq_of_fetch(reader: &mut Reader<'_>) -> Option<u32> {
    if !reader.eat_word("*") {
        return None;
    }
    reader.skip_spaces();
    let seq = u32::try_from(reader.number()?).ok()?;
    reader.skip_spaces();
    reader.eat_word("FETCH").then_some(seq)
}

fn item(reader: &mut Reader<'_>, response: &mut FetchResponse) -> Option<()> {
    let name = reader.item_name().to_ascii_uppercase();
    if name.is_empty() {
        return None;
    }
    reader.skip_spaces();
    let fetched = &mut response.fetched;
    match name.as_slice() {
        b"UID" => fetched.uid = Some(u32::try_from(reader.number()?).ok()?),
        b"RFC822.SIZE" => fetched.size = Some(reader.number()?),
        b"FLAGS" => {
            let words = reader.words_in_parentheses()?;
            // \Recent is said of the session, not of the message (RFC 3501 §2.3.2).
            let flags = words
                .into_iter()
                .filter(|word| !word.eq_ignore_ascii_case(b"\\Recent"));
            fetched.flags = Some(flags.map(Flag::parse).collect());
        }
        b"INTERNALDATE" => {
            fetched.internal_date = reader.nstring()?.and_then(|text| internal_date(&text));
        }
        b"BODY[HEADER]" | b"RFC822.HEADER" => {
            fetched.header = reader
                .nstring()?
                .map(|octets| Bytes::copy_from_slice(&octets));
        }
        name if is_whole_message(name) => {
            response.body = reader.nstring()?.map(std::borrow::Cow::into_owned);
        }
        _ => reader.skip_value()?,
    }
    Some(())
}

fn is_whole_message(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"BODY[]") || name.eq_ignore_ascii_case(b"RFC822")
}

/// Reads `"17-Jul-1996 02:44:25 -0700"`; the day may be padded with a space.
fn internal_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.trim();
    Timestamp::strptime("%d-%b-%Y %H:%M:%S %z", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8]) -> FetchResponse {
        let mut reader = Reader::new(line);
        let seq = seq_of_fetch(&mut reader).expect("a FETCH");
        fetch(seq, reader)
    }

    #[test]
    fn all_items_are_read() {
        let line = b"* 3 FETCH (UID 17 FLAGS (\\Seen \\Recent $MDNSent) INTERNALDATE \" 7-Jul-2026 02:44:25 -0700\" RFC822.SIZE 4294967297 BODY[HEADER] {8}\r\nA: b\r\n\r\n)\r\n";
        let fetched = read(line).fetched;
        assert_eq!(
            (fetched.seq, fetched.uid, fetched.size),
            (3, Some(17), Some(4_294_967_297))
        );
        assert_eq!(
            fetched.flags,
            Some(vec![Flag::Seen, Flag::Other("$MDNSent".into())])
        );
        assert_eq!(fetched.header.as_deref(), Some(b"A: b\r\n\r\n".as_slice()));
        let date: Timestamp = "2026-07-07T09:44:25Z".parse().expect("a literal timestamp");
        assert_eq!(fetched.internal_date, Some(date));
    }

    #[test]
    fn exchanges_broken_bodystructure_does_not_cost_the_uid() {
        for broken in [
            "(NIL NIL NIL NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)",
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1 NIL \"inline\" NIL NIL)",
            "((NIL \"alternative\" (\"boundary\" \"x\") NIL NIL) \"mixed\")",
            "(\"RELATED\" NIL ()",
            "\"unescaped \" quote\"",
        ] {
            let line = format!("* 1 FETCH (UID 5 RFC822.SIZE 9 BODYSTRUCTURE {broken})\r\n");
            let fetched = read(line.as_bytes()).fetched;
            assert_eq!((fetched.uid, fetched.size), (Some(5), Some(9)), "{broken}");
        }
    }

    #[test]
    fn a_body_is_seen_ahead_and_a_header_is_not() {
        let ahead = body_ahead(b"* 2 FETCH (FLAGS () UID 9 BODY[] {5}\r\n").expect("a body");
        assert_eq!((ahead.seq, ahead.uid), (2, Some(9)));
        assert_eq!(
            body_ahead(b"* 2 FETCH (BODY[] {5}\r\n").map(|ahead| ahead.uid),
            Some(None)
        );
        assert_eq!(body_ahead(b"* 2 FETCH (UID 9 BODY[HEADER] {5}\r\n"), None);
        assert_eq!(body_ahead(b"* LIST () \"/\" {5}\r\n"), None);
    }
}
