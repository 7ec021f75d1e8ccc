//! What a FETCH asks for (RFC 3501 §6.4.5).

use crate::imap::codec::types::core::AString;
use crate::imap::codec::types::fetch::{
    Macro, MacroOrMessageDataItemNames, MessageDataItemName, Part, Section as CodecSection,
};

use super::structure::Extent;

/// One item of a FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Flags,
    InternalDate,
    Size,
    Uid,
    Envelope,
    Structure(Extent),
    Octets(Octets),
}

/// Octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Octets {
    /// What the answer is called: `BODY[TEXT]`, `RFC822`.
    pub(super) label: String,
    pub(super) section: Section,
    /// Offset and length, if only some are wanted.
    pub(super) partial: Option<(u32, u32)>,
    pub(super) marks: Marks,
}

/// Whether looking marks the message as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    Seen,
    Nothing,
}

/// Which octets (RFC 3501 §6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The number of the part; empty for the message itself.
    pub(super) part: Vec<u32>,
    pub(super) text: SectionText,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SectionText {
    /// All of it.
    Whole,
    Header,
    Fields(Vec<String>),
    FieldsNot(Vec<String>),
    Text,
    Mime,
}

impl Item {
    /// Reads the items of a FETCH, each once; `None` if one is not known to this server, or if
    /// there are so many that a short command would get an endless answer.
    pub(super) fn read(names: &MacroOrMessageDataItemNames<'_>) -> Option<Vec<Self>> {
        match names {
            MacroOrMessageDataItemNames::Macro(name) => Some(Self::of_macro(name)),
            MacroOrMessageDataItemNames::MessageDataItemNames(names) => {
                let mut items = Vec::new();
                for name in names {
                    let item = Self::of_name(name)?;
                    if !items.contains(&item) {
                        items.push(item);
                    }
                    if items.len() > MOST_ITEMS {
                        return None;
                    }
                }
                Some(items)
            }
        }
    }

    /// Whether the message itself is needed, and not only its flags and UID.
    pub(super) fn needs_message(&self) -> bool {
        !matches!(self, Self::Flags | Self::Uid)
    }

    pub(super) fn marks_seen(&self) -> bool {
        matches!(
            self,
            Self::Octets(Octets {
                marks: Marks::Seen,
                ..
            })
        )
    }

    fn of_macro(name: &Macro) -> Vec<Self> {
        let mut items = vec![Self::Flags, Self::InternalDate, Self::Size];
        match name {
            Macro::All => items.push(Self::Envelope),
            Macro::Full => items.extend([Self::Envelope, Self::Structure(Extent::Body)]),
            _ => {}
        }
        items
    }

    fn of_name(name: &MessageDataItemName<'_>) -> Option<Self> {
        use MessageDataItemName as Name;
        Some(match name {
            Name::Body => Self::Structure(Extent::Body),
            Name::BodyStructure => Self::Structure(Extent::BodyStructure),
            Name::Envelope => Self::Envelope,
            Name::Flags => Self::Flags,
            Name::InternalDate => Self::InternalDate,
            Name::Rfc822Size => Self::Size,
            Name::Uid => Self::Uid,
            Name::Rfc822 => Self::rfc822("RFC822", SectionText::Whole, Marks::Seen),
            Name::Rfc822Header => {
                Self::rfc822("RFC822.HEADER", SectionText::Header, Marks::Nothing)
            }
            Name::Rfc822Text => Self::rfc822("RFC822.TEXT", SectionText::Text, Marks::Seen),
            Name::BodyExt {
                section,
                partial,
                peek,
            } => {
                let section = Section::read(section.as_ref());
                let origin = partial
                    .map(|(origin, _)| format!("<{origin}>"))
                    .unwrap_or_default();
                Self::Octets(Octets {
                    label: format!("BODY[{}]{origin}", section.label()),
                    section,
                    partial: partial.map(|(origin, length)| (origin, length.get())),
                    marks: if *peek { Marks::Nothing } else { Marks::Seen },
                })
            }
            _ => return None,
        })
    }

    fn rfc822(label: &str, text: SectionText, marks: Marks) -> Self {
        let section = Section {
            part: Vec::new(),
            text,
        };
        Self::Octets(Octets {
            label: label.to_owned(),
            section,
            partial: None,
            marks,
        })
    }
}

impl Section {
    fn read(section: Option<&CodecSection<'_>>) -> Self {
        let numbers = |part: Option<&Part>| {
            part.map(|part| part.0.as_ref().iter().map(|number| number.get()).collect())
                .unwrap_or_default()
        };
        let (part, text) = match section {
            None => (Vec::new(), SectionText::Whole),
            Some(CodecSection::Part(part)) => (numbers(Some(part)), SectionText::Whole),
            Some(CodecSection::Header(part)) => (numbers(part.as_ref()), SectionText::Header),
            Some(CodecSection::HeaderFields(part, names)) => (
                numbers(part.as_ref()),
                SectionText::Fields(texts(names.as_ref())),
            ),
            Some(CodecSection::HeaderFieldsNot(part, names)) => (
                numbers(part.as_ref()),
                SectionText::FieldsNot(texts(names.as_ref())),
            ),
            Some(CodecSection::Text(part)) => (numbers(part.as_ref()), SectionText::Text),
            Some(CodecSection::Mime(part)) => (numbers(Some(part)), SectionText::Mime),
        };
        Self { part, text }
    }

    fn label(&self) -> String {
        let number = self
            .part
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(".");
        let text = match &self.text {
            SectionText::Whole => String::new(),
            SectionText::Header => "HEADER".to_owned(),
            SectionText::Fields(names) => format!("HEADER.FIELDS ({})", names.join(" ")),
            SectionText::FieldsNot(names) => format!("HEADER.FIELDS.NOT ({})", names.join(" ")),
            SectionText::Text => "TEXT".to_owned(),
            SectionText::Mime => "MIME".to_owned(),
        };
        let dot = if number.is_empty() || text.is_empty() {
            ""
        } else {
            "."
        };
        format!("{number}{dot}{text}")
    }
}

/// Names of fields as the client spelt them: the answer repeats them. A name that is no atom
/// cannot be the name of a field, nor be repeated without quotes.
fn texts(names: &[AString<'_>]) -> Vec<String> {
    let plain = |octet: u8| octet.is_ascii_graphic() && !b"(){}%*\"\\]".contains(&octet);
    let names = names
        .iter()
        .map(|name| String::from_utf8_lossy(name.as_ref()).into_owned());
    names
        .filter(|name| !name.is_empty() && name.bytes().all(plain))
        .collect()
}

/// More than any client asks for at a time.
const MOST_ITEMS: usize = 64;
