//! How the gateway speaks SMTP with whoever is not signed in.

use bytes::BytesMut;
use gatepost_mail::passage::Told;
use gatepost_wire::Want;
use gatepost_wire::smtp::server::{
    Answer, Ask, InClear, Limits, Mechanism, Persona, Refusal as No, Replies, Server, SignIn,
};
use gatepost_wire::smtp::{EnhancedStatus, Extension, Extensions, Reply};

use super::conversation::{Bye, Machine};
use super::imap::MOST_ERRORS;
use super::refusal::{Kind, Refusal};
use super::{Greeter, Wish};

/// The SMTP server of a door whose messages go on to the mailbox's own server.
pub(super) struct Smtp {
    server: Server,
    sign_in: SignIn,
    /// What the server behind this one is known to offer.
    known: Extensions,
    /// Whether the client wants to send, and not to sign in.
    sends: bool,
    /// How many senders were refused: each was a connection to the mailbox's server.
    refused: u32,
}

impl Smtp {
    /// `is_protectable` where TLS can be started.
    pub(super) fn new(protection: (bool, InClear), sign_in: SignIn, known: Extensions) -> Self {
        Self {
            server: Server::new(persona(protection, sign_in, &known)),
            sign_in,
            known,
            sends: false,
            refused: 0,
        }
    }
}

impl Machine for Smtp {
    type Ask = Ask;

    fn want(&mut self) -> Want<Ask> {
        self.server.want()
    }

    fn buffer(&mut self) -> &mut BytesMut {
        self.server.buffer()
    }

    fn tls_started(&mut self) {
        let persona = persona((false, InClear::Refused), self.sign_in, &self.known);
        self.server.tls_started(persona);
    }

    fn bye(&mut self, why: Bye) {
        let status = EnhancedStatus::new(4, 3, 2);
        self.server
            .bye(&Reply::with_status(421, status, why.words()));
    }
}

impl Greeter for Smtp {
    fn wish(&mut self, ask: Ask) -> Option<Wish> {
        self.sends = matches!(ask, Ask::Sender(_));
        match ask {
            Ask::SignIn(credentials) => Some(Wish::Credentials(credentials)),
            Ask::Sender(_) => Some(Wish::AsDevice),
            _ => None,
        }
    }

    fn let_in(&mut self, _: &Told) {
        self.server.answer(Answer::HandOver);
    }

    fn turn_away(&mut self, refusal: &Refusal) {
        let wished = if self.sends {
            Wished::Send
        } else {
            Wished::SignIn
        };
        let mut no = no(refusal, wished);
        self.refused += u32::from(self.sends);
        if self.refused >= MOST_REFUSED {
            no.then = gatepost_wire::Then::Close;
        }
        self.server.answer(Answer::Refused(no));
    }
}

/// A device that is refused so often in one session has to connect again, as often as others may.
const MOST_REFUSED: u32 = 5;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wished {
    /// To sign in.
    SignIn,
    /// To send without that.
    Send,
}

/// The refusal of a sign-in (RFC 4954 §6), or of a sender who needs none.
pub(super) fn no(refusal: &Refusal, wished: Wished) -> No {
    let (code, status) = match (refusal.kind, wished) {
        (Kind::Credentials, Wished::SignIn) => (535, EnhancedStatus::new(5, 7, 8)),
        (Kind::Temporary, Wished::SignIn) => (454, EnhancedStatus::new(4, 7, 0)),
        (Kind::Permanent, Wished::SignIn) => (535, EnhancedStatus::new(5, 7, 0)),
        (Kind::Temporary, Wished::Send) => (451, EnhancedStatus::new(4, 3, 0)),
        (Kind::Credentials | Kind::Permanent, Wished::Send) => (550, EnhancedStatus::new(5, 7, 1)),
    };
    let mut no = No::new(Reply::with_status(code, status, &refusal.said));
    if refusal.ends_connection {
        no.then = gatepost_wire::Then::Close;
    }
    no
}

fn persona(
    (is_protectable, in_clear): (bool, InClear),
    sign_in: SignIn,
    known: &Extensions,
) -> Persona {
    // How the message is to come is said here; what else there is, the server itself says to
    // whoever has signed in.
    let passed_on = known.iter().filter(|extension| {
        matches!(
            extension,
            Extension::Size(_)
                | Extension::Pipelining
                | Extension::Dsn
                | Extension::EnhancedStatusCodes
                | Extension::EightBitMime
                | Extension::Chunking
                | Extension::BinaryMime
                | Extension::SmtpUtf8
        )
    });
    let mut offered: Vec<Extension> = passed_on.cloned().collect();
    if is_protectable {
        offered.push(Extension::StartTls);
    }
    if !is_protectable || in_clear == InClear::Accepted {
        // The last line: there are devices that look for it nowhere else.
        let mechanisms = [Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2];
        offered.push(Extension::auth(mechanisms));
    }
    Persona {
        greeting: Reply::new(220, "gatepost ESMTP ready"),
        hello: "gatepost".to_owned(),
        extensions: Extensions::new(offered),
        in_clear,
        sign_in,
        replies: Replies::default(),
        limits: Limits {
            line: 8 * 1024,
            auth_line: 8 * 1024,
            errors: MOST_ERRORS,
            ..Limits::default()
        },
    }
}
