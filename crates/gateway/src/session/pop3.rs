//! How the gateway speaks POP3 with whoever is not signed in.

use bytes::BytesMut;
use gatepost_mail::passage::Told;
use gatepost_wire::Want;
use gatepost_wire::pop3::server::{
    Answer, Ask, InClear, InitialResponse, Limits, Mechanism, Persona, Refusal as No, Server, Texts,
};
use gatepost_wire::pop3::{Capabilities, Capability, Code, Reply};

use super::conversation::{Bye, Machine};
use super::imap::MOST_ERRORS;
use super::refusal::{Kind, Refusal};
use super::{Greeter, Wish};

/// The POP3 server of a door.
pub(super) struct Pop3(Server);

impl Pop3 {
    /// `is_protectable` where TLS can be started.
    pub(super) fn new((is_protectable, in_clear): (bool, InClear)) -> Self {
        Self(Server::new(persona(is_protectable, in_clear)))
    }
}

impl Machine for Pop3 {
    type Ask = Ask;

    fn want(&mut self) -> Want<Ask> {
        self.0.want()
    }

    fn buffer(&mut self) -> &mut BytesMut {
        self.0.buffer()
    }

    fn tls_started(&mut self) {
        self.0.tls_started(persona(false, InClear::Refused));
    }

    fn bye(&mut self, why: Bye) {
        let code = match why {
            Bye::DoorGone => Code::SysPerm,
            _ => Code::SysTemp,
        };
        self.0.bye(&Reply::err(why.words()).with_code(code));
    }
}

impl Greeter for Pop3 {
    fn wish(&mut self, ask: Ask) -> Option<Wish> {
        match ask {
            Ask::SignIn(credentials) => Some(Wish::Credentials(credentials)),
            _ => None,
        }
    }

    fn let_in(&mut self, _: &Told) {
        self.0.answer(Answer::HandOver);
    }

    fn turn_away(&mut self, refusal: &Refusal) {
        // RFC 3206.
        let no = No::new(&refusal.said).with_code(match refusal.kind {
            Kind::Credentials => Code::Auth,
            Kind::Temporary => Code::SysTemp,
            Kind::Permanent => Code::SysPerm,
        });
        self.0.answer(Answer::Refused(if refusal.ends_connection {
            no.and_close()
        } else {
            no
        }));
    }
}

fn persona(is_protectable: bool, in_clear: InClear) -> Persona {
    // Clients that ask only once look for these before they sign in; every server that Gatepost
    // reads by POP3 has them.
    let mut listed = vec![
        Capability::Top,
        Capability::Uidl,
        Capability::ResponseCodes,
        Capability::AuthResponseCode,
    ];
    if is_protectable {
        listed.push(Capability::Stls);
    }
    if !is_protectable || in_clear == InClear::Accepted {
        listed.push(Capability::User);
        let mechanisms = [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2];
        listed.push(Capability::sasl(mechanisms));
    }
    Persona {
        texts: Texts {
            greeting: "Gatepost is ready".to_owned(),
            authenticated: "Signed in",
            logged_on: "Signed in",
            sign_in_failed: "Not like this: no such mechanism, or the credentials cannot be read",
            initial_response_refused: "Not in one line",
            sign_in_cancelled: "Authentication cancelled",
            starting_tls: "Begin TLS",
            goodbye: "Goodbye",
            bad_command: "Unknown command, or not now",
            no_such_message: "There is no such message",
            closed: "Too many errors, closing",
        },
        capabilities: Capabilities::new(listed.clone()),
        in_clear,
        capabilities_signed_in: Capabilities::new(listed),
        initial_response: InitialResponse::Accept,
        limits: Limits {
            line: 8 * 1024,
            sasl_line: 8 * 1024,
            errors: MOST_ERRORS,
        },
    }
}
