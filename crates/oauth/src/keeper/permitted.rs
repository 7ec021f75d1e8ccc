//! What a person permitted, as far as the sign-in server said so.

use super::keepsake::Keepsake;
use crate::{Audience, CredentialId, GrantState};

/// The names of the permissions that came with the access token for `audience` which is kept in a
/// state, such as `IMAP.AccessAsUser.All`, without the resource in front. `None` where none is kept,
/// or the state cannot be read.
pub fn permitted_scopes(
    id: &CredentialId,
    state: &GrantState,
    audience: Audience,
) -> Option<Vec<String>> {
    let kept = Keepsake::read(id, state).ok()?;
    let scope = kept.access.get(audience)?.scope.as_deref()?;
    let names = scope.split_whitespace().map(|scope| {
        let name = scope.rsplit('/').next();
        name.unwrap_or(scope).to_owned()
    });
    Some(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccessToken;

    #[test]
    fn the_names_of_what_a_token_is_for_are_told() {
        let id = CredentialId::new("x");
        let mut kept = Keepsake::default();
        let told = |kept: &Keepsake| {
            let state = kept.write("authorization_code");
            permitted_scopes(&id, &state, Audience::Exchange)
        };
        assert_eq!(told(&kept), None);
        let expires_at = jiff::Timestamp::UNIX_EPOCH;
        let mut token = AccessToken::new("canary".into(), Audience::Exchange, expires_at);
        token.scope =
            Some("https://outlook.office.com/IMAP.AccessAsUser.All  SMTP.Send openid".to_owned());
        kept.access = std::iter::once((Audience::Exchange, token)).collect();
        let names = told(&kept).expect("it is kept");
        assert_eq!(names, ["IMAP.AccessAsUser.All", "SMTP.Send", "openid"]);
    }
}
