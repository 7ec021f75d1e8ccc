//! What a draft is made of: fields, text, and which parts of the message are files of what size.
//! It is found out in one pass, and only the text is held.

mod fields;
mod text;

#[cfg(test)]
mod tests;

use gatepost_wire::smtp::Envelope;
use mail_parser::{Message, MessageParser, MimeHeaders as _};

use super::of_another_size;
use super::split::{Part, Parts, Splitter};
use crate::content::decoder::Decoder;
use crate::content::walk::Multipart;
use crate::graph::attachments::NewAttachment;
use crate::graph::drafts::{MailBody, NewMail};
use crate::{Outgoing, OutgoingError};
use text::{Text, Texts};

/// What a draft is made of.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mail: NewMail,
    /// The files, in the order of the message.
    pub(super) files: Vec<PlannedFile>,
    /// What of the message a draft cannot have, as it is named to people.
    pub(super) left_out: Vec<String>,
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
            splitter.push(&piece, &mut survey)?;
        }
        if octets != size {
            return Err(of_another_size().into());
        }
        splitter.finish(&mut survey)?;
        let parsed = MessageParser::default().parse_headers(header);
        let parsed = parsed.ok_or_else(|| "it has no header".to_owned())?;
        let (mail, left_out) = fields::of(&parsed, envelope);
        Ok(survey.plan(mail, left_out)?)
    }
}

/// What was met so far.
#[derive(Debug, Default)]
struct Survey {
    parts: usize,
    files: Vec<Found>,
    texts: Vec<Text>,
    /// The octets of all texts.
    held: usize,
    current: Option<Surveyed>,
    decoded: Vec<u8>,
}

/// A file.
#[derive(Debug)]
struct Found {
    planned: PlannedFile,
    is_attached: bool,
}

/// The part that is being read.
#[derive(Debug)]
struct Surveyed {
    file: NewAttachment,
    /// It says that it is a file, and no piece of the text.
    is_attached: bool,
    decoder: Decoder,
    size: u64,
    /// Its header and what came of its body, if it is read by people within the message.
    text: Option<(Option<u32>, Vec<u8>)>,
}

impl Parts for Survey {
    fn begins(&mut self, part: Part<'_>) -> Result<(), String> {
        let most = self.files.len().max(self.texts.len());
        if most >= MOST_FILES {
            return Err(format!(
                "it has more than {MOST_FILES} parts, and Exchange takes no more files"
            ));
        }
        let parsed = MessageParser::default().parse_headers(part.header);
        let described = Described::of(parsed.as_ref(), &part)?;
        let (is_text, is_attached) = (described.is_text, described.is_attached);
        let decoder = Decoder::of(parsed.as_ref().and_then(Message::content_transfer_encoding));
        let file = described.file(self.files.len());
        self.current = Some(Surveyed {
            file,
            is_attached,
            decoder,
            size: 0,
            text: is_text.then(|| (part.place.choice, part.header.to_vec())),
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
                current.text = None;
            } else {
                text.extend_from_slice(octets);
            }
        }
    }

    fn ends(&mut self) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        current.decoder.finish(&mut self.decoded);
        current.size += self.decoded.len() as u64;
        self.decoded.clear();
        let planned = PlannedFile {
            part: self.parts,
            file: current.file,
            size: current.size,
        };
        match current.text {
            Some((choice, octets)) => {
                self.held += octets.len();
                self.texts.push(Text::read(&octets, choice, planned));
            }
            None => self.files.push(Found {
                planned,
                is_attached: current.is_attached,
            }),
        }
        self.parts += 1;
    }
}

