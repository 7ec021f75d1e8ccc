//! A signed-in session that takes messages.

use std::time::Duration;

use async_trait::async_trait;
use gatepost_wire::smtp::client::{Event, Unsendable};
use gatepost_wire::smtp::{Body, Envelope, Extension, Path, Phase};

use super::TRANSPORT;
use super::fitting::{self, Fitted, fit};
use super::link::{Link, Place};
use super::seven_bit::{RecodeError, SevenBit};
use super::transmission;
use super::verdict::refusal;
use crate::{
    Departure, MailError, Outgoing, Receipt, RefusedRecipient, Submit, SubmitError, Trace,
};

/// One signed-in connection.
#[derive(Debug)]
pub(super) struct Session {
    link: Link,
    standing: Standing,
}

/// What the next message finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can begin.
    Ready,
    /// The envelope of the last one is still there.
    Begun,
    /// The connection is of no use any more.
    Over,
}

impl Session {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            standing: Standing::Ready,
        }
    }

    async fn hand_over(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let mut fitted = fit(envelope, message, &self.link).await?;
        let Some((survey, recoding)) = fitted.recoding.take() else {
            return self.transmit(fitted, message, departure).await;
        };
        match SevenBit::new(&mut *message, survey, recoding).await {
            Ok(mut recoded) => {
                fitted.envelope.sender.size = Some(recoded.size());
                self.transmit(fitted, &mut recoded, departure).await
            }
            // Octets in a header are passed on by whoever takes them in a body, and to refuse the
            // message would help nobody.
            Err(RecodeError::Obstacle(_)) if self.offers(&Extension::EightBitMime) => {
                message.begin_again().await?;
                fitted.envelope.sender.body = Body::EightBitMime;
                self.transmit(fitted, message, departure).await
            }
            Err(error) => Err(fitting::unsent(error, &self.link.place)),
        }
    }

    async fn transmit(
        &mut self,
        fitted: Fitted,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        let envelope = fitted.envelope.clone();
        let refused = self.settle(fitted).await?;
        let transfer = transmission::begin(&mut self.link, &envelope.sender).await?;
        departure.refused(&refused);
        departure.begins(Trace::MessageId).await?;
        let said = transmission::send(&mut self.link, transfer, message).await?;
        let receipt = Receipt {
            by: TRANSPORT.name,
            said,
            refused,
        };
        if self.offers(&Extension::Dsn) {
            return Ok(receipt);
        }
        Ok(receipt.without_reports(&envelope))
    }

    fn offers(&self, extension: &Extension) -> bool {
        self.link.client.extensions().has(extension)
    }

    /// Has the sender and at least one recipient taken; answers who was refused.
    async fn settle(&mut self, fitted: Fitted) -> Result<Vec<RefusedRecipient>, SubmitError> {
        let Fitted {
            envelope,
            paths,
            mut refused,
            ..
        } = fitted;
        let link = &mut self.link;
        let asked = link.client.send_envelope(&envelope);
        asked.map_err(|unsendable| unsent(unsendable, &envelope, link))?;
        let limit = link.limits.command;
        let mut sender = Ok(());
        loop {
            match link.event("its answer to the envelope", limit).await? {
                Event::Replied(phase @ (Phase::Mail | Phase::Recipient(_)), reply) => {
                    if reply.is_done() {
                        continue;
                    }
                    let error = refusal(phase, &reply, &link.place);
                    if reply.code == CLOSING {
                        return Err(error);
                    }
                    match recipient(&paths, phase) {
                        Some(recipient) => refused.push(RefusedRecipient { recipient, error }),
                        None => sender = Err(error),
                    }
                }
                Event::EnvelopeSettled { accepted } => {
                    sender?;
                    if accepted == 0 {
                        return Err(SubmitError::NoRecipient(refused));
                    }
                    return Ok(refused);
                }
                _ => {}
            }
        }
    }

    /// Gives up what a refused message left behind.
    async fn start_over(&mut self) -> Result<(), SubmitError> {
        let asked = self.link.client.reset();
        self.link.sent(asked)?;
        let reply = self.link.answer(Phase::Reset).await?;
        if reply.is_done() {
            return Ok(());
        }
        Err(refusal(Phase::Reset, &reply, &self.link.place))
    }
}

