//! What a message says, read from its MIME.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use jiff::Timestamp;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address, Encoding, HeaderValue, MessageParser, MessagePart, MimeHeaders as _};

/// What a message says. Bodies are decoded; attachments stay where they are until asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `Subject`, decoded.
    pub subject: String,
    /// The first of `From`.
    pub from: Option<Correspondent>,
    /// `Sender`, if there is one.
    pub sender: Option<Correspondent>,
    /// `To`.
    pub to: Vec<Correspondent>,
    /// `Cc`.
    pub cc: Vec<Correspondent>,
    /// `Bcc`.
    pub bcc: Vec<Correspondent>,
    /// `Reply-To`.
    pub reply_to: Vec<Correspondent>,
    /// `Message-ID` in its angle brackets.
    pub message_id: Option<String>,
    /// The messages before it in the thread, oldest first, without angle brackets.
    pub references: Vec<String>,
    /// `Date`.
    pub sent_at: Option<Timestamp>,
    /// The text, or the HTML as text.
    pub text: String,
    /// The HTML, or the text as HTML.
    pub html: String,
    /// Whether there is HTML in it.
    pub is_html: bool,
    /// What hangs on it, in the order of its parts.
    pub attached: Vec<Attached>,
    /// Every field of its header, unfolded.
    pub headers: Vec<(String, String)>,
}

/// Somebody at either end of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correspondent {
    /// The name, or the address once more.
    pub name: String,
    /// The address.
    pub address: String,
}

/// Something that hangs on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its media type.
    pub content_type: String,
    /// How many octets it has when decoded.
    pub size: usize,
    /// Whether it is shown within the text.
    pub is_inline: bool,
    /// How the text names it, without angle brackets.
    pub content_id: Option<String>,
    /// Whether it is a message itself.
    pub is_message: bool,
    /// Tells it from all others on this message.
    pub fingerprint: u64,
    /// Its part with its header, in the octets of the message.
    pub part: Range<usize>,
    body: Range<usize>,
    coding: Coding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    None,
    QuotedPrintable,
    Base64,
}

impl Contents {
    /// Reads a message, whatever it is; what is none says nothing.
    pub fn of(raw: &[u8]) -> Self {
        let Some(parsed) = MessageParser::default().parse(raw) else {
            return Self::default();
        };
        let text = |at: usize| parsed.body_text(at).map(std::borrow::Cow::into_owned);
        let html = |at: usize| parsed.body_html(at).map(std::borrow::Cow::into_owned);
        let is_html = parsed.html_part(0).is_some_and(MessagePart::is_text_html);
        let id = |text: &str| format!("<{text}>");
        Self {
            subject: parsed.subject().unwrap_or_default().to_owned(),
            from: parsed
                .from()
                .and_then(|from| people(Some(from)).into_iter().next()),
            sender: parsed
                .sender()
                .and_then(|sender| people(Some(sender)).into_iter().next()),
            to: people(parsed.to()),
            cc: people(parsed.cc()),
            bcc: people(parsed.bcc()),
            reply_to: people(parsed.reply_to()),
            message_id: parsed.message_id().map(id),
            references: match texts(parsed.references()) {
                none if none.is_empty() => texts(parsed.in_reply_to()),
                some => some,
            },
            sent_at: parsed
                .date()
                .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
            text: text(0).unwrap_or_default(),
            html: html(0).unwrap_or_default(),
            is_html,
            attached: attached(&parsed, raw),
            headers: parsed
                .headers_raw()
                .map(|(name, value)| (name.to_owned(), unfolded(value)))
                .collect(),
        }
    }

    /// Reads the header of a message and nothing else of it.
    pub fn of_header(raw: &[u8]) -> Self {
        let end = header_end(raw);
        Self::of(&raw[..end])
    }

    /// The value of a field of its header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Everybody it is addressed to, in the order of `To`, `Cc` and `Bcc`.
    pub fn recipients(&self) -> impl Iterator<Item = &Correspondent> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }
}

impl Attached {
    /// Its octets, decoded, of the message that it hangs on. What was never encoded is not
    /// copied.
    pub fn octets(&self, raw: &Bytes) -> Bytes {
        let end = self.body.end.min(raw.len());
        let body = raw.slice(self.body.start.min(end)..end);
        self.coding.decoded(&body).map_or(body, Bytes::from)
    }
}

impl Coding {
    /// What is coded so; `None` if it is as it stands there.
    fn decoded(self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::QuotedPrintable => quoted_printable_decode(body),
            Self::Base64 => decoded(body),
        }
    }
}

/// Where the line that ends the header ends (RFC 5322 §2.1), or the message.
fn header_end(raw: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = raw[at..].iter().position(|octet| *octet == b'\n') {
        let end = at + line + 1;
        if matches!(&raw[at..end], b"\r\n" | b"\n") {
            return end;
        }
        at = end;
    }
    raw.len()
}

/// Base64 as mail programs write it: with line breaks, and sometimes without padding
/// (RFC 2045 §6.8).
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut letters = text.to_vec();
    letters.retain(|letter| !letter.is_ascii_whitespace());
    LENIENT.decode(letters).ok()
}

