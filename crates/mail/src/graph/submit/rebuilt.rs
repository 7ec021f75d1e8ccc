//! A message taken apart for a draft: fields, text and files.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::smtp::Envelope;
use mail_parser::{
    Address as Field, HeaderValue, Message, MessageParser, MimeHeaders as _, PartType,
};

use super::{may_be_sent, not_sent};
use crate::graph::attachments::NewAttachment;
use crate::graph::client::Graph;
use crate::graph::drafts::{MailBody, NewMail};
use crate::graph::refusal::GraphMeaning;
use crate::{Address, Departure, MailError, Outgoing, OutgoingError, Receipt, SubmitError, Trace};

/// What a draft is made of.
#[derive(Debug)]
pub(super) struct Parts {
    mail: NewMail,
    files: Vec<(NewAttachment, Bytes)>,
}

/// Takes a message apart. The error is a sentence.
pub(super) fn parts(octets: &Bytes, envelope: &Envelope) -> Result<Parts, String> {
    let parsed = MessageParser::default().parse(octets.as_ref());
    let message = parsed.ok_or_else(|| "it has no header".to_owned())?;
    if is_sealed(&message) {
        return Err(
            "it is too large for one request, and it is signed or encrypted, so it cannot be taken apart: send it by SMTP"
                .to_owned(),
        );
    }
    let files = message.attachments().enumerate().map(|(number, part)| {
        let kind = part.content_type();
        let content_type = kind.map_or_else(
            || "application/octet-stream".to_owned(),
            |kind| {
                format!(
                    "{}/{}",
                    kind.ctype(),
                    kind.subtype().unwrap_or("octet-stream")
                )
            },
        );
        let name = part.attachment_name().map(str::to_owned);
        let is_inline = part
            .content_disposition()
            .is_none_or(|found| found.ctype().eq_ignore_ascii_case("inline"));
        let content_id = part.content_id().filter(|_| is_inline).map(str::to_owned);
        let file = NewAttachment {
            name: name.unwrap_or_else(|| unnamed(number, &part.body)),
            content_type,
            content_id,
        };
        (file, Bytes::copy_from_slice(part.contents()))
    });
    Ok(Parts {
        files: files.collect(),
        mail: mail(&message, envelope),
    })
}

