//! What a message consists of, read line by line as it streams by (RFC 2046 §5.1): its
//! attachments, which are counted and neither kept nor decoded, and an excerpt that is enough
//! for a preview.

use mail_parser::{ContentType, MessageParser, MimeHeaders as _};
use memchr::memchr;

use crate::Attachment;

/// Reads the outline of one message.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The boundaries of the multiparts we are in, the innermost last.
    boundaries: Vec<Vec<u8>>,
    part: Part,
    /// The beginning of a line whose end has not come, and how long it is by now.
    line: Vec<u8>,
    length: u64,
    attachments: Vec<Attachment>,
    /// Headers, boundaries and the beginning of what is text for people.
    excerpt: Vec<u8>,
    /// Octets of text in it.
    text: usize,
}

#[derive(Debug)]
enum Part {
    Header(Vec<u8>),
    Attached(Body),
    /// Text for people, or what is before and behind the parts of a multipart.
    Skipped,
}

#[derive(Debug)]
struct Body {
    attachment: Attachment,
    encoding: Encoding,
    /// Octets of the encoded form that stand for content.
    counted: u64,
    /// Octets of the last line end, which belongs to the boundary behind it.
    line_end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    QuotedPrintable,
    Plain,
}

/// What was read of a message.
#[derive(Debug, Default)]
pub(crate) struct Outlined {
    /// In the order of the message.
    pub(crate) attachments: Vec<Attachment>,
    /// The message without most of what it holds: to be parsed for a preview.
    pub(crate) excerpt: Vec<u8>,
}

impl Outline {
    pub(crate) fn new() -> Self {
        Self {
            boundaries: Vec::new(),
            part: Part::Header(Vec::new()),
            line: Vec::new(),
            length: 0,
            attachments: Vec::new(),
            excerpt: Vec::new(),
            text: 0,
        }
    }

    /// Reads the next octets.
    pub(crate) fn feed(&mut self, mut octets: &[u8]) {
        while let Some(end) = memchr(b'\n', octets) {
            let (line, rest) = octets.split_at(end + 1);
            octets = rest;
            if self.length == 0 {
                let kept = &line[..line.len().min(KEPT_OF_A_LINE)];
                self.read(kept, line.len() as u64);
            } else {
                self.keep(line);
                self.end_line();
            }
        }
        self.keep(octets);
    }

    /// Reads the last line, even if it has no end.
    pub(crate) fn finish(mut self) -> Outlined {
        self.end_line();
        self.end_part();
        Outlined {
            attachments: self.attachments,
            excerpt: self.excerpt,
        }
    }

    fn keep(&mut self, octets: &[u8]) {
        let missing = KEPT_OF_A_LINE.saturating_sub(self.line.len());
        self.line
            .extend_from_slice(&octets[..missing.min(octets.len())]);
        self.length += octets.len() as u64;
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let length = std::mem::take(&mut self.length);
        self.read(&line, length);
    }

    /// Reads the beginning of a line that has `length` octets.
    fn read(&mut self, line: &[u8], length: u64) {
        let text = line.trim_ascii_end();
        if let Some((level, rest)) = self.boundary(text) {
            let ends = rest.starts_with(b"--");
            self.end_part();
            self.quote(line);
            self.boundaries
                .truncate(if ends { level } else { level + 1 });
            self.part = if ends {
                Part::Skipped
            } else {
                Part::Header(Vec::new())
            };
            return;
        }
        match &mut self.part {
            Part::Header(header) if text.is_empty() => {
                let header = std::mem::take(header);
                self.quote(line);
                self.part = self.begin_body(&header);
            }
            Part::Header(header) => {
                if header.len() < LONGEST_HEADER {
                    header.extend_from_slice(text);
                    header.extend_from_slice(b"\r\n");
                    self.quote(line);
                }
            }
            Part::Attached(body) => body.count(text, length),
            Part::Skipped if self.text < MOST_TEXT => {
                self.text += line.len();
                self.quote(line);
            }
            Part::Skipped => {}
        }
    }

