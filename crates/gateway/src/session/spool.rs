//! How the gateway speaks SMTP where it takes messages itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gatepost_wire::Want;
use gatepost_wire::smtp::server::{
    Answer, Ask, InClear, Limits, Mechanism, Persona, Refusal as No, Replies, Server, SignIn,
};
use gatepost_wire::smtp::{EnhancedStatus, Extension, Extensions, Reply, ReversePath, Sender};
use tokio::select;
use tokio::sync::OwnedSemaphorePermit;

use super::conversation::{Bye, Conversation, Machine, Next};
use super::ending::{Whose, Why};
use super::imap::MOST_ERRORS;
use super::refusal::Refusal;
use super::{Arrival, Place, letting_in, smtp, telling};
use crate::Gateway;
use crate::admission::Guest;
use crate::spool::{
    self, Acceptance, Beginning, HeaderRules, Intake, Parcel, Refused, Why as NotTaken,
};

/// Where the messages go.
#[derive(Clone, Copy)]
pub(super) struct Spool<'a> {
    pub(super) acceptance: &'a dyn Acceptance,
    /// Whether a From that may not be sent from is replaced.
    pub(super) rewrite_from: bool,
}

/// Takes messages of a client until its connection ends.
pub(super) async fn take(
    place: Place<'_>,
    spool: Spool<'_>,
    arrival: Arrival,
    stop: &gatepost_host::Stop,
) {
    let known = letting_in::device(place);
    let persona = Manners {
        is_protectable: arrival.tls.is_some(),
        in_clear: arrival.in_clear,
        sign_in: match &known {
            Some(_) => SignIn::Optional,
            None => SignIn::Required,
        },
        largest: spool.acceptance.largest(),
    };
    let around = (place.gateway.clock.clone(), stop.clone());
    let machine = Spooling::new(persona);
    let mut conversation = Conversation::new(machine, arrival.stream, arrival.tls, around);
    let mut counter = Counter {
        place,
        spool,
        guest: known,
        signed_in: false,
        letter: None,
        whose: None,
        accepted: 0,
    };
    if counter.guest.is_some() {
        conversation.is_known(place.door.idle);
    }
    let ended = Box::pin(counter.serve(&mut conversation)).await;
    let why = match (conversation.ended(), ended) {
        (Some(bye), _) => Why::from(bye),
        (None, Ok(())) => Why::Closed,
        (None, Err(error)) => Why::from(error),
    };
    if let Some(whose) = &counter.whose {
        whose.tell(place, conversation.passed(), Some(counter.accepted), &why);
    } else {
        tracing::debug!(
            door = place.door.name,
            client = %place.from,
            "the client left before it was anybody: {why:?}"
        );
    }
}

async fn until(revoked: Option<tokio_util::sync::CancellationToken>) {
    match revoked {
        Some(revoked) => revoked.cancelled_owned().await,
        None => std::future::pending().await,
    }
}

/// Where messages are handed in.
struct Counter<'a> {
    place: Place<'a>,
    spool: Spool<'a>,
    guest: Option<Guest>,
    /// Whether that is by its password.
    signed_in: bool,
    letter: Option<Letter>,
    /// Whose session it is, once it signed in or began to send.
    whose: Option<Whose>,
    /// How many messages were accepted.
    accepted: u64,
}

/// A message that is being handed in.
struct Letter {
    sender: Option<String>,
    recipients: Vec<String>,
    content: Content,
    /// Held where the header is large.
    large: Option<OwnedSemaphorePermit>,
}

/// How far its octets have come.
enum Content {
    Header(Beginning),
    Body(Box<dyn Intake>),
}