fn mail(message: &Message<'_>, envelope: &Envelope) -> NewMail {
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
        body: body(message),
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

impl Graph {
    /// Makes the draft, hangs the files on it, and sends it. A draft that is not sent is thrown
    /// away, as far as that is possible.
    pub(super) async fn send_parts(
        &self,
        parts: Parts,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let draft = self.write_draft(&parts.mail).await;
        let draft = draft.map_err(|error| self.of_draft(error))?;
        if let Err(error) = self.prepare(&draft, parts.files, departure).await {
            if let Err(left) = self.discard_draft(&draft).await {
                tracing::warn!(
                    mailbox = self.mailbox(),
                    "a draft that is not sent is left: {left}"
                );
            }
            return Err(error);
        }
        match self.send_draft(&draft).await {
            Ok(()) => Ok(Receipt {
                said: format!("sent, with the immutable id {draft}"),
                refused: Vec::new(),
            }),
            Err(MailError::Graph(refusal)) if !may_be_sent(&refusal) => Err(not_sent(refusal)),
            Err(error @ (MailError::Unreachable { .. } | MailError::Token(_))) => Err(error.into()),
            Err(error) => Err(self.unknown(error.to_string())),
        }
    }

    async fn prepare(
        &self,
        draft: &str,
        files: Vec<(NewAttachment, Bytes)>,
        departure: &mut dyn Departure,
    ) -> Result<(), SubmitError> {
        for (file, octets) in files {
            let attached = self.attach(draft, &file, &mut Octets::new(octets)).await;
            attached.map_err(|error| match error {
                SubmitError::Session(error) => self.of_draft(error),
                other => other,
            })?;
        }
        let id = draft.to_owned();
        Ok(departure.begins(Trace::Draft { id }).await?)
    }

    /// What a refusal means before anything departed. Who may send need not be allowed to write
    /// drafts, so it says nothing of smaller messages.
    fn of_draft(&self, error: MailError) -> SubmitError {
        match error {
            MailError::Graph(refusal) if refusal.meaning == GraphMeaning::AccessDenied => {
                SubmitError::DraftDenied {
                    host: self.host(),
                    mailbox: self.mailbox().to_owned(),
                    limit: self.settings().largest_mime,
                    said: refusal.words(),
                }
            }
            MailError::Graph(refusal) => not_sent(refusal),
            other => other.into(),
        }
    }
}

/// Octets that are there already.
struct Octets {
    size: u64,
    rest: Option<Bytes>,
}

impl Octets {
    fn new(octets: Bytes) -> Self {
        Self {
            size: octets.len() as u64,
            rest: Some(octets).filter(|octets| !octets.is_empty()),
        }
    }
}

#[async_trait]
impl Outgoing for Octets {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_eight_bit(&self) -> bool {
        true
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        Ok(self.rest.take())
    }
}

/// Whether a part of it is only good as it stands: signed or encrypted.
fn is_sealed(message: &Message<'_>) -> bool {
    message.parts.iter().any(|part| {
        let Some(kind) = part.content_type() else {
            return false;
        };
        let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
        let sealed = ["signed", "encrypted", "pkcs7-mime", "x-pkcs7-mime"];
        sealed.contains(&subtype.as_str())
    })
}

/// The HTML if there is one, else the text.
fn body(message: &Message<'_>) -> MailBody {
    let html = message
        .html_part(0)
        .is_some_and(|part| matches!(part.body, PartType::Html(_)));
    if html && let Some(html) = message.body_html(0) {
        return MailBody::Html(html.into_owned());
    }
    let text = message.body_text(0);
    MailBody::Text(text.map_or_else(String::new, std::borrow::Cow::into_owned))
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

fn unnamed(number: usize, body: &PartType<'_>) -> String {
    let ending = match body {
        PartType::Message(_) => "eml",
        PartType::Html(_) => "html",
        PartType::Text(_) => "txt",
        PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Multipart(_) => "bin",
    };
    format!("attachment-{}.{ending}", number + 1)
}

const MOST_HEADERS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::envelope;

    const MESSAGE: &str = "From: Ada <ada@contoso.com>\r\nTo: Bob <bob@contoso.com>\r\nSubject: =?utf-8?q?M=C3=A4rz?=\r\nMessage-ID: <1@contoso.com>\r\nIn-Reply-To: <0@fabrikam.com>\r\nX-Ticket: 7\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>Hi</b>\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n";

    #[test]
    fn a_message_is_taken_apart_and_nobody_is_forgotten() {
        let all = envelope("ada@contoso.com", &["bob@contoso.com", "eve@fabrikam.com"]);
        let parts = parts(&Bytes::from_static(MESSAGE.as_bytes()), &all).expect("it can be");
        let mail = &parts.mail;
        assert_eq!(mail.subject, "M\u{e4}rz");
        let MailBody::Html(html) = &mail.body else {
            panic!("it is HTML: {:?}", mail.body)
        };
        assert_eq!(html.trim(), "<b>Hi</b>");
        assert_eq!(
            (mail.to[0].address.as_str(), mail.bcc.len()),
            ("bob@contoso.com", 1)
        );
        assert_eq!(mail.bcc[0].address, "eve@fabrikam.com");
        assert_eq!(mail.message_id.as_deref(), Some("<1@contoso.com>"));
        assert_eq!(mail.in_reply_to.as_deref(), Some("<0@fabrikam.com>"));
        assert_eq!(mail.headers, [("X-Ticket".to_owned(), "7".to_owned())]);
        let (file, octets) = &parts.files[0];
        assert_eq!(
            (file.name.as_str(), octets.as_ref()),
            ("a.pdf", &b"%PDF"[..])
        );
        assert_eq!(file.content_type, "application/pdf");
    }

    #[test]
    fn what_is_signed_stays_whole() {
        let signed = MESSAGE.replace("multipart/mixed", "multipart/signed");
        let all = envelope("ada@contoso.com", &["bob@contoso.com"]);
        let refused = parts(&Bytes::from(signed), &all).err();
        assert!(refused.expect("it is not taken apart").contains("signed"));
    }
}
