//! Who may open which mailbox: the part of the tenant that `Add-MailboxPermission` fills.

use std::collections::{BTreeMap, BTreeSet};

use super::Principal;

/// The mailbox permissions (`FullAccess`).
#[derive(Debug, Default)]
pub struct MailboxRights {
    /// Apps that Exchange knows as a service principal (`New-ServicePrincipal`).
    service_principals: BTreeSet<String>,
    full_access: BTreeSet<(Trustee, String)>,
    /// Who may send as whom (`Add-RecipientPermission`).
    send_as: BTreeSet<(Trustee, String)>,
    /// Who may send on behalf of whom (`Set-Mailbox -GrantSendOnBehalfTo`).
    send_on_behalf: BTreeSet<(Trustee, String)>,
    /// Further addresses of mailboxes (`Set-Mailbox -EmailAddresses`), each with its mailbox.
    aliases: BTreeMap<String, String>,
    /// The mailboxes that apps are limited to, by client id (`New-ApplicationAccessPolicy`).
    policies: BTreeMap<String, BTreeSet<String>>,
}

/// How a message names another than the mailbox that it is sent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It does not.
    AsItself,
    /// As if the other had sent it.
    As,
    /// The recipients see both.
    OnBehalf,
}

/// Who was given a permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trustee {
    /// The app with this client id.
    App(String),
    /// The person with this address.
    Person(String),
}

impl MailboxRights {
    /// Makes an app known to Exchange; without that its permissions count for nothing.
    pub fn add_service_principal(&mut self, client_id: &str) {
        self.service_principals.insert(client_id.to_lowercase());
    }

    /// Lets somebody open a mailbox.
    pub fn add_full_access(&mut self, trustee: &Trustee, mailbox: &str) {
        self.full_access
            .insert((trustee.lowered(), mailbox.to_lowercase()));
    }

    /// Takes that back.
    pub fn remove_full_access(&mut self, trustee: &Trustee, mailbox: &str) {
        self.full_access
            .remove(&(trustee.lowered(), mailbox.to_lowercase()));
    }

    /// Lets somebody send as a mailbox.
    pub fn add_send_as(&mut self, trustee: &Trustee, mailbox: &str) {
        self.send_as
            .insert((trustee.lowered(), mailbox.to_lowercase()));
    }

    /// Lets somebody send on behalf of a mailbox.
    pub fn add_send_on_behalf(&mut self, trustee: &Trustee, mailbox: &str) {
        self.send_on_behalf
            .insert((trustee.lowered(), mailbox.to_lowercase()));
    }

    /// Gives a mailbox a further address, from which it may send (`SendFromAliasEnabled`).
    pub fn add_alias(&mut self, alias: &str, mailbox: &str) {
        self.aliases
            .insert(alias.to_lowercase(), mailbox.to_lowercase());
    }

    /// How `trustee`, or an app in the place of a person, may send a message `from` an address
    /// out of its own mailbox; `None` if it may not (`SendAsDenied`).
    pub fn sending(&self, trustee: &Trustee, own: &str, from: &str) -> Option<Sending> {
        let from = from.to_lowercase();
        let from = self.aliases.get(&from).cloned().unwrap_or(from);
        if own.to_lowercase() == from {
            return Some(Sending::AsItself);
        }
        let given = |to: &BTreeSet<(Trustee, String)>| {
            let holder = Trustee::Person(own.to_owned());
            [trustee, &holder]
                .iter()
                .any(|who| to.contains(&(who.lowered(), from.clone())))
        };
        if given(&self.send_as) {
            Some(Sending::As)
        } else if given(&self.send_on_behalf) {
            Some(Sending::OnBehalf)
        } else {
            None
        }
    }

    /// Limits what an app may do by Graph in its own name to a mailbox, and to others that it is
    /// limited to.
    pub fn restrict_app(&mut self, client_id: &str, mailbox: &str) {
        let limits = self.policies.entry(client_id.to_lowercase()).or_default();
        limits.insert(mailbox.to_lowercase());
    }

    /// Whether no policy keeps an app from a mailbox.
    pub fn policy_admits(&self, client_id: &str, mailbox: &str) -> bool {
        let limits = self.policies.get(&client_id.to_lowercase());
        limits.is_none_or(|limits| limits.contains(&mailbox.to_lowercase()))
    }

