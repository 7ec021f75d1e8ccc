//! A grant is a conversation without I/O: it says what to post, show or wait for, and is told
//! what came of it. The command line, the daemon and the tests drive the same one.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use crate::answers::Reply;
use crate::{AccessToken, Audience, Challenge, Form, Proof, Registration, TokenError};

/// A conversation that ends in a token.
pub trait Flow: Send + std::fmt::Debug {
    /// Takes the conversation one step further. The first event is [`Event::Start`]; after an
    /// error the conversation is over, but for [`TokenError::StateMismatch`], which leaves it
    /// where it was.
    fn resume(&mut self, now: Timestamp, event: Event<'_>) -> Result<Step, TokenError>;
}

/// What a conversation wants next.
#[derive(Debug)]
pub enum Step {
    /// Post this and answer with [`Event::Reply`].
    Post(Form),
    /// Show this to the person and answer with what it asks for.
    Show(Prompt),
    /// Wait this long and answer with [`Event::Woken`].
    Wait(Duration),
    /// There is the token.
    Done(Box<Granted>),
}

/// What a person must be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Open this address in a browser; answer with [`Event::Redirected`].
    Open(Url),
    /// Enter a code at an address, on whatever device; answer with [`Event::Woken`] once it is
    /// shown.
    Enter(DeviceCode),
}

/// What a person needs to sign in on another device (RFC 8628 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// What the person types there.
    pub code: String,
    /// Where.
    pub address: Url,
    /// The same with the code in it, where the server has that; Entra has not.
    pub complete: Option<Url>,
    /// Until when the code can be entered.
    pub until: Timestamp,
}

/// What came of a [`Step`].
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// The conversation begins.
    Start,
    /// The token endpoint answered.
    Reply(&'a Reply),
    /// There was no answer; whether to go on is for the conversation to say.
    Unanswered(&'a TokenError),
    /// The browser came back with these parameters.
    Redirected(&'a Url),
    /// The time to wait is over.
    Woken,
}

/// A redirect brings a code, which nobody may see.
impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Reply(reply) => f.debug_tuple("Reply").field(reply).finish(),
            Self::Unanswered(error) => f.debug_tuple("Unanswered").field(error).finish(),
            Self::Redirected(_) => f.write_str("Redirected(..)"),
            Self::Woken => f.write_str("Woken"),
        }
    }
}

/// What the issuer granted.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The token.
    pub access: AccessToken,
    /// What to get the next one with, if the grant has that.
    pub refresh: Option<SecretString>,
    /// Who signed in, where the issuer said so and it was checked.
    pub person: Option<Person>,
}

/// Who signed in, as the id token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The sign-in name, usually but not always the mail address.
    pub name: String,
    /// The id of the person's tenant.
    pub tenant: Option<String>,
    /// The id of the account in that tenant.
    pub object_id: Option<String>,
}

impl Person {
    /// What else is known of who it was, for a sentence: ` (object id 4e1f… of tenant 9188…)`.
    pub(crate) fn ids(&self) -> String {
        let account = self.object_id.as_ref().map(|id| format!("object id {id}"));
        let tenant = self.tenant.as_ref().map(|id| format!("tenant {id}"));
        match (account, tenant) {
            (Some(account), Some(tenant)) => format!(" ({account} of {tenant})"),
            (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
            (None, None) => String::new(),
        }
    }
}

/// For whom and for what a token is asked.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The app that asks.
    pub registration: Arc<Registration>,
    /// What it proves itself with this time.
    pub proof: Proof,
    /// For whom it asks; `None` if for itself.
    pub person: Option<String>,
    /// What the token is for.
    pub audience: Audience,
    /// What the token must carry, if a server wants more than usual.
    pub challenge: Option<Challenge>,
    /// Where ids, states and nonces come from.
    pub chance: Chance,
}

impl Asking {
    /// Names the credential in an error.
    pub fn who(&self) -> String {
        who(&self.registration, self.person.as_deref())
    }
}

/// Names a credential in an error.
pub(crate) fn who(registration: &Registration, person: Option<&str>) -> String {
    match person {
        Some(person) => format!("{person} (registration {})", registration.name),
        None => format!("registration {}", registration.name),
    }
}
