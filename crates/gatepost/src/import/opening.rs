//! The passwords that clients use, and what they open.

use std::collections::BTreeMap;

use gatepost_import::emailproxy::{EmailProxy, NotOpened, Opened};
use secrecy::SecretString;

/// The passwords that clients use, by the name of the account.
pub type Passwords = BTreeMap<String, SecretString>;

/// The passwords that are known, with what each of them opened.
#[derive(Debug, Default)]
pub struct Opening {
    passwords: Passwords,
    opened: BTreeMap<String, Result<Opened, NotOpened>>,
}

impl Opening {
    /// Tries the password of each account on what that account keeps sealed. It takes about half a
    /// second of one core for each.
    pub fn try_all(read: &EmailProxy, passwords: Passwords) -> Self {
        let mut opened = BTreeMap::new();
        for account in &read.accounts {
            if let Some(password) = passwords.get(&account.name)
                && let Some(state) = &account.state
            {
                opened.insert(account.name.clone(), state.open(password));
            }
        }
        Self { passwords, opened }
    }

    /// The password of an account, if it is known and nothing says that it is wrong.
    pub fn password(&self, account: &str) -> Option<&SecretString> {
        let refuted = matches!(self.opened.get(account), Some(Err(_)));
        self.passwords.get(account).filter(|_| !refuted)
    }

    /// What the password of an account opened, if there was anything and the password is known.
    pub fn opened(&self, account: &str) -> Option<Result<&Opened, NotOpened>> {
        let opened = self.opened.get(account)?;
        Some(opened.as_ref().map_err(|error| *error))
    }

    /// The names for which there is a password.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.passwords.keys().map(String::as_str)
    }
}
