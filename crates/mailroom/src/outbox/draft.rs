//! Writes a message from its parts. Attachments are read while they are written: a few chunks of
//! them are in memory.

use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_builder::headers::Header as _;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::{Preparation, PrepareError};

/// A message in parts.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Who writes it.
    pub from: Correspondent,
    /// To whom.
    pub to: Vec<Correspondent>,
    /// To whom for information.
    pub cc: Vec<Correspondent>,
    /// To whom without the others knowing.
    pub bcc: Vec<Correspondent>,
    /// About what.
    pub subject: Option<String>,
    /// The text for people.
    pub text: Option<String>,
    /// The text in HTML.
    pub html: Option<String>,
    /// Other fields of the header, with their values.
    pub fields: Vec<(String, String)>,
    /// The `Message-ID` of the message that this answers, and of those that it answered, without
    /// angle brackets and the oldest first.
    pub answers: Vec<String>,
    /// What is attached.
    pub attachments: Vec<Attached>,
}

/// A name and an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correspondent {
    /// The name, if there is one.
    pub name: Option<String>,
    /// The address.
    pub address: String,
}

/// A file to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Where it is.
    pub path: PathBuf,
    /// The name that its receiver sees.
    pub name: String,
}

impl Correspondent {
    /// Reads `Name <address>` or an address.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        match text
            .strip_suffix('>')
            .and_then(|text| text.rsplit_once('<'))
        {
            Some((name, address)) => {
                let name = name.trim().trim_matches('"').trim();
                Self {
                    name: (!name.is_empty()).then(|| name.to_owned()),
                    address: address.trim().to_owned(),
                }
            }
            None => Self {
                name: None,
                address: text.to_owned(),
            },
        }
    }
}

impl Draft {
    /// Writes the message. The same parts make the same octets.
    pub async fn write_to(&self, preparation: &mut Preparation) -> Result<(), PrepareError> {
        self.check()?;
        let mut head = self.header();
        let boundary = self.boundary();
        let (alternative, mixed) = (format!("=_a{boundary}"), format!("=_m{boundary}"));
        if !self.attachments.is_empty() {
            put(&mut head, &multipart("mixed", &mixed));
            put(&mut head, &format!("--{mixed}\r\n"));
        }
        match (&self.text, &self.html) {
            (Some(text), Some(html)) => {
                put(&mut head, &multipart("alternative", &alternative));
                put(&mut head, &format!("--{alternative}\r\n"));
                MimePart::new("text/plain", text.as_str()).write_part(&mut head);
                put(&mut head, &format!("\r\n--{alternative}\r\n"));
                MimePart::new("text/html", html.as_str()).write_part(&mut head);
                put(&mut head, &format!("\r\n--{alternative}--\r\n"));
            }
            (None, Some(html)) => MimePart::new("text/html", html.as_str()).write_part(&mut head),
            (text, None) => {
                let text = text.as_deref().unwrap_or_default();
                MimePart::new("text/plain", text).write_part(&mut head);
            }
        }
        preparation.write(&head).await?;
        for attached in &self.attachments {
            preparation
                .write(format!("\r\n--{mixed}\r\n").as_bytes())
                .await?;
            attached.write_to(preparation).await?;
        }
        if !self.attachments.is_empty() {
            preparation
                .write(format!("\r\n--{mixed}--\r\n").as_bytes())
                .await?;
        }
        Ok(())
    }

    /// No value may write another field.
    fn check(&self) -> Result<(), PrepareError> {
        let everybody = [
            ("From", std::slice::from_ref(&self.from)),
            ("To", &self.to[..]),
            ("Cc", &self.cc[..]),
            ("Bcc", &self.bcc[..]),
        ];
        for (field, people) in everybody {
            for person in people {
                clean(field, person.name.as_deref().unwrap_or_default())?;
                super::prepare::check(field, &person.address)?;
            }
        }
        clean("Subject", self.subject.as_deref().unwrap_or_default())?;
        for answered in &self.answers {
            clean("In-Reply-To", answered)?;
        }
        for (place, (name, value)) in self.fields.iter().enumerate() {
            let sound = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            if name.is_empty() || !name.bytes().all(sound) {
                return Err(PrepareError::FieldName { name: name.clone() });
            }
            clean(name, value)?;
            let name = name.clone();
            if let Some(instead) = self.instead_of(&name) {
                return Err(PrepareError::FieldOfOurs { name, instead });
            }
            let is_same = |other: &&str| other.eq_ignore_ascii_case(&name);
            let mut before = self.fields[..place].iter();
            if ONCE.iter().any(is_same) && before.any(|(one, _)| is_same(&one.as_str())) {
                return Err(PrepareError::FieldTwice { name });
            }
        }
        for attached in &self.attachments {
            let visible = attached.name.escape_debug();
            clean(
                &format!("the name of the attachment \"{visible}\""),
                &attached.name,
            )?;
        }
        Ok(())
    }

