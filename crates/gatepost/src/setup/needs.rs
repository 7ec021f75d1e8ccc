//! What the mailboxes of a registration need: exactly that, and why.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_gateway::Protocol;

use super::SetupError;
use super::graph_needs;
use super::permission::{
    IMAP_AS_APP, IMAP_AS_USER, Kind, OFFLINE_ACCESS, OPENID, POP_AS_APP, POP_AS_USER, PROFILE,
    Permission, Resource, SMTP_AS_APP, SMTP_AS_USER,
};
use crate::config::{
    AskFor, Config, DoorUpstream, MailboxSettings, ProofSource, ReadBy, RegistrationSettings,
    SendBy,
};
use crate::token_form::TokenUse;

/// A registration with the mailboxes that the configuration opens with it.
#[derive(Debug, Clone)]
pub struct Needs<'a> {
    /// What the configuration calls the registration.
    pub name: &'a str,
    /// The registration.
    pub settings: &'a RegistrationSettings,
    /// Its mailboxes, ordered by address.
    pub mailboxes: Vec<&'a MailboxSettings>,
    /// How an app is allowed to send by SMTP.
    pub smtp: SmtpWay,
    config: &'a Config,
}

/// How an app is allowed to send by SMTP in its own name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SmtpWay {
    /// A role of Exchange's, scoped to the mailboxes that send, and no API permission.
    #[default]
    Role,
    /// The API permission `SMTP.SendAsApp`, and `SendAs` on each mailbox: the older way.
    Permission,
}

impl<'a> Needs<'a> {
    /// Of the registration `name` in `config`.
    pub fn of(
        config: &'a Config,
        (name, settings): (&'a str, &'a RegistrationSettings),
        smtp: SmtpWay,
    ) -> Self {
        let opened = config.mailboxes.values();
        Self {
            name,
            settings,
            mailboxes: opened
                .filter(|mailbox| mailbox.registration == name)
                .collect(),
            smtp,
            config,
        }
    }

    /// Refuses the identity of a machine: Azure made its service principal, and no app stands
    /// behind it that could be described or consented to.
    pub fn has_app(&self) -> Result<(), SetupError> {
        if self.is_of_machine() {
            return Err(SetupError::Machine {
                registration: self.name.to_owned(),
            });
        }
        Ok(())
    }

    /// Whether it is the identity of a machine.
    pub(super) fn is_of_machine(&self) -> bool {
        matches!(self.settings.proof, ProofSource::Machine(_))
    }

    /// The permissions, ordered, none twice.
    pub fn permissions(&self) -> Vec<Permission> {
        let mut needed = BTreeSet::new();
        for mailbox in &self.mailboxes {
            if mailbox.grant.person().is_some() {
                needed.extend(asked_of_person(self.config, mailbox));
                needed.extend([OFFLINE_ACCESS, OPENID, PROFILE]);
                continue;
            }
            needed.extend(graph_needs::of_app(self.config, mailbox));
            if self.is_read_by_imap(mailbox) {
                needed.insert(IMAP_AS_APP);
            }
            if self.is_read_by_pop(mailbox) {
                needed.insert(POP_AS_APP);
            }
            if sends_by_smtp(self.config, mailbox) && self.smtp == SmtpWay::Permission {
                needed.insert(SMTP_AS_APP);
            }
        }
        needed.into_iter().collect()
    }

    /// Those with which the app acts in its own name.
    pub fn roles(&self) -> Vec<Permission> {
        let mut needed = self.permissions();
        needed.retain(|permission| permission.kind == Kind::Role);
        needed
    }

    /// Whether `mailbox` is read by IMAP, or another program does so with a token from a file.
    pub fn is_read_by_imap(&self, mailbox: &MailboxSettings) -> bool {
        is_read_by_imap(self.config, mailbox)
    }

    /// Whether `mailbox` is read by POP3, or another program does so with a token from a file.
    pub fn is_read_by_pop(&self, mailbox: &MailboxSettings) -> bool {
        is_read_by_pop(self.config, mailbox)
    }

