//! The grants, one file each.

mod authorization_code;
mod client_credentials;
mod device_code;
mod password;
mod refresh_token;

use super::answer::Granted;
use super::refusal::Refusal;
use super::refusals;
use super::token::TokenRequest;

/// A way to a token.
pub(super) trait Grant: Sync {
    /// Its values of `grant_type`.
    fn names(&self) -> &'static [&'static str];

    /// Gives the token, or refuses it.
    fn answer(&self, request: &TokenRequest<'_>) -> Result<Granted, Refusal>;
}

/// The grant of this name.
pub(super) fn find(name: &str) -> Result<&'static dyn Grant, Refusal> {
    let found = GRANTS
        .iter()
        .copied()
        .find(|grant| grant.names().contains(&name));
    found.ok_or_else(|| refusals::grant_unsupported(name))
}

const GRANTS: &[&dyn Grant] = &[
    &client_credentials::ClientCredentials,
    &authorization_code::AuthorizationCode,
    &device_code::DeviceCode,
    &password::Password,
    &refresh_token::RefreshToken,
];
