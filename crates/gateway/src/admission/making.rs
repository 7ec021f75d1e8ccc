//! How app passwords are made.

use gatepost_host::{Chance, Clock, Network};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::hashing::{Cost, Recipe};
use super::{AppPassword, AppPasswords, PasswordError, PasswordId};
use crate::Protocols;

/// What an app password is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What people call it; otherwise a name is made of the mailbox's.
    pub name: Option<String>,
    /// The address of the mailbox that it opens.
    pub mailbox: String,
    /// The only login name that it is good for.
    pub login: Option<String>,
    /// The protocols that it is good for.
    pub protocols: Protocols,
    /// The networks that it is good in; none is everywhere.
    pub networks: Vec<Network>,
    /// The addresses that may be written from; none is what the login name has.
    pub senders: Vec<String>,
    /// When it ends, if it does.
    pub expires: Option<Timestamp>,
}

impl Wanted {
    /// One that opens a mailbox for every protocol, from everywhere and for ever.
    pub fn of(mailbox: &str) -> Self {
        Self {
            name: None,
            mailbox: mailbox.to_lowercase(),
            login: None,
            protocols: Protocols::ALL,
            networks: Vec::new(),
            senders: Vec::new(),
            expires: None,
        }
    }

    /// Whether this one opens the same, for the same.
    fn is_as_good_as(&self, there: &AppPassword) -> bool {
        there.mailbox == self.mailbox
            && there.login == self.login
            && there.protocols == self.protocols
            && there.networks == self.networks
            && there.senders == self.senders
            && there.expires == self.expires
    }
}

/// Makes app passwords.
#[derive(Debug)]
pub struct Maker<'a> {
    /// Where they are stored.
    pub passwords: &'a dyn AppPasswords,
    /// What tells when they were made.
    pub clock: &'a Clock,
    /// What they are made of.
    pub chance: &'a Chance,
    /// What one look at them costs.
    pub cost: Cost,
}

impl Maker<'_> {
    /// Makes an app password that nobody knows yet; the password itself is told once, here.
    pub async fn generate(
        &self,
        wanted: Wanted,
    ) -> Result<(AppPassword, SecretString), PasswordError> {
        let password = self.invent();
        let made = self.store(wanted, &password).await?;
        Ok((made, password))
    }

    /// Makes one of a password that somebody chose.
    pub async fn choose(
        &self,
        wanted: Wanted,
        password: &SecretString,
    ) -> Result<AppPassword, PasswordError> {
        usable(password.expose_secret()).map_err(|reason| PasswordError::Unusable {
            mailbox: wanted.mailbox.clone(),
            reason,
        })?;
        self.store(wanted, password).await
    }

    /// Makes one of a password that was in use elsewhere, whatever it is like; what waits for its
    /// mailbox is forgotten with that. Taken over again, it is the one that there is.
    pub async fn take_over(
        &self,
        wanted: Wanted,
        password: &SecretString,
    ) -> Result<AppPassword, PasswordError> {
        let (_, all) = self.passwords.all().await?;
        for there in all.iter().filter(|there| wanted.is_as_good_as(there)) {
            let Some((recipe, hash)) = there.verifier.read() else {
                continue;
            };
            let shown = hashed(recipe, password.clone()).await;
            if shown.is_some_and(|shown| hash.is(&shown)) {
                return Ok(there.clone());
            }
        }
        let made = self.make(wanted, password).await?;
        self.passwords.take_over(&made).await?;
        Ok(made)
    }

    async fn store(
        &self,
        wanted: Wanted,
        password: &SecretString,
    ) -> Result<AppPassword, PasswordError> {
        let made = self.make(wanted, password).await?;
        self.passwords.add(&made).await?;
        Ok(made)
    }

    async fn make(
        &self,
        wanted: Wanted,
        password: &SecretString,
    ) -> Result<AppPassword, PasswordError> {
        let (_, all) = self.passwords.all().await?;
        let of_mailbox: Vec<&AppPassword> = all
            .iter()
            .filter(|password| password.mailbox == wanted.mailbox)
            .collect();
        if of_mailbox.len() >= MOST_OF_A_MAILBOX {
            return Err(PasswordError::TooMany {
                mailbox: wanted.mailbox,
                most: MOST_OF_A_MAILBOX,
            });
        }
        let elsewhere = all.iter().find(|there| {
            there.login.is_some() && there.login == wanted.login && there.mailbox != wanted.mailbox
        });
        if let (Some(there), Some(login)) = (elsewhere, &wanted.login) {
            return Err(PasswordError::LoginTaken {
                login: login.clone(),
                id: there.id.clone(),
                mailbox: there.mailbox.clone(),
            });
        }
        let recipe = of_mailbox
            .iter()
            .filter_map(|password| password.verifier.read())
            .map(|(recipe, _)| recipe)
            .find(|recipe| recipe.costs(self.cost))
            .unwrap_or_else(|| Recipe::new(self.cost, self.chance));
        let hash = hashed(recipe.clone(), password.clone()).await;
        let hash = hash.ok_or_else(|| PasswordError::Unusable {
            mailbox: wanted.mailbox.clone(),
            reason: "it cannot be hashed; choose a shorter one".to_owned(),
        })?;
        let name = match wanted.name {
            Some(name) => name,
            None => free_name(&wanted.mailbox, wanted.login.as_deref(), &all),
        };
        Ok(AppPassword {
            id: self.id(),
            name,
            verifier: recipe.verifier(&hash),
            mailbox: wanted.mailbox,
            login: wanted.login,
            protocols: wanted.protocols,
            networks: wanted.networks,
            senders: wanted.senders,
            created: whole_second(self.clock.now()),
            expires: wanted.expires,
            last_use: None,
        })
    }

    /// Four groups of five: nearly 100 bits that can be typed at a printer.
    fn invent(&self) -> SecretString {
        let mut password = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        for at in 0..GROUPS * GROUP {
            if at > 0 && at % GROUP == 0 {
                password.push('-');
            }
            password.push(self.letter());
        }
        SecretString::from(password.as_str())
    }

    fn id(&self) -> PasswordId {
        PasswordId::new((0..ID).map(|_| self.letter()).collect::<String>())
    }

    fn letter(&self) -> char {
        let at = self.chance.below(LETTERS.len() as u64);
        char::from(usize::try_from(at).map_or(LETTERS[0], |at| LETTERS[at]))
    }
}

