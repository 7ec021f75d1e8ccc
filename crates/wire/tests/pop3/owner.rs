//! A mailbox just large enough to answer what the server machine asks.

use bytes::Bytes;
use gatepost_wire::pop3::Code;
use gatepost_wire::pop3::server::{Answer, Ask, Credentials, Letter, Refusal};
use secrecy::ExposeSecret as _;

/// The owner of a server: its messages, and the one that is being read.
pub(crate) struct Owner {
    letters: Vec<(String, Bytes)>,
    /// What is left of the message that is being read.
    reading: Bytes,
    /// How many octets an answer holds.
    chunk: usize,
}

impl Owner {
    /// Three messages; answers hold so many octets of one.
    pub(crate) fn new(chunk: usize) -> Self {
        let letters = [
            ("a1", "Subject: one\r\n\r\nbody one\r\n"),
            ("b2", "Subject: dots\r\n\r\n.\r\n..two\r\nlast"),
            ("c3", "Subject: three\r\n\r\n1\r\n2\r\n3\r\n"),
        ];
        let letters =
            letters.map(|(name, text)| (name.to_owned(), Bytes::from_static(text.as_bytes())));
        Self {
            letters: letters.to_vec(),
            reading: Bytes::new(),
            chunk,
        }
    }

    /// The unique names of the messages that are there.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.letters.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::SignIn(credentials) => self.sign_in(&credentials),
            Ask::Message(name) => match self.letters.iter().find(|(of, _)| *of == name) {
                Some((_, octets)) => {
                    self.reading = octets.clone();
                    self.more()
                }
                None => Answer::Refused(Refusal::new("The message is gone.")),
            },
            Ask::More => self.more(),
            Ask::Update(names) if names.contains(&"c3".to_owned()) => Answer::Refused(
                Refusal::new("Some messages were not deleted.").with_code(Code::SysTemp),
            ),
            Ask::Update(names) => {
                self.letters.retain(|(name, _)| !names.contains(name));
                Answer::Done
            }
        }
    }

    fn more(&mut self) -> Answer {
        if self.reading.is_empty() {
            return Answer::End;
        }
        let octets = self.chunk.min(self.reading.len());
        Answer::Chunk(self.reading.split_to(octets))
    }

    fn sign_in(&self, credentials: &Credentials) -> Answer {
        let (user, good) = match credentials {
            Credentials::Bearer { user, token } => (user, token.expose_secret() == "good"),
            Credentials::Password { user, password } => {
                (user, password.expose_secret() == " two  words ")
            }
        };
        match (user.as_str(), good) {
            ("a@x.test", true) => {
                let letters = self.letters.iter().map(|(name, octets)| Letter {
                    octets: octets.len() as u64,
                    unique: name.clone(),
                });
                Answer::Maildrop(letters.collect())
            }
            ("relayed@x.test", true) => Answer::HandOver,
            ("locked@x.test", true) => Answer::Refused(
                Refusal::new("Mailbox is in use by another session.").with_code(Code::InUse),
            ),
            ("late@x.test", _) => Answer::Refused(
                Refusal::new("Server Unavailable.")
                    .with_code(Code::SysTemp)
                    .and_close(),
            ),
            _ => Answer::Refused(
                Refusal::new("Authentication failure: unknown user name or bad password.")
                    .with_code(Code::Auth),
            ),
        }
    }
}
