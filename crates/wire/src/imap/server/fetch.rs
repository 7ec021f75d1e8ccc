//! FETCH (RFC 3501 §6.4.5, §7.4.2): one message after the other, bodies without copying.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use jiff::tz::TimeZone;

use super::answering::{Pending, Step};
use super::entity::Entity;
use super::envelope::push_envelope;
use super::fields::{end_of_header, fields};
use super::item::{Item, Octets, Section, SectionText};
use super::machine::Job;
use super::numbers::By;
use super::structure::StructureWriter;
use super::{Access, Answer, Ask, Flag, FlagEdit, Flags, Loaded, Server};

/// A FETCH that is being answered.
#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) tag: String,
    left: VecDeque<u32>,
    items: Vec<Item>,
    by: By,
    /// The message the owner was asked for.
    current: Option<u32>,
    /// The message that was loaded and is being marked as read.
    loaded: Option<(u32, Loaded)>,
}

impl Fetching {
    pub(super) fn new(uids: Vec<u32>, mut items: Vec<Item>, by: By) -> Self {
        // UID FETCH tells the UID though it was not asked for (RFC 3501 §6.4.8).
        if by == By::Uid && !items.contains(&Item::Uid) {
            items.push(Item::Uid);
        }
        Self {
            tag: String::new(),
            left: uids.into(),
            items,
            by,
            current: None,
            loaded: None,
        }
    }
}

impl Server {
    /// Answers as many messages as can be without the owner, until there is much to write.
    pub(super) fn fetch_some(&mut self) {
        let Job::Fetch(mut fetching) = std::mem::replace(&mut self.job, Job::Rest) else {
            return;
        };
        let needs_message = fetching.items.iter().any(Item::needs_message);
        while !self.has_much_output() {
            let Some(uid) = fetching.left.pop_front() else {
                return self.finish_by(fetching.tag, "FETCH", fetching.by);
            };
            if needs_message {
                return self.ask_for(Ask::Load(uid), fetching, uid);
            }
            self.write_message(&fetching.items, uid, None);
        }
        self.job = Job::Fetch(fetching);
    }

    pub(super) fn fetch_answered(&mut self, mut fetching: Fetching, answer: Answer) {
        let marked = fetching.loaded.take();
        match (answer, marked) {
            (Answer::Loaded(None), _) => {}
            (Answer::Loaded(Some(loaded)), _) => {
                let Some(uid) = fetching.current else {
                    return self.lost();
                };
                if self.must_mark(&fetching.items, uid) {
                    fetching.loaded = Some((uid, loaded));
                    let seen = FlagEdit::Add(Flag::Seen.into());
                    return self.ask_for(Ask::Store(vec![uid], seen), fetching, uid);
                }
                self.write_message(&fetching.items, uid, Some(&loaded));
            }
            (Answer::Flags(flags), Some((uid, loaded))) => {
                if let (Some((_, flags)), Some(view)) = (flags.first(), self.view()) {
                    view.set_flags(uid, *flags);
                }
                let mut items = fetching.items.clone();
                // A flag that changes by looking is told (RFC 3501 §6.4.5).
                if !items.contains(&Item::Flags) {
                    items.push(Item::Flags);
                }
                self.write_message(&items, uid, Some(&loaded));
            }
            _ => return self.lost(),
        }
        self.job = Job::Fetch(fetching);
    }

    fn ask_for(&mut self, ask: Ask, mut fetching: Fetching, uid: u32) {
        fetching.current = Some(uid);
        let tag = fetching.tag.clone();
        self.ask(
            ask,
            Pending {
                tag,
                name: "FETCH",
                step: Step::Fetch(fetching),
            },
        );
    }

    fn must_mark(&mut self, items: &[Item], uid: u32) -> bool {
        let Some(view) = self.view() else {
            return false;
        };
        let unread = view
            .find(uid)
            .is_some_and(|(_, flags)| !flags.contains(Flag::Seen));
        unread && view.access == Access::ReadWrite && items.iter().any(Item::marks_seen)
    }

