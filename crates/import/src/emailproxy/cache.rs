//! Where it keeps tokens when that is not its configuration: a file of the same form, or the JSON
//! of a secret in AWS Secrets Manager.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::Remark;
use crate::ImportError;
use crate::ini::{Entry, Ini};

/// The sealed state of accounts.
#[derive(Debug)]
pub struct CacheStore {
    accounts: BTreeMap<String, BTreeMap<String, Entry>>,
}

impl CacheStore {
    /// Reads a cache store: JSON if it begins with a brace.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        if text.trim_start().starts_with('{') {
            Self::of_json(text)
        } else {
            Ini::parse(text).map(|ini| Self::of_ini(&ini))
        }
    }

    fn of_json(text: &str) -> Result<Self, ImportError> {
        let read: BTreeMap<String, BTreeMap<String, Value>> =
            serde_json::from_str(text).map_err(|error| ImportError::NotAccounts {
                reason: format!(
                    "line {}, column {} does not fit",
                    error.line(),
                    error.column()
                ),
            })?;
        let accounts = read.into_iter().map(|(account, options)| {
            let options = options
                .into_iter()
                .map(|(name, value)| (name.to_lowercase(), Entry::new(value.0)));
            (account, options.collect())
        });
        Ok(Self {
            accounts: accounts.collect(),
        })
    }

    fn of_ini(ini: &Ini) -> Self {
        let accounts = ini.sections().map(|section| {
            let options = ini.options(section).into_iter();
            let options = options.filter_map(|option| {
                let entry = ini.value(&section.name, option)?;
                Some((option.to_owned(), Entry::new(entry.value().to_owned())))
            });
            (section.name.clone(), options.collect())
        });
        Self {
            accounts: accounts.collect(),
        }
    }

    /// Puts what it has over what the configuration has. Accounts that the configuration does not
    /// name are there only where catch-alls are allowed.
    pub(super) fn merge_into(&self, file: &mut Ini, catch_alls: bool, remarks: &mut Vec<Remark>) {
        let accounts = self.accounts.iter().filter(|(name, _)| name.contains('@'));
        for (account, options) in accounts {
            if catch_alls {
                file.add_section(account);
            }
            if file.section(account).is_none() {
                remarks.push(Remark {
                    section: account.clone(),
                    line: 0,
                    option: None,
                    sentence: "the cache store has tokens of it, and the configuration has no \
                               such account"
                        .to_owned(),
                });
                continue;
            }
            for (option, entry) in options {
                if STATE.contains(&option.as_str()) {
                    file.set(account, option, entry.clone());
                }
            }
        }
    }
}

/// A text or a number: those who edit such a secret by hand leave the quotation marks away.
struct Value(String);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value(number.to_string()))
    }
}

/// The options that a cache store has instead of the configuration.
const STATE: &[&str] = &[
    "access_token",
    "access_token_expiry",
    "refresh_token",
    "token_salt",
    "token_iterations",
    "client_secret_encrypted",
    "last_activity",
];
