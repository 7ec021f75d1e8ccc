//! Which mailbox a login name leads to.

use std::collections::{BTreeMap, BTreeSet};

/// Login names, and the mailboxes that they lead to. Case makes no difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins {
    named: BTreeMap<String, Opens>,
    domains: BTreeSet<String>,
}

/// What a login name opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opens {
    /// The address of the mailbox, in lower case.
    pub mailbox: String,
    /// The addresses that may be written from, in lower case.
    pub senders: Vec<String>,
}

impl Opens {
    /// Whether whoever had `before` loses nothing by it.
    pub(super) fn grants(&self, before: &Self) -> bool {
        let mut senders = before.senders.iter();
        self.mailbox == before.mailbox && senders.all(|sender| self.senders.contains(sender))
    }
}

impl Logins {
    /// Knows nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Each of these mailboxes is opened by its own address and may be written from under it.
    #[must_use]
    pub fn with_mailboxes<'a>(mut self, addresses: impl IntoIterator<Item = &'a str>) -> Self {
        for address in addresses {
            let mailbox = address.to_lowercase();
            let opens = Opens {
                senders: vec![mailbox.clone()],
                mailbox,
            };
            self.named.insert(opens.mailbox.clone(), opens);
        }
        self
    }

    /// This name opens that. It goes before a mailbox of the same name.
    #[must_use]
    pub fn with_login(mut self, name: &str, opens: Opens) -> Self {
        self.named.insert(name.to_lowercase(), opens);
        self
    }

    /// Every address of this domain opens the mailbox that it names, even if nobody knows it yet.
    #[must_use]
    pub fn with_domain(mut self, domain: &str) -> Self {
        self.domains.insert(domain.to_lowercase());
        self
    }

    /// What this name opens.
    pub fn opens(&self, name: &str) -> Option<Opens> {
        let name = name.to_lowercase();
        if let Some(opens) = self.named.get(&name) {
            return Some(opens.clone());
        }
        let (local, domain) = name.rsplit_once('@')?;
        if local.is_empty() || !self.domains.contains(domain) {
            return None;
        }
        Some(Opens {
            senders: vec![name.clone()],
            mailbox: name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_mailboxes_whatever_their_case() {
        let printer = Opens {
            mailbox: "support@contoso.com".to_owned(),
            senders: vec!["sales@contoso.com".to_owned()],
        };
        let logins = Logins::new()
            .with_mailboxes(["Support@contoso.com", "ada@contoso.com"])
            .with_login("Printer3", printer.clone())
            .with_domain("fabrikam.com");
        assert_eq!(logins.opens("PRINTER3"), Some(printer));
        let ada = logins.opens("Ada@Contoso.com").expect("a mailbox");
        assert_eq!(ada.senders, ["ada@contoso.com"]);
        let jun = logins.opens("Jun@fabrikam.com").expect("of the domain");
        assert_eq!(jun.mailbox, "jun@fabrikam.com");
        for nobody in ["", "jun@contoso.com", "@fabrikam.com", "fabrikam.com"] {
            assert_eq!(logins.opens(nobody), None, "{nobody}");
        }
    }
}