impl Survey {
    /// Fills what is left of one request with texts; the others go as files.
    fn plan(self, mail: NewMail, mut left_out: Vec<String>) -> Result<Plan, String> {
        let around = mail.json().to_string().len();
        let Some(room) = LONGEST_REQUEST.checked_sub(around) else {
            return Err(format!(
                "the addresses and other fields of its header need {around} octets in a request, and Graph takes {LONGEST_REQUEST}: send it by SMTP"
            ));
        };
        let Texts {
            body,
            files,
            has_lost_choice,
        } = text::body(self.texts, room);
        if has_lost_choice {
            left_out.push("the plain text beside the HTML".to_owned());
        }
        let is_shown = |file: &NewAttachment| match (&body, &file.content_id) {
            (MailBody::Html(html), Some(id)) => html.contains(&format!("cid:{id}")),
            _ => false,
        };
        let found = self.files.into_iter().map(|found| {
            let mut planned = found.planned;
            // Some programs give a Content-ID to every file.
            if found.is_attached && !is_shown(&planned.file) {
                planned.file.content_id = None;
            }
            planned
        });
        let mut files: Vec<PlannedFile> = found.chain(files).collect();
        files.sort_by_key(|planned| planned.part);
        Ok(Plan {
            mail: NewMail { body, ..mail },
            files,
            left_out,
        })
    }
}

/// What a part says it is.
struct Described {
    media_type: String,
    name: Option<String>,
    content_id: Option<String>,
    is_text: bool,
    is_attached: bool,
}

impl Described {
    fn of(parsed: Option<&Message<'_>>, part: &Part<'_>) -> Result<Self, String> {
        let place = part.place;
        let default = if place.within == Some(Multipart::Digest) {
            ("message", "rfc822")
        } else {
            ("text", "plain")
        };
        let found = parsed.and_then(Message::content_type);
        let (kind, subtype) = found.map_or(default, |found| {
            (found.ctype(), found.subtype().unwrap_or("octet-stream"))
        });
        let media_type = format!("{kind}/{subtype}").to_ascii_lowercase();
        let name = parsed.and_then(|parsed| parsed.attachment_name());
        let disposition = parsed.and_then(Message::content_disposition);
        let is_attached =
            disposition.is_some_and(|found| !found.ctype().eq_ignore_ascii_case("inline"));
        let is_invitation = media_type == "text/calendar"
            && found.is_some_and(|found| found.attribute("method").is_some());
        if is_invitation && !is_attached {
            return Err(
                "it is too large for one request, and it is an invitation or an answer to one (text/calendar with a method), of which only a file would be left when it is taken apart: send it by SMTP"
                    .to_owned(),
            );
        }
        let content_id = parsed.and_then(Message::content_id);
        let is_readable = media_type == "text/plain" || media_type == "text/html";
        // As RFC 8621 §4.1.4 tells the body from attachments.
        let is_body =
            place.is_first || (place.within != Some(Multipart::Related) && name.is_none());
        Ok(Self {
            is_text: is_readable && !is_attached && is_body,
            name: name.map(str::to_owned),
            content_id: content_id
                .filter(|id| id.len() <= LONGEST_ID)
                .map(str::to_owned),
            // Whatever it says, it stands beside the text that shows it (RFC 2387 §1).
            is_attached: is_attached && place.within != Some(Multipart::Related),
            media_type,
        })
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
        let content_type = if self.media_type.len() > LONGEST_ID {
            "application/octet-stream".to_owned()
        } else {
            self.media_type
        };
        NewAttachment {
            name: self.name.map_or_else(unnamed, shortened),
            content_type,
            content_id: self.content_id,
        }
    }
}

/// A name with its beginning and its end, if it is longer than any file's is.
fn shortened(name: String) -> String {
    let letters = name.chars().count();
    if letters <= LONGEST_NAME {
        return name;
    }
    let half = LONGEST_NAME / 2;
    let beginning = name.chars().take(half);
    beginning.chain(name.chars().skip(letters - half)).collect()
}

/// As many as Exchange takes in one message.
const MOST_FILES: usize = 250;
/// In octets as they are encoded: what is held of all texts. What is longer goes as a file.
const LONGEST_TEXT: usize = 1 << 20;
/// In octets. Graph takes requests of four million
/// (<https://learn.microsoft.com/graph/outlook-large-attachments>).
const LONGEST_REQUEST: usize = 3_990_000;
/// In letters, as file systems have it.
const LONGEST_NAME: usize = 255;
/// In octets: a line of a header (RFC 5322 §2.1.1).
const LONGEST_ID: usize = 998;
