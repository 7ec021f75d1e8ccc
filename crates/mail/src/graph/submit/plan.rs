//! What a draft is made of: fields, text, and which parts of the message are files of what size.
//! It is found out in one pass, and only the text is held.

use gatepost_wire::smtp::Envelope;
use mail_parser::{
    Address as Field, HeaderValue, Message, MessageParser, MimeHeaders as _, PartType,
};

use super::decoder::Decoder;
use super::of_another_size;
use super::split::{Kind, Part, Piece, Splitter};
use crate::graph::attachments::NewAttachment;
use crate::graph::drafts::{MailBody, NewMail};
use crate::{Address, Outgoing, OutgoingError};

/// What a draft is made of.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mail: NewMail,
    /// The files, in the order of the message.
    pub(super) files: Vec<PlannedFile>,
}

/// A part of the message that becomes a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlannedFile {
    /// Its number among the parts that hold no parts.
    pub(super) part: usize,
    pub(super) file: NewAttachment,
    /// Its octets when they are decoded.
    pub(super) size: u64,
}

/// Why there is no plan.
#[derive(Debug)]
pub(super) enum Unplanned {
    /// A sentence on what is wrong with the message.
    Unsendable(String),
    /// It could not be read.
    Unread(OutgoingError),
}

impl From<OutgoingError> for Unplanned {
    fn from(error: OutgoingError) -> Self {
        Self::Unread(error)
    }
}

impl From<String> for Unplanned {
    fn from(reason: String) -> Self {
        Self::Unsendable(reason)
    }
}

impl Plan {
    /// Reads all of a message, which is at its beginning.
    pub(super) async fn of(
        (header, message): (&[u8], &mut dyn Outgoing),
        envelope: &Envelope,
    ) -> Result<Self, Unplanned> {
        let (mut splitter, mut survey) = (Splitter::new(), Survey::default());
        let (size, mut octets) = (message.size(), 0_u64);
        while let Some(piece) = message.chunk().await? {
            octets = octets.saturating_add(piece.len() as u64);
            splitter.push(&piece, &mut |piece| survey.take(piece))?;
        }
        if octets != size {
            return Err(of_another_size().into());
        }
        splitter.finish(&mut |piece| survey.take(piece))?;
        let parsed = MessageParser::default().parse_headers(header);
        let parsed = parsed.ok_or_else(|| "it has no header".to_owned())?;
        Ok(Self {
            mail: NewMail {
                body: body(survey.texts),
                ..fields(&parsed, envelope)
            },
            files: survey.files,
        })
    }
}

/// What was met so far.
#[derive(Debug, Default)]
struct Survey {
    parts: usize,
    files: Vec<PlannedFile>,
    texts: Vec<Text>,
    /// The octets of all texts.
    held: usize,
    current: Option<Surveyed>,
    decoded: Vec<u8>,
}

/// The part that is being read.
#[derive(Debug)]
struct Surveyed {
    file: NewAttachment,
    decoder: Decoder,
    size: u64,
    /// Its header and what came of its body, if it is read by people within the message.
    text: Option<(Option<u32>, Vec<u8>)>,
}

/// A text that is read by people.
#[derive(Debug)]
struct Text {
    /// In which choice it stands.
    choice: Option<u32>,
    body: MailBody,
}

impl Survey {
    fn take(&mut self, piece: Piece<'_>) -> Result<(), String> {
        match piece {
            Piece::Begins(part) => self.begin(part),
            Piece::Octets(octets) => {
                self.octets(octets);
                Ok(())
            }
            Piece::Ends => {
                self.end();
                Ok(())
            }
        }
    }

    fn begin(&mut self, part: Part) -> Result<(), String> {
        let most = self.files.len().max(self.texts.len());
        if most >= MOST_FILES {
            return Err(format!(
                "it has more than {MOST_FILES} parts, and Exchange takes no more files"
            ));
        }
        let parsed = MessageParser::default().parse_headers(&part.header);
        let described = Described::of(parsed.as_ref(), &part);
        let is_text = described.is_text;
        let decoder = Decoder::of(parsed.as_ref().and_then(Message::content_transfer_encoding));
        let file = described.file(self.files.len());
        self.current = Some(Surveyed {
            file,
            decoder,
            size: 0,
            text: is_text.then_some((part.place.choice, part.header)),
        });
        Ok(())
    }