    /// The mailboxes that the app opens in its own name.
    pub fn by_app(&self) -> impl Iterator<Item = &'a MailboxSettings> {
        let opened = self.mailboxes.iter().copied();
        opened.filter(|mailbox| mailbox.grant.person().is_none())
    }

    /// Whether `mailbox` is opened by Exchange's own protocols, and so only with a right to it.
    pub fn is_opened_by_exchange(&self, mailbox: &MailboxSettings) -> bool {
        self.is_read_by_imap(mailbox)
            || self.is_read_by_pop(mailbox)
            || sends_by_smtp(self.config, mailbox)
    }

    /// The mailboxes that the app sends from in its own name.
    pub fn sent_by_app(&self) -> impl Iterator<Item = &'a MailboxSettings> {
        self.by_app()
            .filter(|mailbox| sends_by_smtp(self.config, mailbox))
    }

    /// The people who sign in, each with what is asked of them.
    pub fn people(&self) -> BTreeMap<&'a str, BTreeSet<Permission>> {
        let mut people: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for mailbox in &self.mailboxes {
            if let Some(person) = mailbox.grant.person() {
                let asked = people.entry(person).or_default();
                asked.extend(asked_of_person(self.config, mailbox));
                asked.extend([OFFLINE_ACCESS, OPENID, PROFILE]);
            }
        }
        people
    }

    /// The mailboxes that somebody else than their owner opens, with that person.
    pub fn shared(&self) -> impl Iterator<Item = (&'a MailboxSettings, &'a str)> {
        let opened = self.mailboxes.iter().copied();
        opened.filter_map(|mailbox| {
            let person = mailbox.grant.person()?;
            (person != mailbox.address).then_some((mailbox, person))
        })
    }

    /// What the registration needs, what it could open with that, and where a fence helps: one
    /// sentence a line.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if self.mailboxes.is_empty() {
            told.push(
                "No mailbox of the configuration names this registration: it needs no permission."
                    .to_owned(),
            );
        }
        for permission in self.permissions() {
            let (title, name) = (permission.resource.title(), permission.name);
            let who = match permission.kind {
                Kind::Role => "application permission",
                Kind::Scope => "delegated permission",
            };
            let unsure = if permission == SMTP_AS_APP {
                " Its id is no word of Microsoft's: compare it, or take the script, which looks it \
                 up by its name."
            } else {
                ""
            };
            told.push(format!("It needs {name} of {title} ({who}).{unsure}"));
        }
        let reading = self.roles();
        let reading = reading
            .iter()
            .filter(|role| role.resource == Resource::Exchange && **role != SMTP_AS_APP);
        let reading: Vec<&str> = reading.map(|role| role.name).collect();
        if !reading.is_empty() {
            told.push(format!(
                "With {} alone the app opens no mailbox: Exchange also asks for FullAccess of its \
                 service principal, mailbox by mailbox. Whoever may grant that can open every \
                 mailbox of the tenant to it. Exchange documents no role with a scope for IMAP and \
                 POP.",
                reading.join(" and ")
            ));
        }
        if self.sent_by_app().next().is_some() {
            told.push(match self.smtp {
                SmtpWay::Role => "It sends by the role Application SMTP.SendAsApp of Exchange, in \
                     a scope with the mailboxes that send. It must hold no SMTP.SendAsApp \
                     permission beside it: that would set the scope aside."
                    .to_owned(),
                SmtpWay::Permission => "With SMTP.SendAsApp it sends as every mailbox where its \
                     service principal has SendAs. The role Application SMTP.SendAsApp of \
                     Exchange would need no permission and no SendAs: --smtp role."
                    .to_owned(),
            });
        }
        if !self.people().is_empty() {
            told.push(
                "With delegated permissions it opens what the person who signed in may open, and \
                 nothing of anybody else's."
                    .to_owned(),
            );
        }
        told.extend(graph_needs::told(&self.roles()));
        told
    }
}

