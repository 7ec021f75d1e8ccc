//! By what a mailbox is read, or sends, and what Exchange calls what belongs to it.

use std::fmt;

/// By what a mailbox is read, or sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// SMTP submission.
    Smtp,
}

impl Protocol {
    /// The permission of an app that acts in its own name.
    pub(crate) fn app_permission(self) -> &'static str {
        match self {
            Self::Imap => "IMAP.AccessAsApp",
            Self::Pop3 => "POP.AccessAsApp",
            Self::Smtp => "SMTP.SendAsApp",
        }
    }

    /// The permission of an app that acts for a person.
    pub(crate) fn person_permission(self) -> &'static str {
        match self {
            Self::Imap => "IMAP.AccessAsUser.All",
            Self::Pop3 => "POP.AccessAsUser.All",
            Self::Smtp => "SMTP.Send",
        }
    }

    /// What `Set-CASMailbox` calls it.
    pub(crate) fn switch(self) -> &'static str {
        match self {
            Self::Imap => "ImapEnabled",
            Self::Pop3 => "PopEnabled",
            Self::Smtp => "SmtpClientAuthenticationDisabled",
        }
    }

    /// What that switch has to be.
    pub(crate) fn switched_on(self) -> &'static str {
        match self {
            Self::Imap | Self::Pop3 => "$true",
            Self::Smtp => "$false",
        }
    }

    /// What Exchange tells after the sign-in over IMAP, and not at all over the others.
    pub(crate) fn hidden_causes(self) -> &'static str {
        match self {
            Self::Imap => "or ",
            Self::Pop3 => {
                "or it is not opened to the app (Add-MailboxPermission), or POP3 is off for it (Set-CASMailbox -PopEnabled), or "
            }
            Self::Smtp => {
                "or the app has no service principal in Exchange (New-ServicePrincipal), or "
            }
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Smtp => "SMTP",
        })
    }
}
