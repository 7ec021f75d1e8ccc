//! What a header says of the body behind it (RFC 2045 §5, §6).

use mail_parser::{HeaderName, HeaderValue, MessageParser, MimeHeaders as _};

use super::{Place, Purpose};

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) kind: Kind,
    pub(crate) transfer: Transfer,
    pub(crate) level: Level,
    pub(crate) has_mime_version: bool,
    pub(crate) has_type: bool,
    /// The body is signed or encrypted as a whole (`application/pkcs7-mime`, RFC 8551 §3.2).
    pub(crate) is_pkcs7: bool,
}

/// Whether it is a whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// It is the message, or one within it (message/rfc822).
    Message,
    /// It is a part.
    Part,
}

/// What the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Parts between lines with this boundary (RFC 2046 §5.1).
    Multipart { boundary: Vec<u8>, sort: Multipart },
    /// Another message, which is never encoded as a whole (RFC 2046 §5.2.1).
    Message,
    /// Text in lines.
    Text,
    /// Anything else.
    Octets,
    /// What is neither text nor taken apart, of this type.
    Rigid(String),
}

/// What parts stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Multipart {
    /// `multipart/alternative`: forms of the same.
    Alternative,
    /// `multipart/related`.
    Related,
    /// `multipart/digest`, whose parts are messages unless they say otherwise (RFC 2046 §5.1.5).
    Digest,
    /// `multipart/signed`: whoever changes an octet of it breaks it (RFC 1847 §2.1).
    Signed,
    /// `multipart/encrypted`.
    Encrypted,
    /// Any other.
    Mixed,
}

/// How the body is encoded (RFC 2045 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// Not at all; `is_said` is whether the header says 8bit or binary.
    Identity {
        is_said: bool,
    },
    QuotedPrintable,
    Base64,
    Other(String),
}

impl Entity {
    /// Reads a header.
    pub(super) fn read(header: &[u8], place: Place, purpose: Purpose) -> Self {
        let parsed = MessageParser::default().parse_headers(header);
        let Some(parsed) = parsed else {
            return Self {
                kind: without_type(place, purpose),
                transfer: Transfer::Identity { is_said: false },
                level: place.level,
                has_mime_version: false,
                has_type: false,
                is_pkcs7: false,
            };
        };
        let content_type = parsed.content_type();
        let transfer = parsed.content_transfer_encoding();
        let transfer = transfer.unwrap_or_default().trim().to_ascii_lowercase();
        let transfer = match transfer.as_str() {
            "" | "7bit" => Transfer::Identity { is_said: false },
            "8bit" | "binary" => Transfer::Identity { is_said: true },
            "quoted-printable" => Transfer::QuotedPrintable,
            "base64" => Transfer::Base64,
            _ => Transfer::Other(transfer),
        };
        let kind = match content_type {
            Some(found) => kind(found, &transfer, purpose),
            None => without_type(place, purpose),
        };
        let mime_version = parsed.header(HeaderName::MimeVersion);
        Self {
            kind,
            transfer,
            level: place.level,
            has_mime_version: mime_version
                .is_some_and(|value| !matches!(value, HeaderValue::Empty)),
            has_type: content_type.is_some(),
            is_pkcs7: content_type.is_some_and(is_pkcs7),
        }
    }

    /// Whether a body follows that is neither parts nor a message.
    pub(crate) fn is_leaf(&self) -> bool {
        !matches!(self.kind, Kind::Multipart { .. } | Kind::Message)
    }
}

fn is_pkcs7(found: &mail_parser::ContentType<'_>) -> bool {
    let subtype = found.subtype().unwrap_or_default();
    let names = ["pkcs7-mime", "x-pkcs7-mime"];
    found.ctype().eq_ignore_ascii_case("application")
        && names.iter().any(|name| subtype.eq_ignore_ascii_case(name))
}

fn without_type(place: Place, purpose: Purpose) -> Kind {
    match (place.within, purpose) {
        (Some(Multipart::Digest), Purpose::Recoding) => Kind::Message,
        (Some(Multipart::Digest), Purpose::TakingApart) => Kind::Octets,
        _ => Kind::Text,
    }
}

fn kind(found: &mail_parser::ContentType<'_>, transfer: &Transfer, purpose: Purpose) -> Kind {
    let (main, sub) = (
        found.ctype().to_ascii_lowercase(),
        found.subtype().unwrap_or_default().to_ascii_lowercase(),
    );
    // Nothing that has parts may be encoded as a whole (RFC 2045 §6.4). Where it says that it is, its
    // parts are found all the same, as everybody finds them; but nobody could say how it is recoded.
    let is_plain = matches!(transfer, Transfer::Identity { .. });
    let has_parts = is_plain || purpose == Purpose::TakingApart;
    match (main.as_str(), sub.as_str()) {
        ("multipart", _) => match found.attribute("boundary") {
            Some(boundary) if !boundary.trim_end().is_empty() && has_parts => Kind::Multipart {
                boundary: boundary.as_bytes().to_vec(),
                sort: match sub.as_str() {
                    "alternative" => Multipart::Alternative,
                    "related" => Multipart::Related,
                    "digest" => Multipart::Digest,
                    "signed" => Multipart::Signed,
                    "encrypted" => Multipart::Encrypted,
                    _ => Multipart::Mixed,
                },
            },
            _ => Kind::Rigid(format!("{main}/{sub}")),
        },
        ("message", "rfc822") if is_plain && purpose == Purpose::Recoding => Kind::Message,
        ("message", "partial" | "external-body") => Kind::Rigid(format!("{main}/{sub}")),
        ("text" | "message", _) => Kind::Text,
        _ => Kind::Octets,
    }
}
