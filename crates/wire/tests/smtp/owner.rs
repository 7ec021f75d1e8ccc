//! Somebody who takes messages, just enough to answer what the server machine asks.

use gatepost_wire::smtp::exchange::{KNOWN, Meaning};
use gatepost_wire::smtp::server::{Answer, Ask, Credentials, Refusal};
use gatepost_wire::smtp::{Recipient, Reply, ReversePath, Sender};
use secrecy::ExposeSecret as _;

/// The owner of a server: what it was asked to take.
#[derive(Default)]
pub(crate) struct Owner {
    sender: Option<Sender>,
    recipients: Vec<Recipient>,
    message: Vec<u8>,
    /// Every message it took.
    pub(crate) taken: Vec<Taken>,
    /// How often it was told to forget an envelope.
    pub(crate) abandoned: usize,
}

/// A message with its envelope.
pub(crate) struct Taken {
    pub(crate) sender: Sender,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) message: Vec<u8>,
}

impl Owner {
    /// Answers a question.
    pub(crate) fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::SignIn(credentials) => sign_in(&credentials),
            Ask::Sender(sender) => match address(&sender) {
                "other@x.test" => refused(
                    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
                ),
                "relayed@x.test" => Answer::HandOver,
                "late@x.test" => refused("421 4.3.2 The server is going down"),
                _ => {
                    self.sender = Some(sender);
                    Answer::Done
                }
            },
            Ask::Recipient(recipient) => {
                if recipient.path.as_str() == "nobody@x.test" {
                    return refused("550 5.1.1 No such user");
                }
                self.recipients.push(recipient);
                Answer::Done
            }
            Ask::Message(_) => {
                let busy = self.sender.as_ref().map(address) == Some("busy@x.test");
                if busy {
                    exchange(Meaning::TooManyConnections)
                } else {
                    Answer::Done
                }
            }
            Ask::MessageOctets(octets) => {
                self.message.extend_from_slice(&octets);
                Answer::Done
            }
            Ask::MessageEnds => self.take(),
            Ask::Abandon => {
                self.forget();
                self.abandoned += 1;
                Answer::Done
            }
        }
    }

    fn take(&mut self) -> Answer {
        let (sender, recipients, message) = self.forget();
        if message.starts_with(b"From: b@x.test") {
            return exchange(Meaning::SendAsDenied);
        }
        let reply = format!("250 2.0.0 OK {} octets", message.len());
        self.taken.push(Taken {
            sender: sender.expect("there is a sender"),
            recipients,
            message,
        });
        Answer::Accepted(Reply::parse(&reply).expect("a reply"))
    }

    fn forget(&mut self) -> (Option<Sender>, Vec<Recipient>, Vec<u8>) {
        (
            self.sender.take(),
            std::mem::take(&mut self.recipients),
            std::mem::take(&mut self.message),
        )
    }
}

fn sign_in(credentials: &Credentials) -> Answer {
    let (user, good) = match credentials {
        Credentials::Bearer { user, token } => (user, token.expose_secret() == "good"),
        Credentials::Password { user, password } => (user, password.expose_secret() == "two words"),
    };
    match (user.as_str(), good) {
        ("a@x.test", true) => Answer::Done,
        ("relayed@x.test", true) => Answer::HandOver,
        _ => exchange(Meaning::SignInRefused),
    }
}

fn address(sender: &Sender) -> &str {
    match &sender.path {
        ReversePath::Null => "",
        ReversePath::Address(path) => path.as_str(),
    }
}

fn refused(reply: &str) -> Answer {
    Answer::Refused(Refusal::new(Reply::parse(reply).expect("a reply")))
}

/// As Exchange says it.
fn exchange(meaning: Meaning) -> Answer {
    let known = KNOWN.iter().find(|known| known.meaning == meaning);
    refused(known.expect("it is known").sample)
}