/// Nobody asks for more than the second.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Hashes off the reactor; `None` if it cannot be done.
pub(super) async fn hashed(recipe: Recipe, password: SecretString) -> Option<super::hashing::Hash> {
    let hashed = tokio::task::spawn_blocking(move || recipe.hash(&password));
    hashed.await.ok().flatten()
}

fn usable(password: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(format!(
            "it has {length} characters, and at least {SHORTEST} are needed; leave --stdin away for \
             one that Gatepost makes"
        ));
    }
    if password.len() > LONGEST {
        return Err(format!("it has more than {LONGEST} octets"));
    }
    if password.chars().any(char::is_control) {
        return Err("it holds a control character, which no device can send".to_owned());
    }
    let first = password.chars().next();
    if password.chars().all(|c| Some(c) == first) {
        return Err("it is one character again and again".to_owned());
    }
    Ok(())
}

/// The login name, or the name of the mailbox without its domain, and a number if that is taken.
fn free_name(mailbox: &str, login: Option<&str>, all: &[AppPassword]) -> String {
    let stem = login.unwrap_or_else(|| mailbox.split('@').next().unwrap_or(mailbox));
    let taken = |name: &str| all.iter().any(|password| password.name == name);
    if !taken(stem) {
        return stem.to_owned();
    }
    // Among this many names one is free.
    (2..=all.len() + 2)
        .map(|number| format!("{stem}-{number}"))
        .find(|name| !taken(name))
        .unwrap_or_else(|| stem.to_owned())
}

/// Without those that look alike.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS: usize = 4;
const GROUP: usize = 5;
const ID: usize = 8;
/// A mailbox is looked up at every login.
pub(super) const MOST_OF_A_MAILBOX: usize = 1_000;
/// NIST SP 800-63B §5.1.1.2.
const SHORTEST: usize = 8;
/// IMAP's literals, SASL PLAIN and POP3's lines take as much.
const LONGEST: usize = 255;
