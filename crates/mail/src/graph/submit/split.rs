//! Takes a message apart into the parts that hold no parts.

use crate::content::walk::{
    Entity, Kind, Multipart, Place, Purpose, Stray, Unwalkable, Visitor, Walker,
};

/// Who is told of parts, in the order of the message.
pub(super) trait Parts {
    /// A part begins that holds no parts. An error, which is a sentence, ends the walk.
    fn begins(&mut self, part: Part<'_>) -> Result<(), String>;

    /// Octets of its body, as they were encoded for the way.
    fn octets(&mut self, octets: &[u8]);

    /// It ends.
    fn ends(&mut self);
}

/// A part that holds no parts.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Its header with the empty line behind it.
    pub(super) header: &'a [u8],
    /// Where it stands.
    pub(super) place: Place,
}

/// The walk.
#[derive(Debug)]
pub(super) struct Splitter {
    walker: Walker,
    progress: Progress,
}

/// Where the walk stands.
#[derive(Debug, Default)]
struct Progress {
    is_within_part: bool,
    /// A multipart has ended that holds text and no parts.
    is_without_parts: bool,
}

impl Progress {
    fn check(&self) -> Result<(), String> {
        if self.is_without_parts {
            return Err(NO_PART.to_owned());
        }
        Ok(())
    }
}

impl Splitter {
    pub(super) fn new() -> Self {
        Self {
            walker: Walker::new(Purpose::TakingApart),
            progress: Progress::default(),
        }
    }

    /// Goes on with the next octets.
    pub(super) fn push(&mut self, octets: &[u8], parts: &mut impl Parts) -> Result<(), String> {
        let mut telling = Telling {
            parts,
            progress: &mut self.progress,
        };
        self.walker.feed(octets, &mut telling)?;
        self.progress.check()
    }

    /// Nothing comes any more.
    pub(super) fn finish(mut self, parts: &mut impl Parts) -> Result<(), String> {
        let mut telling = Telling {
            parts,
            progress: &mut self.progress,
        };
        self.walker.finish(&mut telling)?;
        self.progress.check()
    }
}

/// Why a message is not taken apart, as a sentence.
struct Refused(String);

impl From<Unwalkable> for Refused {
    fn from(error: Unwalkable) -> Self {
        Self(error.to_string())
    }
}

impl From<Refused> for String {
    fn from(Refused(reason): Refused) -> Self {
        reason
    }
}

struct Telling<'t, P> {
    parts: &'t mut P,
    progress: &'t mut Progress,
}

impl<P: Parts> Visitor for Telling<'_, P> {
    type Error = Refused;

    fn header(&mut self, octets: &[u8], entity: &Entity, place: Place) -> Result<(), Refused> {
        if is_sealed(entity, place) {
            return Err(Refused(SEALED.to_owned()));
        }
        if !entity.is_leaf() {
            return Ok(());
        }
        self.progress.is_within_part = true;
        let part = Part {
            header: octets,
            place,
        };
        self.parts.begins(part).map_err(Refused)
    }

    fn text(&mut self, octets: &[u8]) {
        if self.progress.is_within_part && !octets.is_empty() {
            self.parts.octets(octets);
        }
    }

    fn line_end(&mut self) {
        self.text(b"\r\n");
    }

    fn lines(&mut self, octets: &[u8]) {
        self.text(octets);
    }

    fn body_end(&mut self) {
        self.progress.is_within_part = false;
        self.parts.ends();
    }

    fn without_parts(&mut self, _: Stray) {
        self.progress.is_without_parts = true;
    }

    fn delimiter(&mut self, _: &[u8]) {}
}

