//! A sign-in that another program leaves behind.

use secrecy::SecretString;

use super::keepsake::Keepsake;
use crate::GrantState;

/// What a sign-in left with another program whose place is taken. Entra binds a refresh token to
/// the person and the client, and not to the program: it goes on bringing tokens here.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// The refresh token.
    pub refresh_token: Option<SecretString>,
    /// The person's password, where the configuration wants it kept.
    pub password: Option<SecretString>,
}

impl Brought {
    /// The state of the grant called `kind`, as its keeper would have stored it.
    pub fn into_state(self, kind: &str) -> GrantState {
        let keepsake = Keepsake {
            refresh: self.refresh_token,
            password: self.password,
            ..Keepsake::default()
        };
        keepsake.write(kind)
    }
}