    fn octets(&mut self, octets: &[u8]) {
        let Some(current) = &mut self.current else {
            return;
        };
        current.decoder.push(octets, &mut self.decoded);
        current.size += self.decoded.len() as u64;
        self.decoded.clear();
        if let Some((_, text)) = &mut current.text {
            if self.held + text.len() + octets.len() > LONGEST_TEXT {
                // No request takes it: it goes as a file.
                current.text = None;
            } else {
                text.extend_from_slice(octets);
            }
        }
    }

    fn end(&mut self) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        current.decoder.finish(&mut self.decoded);
        current.size += self.decoded.len() as u64;
        self.decoded.clear();
        match current.text {
            Some((choice, octets)) => {
                self.held += octets.len();
                let body = text(&octets);
                self.texts.push(Text { choice, body });
            }
            None => self.files.push(PlannedFile {
                part: self.parts,
                file: current.file,
                size: current.size,
            }),
        }
        self.parts += 1;
    }
}

/// What a part says it is.
struct Described {
    media_type: String,
    name: Option<String>,
    content_id: Option<String>,
    is_text: bool,
}

impl Described {
    fn of(parsed: Option<&Message<'_>>, part: &Part) -> Self {
        let place = part.place;
        let default = if place.within == Kind::Digest {
            ("message", "rfc822")
        } else {
            ("text", "plain")
        };
        let kind = parsed.and_then(Message::content_type);
        let (kind, subtype) = kind.map_or(default, |kind| {
            (kind.ctype(), kind.subtype().unwrap_or("octet-stream"))
        });
        let media_type = format!("{kind}/{subtype}").to_ascii_lowercase();
        let name = parsed.and_then(|parsed| parsed.attachment_name());
        let disposition = parsed.and_then(Message::content_disposition);
        let is_inline =
            disposition.is_none_or(|found| found.ctype().eq_ignore_ascii_case("inline"));
        let content_id = parsed.and_then(Message::content_id).filter(|_| is_inline);
        let is_readable = media_type == "text/plain" || media_type == "text/html";
        // As RFC 8621 §4.1.4 tells the body from attachments.
        let is_body = place.is_first || (place.within != Kind::Related && name.is_none());
        Self {
            is_text: is_readable && is_inline && is_body,
            name: name.map(str::to_owned),
            content_id: content_id.map(str::to_owned),
            media_type,
        }
    }

    /// As file number `number`.
    fn file(self, number: usize) -> NewAttachment {
        let ending = match self.media_type.as_str() {
            "message/rfc822" => "eml",
            "text/html" => "html",
            "text/plain" => "txt",
            "text/calendar" => "ics",
            _ => "bin",
        };
        let unnamed = || format!("attachment-{}.{ending}", number + 1);
        NewAttachment {
            name: self.name.unwrap_or_else(unnamed),
            content_type: self.media_type,
            content_id: self.content_id,
        }
    }
}

/// A text for people without what it was encoded in.
fn text(octets: &[u8]) -> MailBody {
    let parsed = MessageParser::default().parse(octets);
    let part = parsed.and_then(|message| message.parts.into_iter().next());
    match part.map(|part| part.body) {
        Some(PartType::Html(html)) => MailBody::Html(html.into_owned()),
        Some(PartType::Text(text)) => MailBody::Text(text.into_owned()),
        Some(
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_),
        )
        | None => MailBody::default(),
    }
}

