//! What a message and its envelope are to a server that does not take everything.

use std::fmt::Write as _;

use gatepost_wire::smtp::{Body, Envelope, Extension, Headers, Path, ReversePath};

use super::link::{Link, Place};
use super::seven_bit::{self, Octets, RecodeError, Recoding, Survey};
use crate::submission::ascii_address;
use crate::{Outgoing, RefusedRecipient, SubmitError};

/// An envelope that the server takes.
pub(super) struct Fitted {
    pub(super) envelope: Envelope,
    /// Its recipients as they were written, in the same order.
    pub(super) paths: Vec<Path>,
    /// Whom no such server sends to.
    pub(super) refused: Vec<RefusedRecipient>,
    /// What is to be done to the message.
    pub(super) recoding: Option<(Survey, Recoding)>,
}

/// Fits `envelope` to the server of `link` and to what `message` is made of, which is read for it if
/// it is not ASCII, and rewound.
pub(super) async fn fit(
    envelope: &Envelope,
    message: &mut dyn Outgoing,
    link: &Link,
) -> Result<Fitted, SubmitError> {
    let offered = link.client.extensions();
    let (takes_utf8, takes_bits) = (
        offered.has(&Extension::SmtpUtf8),
        offered.has(&Extension::EightBitMime),
    );
    let mut fitted = Fitted {
        envelope: envelope.clone(),
        paths: Vec::new(),
        refused: Vec::new(),
        recoding: None,
    };
    if !takes_utf8 {
        fitted.sender_in_ascii(&link.place)?;
    }
    fitted.sort_recipients(takes_utf8, &link.place);
    if fitted.envelope.recipients.is_empty() && !fitted.refused.is_empty() {
        return Err(SubmitError::NoRecipient(fitted.refused));
    }
    let sender = &mut fitted.envelope.sender;
    sender.size = sender.size.or(Some(message.size()));
    let mut paths = fitted.envelope.recipients.iter().map(|one| &one.path);
    let mut needs_utf8 = sender.path.needs_utf8() || paths.any(Path::needs_utf8);
    if message.is_eight_bit() && sender.body == Body::SevenBit {
        sender.body = Body::EightBitMime;
        match seven_bit::survey(message).await {
            // It is given as it is, whatever it is.
            Err(RecodeError::Obstacle(_)) if takes_bits => message.begin_again().await?,
            Err(error) => return Err(unsent(error, &link.place)),
            Ok(survey) => {
                let headers_fit = match survey.headers {
                    Octets::Ascii => true,
                    // Such a message needs both (RFC 6531 §3.6).
                    Octets::Utf8 => takes_utf8 && takes_bits,
                    Octets::Other => false,
                };
                let bodies_fit = survey.bodies == Octets::Ascii || takes_bits;
                needs_utf8 |= survey.headers == Octets::Utf8 && headers_fit;
                let keeps_bits = (headers_fit && survey.headers != Octets::Ascii)
                    || (bodies_fit && survey.bodies != Octets::Ascii);
                if !keeps_bits {
                    sender.body = Body::SevenBit;
                }
                let recoding = match (headers_fit, bodies_fit) {
                    (true, true) => None,
                    (false, true) => Some(Recoding::Headers),
                    (true, false) => Some(Recoding::Bodies),
                    (false, false) => Some(Recoding::Both),
                };
                fitted.recoding = recoding.map(|recoding| (survey, recoding));
            }
        }
    }
    if needs_utf8 {
        fitted.envelope.sender.headers = Headers::Utf8;
    }
    Ok(fitted)
}

/// Why a message cannot be recoded; nothing was said to the server.
pub(super) fn unsent(error: RecodeError, place: &Place) -> SubmitError {
    match error {
        RecodeError::Outgoing(error) => error.into(),
        RecodeError::Obstacle(obstacle) => unsendable(place, obstacle.to_string()),
    }
}

impl Fitted {
    fn sender_in_ascii(&mut self, place: &Place) -> Result<(), SubmitError> {
        let sender = &mut self.envelope.sender;
        let ReversePath::Address(path) = &sender.path else {
            return Ok(());
        };
        match in_ascii(path) {
            Some(ascii) => sender.path = ReversePath::Address(ascii),
            None => return Err(unsendable(place, no_ascii("sender", path))),
        }
        Ok(())
    }

    fn sort_recipients(&mut self, takes_utf8: bool, place: &Place) {
        for mut recipient in std::mem::take(&mut self.envelope.recipients) {
            let path = recipient.path.clone();
            let fitting = if takes_utf8 {
                Some(path.clone())
            } else {
                in_ascii(&path)
            };
            match fitting {
                Some(fitting) => {
                    if fitting != path {
                        let original = || original(path.as_str());
                        recipient.original.get_or_insert_with(original);
                    }
                    recipient.path = fitting;
                    self.envelope.recipients.push(recipient);
                    self.paths.push(path);
                }
                None => self.refused.push(RefusedRecipient {
                    error: unsendable(place, no_ascii("recipient", &path)),
                    recipient: path,
                }),
            }
        }
    }
}

fn in_ascii(path: &Path) -> Option<Path> {
    Path::parse(&ascii_address(path.as_str())?).ok()
}

/// An address for reports, as it was before its domain became ASCII (RFC 6533 §3).
fn original(address: &str) -> String {
    let mut text = "utf-8;".to_owned();
    for c in address.chars() {
        if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
            text.push(c);
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "\\x{{{:X}}}", u32::from(c));
        }
    }
    text
}

fn no_ascii(who: &str, path: &Path) -> String {
    format!(
        "the address of the {who} {path} is not ASCII before the @, and the server does not take that (SMTPUTF8 is not offered)"
    )
}

fn unsendable(place: &Place, reason: String) -> SubmitError {
    SubmitError::Unsendable {
        host: place.host.clone(),
        mailbox: place.mailbox.clone(),
        reason,
    }
}