#[async_trait]
impl Submit for Session {
    async fn submit(
        &mut self,
        envelope: &Envelope,
        message: &mut dyn Outgoing,
        departure: &mut dyn Departure,
    ) -> Result<Receipt, SubmitError> {
        // Whoever drops this future in the middle leaves a connection that nobody understands.
        let standing = std::mem::replace(&mut self.standing, Standing::Over);
        if standing == Standing::Over {
            return Err(SubmitError::Session(over(&self.link.place)));
        }
        if standing == Standing::Begun {
            self.start_over().await?;
        }
        let outcome = self.hand_over(envelope, message, departure).await;
        self.standing = match &outcome {
            Ok(_) => Standing::Ready,
            Err(error) => left_behind(error, &mut self.link),
        };
        outcome
    }

    fn is_open(&self) -> bool {
        self.standing != Standing::Over
    }

    async fn close(&mut self) {
        let standing = std::mem::replace(&mut self.standing, Standing::Over);
        if standing == Standing::Over || self.link.client.quit().is_err() {
            return;
        }
        let clock = self.link.clock.clone();
        let goodbye = self.link.answer(Phase::Quit);
        // The connection is dropped in any case, and nobody waits long for politeness.
        let _ = clock.within(GOODBYE, goodbye).await;
    }
}

/// What the session is good for behind this error.
fn left_behind(error: &SubmitError, link: &mut Link) -> Standing {
    match error {
        SubmitError::Refused { .. } if link.is_over() => Standing::Over,
        // Answers to what was sent before come first, and nobody waits for them.
        SubmitError::Refused { .. } if link.client.in_flight() > 0 => Standing::Over,
        // Found before anything was said.
        SubmitError::NoRecipient(all) if all.iter().all(is_unsendable) => Standing::Ready,
        SubmitError::TooLarge { .. }
        | SubmitError::DraftDenied { .. }
        | SubmitError::UploadExpired { .. }
        | SubmitError::DraftGone { .. }
        | SubmitError::DraftAltered { .. }
        | SubmitError::DraftChanged { .. }
        | SubmitError::Unsendable { .. } => Standing::Ready,
        SubmitError::Refused { .. } | SubmitError::NoRecipient(_) => Standing::Begun,
        // Within DATA only the end of the message or of the connection ends it.
        SubmitError::Session(_)
        | SubmitError::NoWay(_)
        | SubmitError::Unknown { .. }
        | SubmitError::Outgoing(_)
        | SubmitError::Departure(_) => Standing::Over,
    }
}

fn is_unsendable(refused: &RefusedRecipient) -> bool {
    matches!(refused.error, SubmitError::Unsendable { .. })
}

fn recipient(paths: &[Path], phase: Phase) -> Option<Path> {
    let Phase::Recipient(number) = phase else {
        return None;
    };
    paths.get(number).cloned()
}

/// Why an envelope cannot be sent; the connection is as it was, unless it is over.
fn unsent(unsendable: Unsendable, envelope: &Envelope, link: &Link) -> SubmitError {
    let Place { host, mailbox, .. } = link.place.clone();
    match unsendable {
        Unsendable::TooLarge { limit } => SubmitError::TooLarge {
            host,
            mailbox,
            size: envelope.sender.size.unwrap_or_default(),
            limit,
        },
        Unsendable::Busy
        | Unsendable::NotListening
        | Unsendable::TlsFirst
        | Unsendable::NoSuchMechanism
        | Unsendable::Name => SubmitError::Session(over(&link.place)),
        Unsendable::NoRecipient
        | Unsendable::NoUtf8
        | Unsendable::NoEightBit
        | Unsendable::NoChunks
        | Unsendable::ParameterTooLong => SubmitError::Unsendable {
            host,
            mailbox,
            reason: unsendable.to_string(),
        },
    }
}

fn over(place: &Place) -> MailError {
    MailError::Disconnected {
        host: place.host.clone(),
        mailbox: place.mailbox.clone(),
        reason: "this session is over".to_owned(),
    }
}

const GOODBYE: Duration = Duration::from_secs(5);
/// The server closes the connection behind it (RFC 5321 §3.8).
const CLOSING: u16 = 421;
