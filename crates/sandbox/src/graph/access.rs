//! Who may do what to which mailbox: Entra's permissions, and Exchange's own rules on top.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use uuid::Builder;

use super::call::Call;
use super::refusal::Refusal;
use crate::mailboxes::{Mailbox, MailboxKind, Mailboxes};
use crate::tenant::{Directory, Principal};

/// What a request does, as permissions divide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Read,
    Write,
    Send,
    ReadCalendars,
    WriteCalendars,
    ReadContacts,
    WriteContacts,
}

impl Need {
    /// The permissions of which one suffices. An app has them as roles; a person as scopes, with
    /// `.Shared` after them for the mailboxes of others.
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["Mail.Read", "Mail.ReadWrite"],
            Self::Write => &["Mail.ReadWrite"],
            Self::Send => &["Mail.Send"],
            Self::ReadCalendars => &["Calendars.Read", "Calendars.ReadWrite"],
            Self::WriteCalendars => &["Calendars.ReadWrite"],
            Self::ReadContacts => &["Contacts.Read", "Contacts.ReadWrite"],
            Self::WriteContacts => &["Contacts.ReadWrite"],
        }
    }
}

/// Whose data a request is about.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// The object id.
    pub(super) oid: String,
    pub(super) address: String,
    pub(super) name: String,
    mailbox: Option<Arc<Mailbox>>,
    /// Whether it is the person who asks.
    pub(super) is_self: bool,
}

impl Owner {
    /// The owner that a path begins with, and how many segments name it.
    pub(super) fn of(call: &Call) -> Result<(Self, usize), Refusal> {
        let words: Vec<String> = call.path.iter().map(|one| one.to_lowercase()).collect();
        match (words.first().map(String::as_str), &call.principal) {
            (Some("me"), Principal::Person { upn, .. }) => {
                let owner = find(call, upn).ok_or_else(|| Refusal::user_invalid(upn))?;
                Ok((owner, 1))
            }
            (Some("me"), Principal::App { .. }) => Err(Refusal::body_unreadable(
                "/me request is only valid with delegated authentication flow.",
            )),
            (Some("users"), _) => {
                let name = call.path.get(1).ok_or_else(|| Refusal::segment("users"))?;
                let owner = find(call, name).ok_or_else(|| unknown(call, name))?;
                Ok((owner, 2))
            }
            (other, _) => Err(Refusal::segment(other.unwrap_or_default())),
        }
    }

    /// Opens the mailbox for what is needed.
    pub(super) fn open(&self, call: &Call, need: Need) -> Result<Arc<Mailbox>, Refusal> {
        self.permit(call, need)?;
        self.mailbox.clone().ok_or_else(Refusal::no_mailbox)
    }

    /// Whether there is a mailbox behind the account.
    pub(super) fn has_mailbox(&self) -> bool {
        self.mailbox.is_some()
    }

    fn permit(&self, call: &Call, need: Need) -> Result<(), Refusal> {
        let own = need.permissions();
        match &call.principal {
            Principal::App { client_id, roles } => {
                if !own.iter().any(|name| roles.contains(*name)) {
                    return Err(Refusal::access_denied());
                }
                let rights = call.graph.tenant.rights();
                if !rights.policy_admits(client_id, &self.address) {
                    return Err(Refusal::policy());
                }
            }
            Principal::Person { scopes, .. } => {
                let shared = |name: &&&str| scopes.contains(&format!("{name}.Shared"));
                let plain = |name: &&&str| self.is_self && scopes.contains(**name);
                if !own.iter().any(|name| shared(&name) || plain(&name)) {
                    return Err(Refusal::access_denied());
                }
                // Whether it may be sent from there is asked when it is known who it is from.
                if need != Need::Send && !call.graph.tenant.may_open(&call.principal, &self.address)
                {
                    return Err(Refusal::access_denied());
                }
            }
        }
        Ok(())
    }
}

fn find(call: &Call, name: &str) -> Option<Owner> {
    let directory = call.graph.tenant.directory();
    let person = directory.person(name).or_else(|| {
        let mut people = directory.people();
        people.find(|person| person.oid.eq_ignore_ascii_case(name))
    });
    let is_self = |address: &str| match &call.principal {
        Principal::Person { upn, .. } => upn.eq_ignore_ascii_case(address),
        Principal::App { .. } => false,
    };
    if let Some(person) = person {
        return Some(Owner {
            is_self: is_self(&person.upn),
            oid: person.oid.clone(),
            address: person.upn.clone(),
            name: person.name.clone(),
            mailbox: call.graph.mailboxes.open(&person.upn).ok(),
        });
    }
    let mailbox = without_person(&call.graph.mailboxes, name)?;
    let address = mailbox.address().to_owned();
    Some(Owner {
        is_self: false,
        oid: account_id(&address),
        name: display_name(&directory, &address),
        address,
        mailbox: Some(mailbox),
    })
}

/// A mailbox that nobody signs in to, by its address or the id of its account.
fn without_person(mailboxes: &Mailboxes, name: &str) -> Option<Arc<Mailbox>> {
    mailboxes.open(name).ok().or_else(|| {
        let mut all = mailboxes.all().into_iter();
        all.find(|mailbox| {
            mailbox.kind() == MailboxKind::Shared
                && account_id(mailbox.address()).eq_ignore_ascii_case(name)
        })
    })
}

/// The name that people see beside an address of the tenant.
pub(super) fn display_name(directory: &Directory, address: &str) -> String {
    let person = directory.person(address);
    person.map_or_else(
        || address.split('@').next().unwrap_or(address).to_owned(),
        |person| person.name.clone(),
    )
}

/// A shared mailbox has an account too, which nobody signs in to.
fn account_id(address: &str) -> String {
    let digest = digest::digest(&SHA256, address.to_lowercase().as_bytes());
    let octets = digest.as_ref().first_chunk().copied().unwrap_or_default();
    Builder::from_random_bytes(octets).into_uuid().to_string()
}

/// Graph asks the directory for a user first, and then Exchange for a mailbox.
fn unknown(call: &Call, name: &str) -> Refusal {
    let domain = name.rsplit_once('@').map(|(_, domain)| domain);
    let ours = domain.is_some_and(|domain| call.graph.tenant.directory().has_domain(domain));
    if call.path.len() == 2 || (domain.is_some() && !ours) {
        Refusal::resource_not_found(name)
    } else {
        Refusal::user_invalid(name)
    }
}