impl Counter<'_> {
    /// Serves until the connection ends.
    async fn serve(&mut self, conversation: &mut Conversation<Spooling>) -> std::io::Result<()> {
        loop {
            let revoked = self.guest.as_ref().map(|guest| guest.revoked.clone());
            let next = select! {
                biased;
                () = until(revoked) => {
                    conversation.bye(Bye::Revoked);
                    self.guest = None;
                    continue;
                }
                next = conversation.next() => next?,
            };
            match next {
                Next::Asked(ask) => {
                    let stranger = !conversation.machine.server.is_signed_in();
                    if stranger && !matches!(ask, Ask::SignIn(_)) {
                        self.forget();
                        if self.guest.is_none() {
                            conversation.is_unknown();
                        }
                    }
                    let answer = self.answer(ask).await;
                    if self.guest.is_some() {
                        conversation.is_known(self.place.door.idle);
                    }
                    conversation.machine.server.answer(answer);
                }
                // Nobody is ever handed over here.
                Next::HandOver(..) | Next::Over => return Ok(()),
            }
        }
    }

    /// Whoever signed in before TLS was started is forgotten: it may have been somebody on the way
    /// (RFC 3207 §4.2).
    fn forget(&mut self) {
        if std::mem::take(&mut self.signed_in) {
            self.guest = letting_in::device(self.place);
            // What is sent now is told under its own name.
            self.whose = None;
        }
    }

    async fn answer(&mut self, ask: Ask) -> Answer {
        let done = match ask {
            Ask::SignIn(credentials) => return self.sign_in(credentials).await,
            Ask::Sender(sender) => self.begin(&sender).await,
            Ask::Recipient(recipient) => {
                if let Some(letter) = &mut self.letter {
                    letter.recipients.push(recipient.path.as_str().to_owned());
                }
                Ok(())
            }
            Ask::Message(_) => Ok(()),
            Ask::MessageOctets(octets) => self.go_on(&octets).await,
            Ask::MessageEnds => return self.end().await,
            Ask::Abandon => {
                self.letter = None;
                Ok(())
            }
        };
        match done {
            Ok(()) => Answer::Done,
            Err(refused) => self.refuse(&refused),
        }
    }

    async fn sign_in(&mut self, credentials: gatepost_wire::sasl::Credentials) -> Answer {
        match letting_in::admit(self.place, credentials).await {
            Ok(guest) => {
                telling::signed_in(self.place, &guest);
                self.whose = Some(Whose::of(&guest, self.place.gateway.clock.now()));
                self.guest = Some(guest);
                self.signed_in = true;
                Answer::Done
            }
            Err(turned) => Answer::Refused(smtp::no(&Refusal::from(&turned), smtp::Wished::SignIn)),
        }
    }

    /// MAIL FROM: whether this sender may begin.
    async fn begin(&mut self, sender: &Sender) -> Result<(), Refused> {
        let guest = self.guest.as_ref().ok_or_else(nobody)?;
        if self.whose.is_none() {
            telling::signed_in_without_login(self.place, guest);
            self.whose = Some(Whose::of(guest, self.place.gateway.clock.now()));
        }
        self.spool.acceptance.permits(guest).await?;
        let rules = self.rules(guest);
        let sender = match &sender.path {
            ReversePath::Null => None,
            ReversePath::Address(path) if spool::may_send(guest, path.as_str()) => {
                Some(path.as_str().to_owned())
            }
            ReversePath::Address(_) if self.spool.rewrite_from => Some(rules.sender().to_owned()),
            ReversePath::Address(path) => {
                let said = format!(
                    "{} may not send messages from {}",
                    guest.login,
                    path.as_str()
                );
                return Err(Refused::new(NotTaken::Sender, &said));
            }
        };
        self.letter = Some(Letter {
            sender,
            recipients: Vec::new(),
            content: Content::Header(Beginning::default()),
            large: None,
        });
        Ok(())
    }

    async fn go_on(&mut self, octets: &Bytes) -> Result<(), Refused> {
        let letter = self.letter.as_mut().ok_or_else(nobody)?;
        match &mut letter.content {
            Content::Body(intake) => intake.write(octets).await,
            Content::Header(beginning) => {
                if beginning.push(octets)? {
                    return self.open().await;
                }
                if beginning.is_large() && letter.large.is_none() {
                    letter.large = Some(room_for_large(self.place).await?);
                }
                Ok(())
            }
        }
    }

    /// The header is complete: the message may be taken in.
    async fn open(&mut self) -> Result<(), Refused> {
        let guest = self.guest.as_ref().ok_or_else(nobody)?;
        let letter = self.letter.as_mut().ok_or_else(nobody)?;
        let Content::Header(beginning) = &mut letter.content else {
            return Ok(());
        };
        let (header, rest) = std::mem::take(beginning).split();
        let rules = HeaderRules {
            guest,
            rewrite_from: self.spool.rewrite_from,
        };
        let header = rules.apply(header)?;
        let sender = letter.sender.as_deref();
        let parcel = Parcel {
            mailbox: guest.mailbox.clone(),
            repetition: spool::repetition(&header, sender, &letter.recipients),
            sender: letter.sender.clone(),
            recipients: letter.recipients.clone(),
        };
        let mut intake = self.spool.acceptance.begin(parcel).await?;
        intake.write(&header).await?;
        intake.write(&rest).await?;
        letter.content = Content::Body(intake);
        // Nothing large is held any more, however long the rest takes.
        letter.large = None;
        Ok(())
    }

    async fn end(&mut self) -> Answer {
        match self.finish().await {
            Ok(id) => {
                self.accepted += 1;
                let status = EnhancedStatus::new(2, 0, 0);
                Answer::Accepted(Reply::with_status(250, status, format!("Queued as {id}")))
            }
            Err(refused) => self.refuse(&refused),
        }
    }

    async fn finish(&mut self) -> Result<String, Refused> {
        // A message may be all header.
        if let Some(Content::Header(_)) = self.letter.as_ref().map(|letter| &letter.content) {
            self.open().await?;
        }
        let letter = self.letter.take().ok_or_else(nobody)?;
        let Content::Body(intake) = letter.content else {
            return Err(nobody());
        };
        Ok(intake.finish().await?.id)
    }

    fn rules<'g>(&self, guest: &'g Guest) -> HeaderRules<'g> {
        HeaderRules {
            guest,
            rewrite_from: self.spool.rewrite_from,
        }
    }

    fn refuse(&self, refused: &Refused) -> Answer {
        let login = self.guest.as_ref().map(|guest| guest.login.as_str());
        tracing::warn!(
            door = self.place.door.name,
            protocol = %self.place.door.protocol,
            client = %self.place.from,
            login,
            "a message was not accepted: {refused}"
        );
        Answer::Refused(No::new(refused.reply()))
    }
}