fn attached(parsed: &mail_parser::Message<'_>, raw: &[u8]) -> Vec<Attached> {
    let mut all: Vec<Attached> = Vec::with_capacity(parsed.attachments.len());
    let mut alike: BTreeMap<u64, u64> = BTreeMap::new();
    for part in parsed.attachments() {
        let range = |from: u32, to: u32| {
            let to = usize::try_from(to).unwrap_or(usize::MAX).min(raw.len());
            usize::try_from(from).unwrap_or(usize::MAX).min(to)..to
        };
        let content_type = part.content_type().map_or_else(
            || "application/octet-stream".to_owned(),
            |kind| match kind.subtype() {
                Some(sub) => format!("{}/{sub}", kind.ctype()),
                None => kind.ctype().to_owned(),
            },
        );
        let disposition = part.content_disposition();
        let mut one = Attached {
            name: part.attachment_name().map(str::to_owned),
            content_type: content_type.to_lowercase(),
            size: part.len(),
            is_inline: disposition.is_some_and(mail_parser::ContentType::is_inline),
            content_id: part.content_id().map(str::to_owned),
            is_message: part.is_message(),
            fingerprint: 0,
            part: range(part.offset_header, part.offset_end),
            body: range(part.offset_body, part.offset_end),
            coding: match part.encoding {
                Encoding::None => Coding::None,
                Encoding::QuotedPrintable => Coding::QuotedPrintable,
                Encoding::Base64 => Coding::Base64,
            },
        };
        if part.is_text() || part.is_message() {
            // What the parser holds was also taken to Unicode.
            let body = &raw[one.body.clone()];
            one.size = one
                .coding
                .decoded(body)
                .map_or(body.len(), |octets| octets.len());
        }
        one.fingerprint = fingerprint(&raw[one.part.clone()]);
        // The same file twice: the second one needs a name of its own.
        let before = alike.entry(one.fingerprint).or_default();
        one.fingerprint = one.fingerprint.wrapping_add(*before);
        *before += 1;
        all.push(one);
    }
    all
}

fn fingerprint(part: &[u8]) -> u64 {
    let digest = digest::digest(&SHA256, part);
    let first = digest.as_ref().first_chunk().copied();
    first.map_or(0, u64::from_be_bytes)
}

fn people(address: Option<&Address<'_>>) -> Vec<Correspondent> {
    let Some(address) = address else {
        return Vec::new();
    };
    let people = address.iter().filter_map(|one| {
        let address = one.address.as_deref()?.to_owned();
        let name = one.name.as_deref().unwrap_or(&address).to_owned();
        Some(Correspondent { name, address })
    });
    people.collect()
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(text) => vec![text.to_string()],
        HeaderValue::TextList(list) => list.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// A field without its line breaks (RFC 5322 §2.2.3).
fn unfolded(value: &str) -> String {
    value.replace(['\r', '\n'], "").trim().to_owned()
}

/// The contents of one message, once somebody asked.
#[derive(Clone, Default)]
pub(super) struct Understood(Arc<OnceLock<Contents>>);

impl Understood {
    pub(super) fn of(&self, raw: &[u8]) -> &Contents {
        self.0.get_or_init(|| Contents::of(raw))
    }
}

/// Follows from the octets, so that it makes no message differ from another.
impl PartialEq for Understood {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Understood {}

impl fmt::Debug for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Understood")
            .field(&self.0.get().is_some())
            .finish()
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(parts: &[&str]) -> Bytes {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| format!("--b\r\n{part}\r\n"))
            .collect();
        let head = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
        format!("{head}{}--b--\r\n", parts.concat()).into()
    }

    #[test]
    fn attachments_are_decoded_as_they_are_coded() {
        let file = "Content-Disposition: attachment; filename=a\r\nContent-Transfer-Encoding: ";
        let raw = mixed(&[
            "\r\nhello",
            &format!("{file}base64\r\n\r\nAAEC\r\n/w=="),
            &format!(
                "Content-Type: text/plain; charset=iso-8859-1\r\n{file}quoted-printable\r\n\r\ncaf=E9"
            ),
            &format!("{file}8bit\r\n\r\nas it is"),
        ]);
        let contents = Contents::of(&raw);
        let octets: Vec<Bytes> = contents
            .attached
            .iter()
            .map(|one| one.octets(&raw))
            .collect();
        assert_eq!(octets, [&[0, 1, 2, 255][..], b"caf\xe9", b"as it is"]);
        let sizes: Vec<usize> = contents.attached.iter().map(|one| one.size).collect();
        assert_eq!(sizes, [4, 4, 8]);
        assert_eq!(contents.text, "hello");
    }

    #[test]
    fn thousands_of_equal_attachments_have_names_of_their_own() {
        let parts = vec!["Content-Disposition: attachment; filename=a\r\n\r\nx"; 3_000];
        let contents = Contents::of(&mixed(&parts));
        let mut names: Vec<u64> = contents
            .attached
            .iter()
            .map(|one| one.fingerprint)
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 3_000);
    }

    #[test]
    fn what_is_no_message_says_nothing() {
        for raw in ["", "\r\n", "\0\0", "no header", "--b\r\n"] {
            let contents = Contents::of(raw.as_bytes());
            assert_eq!(
                (contents.from, contents.attached.len()),
                (None, 0),
                "{raw:?}"
            );
            assert_eq!(Contents::of_header(raw.as_bytes()).to, [], "{raw:?}");
        }
    }
}
