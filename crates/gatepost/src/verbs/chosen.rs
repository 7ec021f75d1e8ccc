//! Which mailbox a verb is about.

use std::collections::BTreeSet;

use crate::address;
use crate::config::{Config, GrantSettings, MailboxSettings, ReadBy, advice};
use crate::usage::UsageError;

/// A mailbox on the command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Chosen {
    /// The address of the mailbox.
    mailbox: String,
    /// Open it in the name of the app of this registration, even if the configuration does not
    /// name the mailbox.
    #[arg(long, value_name = "REGISTRATION")]
    as_app: Option<String>,
}

impl Chosen {
    /// The mailbox with the credential that opens it.
    pub fn mailbox(&self, config: &Config) -> Result<MailboxSettings, UsageError> {
        let Some(registration) = &self.as_app else {
            let named = named_mailbox(config, &self.mailbox);
            return named.cloned().map_err(UsageError::or_by_an_app);
        };
        if !config.registrations.contains_key(registration) {
            return Err(UsageError::UnknownRegistration {
                registration: registration.clone(),
                file: config.file.display().to_string(),
                advice: advice(registration, config.registrations.keys()),
            });
        }
        let address = address::normal(&self.mailbox).map_err(|reason| UsageError::Argument {
            argument: "MAILBOX".to_owned(),
            reason,
        })?;
        Ok(MailboxSettings {
            address,
            registration: registration.clone(),
            grant: GrantSettings::ClientCredentials,
            read: ReadBy::Auto,
            send: None,
            also: BTreeSet::new(),
            ask_for: None,
        })
    }

    /// Whether the configuration says how the mailbox is opened.
    pub fn is_configured(&self) -> bool {
        self.as_app.is_none()
    }
}

/// The mailbox of that address in the configuration.
pub fn named_mailbox<'a>(
    config: &'a Config,
    mailbox: &str,
) -> Result<&'a MailboxSettings, UsageError> {
    config
        .mailboxes
        .get(&mailbox.to_lowercase())
        .ok_or_else(|| UsageError::UnknownMailbox {
            mailbox: mailbox.to_owned(),
            file: config.file.display().to_string(),
            advice: advice(mailbox, config.mailboxes.keys()),
        })
}
