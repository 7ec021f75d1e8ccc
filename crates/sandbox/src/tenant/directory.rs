//! Who and what is in the tenant.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::App;

/// The people and apps of the tenant, and its names.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The tenant's id.
    pub tenant_id: String,
    /// What the tenant is called in messages.
    pub name: String,
    /// Its verified domains, the one in the addresses first.
    pub domains: Vec<String>,
    people: BTreeMap<String, Person>,
    apps: BTreeMap<String, App>,
}

/// Somebody who can sign in.
#[derive(Debug, Clone)]
pub struct Person {
    /// The object id.
    pub oid: String,
    /// The user principal name, which is also the address.
    pub upn: String,
    /// The name as people say it.
    pub name: String,
    /// What stands between this person and a token.
    pub trouble: Option<Trouble>,
    password: SecretString,
}

/// What can stand between a person and a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A second factor is asked for, which only a page can do.
    SecondFactor,
    /// A second factor has to be registered first.
    SecondFactorMissing,
    /// The account is disabled.
    Disabled,
    /// The account is locked.
    Locked,
    /// The password has expired.
    PasswordExpired,
    /// There is no password in the cloud.
    NoPassword,
    /// Another server checks the password.
    Federated,
    /// A policy blocks what is not a browser.
    Policy,
}

impl Directory {
    /// A tenant with nobody in it.
    pub fn new(tenant_id: &str, name: &str, domains: &[&str]) -> Self {
        Self {
            tenant_id: tenant_id.to_owned(),
            name: name.to_owned(),
            domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
            people: BTreeMap::new(),
            apps: BTreeMap::new(),
        }
    }

    /// Whether `name` is the tenant's id or one of its domains.
    pub fn is_called(&self, name: &str) -> bool {
        self.tenant_id.eq_ignore_ascii_case(name) || self.has_domain(name)
    }

    /// Whether `domain` is one of its verified domains.
    pub fn has_domain(&self, domain: &str) -> bool {
        self.domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
    }

    /// Adds a person, or puts one in the place of another with the same address.
    pub fn add_person(&mut self, person: Person) {
        self.people.insert(person.upn.to_lowercase(), person);
    }

    /// Adds an app, or puts one in the place of another with the same client id.
    pub fn add_app(&mut self, app: App) {
        self.apps.insert(app.client_id.to_lowercase(), app);
    }

    /// The person with this address, in any case.
    pub fn person(&self, upn: &str) -> Option<&Person> {
        self.people.get(&upn.to_lowercase())
    }

    /// The app with this client id, in any case.
    pub fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.get(&client_id.to_lowercase())
    }

    /// The app with this client id, to be changed.
    pub fn app_mut(&mut self, client_id: &str) -> Option<&mut App> {
        self.apps.get_mut(&client_id.to_lowercase())
    }

    /// Everybody, by address.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// Every app, by client id.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }
}

impl Person {
    /// Somebody new.
    pub fn new(oid: &str, upn: &str, name: &str, password: SecretString) -> Self {
        Self {
            oid: oid.to_owned(),
            upn: upn.to_owned(),
            name: name.to_owned(),
            trouble: None,
            password,
        }
    }

    /// The same person in trouble.
    #[must_use]
    pub fn in_trouble(self, trouble: Trouble) -> Self {
        Self {
            trouble: Some(trouble),
            ..self
        }
    }

    /// Whether `offered` is the password, in a time that says nothing about it.
    pub fn has_password(&self, offered: &str) -> bool {
        bool::from(
            self.password
                .expose_secret()
                .as_bytes()
                .ct_eq(offered.as_bytes()),
        )
    }
}