    /// Whether `principal` may open `mailbox`.
    pub fn may_open(&self, principal: &Principal, mailbox: &str) -> bool {
        let mailbox = mailbox.to_lowercase();
        match principal {
            Principal::App { client_id, .. } => {
                self.service_principals.contains(&client_id.to_lowercase())
                    && self.has(&Trustee::App(client_id.clone()), mailbox)
            }
            Principal::Person { upn, .. } => {
                upn.to_lowercase() == mailbox || self.has(&Trustee::Person(upn.clone()), mailbox)
            }
        }
    }

    fn has(&self, trustee: &Trustee, mailbox: String) -> bool {
        self.full_access.contains(&(trustee.lowered(), mailbox))
    }
}

impl Trustee {
    fn lowered(&self) -> Self {
        match self {
            Self::App(client_id) => Self::App(client_id.to_lowercase()),
            Self::Person(upn) => Self::Person(upn.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Principal {
        Principal::App {
            client_id: "APP".to_owned(),
            roles: BTreeSet::new(),
        }
    }

    #[test]
    fn an_app_needs_a_service_principal_and_full_access() {
        let mut rights = MailboxRights::default();
        rights.add_full_access(&Trustee::App("app".to_owned()), "Ada@contoso.com");
        assert!(!rights.may_open(&app(), "ada@contoso.com"));
        rights.add_service_principal("app");
        assert!(rights.may_open(&app(), "ada@contoso.com"));
        assert!(!rights.may_open(&app(), "bob@contoso.com"));
    }

    #[test]
    fn sending_for_others_needs_a_permission_of_its_own() {
        let mut rights = MailboxRights::default();
        let ada = Trustee::Person("ada@contoso.com".to_owned());
        rights.add_full_access(&ada, "support@contoso.com");
        let sending = |rights: &MailboxRights, trustee: &Trustee, from: &str| {
            rights.sending(trustee, "Ada@contoso.com", from)
        };
        assert_eq!(
            sending(&rights, &ada, "ada@Contoso.com"),
            Some(Sending::AsItself)
        );
        assert_eq!(
            sending(&rights, &ada, "support@contoso.com"),
            None,
            "full access is not enough"
        );
        rights.add_send_on_behalf(&ada, "support@contoso.com");
        assert_eq!(
            sending(&rights, &ada, "Support@contoso.com"),
            Some(Sending::OnBehalf)
        );
        rights.add_send_as(&ada, "support@contoso.com");
        let app = Trustee::App("app".to_owned());
        assert_eq!(
            sending(&rights, &app, "support@contoso.com"),
            Some(Sending::As)
        );
        assert_eq!(sending(&rights, &app, "bob@contoso.com"), None);
    }

    #[test]
    fn an_alias_sends_as_its_mailbox_does() {
        let mut rights = MailboxRights::default();
        let ada = Trustee::Person("ada@contoso.com".to_owned());
        rights.add_alias("A.Berg@contoso.com", "ada@contoso.com");
        rights.add_alias("help@contoso.com", "support@contoso.com");
        let sending =
            |rights: &MailboxRights, from: &str| rights.sending(&ada, "ada@contoso.com", from);
        let own = sending(&rights, "a.berg@Contoso.com");
        assert_eq!(own, Some(Sending::AsItself));
        assert_eq!(sending(&rights, "help@contoso.com"), None);
        rights.add_send_as(&ada, "support@contoso.com");
        assert_eq!(sending(&rights, "help@contoso.com"), Some(Sending::As));
    }

    #[test]
    fn a_person_opens_their_own_mailbox_and_shared_ones() {
        let mut rights = MailboxRights::default();
        let ada = Principal::Person {
            client_id: "app".to_owned(),
            upn: "ada@contoso.com".to_owned(),
            scopes: BTreeSet::new(),
        };
        assert!(rights.may_open(&ada, "Ada@Contoso.com"));
        assert!(!rights.may_open(&ada, "support@contoso.com"));
        rights.add_full_access(
            &Trustee::Person("ada@contoso.com".to_owned()),
            "support@contoso.com",
        );
        assert!(rights.may_open(&ada, "support@contoso.com"));
    }
}
