//! Answers what the POP3 machine asks: who may sign in, what is in the inbox, what goes wrong.

use std::sync::Arc;

use gatepost_wire::pop3::Code;
use gatepost_wire::pop3::server::{Answer, Ask, Credentials, Letter, Refusal};
use secrecy::ExposeSecret as _;

use super::Pop3;
use super::exchange::{GONE, NOT_CONNECTED, SIGN_IN_REFUSED, THROTTLED, UNAVAILABLE};
use crate::faults::{FaultKind, Target};
use crate::mailboxes::{Mailbox, Message};
use crate::places::{Place, Places};
use crate::tenant::{MailProtocol, Principal};

/// What one client sees.
pub(super) struct Session {
    pop3: Pop3,
    places: Places,
    client: Option<Client>,
}

/// A client and the mailbox it opened.
struct Client {
    app: String,
    mailbox: Arc<Mailbox>,
    /// The UIDVALIDITY under which it knows the messages.
    uidvalidity: u32,
    _place: Place,
}

/// What is done about a question.
pub(super) enum Act {
    /// This is the answer.
    Answer(Answer),
    /// Nothing is said any more.
    FallSilent,
    /// The connection is closed without a word.
    HangUp,
}

impl Session {
    pub(super) fn new(pop3: Pop3, places: Places) -> Self {
        Self {
            pop3,
            places,
            client: None,
        }
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, ask: Ask) -> Act {
        match ask {
            Ask::SignIn(credentials) => self.sign_in(&credentials),
            Ask::Message(unique) => {
                if self.strikes(FaultKind::CloseSession) {
                    return Act::HangUp;
                }
                self.trouble().unwrap_or_else(|| {
                    let message = self.message(&unique);
                    Act::Answer(message.map_or_else(
                        || Answer::Refused(Refusal::new(GONE)),
                        |message| Answer::Chunk(message.raw),
                    ))
                })
            }
            // A message is one chunk.
            Ask::More => Act::Answer(Answer::End),
            Ask::Update(uniques) => {
                self.delete(&uniques);
                Act::Answer(Answer::Done)
            }
        }
    }

    fn sign_in(&mut self, credentials: &Credentials) -> Act {
        let refused = Act::Answer(Answer::Refused(Refusal::new(SIGN_IN_REFUSED)));
        let Credentials::Bearer { user, token } = credentials else {
            return refused;
        };
        let admitted = self
            .pop3
            .tenant
            .admit(token.expose_secret(), MailProtocol::Pop3);
        let (principal, mailbox) = match (admitted, self.pop3.mailboxes.named(user)) {
            (Ok(principal), Ok(mailbox)) => (principal, mailbox),
            (Err(reason), _) => {
                tracing::info!(?user, %reason, "the sandbox refused an access token");
                return refused;
            }
            (_, Err(reason)) => {
                tracing::info!(?user, %reason, "the sandbox refused a sign-in");
                return refused;
            }
        };
        self.connect(&principal, mailbox).unwrap_or(refused)
    }

    /// The mailbox as it is now; `None` if it is not open to them.
    fn connect(&mut self, principal: &Principal, mailbox: Arc<Mailbox>) -> Option<Act> {
        if !self.pop3.tenant.may_open(principal, mailbox.address()) {
            return None;
        }
        let place = self.places.take(mailbox.address())?;
        let inbox = mailbox.inbox();
        self.client = Some(Client {
            app: principal.client_id().to_owned(),
            uidvalidity: mailbox.uidvalidity(inbox)?,
            mailbox,
            _place: place,
        });
        if self.strikes(FaultKind::AuthenticatedButNotConnected) {
            let refusal = Refusal::new(NOT_CONNECTED).and_close();
            return Some(Act::Answer(Answer::Refused(refusal)));
        }
        Some(
            self.trouble()
                .unwrap_or_else(|| Act::Answer(self.maildrop())),
        )
    }

    /// What goes wrong with whatever is asked.
    fn trouble(&self) -> Option<Act> {
        let refused = |refusal| Some(Act::Answer(Answer::Refused(refusal)));
        if self.strikes(FaultKind::Hang) {
            Some(Act::FallSilent)
        } else if self.strikes(FaultKind::ServerError) {
            refused(
                Refusal::new(UNAVAILABLE)
                    .with_code(Code::SysTemp)
                    .and_close(),
            )
        } else if self.strikes(FaultKind::Throttle) {
            refused(Refusal::new(THROTTLED))
        } else {
            None
        }
    }

    fn maildrop(&self) -> Answer {
        let Some(client) = &self.client else {
            return Answer::Maildrop(Vec::new());
        };
        let messages = client.mailbox.messages(client.mailbox.inbox());
        let letters = messages.iter().map(|message| Letter {
            octets: self.size(message),
            unique: format!("{}.{}", client.uidvalidity, message.uid),
        });
        Answer::Maildrop(letters.collect())
    }

    /// Exchange computes the size before it converts the message to MIME, and is wrong.
    fn size(&self, message: &Message) -> u64 {
        let exact = u64::try_from(message.raw.len()).unwrap_or(u64::MAX);
        if self
            .pop3
            .faults
            .stands(FaultKind::WrongSizes, self.target())
        {
            exact.saturating_mul(9) / 10 + 37
        } else {
            exact
        }
    }

    fn message(&self, unique: &str) -> Option<Message> {
        let client = self.client.as_ref()?;
        let uid = client.uid(unique)?;
        client.mailbox.message(client.mailbox.inbox(), uid)
    }

    fn delete(&self, uniques: &[String]) {
        let Some(client) = &self.client else { return };
        let uids = uniques.iter().filter_map(|unique| client.uid(unique));
        let uids: Vec<u32> = uids.collect();
        client.mailbox.remove(client.mailbox.inbox(), &uids);
    }

    fn strikes(&self, kind: FaultKind) -> bool {
        self.pop3.faults.strikes(kind, self.target())
    }

    fn target(&self) -> Target<'_> {
        self.client
            .as_ref()
            .map_or_else(Target::default, |client| Target {
                app: Some(&client.app),
                mailbox: Some(client.mailbox.address()),
            })
    }
}

impl Client {
    /// The UID behind a unique name, as long as the inbox has not been renumbered.
    fn uid(&self, unique: &str) -> Option<u32> {
        let (uidvalidity, uid) = unique.split_once('.')?;
        let now = self.mailbox.uidvalidity(self.mailbox.inbox())?;
        let holds = uidvalidity.parse() == Ok(now) && now == self.uidvalidity;
        uid.parse().ok().filter(|_| holds)
    }
}
