//! How the gateway speaks IMAP with whoever is not signed in.

use bytes::BytesMut;
use gatepost_mail::passage::Told;
use gatepost_wire::imap::server::{
    Answer, Ask, InClear, Limits, Mechanism, Persona, Quirks, Refusal as No, Server, Texts, Want,
};

use super::conversation::{Bye, Machine};
use super::refusal::{Kind, Refusal};
use super::{Greeter, Wish};

/// The IMAP server of a door.
pub(super) struct Imap(Server);

impl Imap {
    /// `is_protectable` where TLS can be started.
    pub(super) fn new((is_protectable, in_clear): (bool, InClear)) -> Self {
        Self(Server::new(persona(is_protectable, in_clear)))
    }
}

impl Machine for Imap {
    type Ask = Ask;

    fn want(&mut self) -> gatepost_wire::Want<Ask> {
        match self.0.want() {
            Want::Write(octets) => gatepost_wire::Want::Write(octets),
            Want::Read(_) => gatepost_wire::Want::Read,
            Want::Ask(ask) => gatepost_wire::Want::Ask(ask),
            Want::Answer => gatepost_wire::Want::Answer,
            Want::StartTls => gatepost_wire::Want::StartTls,
            Want::HandOver(first) => gatepost_wire::Want::HandOver(first),
            Want::Close => gatepost_wire::Want::Close,
        }
    }

    fn buffer(&mut self) -> &mut BytesMut {
        self.0.buffer()
    }

    fn tls_started(&mut self) {
        self.0.tls_started(persona(false, InClear::Refused));
    }

    fn bye(&mut self, why: Bye) {
        self.0.bye(why.words());
    }
}

impl Greeter for Imap {
    fn wish(&mut self, ask: Ask) -> Option<Wish> {
        match ask {
            Ask::SignIn(credentials) => Some(Wish::Credentials(credentials)),
            _ => None,
        }
    }

    fn let_in(&mut self, told: &Told) {
        let capability = match told {
            Told::Imap(capability) => capability.clone(),
            Told::Pop3 | Told::Smtp(_) => None,
        };
        self.0.answer(Answer::HandOver(capability));
    }

    fn turn_away(&mut self, refusal: &Refusal) {
        // RFC 5530 §3.
        let code = match refusal.kind {
            Kind::Credentials => "AUTHENTICATIONFAILED",
            Kind::Temporary => "UNAVAILABLE",
            Kind::Permanent => "CONTACTADMIN",
        };
        let no = No::no(format!("[{code}] {}", refusal.said));
        self.0.answer(Answer::Refused(if refusal.ends_connection {
            no.then_bye(CLOSED)
        } else {
            no
        }));
    }
}

fn persona(is_protectable: bool, in_clear: InClear) -> Persona {
    let mut mechanisms = vec![
        Mechanism::Plain,
        Mechanism::AuthLogin,
        Mechanism::Xoauth2,
        Mechanism::Login,
    ];
    // IMAP4rev1 is first: there are clients that look no further.
    let mut capability = "IMAP4rev1 SASL-IR LITERAL+ ID".to_owned();
    if is_protectable {
        mechanisms.push(Mechanism::StartTls);
        capability.push_str(" STARTTLS");
    }
    // RFC 3501 §6.2.3: where no password is taken, LOGINDISABLED says so.
    capability.push_str(if is_protectable && in_clear == InClear::Refused {
        " LOGINDISABLED"
    } else {
        " AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2"
    });
    Persona {
        texts: Texts {
            greeting: format!("[CAPABILITY {capability}] Gatepost is ready"),
            id: "(\"name\" \"Gatepost\")".to_owned(),
            completed: "completed",
            failed: "failed",
            go_ahead: "go ahead",
            idle: "idling",
            logout: "goodbye",
            bad_command: "Unknown command, or it cannot be read",
            bad_arguments: "Too long, or the arguments are wrong",
            wrong_state: "Not now: sign in first",
            bad_set: "There is no such message",
            read_only: "The mailbox is read-only",
            sign_in_cancelled: "Authentication cancelled",
            no_such_mechanism: "[CANNOT] There is no such mechanism here",
            privacy_required: "[PRIVACYREQUIRED] TLS has to come first",
            bad_charset: "[BADCHARSET] There is no such charset",
            closed: CLOSED,
        },
        capability_after_login: capability.clone(),
        capability_before_login: capability,
        mechanisms,
        in_clear,
        charsets: &[],
        limits: Limits {
            line: 8 * 1024,
            literal: 64 * 1024,
            errors: MOST_ERRORS,
        },
        quirks: Quirks::default(),
    }
}

const CLOSED: &str = "Too many errors, closing";
pub(super) const MOST_ERRORS: u32 = 10;