/// One body of all texts: Graph takes no other. Of a choice it is the HTML if there is one.
fn body(texts: Vec<Text>) -> MailBody {
    let is_html = |text: &Text| matches!(text.body, MailBody::Html(_));
    let html: Vec<u32> = texts
        .iter()
        .filter(|text| is_html(text))
        .filter_map(|text| text.choice)
        .collect();
    let mut kept: Vec<Text> = Vec::new();
    for text in texts {
        let has_better = text.choice.is_some_and(|choice| html.contains(&choice));
        if has_better && !is_html(&text) {
            continue;
        }
        kept.push(text);
    }
    if !kept.iter().any(is_html) {
        let texts = kept.into_iter().map(|text| match text.body {
            MailBody::Text(text) | MailBody::Html(text) => text,
        });
        return MailBody::Text(texts.collect::<Vec<_>>().join("\r\n"));
    }
    let pieces = kept.into_iter().map(|text| match text.body {
        MailBody::Html(html) => html,
        MailBody::Text(text) => format!("<pre>{}</pre>", escaped(&text)),
    });
    MailBody::Html(pieces.collect::<Vec<_>>().join("<br>"))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn fields(message: &Message<'_>, envelope: &Envelope) -> NewMail {
    let (to, cc) = (people(message.to()), people(message.cc()));
    let is_named = |address: &str| {
        let mut named = to.iter().chain(&cc);
        named.any(|one| one.address.eq_ignore_ascii_case(address))
    };
    let hidden = envelope.recipients.iter().map(|one| one.path.as_str());
    let hidden = hidden.filter(|address| !is_named(address));
    let bcc = hidden.map(|address| Address {
        name: None,
        address: address.to_owned(),
    });
    let ids = |field: &HeaderValue<'_>| {
        let ids = field.as_text_list()?;
        let ids: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    };
    NewMail {
        subject: message.subject().unwrap_or_default().to_owned(),
        body: MailBody::default(),
        from: people(message.from()).into_iter().next(),
        bcc: bcc.collect(),
        reply_to: people(message.reply_to()),
        message_id: message.message_id().map(|id| format!("<{id}>")),
        in_reply_to: ids(message.in_reply_to()),
        references: ids(message.references()),
        headers: own_headers(message),
        to,
        cc,
    }
}

/// The fields whose names begin with `x-`, as many as Graph takes.
fn own_headers(message: &Message<'_>) -> Vec<(String, String)> {
    let own = message.headers().iter().filter_map(|header| {
        let name = header.name().to_owned();
        let value = header.value().as_text()?.trim().to_owned();
        let begin = name.get(..2);
        let is_own = begin.is_some_and(|begin| begin.eq_ignore_ascii_case("x-"));
        (is_own && !value.is_empty()).then_some((name, value))
    });
    own.take(MOST_HEADERS).collect()
}

fn people(field: Option<&Field<'_>>) -> Vec<Address> {
    let people = field.into_iter().flat_map(Field::iter);
    let people = people.filter_map(|one| {
        Some(Address {
            name: one.name().map(str::to_owned),
            address: one.address()?.to_owned(),
        })
    });
    people.collect()
}

