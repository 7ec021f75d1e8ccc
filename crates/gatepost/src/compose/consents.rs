//! Whose sign-in permits less than the configuration asks for now: adding a door asks for more, and
//! the sign-in server refuses all of it until the person has permitted that.

use std::collections::BTreeSet;
use std::fmt;

use gatepost_oauth::{Audience, CredentialId, Grants as _, permitted_scopes};

use super::{Gatepost, credentials};
use crate::config::AskFor;
use crate::setup::permission_of;

/// A person permitted less than is asked for now, which keeps everybody out of the mailbox unless
/// somebody has permitted the rest besides: what the sign-in server told with the last token is no
/// promise of what it will answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LackingConsent {
    /// The address of the mailbox.
    mailbox: String,
    /// Who signed in.
    person: String,
    /// The permissions that are asked for and were not given.
    lacking: Vec<String>,
    /// What was given, as `ask_for` has it.
    given: BTreeSet<AskFor>,
}

impl LackingConsent {
    /// The code whose page says what to do.
    pub const CODE: &'static str = "consent_missing";
}

impl fmt::Display for LackingConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mailbox, person, ..
        } = self;
        write!(
            f,
            "it may be that nothing opens {mailbox} any more: what {person} permitted at the last \
             sign-in was without {}, which the configuration asks for since it has a door or \
             another way for that; unless an administrator has permitted it for everybody, which \
             gatepost token {mailbox} tells, permit it: gatepost login {mailbox}",
            self.lacking.join(" and ")
        )?;
        if self.given.is_empty() {
            return Ok(());
        }
        let given: Vec<String> = self
            .given
            .iter()
            .map(|way| format!("\"{}\"", way.name()))
            .collect();
        write!(
            f,
            "; or to go on with what was permitted: add ask_for = [{}] to [mailbox.\"{mailbox}\"]",
            given.join(", ")
        )
    }
}

impl Gatepost {
    /// Whose sign-in permits less than is asked for, by mailbox; as far as the tokens tell that are
    /// kept.
    pub async fn lacking_consents(&self) -> Vec<LackingConsent> {
        let mut lacking = Vec::new();
        for mailbox in self.config.mailboxes.values() {
            let Some(person) = mailbox.grant.person() else {
                continue;
            };
            let id = credentials::id(&self.config, mailbox);
            let Some(given) = self.given(&id).await else {
                continue;
            };
            let asked = credentials::permissions(&self.config, &id).exchange;
            let missing = asked.into_iter().filter(|name| !given.contains(name));
            let missing: Vec<String> = missing.collect();
            if missing.is_empty() {
                continue;
            }
            let ways = [AskFor::Imap, AskFor::Pop3, AskFor::Smtp].into_iter();
            let ways = ways.filter(|way| given.iter().any(|name| *name == permission_of(*way)));
            lacking.push(LackingConsent {
                mailbox: mailbox.address.clone(),
                person: person.to_owned(),
                lacking: missing,
                given: ways.collect(),
            });
        }
        lacking
    }

    /// Says so in the log.
    pub async fn warn_of_lacking_consents(&self) {
        for one in self.lacking_consents().await {
            tracing::warn!(code = LackingConsent::CODE, "{one}");
        }
    }

    async fn given(&self, id: &CredentialId) -> Option<Vec<String>> {
        match self.store.load(id).await {
            Ok(stored) => {
                let (state, _) = stored?;
                permitted_scopes(id, &state, Audience::Exchange)
            }
            // Whoever needs it finds out, and says so.
            Err(error) => {
                tracing::debug!("what {id} permits is not known: {error}");
                None
            }
        }
    }
}
