//! Answers what the SMTP machine asks: who may sign in, what goes wrong, and what is sent.

use std::sync::Arc;
use std::time::Duration;

use gatepost_wire::smtp::exchange::Meaning;
use gatepost_wire::smtp::server::{Answer, Ask, Credentials, Refusal};
use gatepost_wire::smtp::{EnhancedStatus, Phase, Reply};
use secrecy::ExposeSecret as _;

use super::Smtp;
use super::exchange::{refusing, traced};
use super::submission::Submission;
use crate::faults::{FaultKind, Reach, Target};
use crate::mailboxes::Mailbox;
use crate::places::Place;
use crate::tenant::{MailProtocol, Principal};

/// What one client does.
pub(super) struct Session {
    pub(super) smtp: Smtp,
    pub(super) client: Option<Client>,
    pub(super) submission: Submission,
}

/// Who is at the other end.
pub(super) struct Client {
    pub(super) principal: Principal,
    pub(super) mailbox: Arc<Mailbox>,
    /// None: there were too many connections.
    place: Option<Place>,
}

/// What is done about a question.
pub(super) enum Act {
    /// This is the answer.
    Answer(Answer),
    /// It is the answer after a while.
    AnswerLater(Duration, Answer),
    /// Nothing is said any more.
    FallSilent,
    /// The connection is closed without a word.
    HangUp,
}

impl Session {
    pub(super) fn new(smtp: Smtp) -> Self {
        Self {
            smtp,
            client: None,
            submission: Submission::default(),
        }
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, ask: Ask) -> Act {
        let act = self.act(ask);
        match act {
            Act::Answer(answer) if self.strikes(FaultKind::SlowReply) => {
                Act::AnswerLater(SLOW, answer)
            }
            act => act,
        }
    }

    fn act(&mut self, ask: Ask) -> Act {
        match ask {
            Ask::SignIn(credentials) => self.sign_in(&credentials),
            Ask::Sender(sender) => {
                if self.strikes(FaultKind::CloseSession) {
                    return Act::HangUp;
                }
                let trouble = self.trouble().or_else(|| self.refused(Phase::Mail));
                trouble.unwrap_or_else(|| {
                    self.submission = Submission::from(sender);
                    Act::Answer(Answer::Done)
                })
            }
            Ask::Recipient(recipient) => self.refused(Phase::Recipient(0)).unwrap_or_else(|| {
                self.submission.add(&recipient);
                Act::Answer(Answer::Done)
            }),
            Ask::Message(_) => self.before_the_message(),
            Ask::MessageOctets(octets) => {
                if self.strikes(FaultKind::DropInData) {
                    return Act::HangUp;
                }
                self.submission.extend(&octets);
                Act::Answer(Answer::Done)
            }
            Ask::MessageEnds => self.submit(),
            Ask::Abandon => {
                self.submission = Submission::default();
                Act::Answer(Answer::Done)
            }
        }
    }

    fn sign_in(&mut self, credentials: &Credentials) -> Act {
        let Credentials::Bearer { user, token } = credentials else {
            return self.no(Meaning::PasswordsDisabled, Phase::Auth);
        };
        let tenant = &self.smtp.tenant;
        let admitted = tenant.admit(token.expose_secret(), MailProtocol::Smtp);
        let (principal, mailbox) = match (admitted, self.smtp.mailboxes.named(user)) {
            (Ok(principal), Ok(mailbox)) => (principal, mailbox),
            (Err(reason), _) => {
                tracing::info!(?user, %reason, "the sandbox refused an access token");
                return self.no(Meaning::SignInRefused, Phase::Auth);
            }
            (_, Err(reason)) => {
                tracing::info!(?user, %reason, "the sandbox refused a sign-in");
                return self.no(Meaning::SignInRefused, Phase::Auth);
            }
        };
        // A shared mailbox has no sign-in of its own, and a person signs in as nobody else.
        if let Principal::Person { upn, .. } = &principal
            && upn.to_lowercase() != mailbox.address().to_lowercase()
        {
            return self.no(Meaning::SignInRefused, Phase::Auth);
        }
        self.client = Some(Client {
            principal,
            place: self.smtp.places.take(mailbox.address()),
            mailbox,
        });
        let answer = self
            .switched_off()
            .or_else(|| self.trouble())
            .or_else(|| self.refused(Phase::Auth));
        if answer.is_some() {
            self.client = None;
        }
        answer.unwrap_or(Act::Answer(Answer::Done))
    }

    /// Whether signing in by SMTP is switched off for all or for this mailbox
    /// (`SmtpClientAuthenticationDisabled`).
    fn switched_off(&self) -> Option<Act> {
        let order = self.smtp.faults.latest(FaultKind::SmtpOff, self.target())?;
        let meaning = match order.order.reach {
            Reach::Mailbox(_) => Meaning::SmtpAuthDisabledForMailbox,
            Reach::All | Reach::App(_) => Meaning::SmtpAuthDisabledForTenant,
        };
        Some(self.no(meaning, Phase::Auth))
    }

    fn before_the_message(&self) -> Act {
        if self.strikes(FaultKind::DropBeforeData) {
            return Act::HangUp;
        }
        if self
            .client
            .as_ref()
            .is_some_and(|client| client.place.is_none())
        {
            return self.no(Meaning::TooManyConnections, Phase::BeforeData);
        }
        self.refused(Phase::BeforeData)
            .unwrap_or(Act::Answer(Answer::Done))
    }

    /// What goes wrong with whatever is asked.
    pub(super) fn trouble(&self) -> Option<Act> {
        if self.strikes(FaultKind::Hang) {
            Some(Act::FallSilent)
        } else if self.strikes(FaultKind::ServerError) {
            let status = EnhancedStatus::new(4, 3, 2);
            let reply = Reply::with_status(421, status, "Service not available");
            Some(Act::Answer(Answer::Refused(Refusal::new(reply))))
        } else if self.strikes(FaultKind::Throttle) {
            Some(self.no(Meaning::ServerBusy, Phase::Mail))
        } else {
            None
        }
    }

    /// What an order refuses in this phase.
    pub(super) fn refused(&self, phase: Phase) -> Option<Act> {
        let known = self.smtp.faults.refuses_mail(phase, self.target())?;
        let reply = traced(known, phase, self.smtp.clock.now());
        Some(Act::Answer(Answer::Refused(Refusal::new(reply))))
    }

    pub(super) fn no(&self, meaning: Meaning, phase: Phase) -> Act {
        let reply = refusing(meaning, phase, self.smtp.clock.now());
        Act::Answer(Answer::Refused(Refusal::new(reply)))
    }

    pub(super) fn strikes(&self, kind: FaultKind) -> bool {
        self.smtp.faults.strikes(kind, self.target())
    }

    pub(super) fn target(&self) -> Target<'_> {
        self.client
            .as_ref()
            .map_or_else(Target::default, |client| Target {
                app: Some(client.principal.client_id()),
                mailbox: Some(client.mailbox.address()),
            })
    }
}

/// As long as Graph takes when it is slow.
const SLOW: Duration = Duration::from_secs(3);
