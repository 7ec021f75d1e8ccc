//! The app passwords that there are, as they were read last.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::hashing::{Hash, Recipe};
use super::{AppPassword, Edition, PasswordId};

/// All app passwords of one edition.
#[derive(Default)]
pub(super) struct Known {
    pub(super) edition: Option<Edition>,
    by_mailbox: BTreeMap<String, Vec<Arc<Held>>>,
    logins: BTreeMap<String, String>,
    ids: BTreeSet<PasswordId>,
}

/// An app password with its string read.
pub(super) struct Held {
    pub(super) password: AppPassword,
    recipe: Recipe,
    hash: Hash,
}

impl Known {
    pub(super) fn of(edition: Edition, passwords: Vec<AppPassword>) -> Self {
        let mut known = Self {
            edition: Some(edition),
            ..Self::default()
        };
        for password in passwords {
            let Some((recipe, hash)) = password.verifier.read() else {
                tracing::error!(
                    id = %password.id,
                    mailbox = password.mailbox,
                    "an app password is stored in a form that cannot be read; nobody comes in with \
                     it: revoke it and make another"
                );
                continue;
            };
            known.ids.insert(password.id.clone());
            if let Some(login) = &password.login {
                known.logins.insert(login.clone(), password.mailbox.clone());
            }
            let held = Held {
                password,
                recipe,
                hash,
            };
            let mailbox = held.password.mailbox.clone();
            known
                .by_mailbox
                .entry(mailbox)
                .or_default()
                .push(Arc::new(held));
        }
        known
    }

    /// Whether there is one of this id.
    pub(super) fn has(&self, id: &PasswordId) -> bool {
        self.ids.contains(id)
    }

    /// Those that open a mailbox.
    pub(super) fn of_mailbox(&self, mailbox: &str) -> &[Arc<Held>] {
        self.by_mailbox.get(mailbox).map_or(&[], Vec::as_slice)
    }

    /// The mailbox that this login name opens because an app password says so.
    pub(super) fn mailbox_of_login(&self, login: &str) -> Option<&String> {
        self.logins.get(login)
    }

    /// Whether somebody used one of the mailbox's from this address last.
    pub(super) fn was_used_from(&self, mailbox: &str, address: IpAddr) -> bool {
        self.of_mailbox(mailbox).iter().any(|held| {
            let last = held.password.last_use.as_ref();
            last.is_some_and(|last| last.address == address)
        })
    }

    /// Every one of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &AppPassword> {
        self.by_mailbox
            .values()
            .flatten()
            .map(|held| &held.password)
    }
}

/// The ways in which the passwords of a mailbox are hashed, each once: usually one.
pub(super) fn recipes(held: &[Arc<Held>]) -> Vec<Recipe> {
    let mut recipes: Vec<Recipe> = Vec::new();
    for one in held {
        if !recipes.contains(&one.recipe) {
            recipes.push(one.recipe.clone());
        }
    }
    recipes
}

impl Held {
    /// Whether this is its password, hashed by this recipe.
    pub(super) fn is(&self, recipe: &Recipe, hash: &Hash) -> bool {
        self.recipe == *recipe && self.hash.is(hash)
    }
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Known({:?}, {} of them)", self.edition, self.ids.len())
    }
}
