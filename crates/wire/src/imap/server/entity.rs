//! The MIME structure of a message, as places in its octets.

use std::ops::Range;

use super::fields::{self, end_of_header};

/// A message or a part of one (RFC 2045 §2.4). Ranges are places in the whole message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entity {
    /// The header, with the empty line that ends it.
    pub(super) header: Range<usize>,
    /// What follows the header.
    pub(super) body: Range<usize>,
    /// What it is.
    pub(super) media: Media,
    /// What is in it.
    pub(super) inside: Inside,
}

/// What is in an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing with a structure.
    Leaf,
    /// Parts between boundaries (RFC 2046 §5.1).
    Parts(Vec<Entity>),
    /// A message (RFC 2046 §5.2.1).
    Message(Box<Entity>),
}

/// A `Content-Type` (RFC 2045 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) kind: String,
    pub(super) subtype: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Entity {
    /// Reads the structure of a whole message.
    pub(super) fn of(message: &[u8]) -> Self {
        let mut parts_left = MOST_PARTS;
        read(message, 0..message.len(), &TEXT, &mut parts_left, DEEPEST)
    }

    /// The part with this number: `2.1` is `[2, 1]` (RFC 3501 §6.4.5).
    pub(super) fn part(&self, number: &[u32]) -> Option<&Self> {
        let mut entity = self;
        for (level, at) in number.iter().enumerate() {
            // Below a message/rfc822 part the numbers count the parts of its message.
            let mut is_message = level == 0;
            if let (Inside::Message(message), false) = (&entity.inside, is_message) {
                entity = message;
                is_message = true;
            }
            let at = usize::try_from(*at).ok()?.checked_sub(1)?;
            entity = match &entity.inside {
                Inside::Parts(parts) => parts.get(at)?,
                // A message that is not multipart has one part: its body. A part has none.
                _ if at == 0 && is_message => entity,
                _ => return None,
            };
        }
        Some(entity)
    }

    /// The message in this part, if it holds one.
    pub(super) fn message(&self) -> Option<&Self> {
        match &self.inside {
            Inside::Message(message) => Some(message),
            _ => None,
        }
    }
}

impl Media {
    fn parse(value: &[u8]) -> Option<Self> {
        let (media, parameters) = parameterized(value);
        let (kind, subtype) = media.split_once('/')?;
        let (kind, subtype) = (kind.trim(), subtype.trim());
        (!kind.is_empty() && !subtype.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            parameters,
        })
    }

    fn fixed(kind: &str, subtype: &str) -> Self {
        Self {
            kind: kind.into(),
            subtype: subtype.into(),
            parameters: Vec::new(),
        }
    }

    fn boundary(&self) -> Option<&str> {
        let (_, boundary) = self
            .parameters
            .iter()
            .find(|(name, _)| name == "boundary")?;
        (!boundary.is_empty()).then_some(boundary)
    }
}

/// A value and its parameters, as in `Content-Type` and `Content-Disposition`; the names of the
/// parameters in lower case.
pub(super) fn parameterized(value: &[u8]) -> (String, Vec<(String, String)>) {
    let text = String::from_utf8_lossy(value);
    let mut pieces = split_outside_quotes(&text);
    let main = pieces.next().unwrap_or_default().trim().to_owned();
    let parameters = pieces.take(MOST_PARAMETERS).filter_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        (!name.is_empty()).then(|| (name, unquoted(value.trim())))
    });
    (main, parameters.collect())
}

fn read(
    message: &[u8],
    place: Range<usize>,
    default: &(&str, &str),
    parts_left: &mut usize,
    depth: usize,
) -> Entity {
    let split = place.start + end_of_header(&message[place.clone()]);
    let (header, body) = (place.start..split, split..place.end);
    let media = fields::first(&message[header.clone()], "Content-Type")
        .and_then(|value| Media::parse(&value))
        .unwrap_or_else(|| Media::fixed(default.0, default.1));
    let inside = match (
        media.kind.as_str(),
        media.subtype.as_str(),
        media.boundary(),
    ) {
        ("multipart", subtype, Some(boundary)) if depth > 0 => {
            // RFC 2046 §5.1.5: what is in a digest is a message unless it says otherwise.
            let default = if subtype == "digest" { &MESSAGE } else { &TEXT };
            let mut parts = Vec::new();
            for part in between(message, body.clone(), boundary) {
                if *parts_left == 0 {
                    break;
                }
                *parts_left -= 1;
                parts.push(read(message, part, default, parts_left, depth - 1));
            }
            if parts.is_empty() {
                Inside::Leaf
            } else {
                Inside::Parts(parts)
            }
        }
        ("message", "rfc822", _) if depth > 0 => {
            let inner = read(message, body.clone(), &TEXT, parts_left, depth - 1);
            Inside::Message(Box::new(inner))
        }
        _ => Inside::Leaf,
    };
    Entity {
        header,
        body,
        media,
        inside,
    }
}

