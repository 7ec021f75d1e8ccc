//! What a token can be for, and what one may ask of it.

/// An API that the tenant issues access tokens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Office 365 Exchange Online: IMAP, POP3 and SMTP.
    Exchange,
    /// Microsoft Graph.
    Graph,
}

impl Resource {
    /// The resource behind an application id URI or GUID, without a trailing slash; `own` is
    /// the address of the sandbox, an alias of Graph.
    pub fn from_identifier(identifier: &str, own: &str) -> Option<Self> {
        let identifier = identifier.trim_end_matches('/');
        if identifier.is_empty() {
            None
        } else if EXCHANGE
            .iter()
            .any(|known| known.eq_ignore_ascii_case(identifier))
        {
            Some(Self::Exchange)
        } else if GRAPH
            .iter()
            .any(|known| known.eq_ignore_ascii_case(identifier))
            || own.eq_ignore_ascii_case(identifier)
        {
            Some(Self::Graph)
        } else {
            None
        }
    }

    /// Its first name among several.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Exchange => EXCHANGE[0],
            Self::Graph => GRAPH[0],
        }
    }

    /// Its application id.
    pub fn app_id(self) -> &'static str {
        match self {
            Self::Exchange => "00000002-0000-0ff1-ce00-000000000000",
            Self::Graph => "00000003-0000-0000-c000-000000000000",
        }
    }

    /// Its name on the consent page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange => "Office 365 Exchange Online",
            Self::Graph => "Microsoft Graph",
        }
    }

    /// The delegated permission of this name, in its own spelling.
    pub fn permission(self, name: &str) -> Option<&'static Permission> {
        self.permissions()
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
    }

    fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Exchange => EXCHANGE_PERMISSIONS,
            Self::Graph => GRAPH_PERMISSIONS,
        }
    }
}

/// A delegated permission of a resource.
#[derive(Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its name in `scp`.
    pub name: &'static str,
    /// What the consent page says.
    pub meaning: &'static str,
}

const fn permission(name: &'static str, meaning: &'static str) -> Permission {
    Permission { name, meaning }
}

const EXCHANGE: &[&str] = &[
    "https://outlook.office365.com",
    "https://outlook.office.com",
    "https://outlook.office365.us",
    "https://partner.outlook.cn",
    "00000002-0000-0ff1-ce00-000000000000",
];

const GRAPH: &[&str] = &[
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
];

const EXCHANGE_PERMISSIONS: &[Permission] = &[
    permission(
        "IMAP.AccessAsUser.All",
        "Read and write access to your mail by IMAP",
    ),
    permission(
        "POP.AccessAsUser.All",
        "Read and write access to your mail by POP",
    ),
    permission("SMTP.Send", "Send mail from your mailbox by SMTP AUTH"),
    permission(
        "EWS.AccessAsUser.All",
        "Access your mailboxes by Exchange Web Services",
    ),
];

const GRAPH_PERMISSIONS: &[Permission] = &[
    permission("User.Read", "Sign you in and read your profile"),
    permission("Mail.Read", "Read your mail"),
    permission("Mail.ReadBasic", "Read your basic mail"),
    permission("Mail.ReadWrite", "Read and write access to your mail"),
    permission("Mail.Send", "Send mail as you"),
    permission("Mail.Read.Shared", "Read mail you can access"),
    permission(
        "Mail.ReadWrite.Shared",
        "Read and write mail you can access",
    ),
    permission(
        "Mail.Send.Shared",
        "Send mail on behalf of others or yourself",
    ),
    permission("Calendars.Read", "Read your calendars"),
    permission("Calendars.ReadWrite", "Have full access to your calendars"),
    permission("Contacts.Read", "Read your contacts"),
    permission("Contacts.ReadWrite", "Have full access to your contacts"),
    permission("Calendars.Read.Shared", "Read calendars you can access"),
    permission(
        "Calendars.ReadWrite.Shared",
        "Read and write to your and shared calendars",
    ),
    permission("Contacts.Read.Shared", "Read your and shared contacts"),
    permission(
        "Contacts.ReadWrite.Shared",
        "Read and write to your and shared contacts",
    ),
    permission("MailboxSettings.Read", "Read your mailbox settings"),
    permission(
        "MailboxSettings.ReadWrite",
        "Read and write your mailbox settings",
    ),
    permission(
        "IMAP.AccessAsUser.All",
        "Read and write access to your mail by IMAP",
    ),
    permission(
        "POP.AccessAsUser.All",
        "Read and write access to your mail by POP",
    ),
    permission("SMTP.Send", "Send mail from your mailbox by SMTP AUTH"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_several_names() {
        let own = "https://localhost:8443";
        let resource = |identifier| Resource::from_identifier(identifier, own);
        assert_eq!(
            resource("https://outlook.office365.com"),
            Some(Resource::Exchange)
        );
        assert_eq!(
            resource("https://outlook.office.com/"),
            Some(Resource::Exchange)
        );
        assert_eq!(resource("https://localhost:8443/"), Some(Resource::Graph));
        assert_eq!(resource("https://localhost:8444"), None);
        assert_eq!(resource(""), None);
    }
}
