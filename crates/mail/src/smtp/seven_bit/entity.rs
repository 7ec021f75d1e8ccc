//! What a header says of the body behind it (RFC 2045 §5, §6).

use mail_parser::{HeaderName, HeaderValue, MessageParser, MimeHeaders as _};

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) kind: Kind,
    pub(super) transfer: Transfer,
    pub(super) level: Level,
    pub(super) has_mime_version: bool,
    pub(super) has_type: bool,
}

/// Whether it is a whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// It is the message, or one within it (message/rfc822).
    Message,
    /// It is a part.
    Part,
}

/// What the body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Parts between lines with this boundary (RFC 2046 §5.1).
    Multipart {
        boundary: Vec<u8>,
        is_signed: bool,
        is_digest: bool,
    },
    /// Another message, which is never encoded as a whole (RFC 2046 §5.2.1).
    Message,
    /// Text in lines.
    Text,
    /// Anything else.
    Octets,
    /// What cannot be recoded, of this type.
    Rigid(String),
}

/// How the body is encoded (RFC 2045 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transfer {
    /// Not at all; `is_said` is whether the header says 8bit or binary.
    Identity {
        is_said: bool,
    },
    QuotedPrintable,
    Base64,
    Other(String),
}

/// What is known of an entity before its header is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) level: Level,
    /// Whether it is a part of a digest, which is a message if nothing else is said (RFC 2046
    /// §5.1.5).
    pub(super) in_digest: bool,
}

impl Entity {
    /// Reads a header.
    pub(super) fn read(header: &[u8], place: Place) -> Self {
        let parsed = MessageParser::default().parse_headers(header);
        let Some(parsed) = parsed else {
            return Self {
                kind: without_type(place),
                transfer: Transfer::Identity { is_said: false },
                level: place.level,
                has_mime_version: false,
                has_type: false,
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
        let kind = content_type.map_or_else(|| without_type(place), |found| kind(found, &transfer));
        let mime_version = parsed.header(HeaderName::MimeVersion);
        Self {
            kind,
            transfer,
            level: place.level,
            has_mime_version: mime_version
                .is_some_and(|value| !matches!(value, HeaderValue::Empty)),
            has_type: content_type.is_some(),
        }
    }

    /// Whether a body follows that is neither parts nor a message.
    pub(super) fn is_leaf(&self) -> bool {
        !matches!(self.kind, Kind::Multipart { .. } | Kind::Message)
    }
}

fn without_type(place: Place) -> Kind {
    if place.in_digest {
        Kind::Message
    } else {
        Kind::Text
    }
}

fn kind(found: &mail_parser::ContentType<'_>, transfer: &Transfer) -> Kind {
    let (main, sub) = (
        found.ctype().to_ascii_lowercase(),
        found.subtype().unwrap_or_default().to_ascii_lowercase(),
    );
    let is_plain = matches!(transfer, Transfer::Identity { .. });
    match (main.as_str(), sub.as_str()) {
        ("multipart", _) => match found.attribute("boundary") {
            Some(boundary) if !boundary.is_empty() && is_plain => Kind::Multipart {
                boundary: boundary.as_bytes().to_vec(),
                is_signed: sub == "signed",
                is_digest: sub == "digest",
            },
            _ => Kind::Rigid(format!("{main}/{sub}")),
        },
        ("message", "rfc822") if is_plain => Kind::Message,
        ("message", "partial" | "external-body") => Kind::Rigid(format!("{main}/{sub}")),
        ("text" | "message", _) => Kind::Text,
        _ => Kind::Octets,
    }
}