    /// What says best what a field is to hold that is written here anyway.
    fn instead_of(&self, name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "from" => "say who sends the message, with --from",
            "to" | "cc" | "bcc" => "say who gets the message, with --to, --cc and --bcc",
            "subject" => "say what the message is about, with --subject",
            "in-reply-to" | "references" if !self.answers.is_empty() => {
                "the message that is answered says what is in it"
            }
            "mime-version" => "it is the same in every message",
            "content-type" | "content-transfer-encoding" | "content-disposition" | "content-id" => {
                "say what is in the message, with --text, --html, --body-file and --attach"
            }
            _ => return None,
        })
    }

    fn header(&self) -> Vec<u8> {
        let mut header = Vec::new();
        let list = |people: &[Correspondent]| {
            let each = people
                .iter()
                .map(|one| Address::new_address(one.name.clone(), one.address.clone()));
            Address::new_list(each.collect())
        };
        put(&mut header, "From: ");
        list(std::slice::from_ref(&self.from)).write_header(&mut header, 6);
        for (name, people) in [("To", &self.to), ("Cc", &self.cc), ("Bcc", &self.bcc)] {
            if !people.is_empty() {
                put(&mut header, &format!("{name}: "));
                list(people).write_header(&mut header, name.len() + 2);
            }
        }
        if let Some(subject) = &self.subject {
            put(&mut header, "Subject: ");
            Text::new(subject.as_str()).write_header(&mut header, 9);
        }
        if let Some(last) = self.answers.last() {
            put(&mut header, &format!("In-Reply-To: <{last}>\r\n"));
            let all = self.answers.iter().map(|id| format!("<{id}>"));
            let all = all.collect::<Vec<_>>().join("\r\n ");
            put(&mut header, &format!("References: {all}\r\n"));
        }
        for (name, value) in &self.fields {
            put(&mut header, &format!("{name}: "));
            Text::new(value.as_str()).write_header(&mut header, name.len() + 2);
        }
        put(&mut header, "MIME-Version: 1.0\r\n");
        header
    }

    /// What stands in no part: neither base64 nor quoted-printable has `=_`, and nobody writes a
    /// text that holds its own digest.
    fn boundary(&self) -> String {
        let mut digest = Context::new(&SHA256);
        for part in [&self.text, &self.html, &self.subject] {
            digest.update(part.as_deref().unwrap_or_default().as_bytes());
            digest.update(&[0]);
        }
        let digest = digest.finish();
        crate::spool::hexadecimal(&digest.as_ref()[..16])
    }
}

impl Attached {
    /// The name without folders: nobody is to be told of any (RFC 2183 §2.3).
    fn bare_name(&self) -> &str {
        let last = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        match last {
            "" | "." | ".." => "attachment",
            name => name,
        }
    }

    async fn write_to(&self, preparation: &mut Preparation) -> Result<(), PrepareError> {
        let unread = |source| PrepareError::Unread {
            what: self.path.display().to_string(),
            source,
        };
        let mut head = Vec::new();
        put(&mut head, "Content-Type: ");
        let name = self.bare_name();
        ContentType::new(media_type(name)).write_header(&mut head, 14);
        put(&mut head, "Content-Disposition: ");
        ContentType::new("attachment")
            .attribute("filename", name.to_owned())
            .write_header(&mut head, 21);
        put(&mut head, "Content-Transfer-Encoding: base64\r\n\r\n");
        preparation.write(&head).await?;
        let mut file = File::open(&self.path).await.map_err(unread)?;
        let mut block = vec![0; BLOCK];
        loop {
            let mut filled = 0;
            while filled < BLOCK {
                let read = file.read(&mut block[filled..]).await.map_err(unread)?;
                if read == 0 {
                    break;
                }
                filled += read;
            }
            let mut lines = String::with_capacity(BLOCK * 3 / 2);
            for line in block[..filled].chunks(LINE) {
                STANDARD.encode_string(line, &mut lines);
                lines.push_str("\r\n");
            }
            preparation.write(lines.as_bytes()).await?;
            if filled < BLOCK {
                return Ok(());
            }
        }
    }
}

fn clean(field: &str, value: &str) -> Result<(), PrepareError> {
    if value.chars().any(char::is_control) {
        return Err(PrepareError::Injection {
            field: field.to_owned(),
        });
    }
    Ok(())
}

fn multipart(kind: &str, boundary: &str) -> String {
    format!("Content-Type: multipart/{kind};\r\n\tboundary=\"{boundary}\"\r\n\r\n")
}

fn put(octets: &mut Vec<u8>, text: &str) {
    octets.extend_from_slice(text.as_bytes());
}

/// The media type that the name of a file suggests.
fn media_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = ending.to_ascii_lowercase();
    MEDIA_TYPES
        .iter()
        .find(|(known, _)| *known == ending)
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

/// Of those that are not written here anyway, these may be there once (RFC 5322 §3.6).
const ONCE: &[&str] = &[
    "Date",
    "In-Reply-To",
    "Message-ID",
    "References",
    "Reply-To",
    "Sender",
];

const MEDIA_TYPES: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("vcf", "text/vcard"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// Octets of one line of base64 (RFC 2045 §6.8).
const LINE: usize = 57;
const BLOCK: usize = LINE * 1024;