/// Whether a message with it is only good as it stands. What is sealed as a whole may be a file of
/// another message.
fn is_sealed(entity: &Entity, place: Place) -> bool {
    match &entity.kind {
        Kind::Multipart { sort, .. } => {
            matches!(sort, Multipart::Signed | Multipart::Encrypted)
        }
        Kind::Rigid(media_type) => {
            matches!(
                media_type.as_str(),
                "multipart/signed" | "multipart/encrypted"
            )
        }
        Kind::Message | Kind::Text | Kind::Octets => entity.is_pkcs7 && place.within.is_none(),
    }
}

const SEALED: &str = "it is too large for one request, and it is signed or encrypted, so it cannot be taken apart: send it by SMTP";
const NO_PART: &str = "it is too large for one request, and it has text where its header announces parts and none is found, which would be lost when it is taken apart: send it by SMTP";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts, each with its place and the octets of its body.
    #[derive(Debug, Default)]
    struct Taken {
        parts: Vec<(Place, Vec<u8>)>,
        is_open: bool,
        /// How often octets came.
        pieces: usize,
    }

    impl Parts for Taken {
        fn begins(&mut self, part: Part<'_>) -> Result<(), String> {
            let was_open = std::mem::replace(&mut self.is_open, true);
            assert!(!was_open, "one behind the other");
            self.parts.push((part.place, Vec::new()));
            Ok(())
        }

        fn octets(&mut self, octets: &[u8]) {
            assert!(self.is_open, "octets of a part");
            self.pieces += 1;
            let (_, body) = self.parts.last_mut().expect("it began");
            body.extend_from_slice(octets);
        }

        fn ends(&mut self) {
            self.is_open = false;
        }
    }

    fn split(message: &[u8], piece: usize) -> Result<Vec<(Place, Vec<u8>)>, String> {
        let mut taken = Taken::default();
        let mut splitter = Splitter::new();
        for octets in message.chunks(piece) {
            splitter.push(octets, &mut taken)?;
        }
        splitter.finish(&mut taken)?;
        assert!(!taken.is_open, "each part ends");
        Ok(taken.parts)
    }

    const NESTED: &str = "Subject: x\r\nContent-Type: multipart/mixed; boundary=\"a b\"\r\n\r\npreamble\r\n--a b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nplain\r\n\r\n--a\t \r\nContent-Type: text/html\r\n\r\n<p>\r\n--ab is no delimiter\r\n--a--\r\nepilogue\r\n--a b\r\nContent-Type: text/plain\r\n--a b\r\n\r\n--a\r\nlast\r\n--a b--\r\n--a b\r\n\r\nbehind the end\r\n";

    #[test]
    fn parts_are_found_however_the_octets_are_cut() {
        for piece in [1, 2, 3, 7, 1000] {
            let parts = split(NESTED.as_bytes(), piece).expect("it is whole");
            let found: Vec<(Option<Multipart>, bool, Option<u32>, &str)> = parts
                .iter()
                .map(|(place, octets)| {
                    let text = std::str::from_utf8(octets).expect("ASCII");
                    (place.within, place.is_first, place.choice, text)
                })
                .collect();
            assert_eq!(
                found,
                [
                    (Some(Multipart::Alternative), true, Some(1), "plain\r\n"),
                    (
                        Some(Multipart::Alternative),
                        false,
                        Some(1),
                        "<p>\r\n--ab is no delimiter"
                    ),
                    (Some(Multipart::Mixed), false, None, ""),
                    (Some(Multipart::Mixed), false, None, "--a\r\nlast"),
                ],
                "{piece}"
            );
        }
    }

    #[test]
    fn lines_of_a_body_go_out_together() {
        let body = "R2F0ZXBvc3Q=\r\n-\r\n".repeat(1_000);
        let message = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{body}--c\r\n{body}\r\n--b--\r\n"
        );
        let mut taken = Taken::default();
        let mut splitter = Splitter::new();
        let pushed = splitter.push(message.as_bytes(), &mut taken);
        pushed
            .and_then(|()| splitter.finish(&mut taken))
            .expect("it is whole");
        assert_eq!(taken.parts[0].1, format!("{body}--c\r\n{body}").as_bytes());
        assert!(taken.pieces <= 8, "{} pieces", taken.pieces);
    }

    #[test]
    fn a_message_without_parts_is_one() {
        let parts = split(b"Subject: x\r\n\r\none\r\ntwo\n", 3).expect("it is whole");
        assert_eq!(parts[0].1, b"one\r\ntwo\n");
        assert_eq!(parts[0].0.within, None);
        let parts = split(b"Subject: x", 3).expect("it is whole");
        assert_eq!(parts[0].1, b"");
    }

    #[test]
    fn what_is_cut_off_ends_with_what_is_there() {
        let cut = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhal";
        let parts = split(cut.as_bytes(), 5).expect("it is read");
        assert_eq!(parts[0].1, b"hal");
        let nothing = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        assert!(split(nothing.as_bytes(), 5).expect("it is read").is_empty());
    }

    #[test]
    fn what_no_part_holds_is_not_lost_in_silence() {
        let multipart =
            |boundary: &str| format!("Content-Type: multipart/mixed; boundary={boundary}\r\n");
        let (a, b) = (multipart("a"), multipart("b"));
        let encoded = "Content-Transfer-Encoding: base64\r\n\r\nLS1hDQoNCngNCg==\r\n";
        for message in [
            format!("{a}\r\n--x\r\n\r\ntext\r\n--x--\r\n"),
            format!("{a}\r\ntext"),
            format!("{a}{encoded}"),
            format!("{a}\r\n--a\r\n{b}\r\ntext\r\n--a\r\n\r\nmore\r\n--a--\r\n"),
            format!("{a}\r\ntext\r\n--a--\r\n"),
        ] {
            let refused = split(message.as_bytes(), 3).expect_err(&message);
            assert!(refused.contains("send it by SMTP"), "{refused}");
        }
        // A preamble is shown to nobody, and nothing is lost of nothing.
        for message in [
            format!("{a}\r\npreamble\r\n--a\r\n\r\ntext\r\n--a--\r\nepilogue\r\n"),
            format!("{a}\r\n \r\n--a\r\n{b}\r\n\r\n--a\r\n\r\nmore\r\n--a--\r\n"),
        ] {
            split(message.as_bytes(), 3).expect(&message);
        }
    }

    #[test]
    fn no_line_and_no_nesting_is_held_without_bounds() {
        let mut splitter = Splitter::new();
        let mut taken = Taken::default();
        splitter.push(b"\r\n", &mut taken).expect("a header");
        for pushed in 1..100 {
            let line = [b'-'; 1000];
            splitter.push(&line, &mut taken).expect("a body");
            assert!(taken.parts[0].1.len() + 5_000 > pushed * 1_000);
        }
        splitter.finish(&mut taken).expect("it ends");
        assert_eq!(taken.parts[0].1.len(), 99_000);

        let levels = (1..=100).map(|at| {
            let outer = at - 1;
            format!("--{outer}\r\nContent-Type: multipart/mixed; boundary={at}\r\n\r\n")
        });
        let deep = levels.collect::<Vec<_>>().concat();
        let deep = format!("Content-Type: multipart/mixed; boundary=0\r\n\r\n{deep}");
        let refused = split(deep.as_bytes(), 1000).expect_err("it is too deep");
        assert!(refused.contains("nested"), "{refused}");
    }

    proptest! {
        #[test]
        fn any_octets_are_split_alike_however_they_are_cut(
            body in "(--(a|a b|b)(--)?\r?\n|Content-Type: multipart/mixed; boundary=b\r\n|\r\n|[a-z-]{0,9}\n?|-{4095,4099}\r?){0,20}",
            piece in 1_usize..20,
        ) {
            let message = format!("Content-Type: multipart/mixed; boundary=a\r\n\r\n{body}");
            let whole = split(message.as_bytes(), message.len());
            prop_assert_eq!(split(message.as_bytes(), piece), whole);
        }
    }
}
