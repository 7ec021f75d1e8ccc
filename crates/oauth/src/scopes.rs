//! What a token request asks for: `scope` on v2 endpoints, `resource` on v1.

use crate::{Audience, EndpointVersion, Registration};

/// The parameter of a token request that says what the token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// `scope`, on v2 endpoints. One token request names one resource.
    Scope(String),
    /// `resource`, on v1 endpoints. v2 refuses it (AADSTS901002).
    Resource(String),
}

impl Wanted {
    /// What an app asks for itself: everything it was granted at that audience.
    pub fn for_app(registration: &Registration, audience: Audience) -> Self {
        let name = app_resource(registration, audience);
        match registration.endpoints {
            EndpointVersion::V2 => Self::Scope(format!("{name}/.default")),
            EndpointVersion::V1 => Self::Resource(name.to_owned()),
        }
    }

    /// What is asked for a person, in a token request.
    pub fn for_person(registration: &Registration, audience: Audience) -> Self {
        match registration.endpoints {
            EndpointVersion::V2 => Self::Scope(delegated_scope(registration, audience)),
            EndpointVersion::V1 => Self::Resource(app_resource(registration, audience).to_owned()),
        }
    }

    /// The name of the parameter.
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::Scope(_) => "scope",
            Self::Resource(_) => "resource",
        }
    }

    /// Its value.
    pub fn value(&self) -> &str {
        match self {
            Self::Scope(value) | Self::Resource(value) => value,
        }
    }
}

/// The delegated scopes of one audience, with those that bring a refresh token and an identity.
pub fn delegated_scope(registration: &Registration, audience: Audience) -> String {
    let names = &registration.cloud.names;
    let (prefix, permissions) = match audience {
        Audience::Exchange => (
            &names.exchange_delegated,
            &registration.permissions.exchange,
        ),
        Audience::Graph => (&names.graph, &registration.permissions.graph),
    };
    let mut scopes: Vec<String> = permissions
        .iter()
        .map(|permission| format!("{prefix}/{permission}"))
        .collect();
    scopes.extend(OPENID.iter().map(|&scope| scope.to_owned()));
    scopes.join(" ")
}

/// The scopes a person is asked to permit in one sign-in, which may be of several resources,
/// where a token request names one only.
pub(crate) fn consented_scope<'a>(
    registration: &Registration,
    audiences: impl IntoIterator<Item = &'a Audience>,
) -> String {
    let mut scopes: Vec<String> = Vec::new();
    for audience in audiences {
        for scope in delegated_scope(registration, *audience).split(' ') {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
    }
    scopes.join(" ")
}

/// The name under which an app asks for an audience.
pub(crate) fn app_resource(registration: &Registration, audience: Audience) -> &str {
    let names = &registration.cloud.names;
    match audience {
        Audience::Exchange => &names.exchange_app,
        Audience::Graph => &names.graph,
    }
}

/// `offline_access` brings the refresh token, `openid` and `profile` the id token with the name.
const OPENID: &[&str] = &["offline_access", "openid", "profile"];