/// What a person is asked to permit for the sake of `mailbox`, besides being told who they are.
pub fn asked_of_person(
    config: &Config,
    mailbox: &MailboxSettings,
) -> impl Iterator<Item = Permission> + use<> {
    let is_asked = |way: AskFor, is_needed: bool| match &mailbox.ask_for {
        Some(asked) => asked.contains(&way),
        None => is_needed,
    };
    let imap = is_asked(AskFor::Imap, is_read_by_imap(config, mailbox)).then_some(IMAP_AS_USER);
    let pop = is_asked(AskFor::Pop3, is_read_by_pop(config, mailbox)).then_some(POP_AS_USER);
    let sends = sends_by_smtp(config, mailbox) || has_file_for(config, mailbox, TokenUse::Smtp);
    let send = is_asked(AskFor::Smtp, sends).then_some(SMTP_AS_USER);
    let exchange = imap.into_iter().chain(pop).chain(send);
    exchange.chain(graph_needs::of_person(config, mailbox))
}

/// The name of what a person permits for a way.
pub fn permission_of(way: AskFor) -> &'static str {
    match way {
        AskFor::Imap => IMAP_AS_USER.name,
        AskFor::Pop3 => POP_AS_USER.name,
        AskFor::Smtp => SMTP_AS_USER.name,
    }
}

/// A permission that nobody is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unasked {
    /// Its name, such as `SMTP.Send`.
    pub permission: &'static str,
    /// What makes the sign-in ask for it, as part of a sentence.
    pub way: &'static str,
}

/// What a token for `purpose` needs and the person who opens `mailbox` is not asked for; `None`
/// also where nobody signs in.
pub fn unasked(config: &Config, mailbox: &MailboxSettings, purpose: TokenUse) -> Option<Unasked> {
    let (needed, way) = match purpose {
        TokenUse::Imap => (IMAP_AS_USER, "set read = \"imap\" for the mailbox"),
        TokenUse::Pop3 => (POP_AS_USER, "set read = \"pop3\" for the mailbox"),
        TokenUse::Smtp => (SMTP_AS_USER, "set send = \"smtp\" for the mailbox"),
        TokenUse::Graph => return None,
    };
    let way = match (&mailbox.ask_for, purpose) {
        (None, _) | (_, TokenUse::Graph) => way,
        (Some(_), TokenUse::Imap) => "add \"imap\" to ask_for of the mailbox",
        (Some(_), TokenUse::Pop3) => "add \"pop3\" to ask_for of the mailbox",
        (Some(_), TokenUse::Smtp) => "add \"smtp\" to ask_for of the mailbox",
    };
    let person = mailbox.grant.person()?;
    // One sign-in may open several mailboxes.
    let opened = config.mailboxes.values().filter(|other| {
        other.registration == mailbox.registration && other.grant.person() == Some(person)
    });
    let mut asked = opened.flat_map(|other| asked_of_person(config, other));
    let is_asked = asked.any(|permission| permission.name == needed.name);
    (!is_asked).then_some(Unasked {
        permission: needed.name,
        way,
    })
}

fn is_read_by_imap(config: &Config, mailbox: &MailboxSettings) -> bool {
    mailbox.read.ways().contains(&ReadBy::Imap)
        || has_file_for(config, mailbox, TokenUse::Imap)
        || has_door(config, Protocol::Imap)
}

fn is_read_by_pop(config: &Config, mailbox: &MailboxSettings) -> bool {
    mailbox.read == ReadBy::Pop3
        || has_file_for(config, mailbox, TokenUse::Pop3)
        || has_door(config, Protocol::Pop3)
}

fn sends_by_smtp(config: &Config, mailbox: &MailboxSettings) -> bool {
    mailbox.may_send_by(SendBy::Smtp) || has_door(config, Protocol::Smtp)
}

/// Whether programs may come to the servers of mailboxes through the gateway by this protocol.
fn has_door(config: &Config, protocol: Protocol) -> bool {
    let mut doors = config.gateway.doors.values();
    doors.any(|door| door.protocol == protocol && door.upstream == DoorUpstream::Native)
}

fn has_file_for(config: &Config, mailbox: &MailboxSettings, purpose: TokenUse) -> bool {
    let mut files = config.token_files.iter();
    files.any(|file| file.mailbox == mailbox.address && file.purpose == purpose)
}
