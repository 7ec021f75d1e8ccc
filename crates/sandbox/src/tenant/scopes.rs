//! What a token request asks for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Resource;

/// The value of `scope` (or of v1's `resource`), understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    /// The scopes of OpenID Connect.
    pub sign_in: BTreeSet<SignInScope>,
    /// What is asked of each API, in the order in which the APIs are first named.
    pub apis: Vec<ApiScopes>,
}

/// A scope that concerns the sign-in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SignInScope {
    /// `openid`: an `id_token`, please.
    OpenId,
    /// `profile`.
    Profile,
    /// `email`.
    Email,
    /// `offline_access`: a refresh token, please.
    OfflineAccess,
}

/// What is asked of one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiScopes {
    /// The API as it was named; becomes the audience of the token.
    pub audience: String,
    /// The API.
    pub resource: Resource,
    /// The permissions.
    pub wanted: Wanted,
}

/// Which permissions are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// `/.default`: all that were granted.
    Default,
    /// These.
    Named(BTreeSet<&'static str>),
}

/// Why a `scope` is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopeError {
    /// No API has this name.
    UnknownResource(String),
    /// The API has no such permission.
    UnknownPermission(String),
    /// `.default` beside other permissions of the same API.
    DefaultMixed(String),
}

impl Scopes {
    /// Reads a list of scopes; `own` is the address of the sandbox.
    pub fn parse(text: &str, own: &str) -> Result<Self, ScopeError> {
        let mut scopes = Self::default();
        for scope in text.split_ascii_whitespace() {
            if let Some(sign_in) = SignInScope::from_name(scope) {
                scopes.sign_in.insert(sign_in);
                continue;
            }
            // A scope without an API is one of Graph's. The last slash divides, so that
            // `https://outlook.office.com//.default` asks for an audience with a slash.
            let (audience, name) = scope
                .rsplit_once('/')
                .unwrap_or((Resource::Graph.uri(), scope));
            let resource = Resource::from_identifier(audience, own)
                .ok_or_else(|| ScopeError::UnknownResource(audience.to_owned()))?;
            scopes.add(audience, resource, name)?;
        }
        Ok(scopes)
    }

    /// Everything that was granted on one API, as v1's `resource` asks for it.
    pub fn of_resource(identifier: &str, own: &str) -> Result<Self, ScopeError> {
        let resource = Resource::from_identifier(identifier, own)
            .ok_or_else(|| ScopeError::UnknownResource(identifier.to_owned()))?;
        let audience = identifier.to_owned();
        let api = ApiScopes {
            audience,
            resource,
            wanted: Wanted::Default,
        };
        Ok(Self {
            sign_in: BTreeSet::new(),
            apis: vec![api],
        })
    }

    /// Whether this concerns the sign-in only.
    pub fn asks_no_api(&self) -> bool {
        self.apis.is_empty()
    }

    /// Whether a scope of OpenID Connect is among them.
    pub fn has(&self, scope: SignInScope) -> bool {
        self.sign_in.contains(&scope)
    }

    fn add(&mut self, audience: &str, resource: Resource, name: &str) -> Result<(), ScopeError> {
        let asked = if name == ".default" {
            Wanted::Default
        } else {
            let permission = resource
                .permission(name)
                .ok_or_else(|| ScopeError::UnknownPermission(format!("{audience}/{name}")))?;
            Wanted::Named(BTreeSet::from([permission.name]))
        };
        let Some(known) = self.apis.iter_mut().find(|api| api.resource == resource) else {
            let audience = audience.to_owned();
            self.apis.push(ApiScopes {
                audience,
                resource,
                wanted: asked,
            });
            return Ok(());
        };
        match (&mut known.wanted, asked) {
            (Wanted::Default, Wanted::Default) => Ok(()),
            (Wanted::Named(names), Wanted::Named(more)) => {
                names.extend(more);
                Ok(())
            }
            _ => Err(ScopeError::DefaultMixed(format!("{audience}/{name}"))),
        }
    }
}

impl SignInScope {
    /// All of them, in the order in which Entra lists them.
    pub const ALL: &'static [Self] = &[
        Self::OpenId,
        Self::Profile,
        Self::Email,
        Self::OfflineAccess,
    ];

    /// Its name in `scope`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::Profile => "profile",
            Self::Email => "email",
            Self::OfflineAccess => "offline_access",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "https://localhost:8443";

    #[test]
    fn scopes_without_an_api_are_graphs() {
        let scopes =
            Scopes::parse("Mail.Read user.read offline_access openid", OWN).expect("known scopes");
        assert_eq!(scopes.apis.len(), 1);
        assert_eq!(scopes.apis[0].resource, Resource::Graph);
        assert_eq!(
            scopes.apis[0].wanted,
            Wanted::Named(BTreeSet::from(["Mail.Read", "User.Read"]))
        );
        assert!(scopes.has(SignInScope::OfflineAccess) && !scopes.has(SignInScope::Email));
    }

    #[test]
    fn the_audience_is_kept_as_it_was_written() {
        let scopes = Scopes::parse("https://outlook.office365.com//.default", OWN).expect("known");
        assert_eq!(scopes.apis[0].audience, "https://outlook.office365.com/");
        let own = Scopes::parse("https://localhost:8443/.default", OWN).expect("an alias of Graph");
        assert_eq!(own.apis[0].resource, Resource::Graph);
    }

    #[test]
    fn what_nobody_offers_is_refused() {
        assert_eq!(
            Scopes::parse("https://api.example/.default", OWN),
            Err(ScopeError::UnknownResource(
                "https://api.example".to_owned()
            ))
        );
        assert!(matches!(
            Scopes::parse("https://outlook.office.com/IMAP.Everything", OWN),
            Err(ScopeError::UnknownPermission(_))
        ));
        assert!(matches!(
            Scopes::parse("Mail.Read https://graph.microsoft.com/.default", OWN),
            Err(ScopeError::DefaultMixed(_))
        ));
    }
}
