//! Who may sign in, who may go on, and when a session ends against its will.

use std::sync::Arc;

use gatepost_wire::imap::server::{Answer, Credentials, Refusal};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;

use super::exchange::{
    CLOSED, NOT_CONNECTED, SIGN_IN_REFUSED, SWITCHED_OFF, THROTTLED, TOKEN_EXPIRED, UNAVAILABLE,
};
use super::session::{Act, Session};
use crate::faults::{FaultKind, Target};
use crate::mailboxes::Mailbox;
use crate::places::Place;
use crate::tenant::{MailProtocol, Principal};

/// Who is at the other end.
pub(super) enum Client {
    Unknown,
    /// The token is good, the mailbox is not open to it.
    NotConnected,
    Connected(Connected),
}

/// A client and the mailbox it opened.
pub(super) struct Connected {
    pub(super) app: String,
    token: SecretString,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) changes: watch::Receiver<u64>,
    _place: Place,
}

impl Session {
    pub(super) fn sign_in(&mut self, credentials: &Credentials) -> Answer {
        let Credentials::Bearer { user, token } = credentials else {
            return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
        };
        let admitted = self
            .imap
            .tenant
            .admit(token.expose_secret(), MailProtocol::Imap);
        let (principal, mailbox) = match (admitted, self.imap.mailboxes.named(user)) {
            (Ok(principal), Ok(mailbox)) => (principal, mailbox),
            (Err(reason), _) => {
                tracing::info!(?user, %reason, "the sandbox refused an access token");
                return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
            }
            (_, Err(reason)) => {
                tracing::info!(?user, %reason, "the sandbox refused a sign-in");
                return Answer::Refused(Refusal::no(SIGN_IN_REFUSED));
            }
        };
        let target = Target {
            app: Some(principal.client_id()),
            mailbox: Some(mailbox.address()),
        };
        if self.imap.faults.strikes(FaultKind::ImapOff, target) {
            return Answer::Refused(Refusal::no(SWITCHED_OFF));
        }
        self.client = self.connect(&principal, token, mailbox);
        Answer::Done
    }

    /// Exchange says OK to the token first and finds out about the mailbox afterwards.
    fn connect(
        &self,
        principal: &Principal,
        token: &SecretString,
        mailbox: Arc<Mailbox>,
    ) -> Client {
        let app = principal.client_id();
        let target = Target {
            app: Some(app),
            mailbox: Some(mailbox.address()),
        };
        let may = self.imap.tenant.may_open(principal, mailbox.address())
            && !self
                .imap
                .faults
                .strikes(FaultKind::AuthenticatedButNotConnected, target);
        let place = may.then(|| self.places.take(mailbox.address())).flatten();
        match place {
            Some(place) => Client::Connected(Connected {
                app: app.to_owned(),
                token: token.clone(),
                changes: mailbox.watch(),
                mailbox,
                _place: place,
            }),
            None => Client::NotConnected,
        }
    }

    pub(super) fn admit(&mut self) -> Act {
        let refused = |refusal| Act::Answer(Answer::Refused(refusal));
        if !matches!(self.client, Client::Connected(_)) {
            return refused(Refusal::bad(NOT_CONNECTED).then_bye(CLOSED));
        }
        if let Some(bye) = self.ended_by_order() {
            return Act::SayBye(bye);
        }
        let strikes = |kind| self.imap.faults.strikes(kind, self.target());
        if strikes(FaultKind::Hang) {
            Act::FallSilent
        } else if strikes(FaultKind::ServerError) {
            refused(Refusal::bad(UNAVAILABLE).then_bye("Connection closed."))
        } else if strikes(FaultKind::Throttle) {
            refused(Refusal::bad(THROTTLED))
        } else {
            Act::Answer(Answer::Done)
        }
    }

    /// With what the session ends because of an order: it is to be closed, or its token is void.
    pub(super) fn ended_by_order(&mut self) -> Option<&'static str> {
        if self
            .imap
            .faults
            .strikes(FaultKind::CloseSession, self.target())
        {
            return Some(CLOSED);
        }
        if self.imap.faults.stands(FaultKind::ImapOff, self.target()) {
            return Some(CLOSED);
        }
        // A token is verified again only when an order may have made it void.
        let Client::Connected(connected) = &self.client else {
            return None;
        };
        let ordered = self.orders.has_changed().unwrap_or(false);
        self.orders.mark_unchanged();
        let token = connected.token.expose_secret();
        let void = ordered && self.imap.tenant.admit(token, MailProtocol::Imap).is_err();
        void.then_some(TOKEN_EXPIRED)
    }

    /// Whether a connection in IDLE is to be dropped.
    pub(super) fn drops_idle(&self) -> bool {
        self.imap.faults.strikes(FaultKind::DropIdle, self.target())
    }
}
