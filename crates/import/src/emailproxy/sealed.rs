//! What it keeps between runs, sealed with the password that clients show.

use std::borrow::Cow;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{Options, Remark};
use crate::fernet::{Key, Unopened};

/// Tokens of one account, sealed with the password that its clients show. Whoever has them can
/// try passwords: they are kept as secrets are.
#[derive(Debug, Clone)]
pub struct SealedState {
    salt: Vec<u8>,
    /// As often as a key was derived, the likeliest first.
    rounds: Vec<NonZeroU32>,
    access: Option<SecretString>,
    refresh: Option<SecretString>,
    client_secret: Option<SecretString>,
}

/// What a password opened.
#[derive(Debug)]
pub struct Opened {
    /// The token that mail servers were shown last.
    pub access_token: Option<SecretString>,
    /// The token that brings the next one.
    pub refresh_token: Option<SecretString>,
    /// The client secret of the app.
    pub client_secret: Option<SecretString>,
}

/// Why nothing was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// What is sealed is genuine for another password, or was changed.
    #[error("the password is not the one that its tokens were sealed with")]
    WrongPassword,
    /// What is there is no sealed token.
    #[error("its sealed tokens are damaged")]
    Damaged,
}

impl SealedState {
    pub(super) fn read(options: &Options<'_>, remarks: &mut Vec<Remark>) -> Option<Self> {
        let own = |option| {
            let entry = options.own(option)?;
            (!entry.value().is_empty()).then(|| SecretString::from(entry.value()))
        };
        let access = own("access_token");
        let refresh = own("refresh_token");
        let client_secret = options.get("client_secret_encrypted");
        let client_secret = client_secret.map(|entry| SecretString::from(entry.value()));
        if access.is_none() && refresh.is_none() && client_secret.is_none() {
            return None;
        }
        let salt = options.get("token_salt");
        let salt = salt.and_then(|entry| BASE64.decode(entry.value()).ok());
        let Some(salt) = salt.filter(|salt| !salt.is_empty()) else {
            let sentence = "what it keeps sealed cannot be opened: `token_salt` is missing or no \
                            base64"
                .to_owned();
            remarks.push(options.remark(None, sentence));
            return None;
        };
        Some(Self {
            salt,
            rounds: rounds(options, remarks),
            access,
            refresh,
            client_secret,
        })
    }

    /// Opens it with the password that clients show. It takes about half a second of one core, and
    /// twice that for a wrong password.
    pub fn open(&self, password: &SecretString) -> Result<Opened, NotOpened> {
        let mut keys = Keys {
            state: self,
            password,
            derived: Vec::new(),
        };
        let mut worst = None;
        let mut open = |sealed: &Option<SecretString>| {
            let opened = keys.open(sealed.as_ref()?);
            opened.map_err(|error| worst = Some(error)).ok()
        };
        let opened = Opened {
            refresh_token: open(&self.refresh),
            access_token: open(&self.access),
            client_secret: open(&self.client_secret),
        };
        // Each is sealed on its own, and may be older than the password: what opens is good.
        let nothing = opened.refresh_token.is_none()
            && opened.access_token.is_none()
            && opened.client_secret.is_none();
        match worst {
            Some(Unopened::OtherKey) if nothing => Err(NotOpened::WrongPassword),
            Some(Unopened::Malformed) if nothing => Err(NotOpened::Damaged),
            _ => Ok(opened),
        }
    }

    /// Whether it holds something that brings the next token without a person.
    pub fn has_refresh_token(&self) -> bool {
        self.refresh.is_some()
    }

    /// Whether the client secret of the app is sealed in it.
    pub fn has_client_secret(&self) -> bool {
        self.client_secret.is_some()
    }

    /// Writes it for a store, which seals it once more.
    pub fn write(&self) -> SecretString {
        let written = Written {
            salt: BASE64.encode(&self.salt),
            rounds: self.rounds.clone(),
            access: exposed(self.access.as_ref()),
            refresh: exposed(self.refresh.as_ref()),
            client_secret: exposed(self.client_secret.as_ref()),
        };
        let text = serde_json::to_string(&written).expect("texts and numbers are always JSON");
        SecretString::from(text)
    }

    /// Reads what [`Self::write`] wrote.
    pub fn of_written(text: &SecretString) -> Option<Self> {
        let written: Written<'_> = serde_json::from_str(text.expose_secret()).ok()?;
        let secret = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned).map(SecretString::from);
        Some(Self {
            salt: BASE64.decode(written.salt).ok()?,
            rounds: written.rounds,
            access: secret(written.access),
            refresh: secret(written.refresh),
            client_secret: secret(written.client_secret),
        })
    }
}

/// The number of rounds that stands there, and those that its program tries besides: what is
/// sealed may be older than the number.
fn rounds(options: &Options<'_>, remarks: &mut Vec<Remark>) -> Vec<NonZeroU32> {
    let written = options.get("token_iterations");
    let stored = written.and_then(|entry| entry.value().parse::<NonZeroU32>().ok());
    let usable = stored.filter(|rounds| *rounds <= MOST_ROUNDS);
    if written.is_some() && usable.is_none() {
        let sentence = format!("it is no number from 1 to {MOST_ROUNDS}; the usual ones are tried");
        remarks.push(options.remark(Some("token_iterations"), sentence));
    }
    let likeliest = if written.is_none() {
        Some(FORMER_ROUNDS)
    } else {
        usable
    };
    let mut rounds = Vec::new();
    for count in likeliest.into_iter().chain([PRESENT_ROUNDS, FORMER_ROUNDS]) {
        if !rounds.contains(&count) {
            rounds.push(count);
        }
    }
    rounds
}

/// The keys that a password leads to, each derived when it is needed.
struct Keys<'k> {
    state: &'k SealedState,
    password: &'k SecretString,
    derived: Vec<Key>,
}

impl Keys<'_> {
    fn open(&mut self, sealed: &SecretString) -> Result<SecretString, Unopened> {
        for index in 0..self.state.rounds.len() {
            if index == self.derived.len() {
                let rounds = self.state.rounds[index];
                let key = Key::derive(self.password, &self.state.salt, rounds);
                self.derived.push(key);
            }
            match self.derived[index].open(sealed.expose_secret()) {
                Err(Unopened::OtherKey) => {}
                opened => return opened,
            }
        }
        Err(Unopened::OtherKey)
    }
}

fn exposed(secret: Option<&SecretString>) -> Option<Cow<'_, str>> {
    secret.map(|secret| secret.expose_secret().into())
}

#[derive(Serialize, Deserialize)]
struct Written<'a> {
    salt: String,
    rounds: Vec<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    access: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refresh: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    client_secret: Option<Cow<'a, str>>,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
const PRESENT_ROUNDS: NonZeroU32 = NonZeroU32::new(1_200_000).expect("it is not zero");
/// Before 2023-10-17 no number was written.
const FORMER_ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).expect("it is not zero");
/// Some seconds of one core: a number without a limit would be a way to keep it busy for days.
const MOST_ROUNDS: NonZeroU32 = NonZeroU32::new(10_000_000).expect("it is not zero");