    /// Takes a line into the excerpt.
    fn quote(&mut self, line: &[u8]) {
        if self.excerpt.len() < LONGEST_EXCERPT {
            self.excerpt.extend_from_slice(line);
            if !line.ends_with(b"\n") {
                self.excerpt.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Which of our boundaries this line is, and what follows it in the line.
    fn boundary<'a>(&self, text: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let text = text.strip_prefix(b"--")?;
        let mut levels = self.boundaries.iter().enumerate().rev();
        levels.find_map(|(level, boundary)| {
            let rest = text.strip_prefix(boundary.as_slice())?;
            (rest.is_empty() || rest.starts_with(b"--")).then_some((level, rest))
        })
    }

    fn begin_body(&mut self, header: &[u8]) -> Part {
        let Some(parsed) = MessageParser::default().parse_headers(header) else {
            return Part::Skipped;
        };
        let kind = parsed.content_type();
        let is = |name: &str| kind.is_some_and(|kind| kind.ctype().eq_ignore_ascii_case(name));
        if is("multipart") {
            let boundary = kind.and_then(|kind| kind.attribute("boundary"));
            if let Some(boundary) = boundary.filter(|_| self.boundaries.len() < DEEPEST) {
                self.boundaries.push(boundary.as_bytes().to_vec());
            }
            return Part::Skipped;
        }
        let disposition = parsed.content_disposition();
        let attached = disposition.is_some_and(ContentType::is_attachment);
        let name = parsed.attachment_name();
        let text = kind.is_none() || is("text");
        if (text && !attached && name.is_none()) || self.attachments.len() >= MOST {
            return Part::Skipped;
        }
        let encoding = parsed.content_transfer_encoding().unwrap_or_default();
        Part::Attached(Body {
            attachment: Attachment {
                name: name.map(|name| name.chars().take(LONGEST_NAME).collect()),
                media_type: media_type(kind),
                size: 0,
                inline: disposition.is_some_and(ContentType::is_inline),
            },
            encoding: match encoding.to_ascii_lowercase().as_str() {
                "base64" => Encoding::Base64,
                "quoted-printable" => Encoding::QuotedPrintable,
                _ => Encoding::Plain,
            },
            counted: 0,
            line_end: 0,
        })
    }

    fn end_part(&mut self) {
        if let Part::Attached(body) = std::mem::replace(&mut self.part, Part::Skipped) {
            self.attachments.push(body.measured());
        }
    }
}

impl Body {
    fn count(&mut self, text: &[u8], length: u64) {
        let end = length - (text.len() as u64).min(length);
        match self.encoding {
            Encoding::Base64 => {
                let fill = text
                    .iter()
                    .filter(|octet| matches!(octet, b'=' | b' ' | b'\t'));
                self.counted += (text.len() - fill.count()) as u64;
            }
            Encoding::QuotedPrintable if text.ends_with(b"=") => {
                self.counted += unquoted(&text[..text.len() - 1]);
                self.line_end = 0;
            }
            Encoding::QuotedPrintable => {
                self.counted += unquoted(text) + end;
                self.line_end = end;
            }
            Encoding::Plain => {
                self.counted += length;
                self.line_end = end;
            }
        }
    }

    fn measured(mut self) -> Attachment {
        self.attachment.size = match self.encoding {
            Encoding::Base64 => self.counted * 3 / 4,
            Encoding::QuotedPrintable | Encoding::Plain => {
                self.counted.saturating_sub(self.line_end)
            }
        };
        self.attachment
    }
}

/// How many octets a line of quoted-printable stands for (RFC 2045 §6.7).
fn unquoted(text: &[u8]) -> u64 {
    let quoted = text.windows(3).filter(|three| {
        three[0] == b'=' && three[1].is_ascii_hexdigit() && three[2].is_ascii_hexdigit()
    });
    (text.len() - 2 * quoted.count()) as u64
}

fn media_type(kind: Option<&ContentType<'_>>) -> String {
    let Some(kind) = kind else {
        return "text/plain".to_owned();
    };
    let subtype = kind.subtype().unwrap_or("octet-stream");
    let whole = format!("{}/{subtype}", kind.ctype()).to_ascii_lowercase();
    whole.chars().take(LONGEST_NAME).collect()
}

/// In octets: more than the longest line of a message (RFC 5322 §2.1.1).
const KEPT_OF_A_LINE: usize = 1_024;
/// In octets, of one part.
const LONGEST_HEADER: usize = 16 * 1024;
/// In octets, of text: enough for 500 characters behind the style sheets of a newsletter.
const MOST_TEXT: usize = 64 * 1024;
/// In octets.
const LONGEST_EXCERPT: usize = 128 * 1024;
/// In characters.
const LONGEST_NAME: usize = 998;
const DEEPEST: usize = 20;
const MOST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "\
From: a@b.example\r
Content-Type: multipart/mixed; boundary=\"outer\"\r
\r
a preamble\r
--outer\r
Content-Type: multipart/alternative; boundary=inner\r
\r
--inner\r
Content-Type: text/plain\r
\r
text for people\r
--inner--\r
--outer\r
Content-Type: application/pdf;\r
 name=\"a report.pdf\"\r
Content-Transfer-Encoding: base64\r
Content-Disposition: attachment\r
\r
SGVsbG8s\r
IHdvcmxkIQ==\r
--outer\r
Content-Type: text/csv; charset=utf-8\r
Content-Disposition: attachment; filename=\"table.csv\"\r
Content-Transfer-Encoding: quoted-printable\r
\r
a=3Db=\r
c\r
d\r
--outer\r
Content-Type: image/png\r
Content-Disposition: inline\r
\r
12345\r
--outer--\r
an epilogue\r
";

    fn outline(pieces: usize) -> Vec<(Option<String>, String, u64, bool)> {
        let mut outline = Outline::new();
        for piece in MESSAGE.as_bytes().chunks(pieces) {
            outline.feed(piece);
        }
        let found = outline.finish().attachments.into_iter();
        found
            .map(|one| (one.name, one.media_type, one.size, one.inline))
            .collect()
    }

    #[test]
    fn attachments_are_found_and_measured_however_the_octets_come() {
        let named = |name: &str| Some(name.to_owned());
        let wanted = [
            (
                named("a report.pdf"),
                "application/pdf".to_owned(),
                13,
                false,
            ),
            (named("table.csv"), "text/csv".to_owned(), 7, false),
            (None, "image/png".to_owned(), 5, true),
        ];
        for pieces in [1, 2, 3, 17, 10_000] {
            assert_eq!(outline(pieces), wanted, "in pieces of {pieces}");
        }
    }

    #[test]
    fn the_same_is_found_as_in_a_message_that_is_held() {
        let held = gatepost_mail::content::Content::parse(MESSAGE.as_bytes());
        let held: Vec<_> = held
            .attachments()
            .into_iter()
            .map(|one| {
                (
                    one.name,
                    one.media_type,
                    one.octets.len() as u64,
                    one.inline,
                )
            })
            .collect();
        assert_eq!(outline(100), held);
    }

    #[test]
    fn what_is_no_mail_has_no_attachments_and_takes_no_memory() {
        let mut outline = Outline::new();
        for _ in 0..1_000 {
            outline.feed(&[b'x'; 10_000]);
        }
        assert!(outline.line.len() <= KEPT_OF_A_LINE);
        let outlined = outline.finish();
        assert!(outlined.attachments.is_empty());
        assert!(outlined.excerpt.len() <= LONGEST_EXCERPT + KEPT_OF_A_LINE);
    }

    #[test]
    fn the_excerpt_gives_the_same_preview_without_what_is_attached() {
        let whole = format!(
            "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
             Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b\r\n\
             Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             PHA+SGVsbG8sIDxiPndvcmxkPC9iPiE8L3A+\r\n--b--\r\n",
            "AAECAwQFBgcICQoLDA0O\r\n".repeat(10_000)
        );
        let mut outline = Outline::new();
        outline.feed(whole.as_bytes());
        let outlined = outline.finish();
        assert!(outlined.excerpt.len() < 1_000, "{}", outlined.excerpt.len());
        let preview = |octets| gatepost_mail::content::Content::parse(octets).preview();
        assert_eq!(preview(&outlined.excerpt).as_deref(), Some("Hello, world!"));
        assert_eq!(preview(&outlined.excerpt), preview(whole.as_bytes()));
        assert_eq!(outlined.attachments[0].size, 150_000);
    }
}
