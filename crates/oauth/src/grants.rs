//! The grants: each is one folder here and one line in [`GRANTS`].

pub mod authorization_code;
pub mod client_credentials;
mod client_proof;
pub mod device_code;
pub mod password;
mod refresh_token;
mod signed_in;

use secrecy::SecretString;

use crate::Audience;
use crate::flow::{Asking, Flow};

/// Every grant there is. Configuration, help and documentation are made from this list.
pub const GRANTS: &[Grant] = &[
    client_credentials::GRANT,
    authorization_code::GRANT,
    device_code::GRANT,
    password::GRANT,
];

/// One way to obtain a token.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// What a configuration calls it.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// Whether a person must be there.
    pub attendance: Attendance,
    /// Begins the conversation that obtains a first token.
    pub begin: fn(Opening) -> Box<dyn Flow>,
    /// Begins the conversation that obtains the next one from a refresh token, where the grant
    /// gives refresh tokens.
    pub renew: Option<Renew>,
}

/// Begins a renewal from a refresh token.
pub type Renew = fn(Asking, SecretString) -> Box<dyn Flow>;

/// Whether a first token can be had with nobody at the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attendance {
    /// It can.
    Unattended,
    /// Somebody must sign in.
    Attended,
}

/// What a first conversation starts from.
#[derive(Debug, Clone)]
pub struct Opening {
    /// For whom and for what.
    pub asking: Asking,
    /// Further audiences to consent to in the same sign-in.
    pub also: Vec<Audience>,
    /// What the person brings.
    pub means: Means,
}

/// What a person brings to a sign-in.
#[derive(Debug, Clone, Default)]
pub enum Means {
    /// Nothing that this machine sees.
    #[default]
    Nothing,
    /// A browser, which is sent back to this address: `http://localhost:PORT`, to the letter as
    /// the token request repeats it.
    Browser {
        /// The address.
        redirect: String,
    },
    /// The password.
    Password(SecretString),
}

impl Grant {
    /// The grant of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        GRANTS.iter().find(|grant| grant.name == name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatepost_host::Chance;
    use jiff::Timestamp;

    use super::*;
    use crate::flow::{Event, Prompt, Step};
    use crate::{Cloud, Proof, Registration, Tenant};

    fn asking() -> Asking {
        let tenant = Tenant::parse("contoso.example").expect("a domain");
        let proof = Proof::Secret("canary".into());
        let home = (Cloud::global(), tenant);
        Asking {
            registration: Arc::new(Registration::new("contoso", home, "client-1", proof)),
            proof: Proof::Secret("canary".into()),
            person: Some("ada@contoso.example".to_owned()),
            audience: Audience::Graph,
            challenge: None,
            chance: Chance::seeded(1),
        }
    }

    /// The sentences every grant obeys.
    #[test]
    fn every_grant_keeps_the_contract() {
        for grant in GRANTS {
            let named = Grant::named(grant.name).expect("it is in the list");
            assert_eq!(named.doc, grant.doc, "no name stands twice");
            let mut flow = (grant.begin)(Opening {
                asking: asking(),
                also: Vec::new(),
                means: match grant.name {
                    "password" => Means::Password("canary".into()),
                    _ => Means::Nothing,
                },
            });
            let first = flow
                .resume(Timestamp::UNIX_EPOCH, Event::Start)
                .expect("a sound registration can begin");
            match (grant.attendance, &first) {
                (Attendance::Unattended, Step::Post(form)) => {
                    assert_eq!(form.to.host_str(), Some("login.microsoftonline.com"));
                }
                (Attendance::Attended, Step::Show(Prompt::Open(url))) => {
                    assert!(url.as_str().contains("client_id=client-1"), "{url}");
                }
                (Attendance::Attended, Step::Post(form)) => {
                    assert!(
                        form.to.path().starts_with("/contoso.example/"),
                        "{}",
                        form.to
                    );
                }
                (_, other) => panic!("{} begins with {other:?}", grant.name),
            }
            assert!(!format!("{first:?} {flow:?}").contains("canary"));
            if let Some(renew) = grant.renew {
                let step = renew(asking(), "canary".into())
                    .resume(Timestamp::UNIX_EPOCH, Event::Start)
                    .expect("a renewal needs nobody");
                assert!(matches!(step, Step::Post(_)), "{}", grant.name);
                assert!(!format!("{step:?}").contains("canary"));
            }
        }
    }
}