const MOST_HEADERS: usize = 5;
/// As many as Exchange takes in one message.
const MOST_FILES: usize = 250;
/// In octets as they are encoded. A request of four million octets holds it, however many of them
/// must be written with a backslash.
const LONGEST_TEXT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::files::Files;
    use super::*;
    use crate::contract::{Letter, envelope};

    const MESSAGE: &str = "From: Ada <ada@contoso.com>\r\nTo: Bob <bob@contoso.com>\r\nSubject: =?utf-8?q?M=C3=A4rz?=\r\nMessage-ID: <1@contoso.com>\r\nIn-Reply-To: <0@fabrikam.com>\r\nX-Ticket: 7\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n\r\nHi\r\n--a\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>M=E4rz</b>\r\n--a--\r\n--r\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--r--\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''M%C3%A4rz.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b\r\nContent-Type: text/plain\r\n\r\n1 < 2\r\n--b\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nnotes\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b2\r\n\r\n--b2\r\n\r\n--b2--\r\n--b--\r\n";

    fn bob() -> Envelope {
        envelope("ada@contoso.com", &["bob@contoso.com", "eve@fabrikam.com"])
    }

    async fn planned(message: &str) -> Result<Plan, String> {
        let mut letter = Letter::new([message.to_owned()]);
        let header = message.split("\r\n\r\n").next().expect("a header");
        let plan = Plan::of((header.as_bytes(), &mut letter), &bob()).await;
        plan.map_err(|error| match error {
            Unplanned::Unsendable(reason) => reason,
            Unplanned::Unread(error) => panic!("it can be read: {error}"),
        })
    }

    #[tokio::test]
    async fn a_message_is_taken_apart_and_nobody_is_forgotten() {
        let plan = planned(MESSAGE).await.expect("it can be");
        let mail = &plan.mail;
        assert_eq!(mail.subject, "M\u{e4}rz");
        let html = "<b>M\u{e4}rz</b><br><pre>1 &lt; 2</pre>";
        assert_eq!(mail.body, MailBody::Html(html.to_owned()));
        assert_eq!(
            (mail.to[0].address.as_str(), mail.bcc.len()),
            ("bob@contoso.com", 1)
        );
        assert_eq!(mail.bcc[0].address, "eve@fabrikam.com");
        assert_eq!(mail.message_id.as_deref(), Some("<1@contoso.com>"));
        assert_eq!(mail.in_reply_to.as_deref(), Some("<0@fabrikam.com>"));
        assert_eq!(mail.headers, [("X-Ticket".to_owned(), "7".to_owned())]);
    }

    #[tokio::test]
    async fn every_part_that_is_no_text_is_a_file_as_it_was_before_its_way() {
        let plan = planned(MESSAGE).await.expect("it can be");
        let pieces = MESSAGE.as_bytes().chunks(11).map(<[u8]>::to_vec);
        let mut letter = Letter::new(pieces);
        let mut files = Files::of(&mut letter);
        let expected: [(&str, &str, Option<&str>, &[u8]); 4] = [
            ("attachment-1.bin", "image/png", Some("logo"), &[0, 1, 2]),
            ("M\u{e4}rz.pdf", "application/pdf", None, b"%PDF"),
            ("notes.txt", "text/plain", None, b"notes\r\n"),
            (
                "attachment-4.eml",
                "message/rfc822",
                None,
                b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b2\r\n\r\n--b2\r\n\r\n--b2--",
            ),
        ];
        assert_eq!(plan.files.len(), expected.len());
        for (planned, (name, kind, id, octets)) in plan.files.iter().zip(expected) {
            let file = &planned.file;
            assert_eq!(
                (file.name.as_str(), file.content_type.as_str()),
                (name, kind)
            );
            assert_eq!(file.content_id.as_deref(), id, "{name}");
            assert_eq!(planned.size, octets.len() as u64, "{name}");
            // The second time from its beginning.
            for _ in 0..2 {
                let mut one = files.file(planned);
                let mut found = Vec::new();
                one.begin_again().await.expect("it is there");
                while let Some(piece) = one.chunk().await.expect("it is there") {
                    found.extend_from_slice(&piece);
                }
                assert_eq!(found, octets, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn small_files_behind_each_other_come_in_one_pass() {
        let plan = planned(MESSAGE).await.expect("it can be");
        let mut letter = Letter::new([MESSAGE.to_owned()]);
        let mut files = Files::of(&mut letter);
        let mut sizes = Vec::new();
        for planned in &plan.files {
            let mut one = files.file(planned);
            let mut size = 0;
            while let Some(piece) = one.chunk().await.expect("it is there") {
                size += piece.len() as u64;
            }
            sizes.push(size);
        }
        let planned = plan.files.iter().map(|planned| planned.size);
        assert_eq!(sizes, planned.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_text_that_no_request_takes_is_a_file() {
        let long = "All work and no play.\r\n".repeat(60_000);
        let message = format!("To: <bob@contoso.com>\r\n\r\n{long}");
        let plan = planned(&message).await.expect("it can be");
        assert_eq!(plan.mail.body, MailBody::default());
        assert_eq!(plan.files[0].size, long.len() as u64);
        assert_eq!(plan.files[0].file.name, "attachment-1.txt");
    }

    #[tokio::test]
    async fn what_is_signed_stays_whole() {
        for part in [
            "multipart/mixed",
            "multipart/alternative",
            "application/pdf",
        ] {
            let sealed = MESSAGE.replace(part, "multipart/signed");
            let refused = planned(&sealed).await.expect_err("it is not taken apart");
            assert!(refused.contains("signed"), "{refused}");
        }
    }

    #[tokio::test]
    async fn parts_without_number_are_refused() {
        let parts = "--b\r\n\r\n".repeat(300);
        let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
        let refused = planned(&many).await.expect_err("there are too many");
        assert!(refused.contains("250"), "{refused}");
    }
}