/// Waits until one more large header may be in memory.
async fn room_for_large(place: Place<'_>) -> Result<OwnedSemaphorePermit, Refused> {
    let Gateway {
        clock,
        large_headers,
        ..
    } = place.gateway;
    let waiting = Arc::clone(large_headers).acquire_owned();
    match clock.within(WAIT_FOR_ROOM, waiting).await {
        Ok(Ok(room)) => Ok(room),
        _ => Err(Refused::new(
            NotTaken::Temporary,
            "Too many messages with a large header at once, try again later",
        )),
    }
}

/// Clients wait three minutes for each part of a message (RFC 5321 §4.5.3.2.5).
const WAIT_FOR_ROOM: Duration = Duration::from_secs(30);

/// The machine asks in its order, so that this is heard by nobody.
fn nobody() -> Refused {
    Refused::new(NotTaken::Temporary, "Nobody is signed in")
}

/// The SMTP server of a door that takes messages itself.
struct Spooling {
    server: Server,
    manners: Manners,
}

/// What makes the persona of a connection.
#[derive(Clone, Copy)]
struct Manners {
    is_protectable: bool,
    in_clear: InClear,
    sign_in: SignIn,
    largest: u64,
}

impl Spooling {
    fn new(manners: Manners) -> Self {
        Self {
            server: Server::new(manners.persona()),
            manners,
        }
    }
}

impl Machine for Spooling {
    type Ask = Ask;

    fn want(&mut self) -> Want<Ask> {
        self.server.want()
    }

    fn buffer(&mut self) -> &mut BytesMut {
        self.server.buffer()
    }

    fn tls_started(&mut self) {
        let protected = Manners {
            is_protectable: false,
            in_clear: InClear::Refused,
            ..self.manners
        };
        self.server.tls_started(protected.persona());
    }

    fn bye(&mut self, why: Bye) {
        let status = EnhancedStatus::new(4, 3, 2);
        self.server
            .bye(&Reply::with_status(421, status, why.words()));
    }
}

impl Manners {
    fn persona(self) -> Persona {
        let mut offered = vec![
            Extension::Size(Some(self.largest)),
            Extension::Pipelining,
            Extension::EnhancedStatusCodes,
            Extension::EightBitMime,
            Extension::Chunking,
            Extension::SmtpUtf8,
        ];
        if self.is_protectable {
            offered.push(Extension::StartTls);
        }
        if !self.is_protectable || self.in_clear == InClear::Accepted {
            // The last line: there are devices that look for it nowhere else.
            let mechanisms = [Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2];
            offered.push(Extension::auth(mechanisms));
        }
        Persona {
            greeting: Reply::new(220, "gatepost ESMTP ready"),
            hello: "gatepost".to_owned(),
            extensions: Extensions::new(offered),
            in_clear: self.in_clear,
            sign_in: self.sign_in,
            replies: Replies::default(),
            limits: Limits {
                line: 8 * 1024,
                auth_line: 8 * 1024,
                errors: MOST_ERRORS,
                ..Limits::default()
            },
        }
    }
}
