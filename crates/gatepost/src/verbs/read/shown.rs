//! A message as people read it.

use std::path::Path;

use gatepost_host::files;
use gatepost_mail::Address;
use gatepost_mail::content::{Attachment, Content, FileNames};

use crate::failure::Failure;
use crate::screen::{self, Paint, clean, field, painted};
use crate::usage::UsageError;

/// Writes the header as it came, made harmless.
pub(super) fn header(message: &[u8]) -> Result<(), Failure> {
    let end = message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(message.len(), |at| at + 2);
    let text = String::from_utf8_lossy(&message[..end]).replace("\r\n", "\n");
    screen::write(clean(&text).as_bytes())
}

/// Writes who wrote what to whom, and the text; saves the attachments if `folder` is given.
pub(super) fn text(message: &[u8], folder: Option<&Path>) -> Result<(), Failure> {
    let content = Content::parse(message);
    let envelope = content.envelope();
    field("From", &addresses(&envelope.from))?;
    field("To", &addresses(&envelope.to))?;
    field("Cc", &addresses(&envelope.cc))?;
    field(
        "Date",
        &envelope
            .date
            .map_or_else(String::new, |date| date.to_string()),
    )?;
    field("Subject", &envelope.subject.unwrap_or_default())?;
    let attachments = content.attachments();
    let mut names = FileNames::default();
    if let (Some(folder), false) = (folder, attachments.is_empty()) {
        files::make_private_folder(folder).map_err(UsageError::named)?;
    }
    for attachment in &attachments {
        let name = names.next(attachment.name.as_deref(), &attachment.media_type);
        field("Attachment", &described(&name, attachment))?;
        if let Some(folder) = folder {
            let saved = files::create_private(&folder.join(&name), attachment.octets);
            saved.map_err(UsageError::named)?;
        }
    }
    screen::line("")?;
    match content.text() {
        Some(text) => screen::line(clean(&text.replace("\r\n", "\n")).trim_end()),
        None => screen::line(&painted(Paint::Dim, "(the message has no text)")),
    }?;
    if let Some(folder) = folder {
        screen::note(&match attachments.len() {
            0 => "the message has no attachments".to_owned(),
            many => format!("saved {} into {}", count(many), folder.display()),
        });
    }
    Ok(())
}

fn addresses(addresses: &[Address]) -> String {
    let written = addresses.iter().map(|address| match &address.name {
        Some(name) => format!("{name} <{}>", address.address),
        None => address.address.clone(),
    });
    written.collect::<Vec<_>>().join(", ")
}

fn described(name: &str, attachment: &Attachment<'_>) -> String {
    format!(
        "{name} ({}, {})",
        attachment.media_type,
        size(attachment.octets.len())
    )
}

fn count(attachments: usize) -> String {
    match attachments {
        1 => "1 attachment".to_owned(),
        many => format!("{many} attachments"),
    }
}

/// A size as people say it.
fn size(octets: usize) -> String {
    match octets {
        0..1024 => format!("{octets} B"),
        1024..1_048_576 => format!("{} KiB", octets.div_ceil(1024)),
        _ => format!("{} MiB", octets.div_ceil(1_048_576)),
    }
}
