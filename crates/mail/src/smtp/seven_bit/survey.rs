//! What a message is made of.

use super::{Obstacle, Recoding};
use crate::content::walk::{
    Around, Entity, Kind, Multipart, Place, Purpose, Stray, Transfer, Visitor, Walker,
};

/// What octets something is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::smtp) enum Octets {
    /// ASCII.
    #[default]
    Ascii,
    /// UTF-8.
    Utf8,
    /// Neither.
    Other,
}

/// What a message is made of.
#[derive(Debug, Clone, Default)]
pub(in crate::smtp) struct Survey {
    /// Its header, and those of its parts.
    pub(in crate::smtp) headers: Octets,
    /// Its bodies, and what stands between them.
    pub(in crate::smtp) bodies: Octets,
    /// Each body that is neither parts nor a message, in order.
    pub(super) leaves: Vec<Octets>,
    /// What stands against recoding headers.
    against_headers: Option<Obstacle>,
    /// What stands against recoding bodies.
    against_bodies: Option<Obstacle>,
}

impl Survey {
    /// Whether nothing stands against it.
    pub(super) fn allows(&self, recoding: Recoding) -> Result<(), Obstacle> {
        let against = [
            (recoding.of_headers(), &self.against_headers),
            (recoding.of_bodies(), &self.against_bodies),
        ];
        let mut against = against.into_iter().filter(|(asked, _)| *asked);
        match against.find_map(|(_, obstacle)| obstacle.clone()) {
            Some(obstacle) => Err(obstacle),
            None => Ok(()),
        }
    }
}

/// Reads a message.
pub(super) struct Surveyor {
    walker: Walker,
    seen: Seen,
}

impl Default for Surveyor {
    fn default() -> Self {
        Self {
            walker: Walker::new(Purpose::Recoding),
            seen: Seen::default(),
        }
    }
}

impl Surveyor {
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), Obstacle> {
        self.walker.feed(octets, &mut self.seen)
    }

    pub(super) fn finish(mut self) -> Result<Survey, Obstacle> {
        self.walker.finish(&mut self.seen)?;
        Ok(self.seen.survey)
    }
}

#[derive(Default)]
struct Seen {
    survey: Survey,
    /// The leaf that is being read.
    leaf: Option<Leaf>,
    has_signature: bool,
}

struct Leaf {
    octets: Utf8,
    /// What stands against recoding it, should it not be ASCII.
    obstacle: Option<Obstacle>,
}

impl Visitor for Seen {
    type Error = Obstacle;

    fn header(&mut self, octets: &[u8], entity: &Entity, place: Place) -> Result<(), Obstacle> {
        let mut header = Utf8::default();
        header.feed(octets);
        let found = header.octets();
        self.survey.headers = self.survey.headers.max(found);
        if found != Octets::Ascii && place.is_signed {
            self.survey.against_headers.get_or_insert(Obstacle::Signed);
        }
        if let Kind::Multipart { sort, .. } = &entity.kind {
            self.has_signature |= *sort == Multipart::Signed;
        }
        if !entity.is_leaf() {
            return Ok(());
        }
        if self.survey.leaves.len() >= MOST_PARTS {
            return Err(Obstacle::TooManyParts { limit: MOST_PARTS });
        }
        let obstacle = match (place.is_signed, &entity.kind, &entity.transfer) {
            (true, _, _) => Some(Obstacle::Signed),
            (_, Kind::Rigid(media_type), _) => Some(Obstacle::Part {
                media_type: media_type.clone(),
            }),
            (_, _, Transfer::Other(encoding)) => Some(Obstacle::Encoding {
                encoding: encoding.clone(),
            }),
            _ => None,
        };
        self.leaf = Some(Leaf {
            octets: Utf8::default(),
            obstacle,
        });
        Ok(())
    }

    fn text(&mut self, octets: &[u8]) {
        if let Some(leaf) = &mut self.leaf {
            leaf.octets.feed(octets);
        }
    }

    fn around(&mut self, octets: &[u8], around: Around) {
        self.between(octets);
        if around == Around::Behind && !octets.is_ascii() {
            self.belongs_to_no_part();
        }
    }

    fn line_end(&mut self) {
        if let Some(leaf) = &mut self.leaf {
            leaf.octets.feed(b"\r\n");
        }
    }

    fn lines(&mut self, octets: &[u8]) {
        self.text(octets);
    }

    fn body_end(&mut self) {
        let Some(leaf) = self.leaf.take() else { return };
        let found = leaf.octets.octets();
        self.survey.leaves.push(found);
        if found == Octets::Ascii {
            return;
        }
        self.survey.bodies = self.survey.bodies.max(found);
        if let Some(obstacle) = leaf.obstacle {
            self.survey.against_bodies.get_or_insert(obstacle);
        }
    }

    fn without_parts(&mut self, text: Stray) {
        if !text.is_ascii {
            self.belongs_to_no_part();
        }
    }

    fn delimiter(&mut self, octets: &[u8]) {
        if !octets.is_ascii() {
            // What its header says of such a boundary would be written otherwise.
            self.belongs_to_no_part();
        }
        self.between(octets);
    }
}

impl Seen {
    fn belongs_to_no_part(&mut self) {
        self.survey.against_bodies.get_or_insert(Obstacle::NoPart);
    }

    /// What stands between parts.
    fn between(&mut self, octets: &[u8]) {
        if octets.is_ascii() {
            return;
        }
        self.survey.bodies = Octets::Other;
        if self.has_signature {
            self.survey.against_bodies.get_or_insert(Obstacle::Signed);
        }
    }
}

/// Tells UTF-8 from other octets, wherever they are cut.
#[derive(Debug, Default)]
struct Utf8 {
    found: Octets,
    /// The beginning of a character.
    begun: Vec<u8>,
}

impl Utf8 {
    fn feed(&mut self, octets: &[u8]) {
        if self.found == Octets::Other || (self.begun.is_empty() && octets.is_ascii()) {
            return;
        }
        self.found = Octets::Utf8;
        let whole = [&self.begun, octets].concat();
        self.begun.clear();
        if let Err(error) = std::str::from_utf8(&whole) {
            match error.error_len() {
                None => self.begun.extend_from_slice(&whole[error.valid_up_to()..]),
                Some(_) => self.found = Octets::Other,
            }
        }
    }

    fn octets(&self) -> Octets {
        if self.begun.is_empty() {
            self.found
        } else {
            Octets::Other
        }
    }
}

const MOST_PARTS: usize = 100_000;
