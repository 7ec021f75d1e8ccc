//! Writes a message anew, in ASCII as far as that is asked for.

use bytes::Bytes;

use super::base64_lines::Base64Lines;
use super::quoted_printable::{QuotedPrintable, encoded};
use super::{Obstacle, Octets, Recoding, Survey, fields};
use crate::content::walk::{
    Entity, Kind, Level, Place, Purpose, Transfer, Visitor, Walker, line_by_line,
};

/// Recodes a message as it comes.
pub(super) struct Recoder {
    walker: Walker,
    writing: Writing,
}

impl Recoder {
    /// At the beginning of the message that was surveyed.
    pub(super) fn new(survey: Survey, recoding: Recoding) -> Self {
        Self {
            walker: Walker::new(Purpose::Recoding),
            writing: Writing {
                survey,
                recoding,
                leaf: 0,
                treatment: Treatment::AsItIs,
                out: Vec::new(),
                ends: true,
            },
        }
    }

    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), Obstacle> {
        self.walker.feed(octets, &mut self.writing)
    }

    /// The message is over: its last line ends.
    pub(super) fn finish(&mut self) -> Result<(), Obstacle> {
        self.walker.finish(&mut self.writing)?;
        let out = &self.writing.out;
        let ends = if out.is_empty() {
            self.writing.ends
        } else {
            out.ends_with(b"\n")
        };
        if !ends {
            self.writing.out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// What was written since it was last taken.
    pub(super) fn take(&mut self) -> Bytes {
        let writing = &mut self.writing;
        if !writing.out.is_empty() {
            writing.ends = writing.out.ends_with(b"\n");
        }
        Bytes::from(std::mem::take(&mut writing.out))
    }
}

struct Writing {
    survey: Survey,
    recoding: Recoding,
    /// How many leaves were begun.
    leaf: usize,
    treatment: Treatment,
    out: Vec<u8>,
    /// Whether what was taken last ended a line.
    ends: bool,
}

/// What is done to a body.
enum Treatment {
    AsItIs,
    QuotedPrintable(QuotedPrintable),
    Base64(Base64Lines),
    /// It is in quoted-printable already, but for some octets, which are encoded as well.
    Completed,
    /// It is in base64 already, but for octets that mean nothing there (RFC 2045 §6.8).
    Cleaned,
    /// Nobody is shown what stands before the first part.
    Masked,
}

impl Visitor for Writing {
    type Error = Obstacle;

    fn header(&mut self, octets: &[u8], entity: &Entity, place: Place) -> Result<(), Obstacle> {
        let mut additions = Vec::new();
        let mut transfer = None;
        self.treatment = Treatment::AsItIs;
        if entity.is_leaf() {
            let found = self.survey.leaves.get(self.leaf).copied();
            let found = found.unwrap_or_default();
            self.leaf += 1;
            if self.recoding.of_bodies() && found != Octets::Ascii {
                (self.treatment, transfer) = treatment(entity);
                if transfer.is_some() {
                    additions = missing_fields(entity, found);
                }
            }
        } else if self.recoding.of_bodies() && !place.is_signed {
            if matches!(entity.kind, Kind::Multipart { .. }) {
                self.treatment = Treatment::Masked;
            }
            if (entity.transfer == Transfer::Identity { is_said: true }) {
                transfer = Some("7bit");
            }
        }
        let of_headers = self.recoding.of_headers();
        let rewriting = fields::Rewriting {
            of_headers,
            transfer,
            additions,
        };
        rewriting.write(octets, &mut self.out)
    }

    fn text(&mut self, octets: &[u8]) {
        let out = &mut self.out;
        match &mut self.treatment {
            Treatment::AsItIs => out.extend_from_slice(octets),
            Treatment::QuotedPrintable(encoder) => encoder.text(octets, out),
            Treatment::Base64(encoder) => encoder.octets(octets, out),
            Treatment::Completed => {
                for octet in octets {
                    if octet.is_ascii() {
                        out.push(*octet);
                    } else {
                        out.extend_from_slice(&encoded(*octet));
                    }
                }
            }
            Treatment::Cleaned => out.extend(octets.iter().filter(|octet| octet.is_ascii())),
            Treatment::Masked => out.extend(octets.iter().copied().map(mask)),
        }
    }

    fn line_end(&mut self) {
        let out = &mut self.out;
        match &mut self.treatment {
            Treatment::QuotedPrintable(encoder) => encoder.line_end(out),
            Treatment::Base64(encoder) => encoder.octets(b"\r\n", out),
            _ => out.extend_from_slice(b"\r\n"),
        }
    }

    fn lines(&mut self, octets: &[u8]) {
        if matches!(self.treatment, Treatment::AsItIs) {
            self.out.extend_from_slice(octets);
        } else {
            line_by_line(octets, self);
        }
    }

    fn body_end(&mut self) {
        let out = &mut self.out;
        match &mut self.treatment {
            Treatment::QuotedPrintable(encoder) => encoder.finish(out),
            Treatment::Base64(encoder) => encoder.finish(out),
            _ => {}
        }
        self.treatment = Treatment::AsItIs;
    }

    fn delimiter(&mut self, octets: &[u8]) {
        self.out.extend(octets.iter().map(|&octet| {
            if self.recoding.of_bodies() {
                mask(octet)
            } else {
                octet
            }
        }));
        self.treatment = if self.recoding.of_bodies() {
            Treatment::Masked
        } else {
            Treatment::AsItIs
        };
    }
}

/// What is done to a body that is not ASCII, and what its header says from now on.
fn treatment(entity: &Entity) -> (Treatment, Option<&'static str>) {
    match (&entity.transfer, &entity.kind) {
        (Transfer::QuotedPrintable, _) => (Treatment::Completed, None),
        (Transfer::Base64, _) => (Treatment::Cleaned, None),
        (_, Kind::Text) => (
            Treatment::QuotedPrintable(QuotedPrintable::default()),
            Some("quoted-printable"),
        ),
        _ => (Treatment::Base64(Base64Lines::default()), Some("base64")),
    }
}

/// What a header lacks without which nobody would decode the body.
fn missing_fields(entity: &Entity, found: Octets) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if entity.level == Level::Message && !entity.has_mime_version {
        missing.push("MIME-Version: 1.0");
    }
    if !entity.has_type {
        missing.push(match found {
            Octets::Other => "Content-Type: text/plain; charset=unknown-8bit",
            Octets::Ascii | Octets::Utf8 => "Content-Type: text/plain; charset=utf-8",
        });
    }
    missing
}

fn mask(octet: u8) -> u8 {
    if octet.is_ascii() { octet } else { b'?' }
}