/// The places of the parts between the boundaries (RFC 2046 §5.1.1). The end of line before a
/// boundary belongs to the boundary.
fn between<'a>(
    message: &'a [u8],
    body: Range<usize>,
    boundary: &'a str,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut at = body.start;
    let mut open: Option<usize> = None;
    let mut over = false;
    std::iter::from_fn(move || {
        while !over {
            let start = at;
            let line_end = memchr::memchr(b'\n', &message[start..body.end]);
            at = line_end.map_or(body.end, |length| start + length + 1);
            let line = Boundary::read(&message[start..at], boundary);
            over = at >= body.end || line == Some(Boundary::Close);
            let end = if line.is_some() {
                before_line_end(message, start)
            } else {
                body.end
            };
            let next = (line == Some(Boundary::Open)).then_some(at);
            if line.is_none() && !over {
                continue;
            }
            let closed = open.take().map(|from| from..end.max(from));
            open = next;
            if closed.is_some() {
                return closed;
            }
        }
        None
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Boundary {
    Open,
    Close,
}

impl Boundary {
    fn read(line: &[u8], boundary: &str) -> Option<Self> {
        let rest = line
            .strip_prefix(b"--")?
            .strip_prefix(boundary.as_bytes())?
            .trim_ascii_end();
        match rest {
            b"" => Some(Self::Open),
            b"--" => Some(Self::Close),
            _ => None,
        }
    }
}

fn before_line_end(message: &[u8], start: usize) -> usize {
    match &message[..start] {
        [.., b'\r', b'\n'] => start - 2,
        [.., b'\n'] => start - 1,
        _ => start,
    }
}

fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let separates = c == ';' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => out.extend(characters.next()),
            _ => out.push(c),
        }
    }
    out
}

/// What a part is that does not say so.
const TEXT: (&str, &str) = ("text", "plain");
const MESSAGE: (&str, &str) = ("message", "rfc822");
/// What lies deeper is a leaf; the answer to BODYSTRUCTURE must stay readable.
const DEEPEST: usize = 32;
/// Parts of one message; the rest is not told.
const MOST_PARTS: usize = 1000;
const MOST_PARAMETERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &[u8] = b"Content-Type: multipart/mixed; boundary=\"a;b\"\r\n\r\npreamble\r\n\
        --a;b\r\nContent-Type: text/plain\r\n\r\none\r\n--a;b\r\n\
        Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntwo\r\n--a;b--\r\nepilogue";

    fn text(entity: &Entity) -> &str {
        std::str::from_utf8(&MIXED[entity.body.clone()]).expect("ASCII")
    }

    #[test]
    fn parts_are_found_by_number() {
        let entity = Entity::of(MIXED);
        assert_eq!(text(entity.part(&[1]).expect("part 1")), "one");
        let second = entity.part(&[2]).expect("part 2");
        assert_eq!(text(second), "Subject: in\r\n\r\ntwo");
        assert_eq!(text(second.message().expect("a message")), "two");
        assert_eq!(text(entity.part(&[2, 1]).expect("part 2.1")), "two");
        for nowhere in [&[3][..], &[1, 1], &[2, 1, 1], &[2, 2]] {
            assert_eq!(entity.part(nowhere), None, "{nowhere:?}");
        }
        assert_eq!(entity.part(&[0]), None);
    }

    #[test]
    fn a_plain_message_has_one_part() {
        let entity = Entity::of(b"a: b\r\n\r\nbody");
        assert_eq!(entity.part(&[1]).map(|part| part.body.clone()), Some(8..12));
        assert_eq!(entity.part(&[2]), None);
        assert_eq!(entity.part(&[1, 1]), None);
    }

    #[test]
    fn a_missing_last_boundary_ends_with_the_message() {
        let message =
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo";
        let Inside::Parts(parts) = Entity::of(message).inside else {
            panic!("no parts")
        };
        let bodies: Vec<&[u8]> = parts
            .iter()
            .map(|part| &message[part.body.clone()])
            .collect();
        assert_eq!(bodies, [b"one".as_slice(), b"two"]);
    }

    #[test]
    fn nesting_is_bounded() {
        let message = b"Content-Type: message/rfc822\r\n\r\n".repeat(2000);
        let mut depth = 0;
        let mut entity = &Entity::of(&message);
        while let Some(inner) = entity.message() {
            depth += 1;
            entity = inner;
        }
        assert_eq!(depth, DEEPEST);
    }
}