    fn write_message(&mut self, items: &[Item], uid: u32, loaded: Option<&Loaded>) {
        let Some((number, flags)) = self.view().and_then(|view| view.find(uid)) else {
            return;
        };
        let fault = self.persona.quirks.structure;
        let entity = loaded
            .filter(|_| items.iter().any(Item::needs_structure))
            .map(|loaded| Entity::of(&loaded.raw));
        self.write(format!("* {number} FETCH (").as_bytes());
        for (at, item) in items.iter().enumerate() {
            let mut out = if at > 0 { vec![b' '] } else { Vec::new() };
            match (item, loaded) {
                (Item::Flags, _) => push_flags(&mut out, flags),
                (Item::Uid, _) => out.extend_from_slice(format!("UID {uid}").as_bytes()),
                (Item::Octets(octets), Some(loaded)) => {
                    let found = octets.find(&loaded.raw, entity.as_ref());
                    self.write(&out);
                    self.write_octets(octets, found);
                    continue;
                }
                (Item::Structure(extent), Some(loaded)) => {
                    out.extend_from_slice(extent.name().as_bytes());
                    let entity = entity.as_ref().expect("a structure was read for this item");
                    let writer = StructureWriter {
                        message: &loaded.raw,
                        extent: *extent,
                        fault,
                    };
                    writer.push(&mut out, entity);
                }
                (item, Some(loaded)) => push_plain(&mut out, item, loaded),
                (_, None) => {}
            }
            self.write(&out);
        }
        self.write(b")\r\n");
    }

    fn write_octets(&mut self, octets: &Octets, found: Option<Bytes>) {
        match found {
            None => self.write(format!("{} NIL", octets.label).as_bytes()),
            Some(found) => {
                self.write(format!("{} {{{}}}\r\n", octets.label, found.len()).as_bytes());
                self.write_shared(found);
            }
        }
    }
}

impl Octets {
    /// The octets; `None` if there is no such part.
    fn find(&self, raw: &Bytes, entity: Option<&Entity>) -> Option<Bytes> {
        let found = self.section.find(raw, entity)?;
        let Some((offset, length)) = self.partial else {
            return Some(found);
        };
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let start = size(offset).min(found.len());
        let end = start.saturating_add(size(length)).min(found.len());
        Some(found.slice(start..end))
    }
}

impl Section {
    fn find(&self, raw: &Bytes, entity: Option<&Entity>) -> Option<Bytes> {
        let (header, body) = self.place(raw, entity)?;
        Some(match &self.text {
            SectionText::Whole if self.part.is_empty() => raw.clone(),
            SectionText::Whole | SectionText::Text => raw.slice(body),
            SectionText::Header | SectionText::Mime => raw.slice(header),
            SectionText::Fields(names) => some_fields(&raw[header], |name| is_among(name, names)),
            SectionText::FieldsNot(names) => {
                some_fields(&raw[header], |name| !is_among(name, names))
            }
        })
    }

    /// Header and body of what the part number means. HEADER and TEXT of a part are those of
    /// the message in it (RFC 3501 §6.4.5).
    fn place(&self, raw: &[u8], entity: Option<&Entity>) -> Option<(Range<usize>, Range<usize>)> {
        if self.part.is_empty() {
            let split = end_of_header(raw);
            return Some((0..split, split..raw.len()));
        }
        let part = entity?.part(&self.part)?;
        let place = match self.text {
            SectionText::Whole | SectionText::Mime => part,
            _ => part.message()?,
        };
        Some((place.header.clone(), place.body.clone()))
    }
}

impl Item {
    fn needs_structure(&self) -> bool {
        match self {
            Self::Structure(_) => true,
            Self::Octets(octets) => !octets.section.part.is_empty(),
            _ => false,
        }
    }
}

fn push_flags(out: &mut Vec<u8>, flags: Flags) {
    out.extend_from_slice(format!("FLAGS ({flags})").as_bytes());
}

fn push_plain(out: &mut Vec<u8>, item: &Item, loaded: &Loaded) {
    match item {
        Item::Size => out.extend_from_slice(format!("RFC822.SIZE {}", loaded.size).as_bytes()),
        Item::InternalDate => {
            let at = loaded.received_at.to_zoned(TimeZone::UTC);
            // RFC 3501 §9, date-time: the day has two characters, the first may be a space.
            let at = at.strftime("%e-%b-%Y %H:%M:%S +0000");
            out.extend_from_slice(format!("INTERNALDATE \"{at}\"").as_bytes());
        }
        Item::Envelope => {
            out.extend_from_slice(b"ENVELOPE ");
            push_envelope(out, &loaded.raw[..end_of_header(&loaded.raw)]);
        }
        _ => {}
    }
}

/// The fields that are wanted and the empty line that ends a header (RFC 3501 §6.4.5).
fn some_fields(header: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Bytes {
    let mut out = Vec::new();
    for field in fields(header).filter(|field| wanted(field.name)) {
        out.extend_from_slice(field.whole);
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

fn is_among(name: &[u8], names: &[String]) -> bool {
    names
        .iter()
        .any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name))
}
