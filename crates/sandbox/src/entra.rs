//! The identity platform: Entra ID's addresses, answers and errors over the imaginary tenant.
//!
//! A new grant is one file in `entra/grants/` and one line in its list.

mod admin_consent;
mod answer;
mod assertion;
mod authorize;
mod call;
mod client_proof;
mod delegated;
mod device;
mod discovery;
mod federated;
mod flow;
mod grants;
mod machine;
mod pages;
mod parameters;
mod redirect;
mod refusal;
mod refusals;
mod sign_in;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};

use crate::faults::Faults;
use crate::tenant::Tenant;
pub(crate) use flow::FlowKey;

/// What every handler needs. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Entra(Arc<Platform>);

/// The identity platform.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) tenant: Tenant,
    pub(crate) faults: Faults,
    pub(crate) clock: gatepost_host::Clock,
    pub(crate) chance: gatepost_host::Chance,
    /// Signs what travels through the browser.
    pub(crate) flow_key: FlowKey,
    /// The port it listens on: its address is `https://localhost:PORT`.
    pub(crate) port: u16,
    /// How long an access token lives.
    pub(crate) token_lifetime: Duration,
}

impl Entra {
    pub(crate) fn new(platform: Platform) -> Self {
        Self(Arc::new(platform))
    }

    /// Every address of the identity platform.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::v2))
            .route("/{tenant}/oauth2/authorize", get(authorize::v1))
            .route(
                "/{tenant}/oauth2/v2.0/devicecode",
                get(device::v2).post(device::v2),
            )
            .route("/{tenant}/oauth2/devicecode", post(device::v1))
            .route(
                "/common/oauth2/deviceauth",
                get(device::page).post(device::entered),
            )
            .route("/{tenant}/v2.0/adminconsent", get(admin_consent::v2))
            .route("/{tenant}/adminconsent", get(admin_consent::legacy))
            .route("/{tenant}/login", post(sign_in::password))
            .route("/{tenant}/consent", post(sign_in::consent))
            .route("/{tenant}/oauth2/v2.0/token", any(token::v2))
            .route("/{tenant}/oauth2/token", any(token::v1))
            .route(
                "/{tenant}/v2.0/.well-known/openid-configuration",
                get(discovery::v2),
            )
            .route(
                "/{tenant}/.well-known/openid-configuration",
                get(discovery::v1),
            )
            .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
            .route("/{tenant}/discovery/keys", get(discovery::keys))
            .route("/common/discovery/instance", get(discovery::instance))
            .route("/common/userrealm/{upn}", get(discovery::user_realm))
            .route("/metadata/identity/oauth2/token", get(machine::token))
            .with_state(self)
    }
}

impl std::ops::Deref for Entra {
    type Target = Platform;

    fn deref(&self) -> &Platform {
        &self.0
    }
}
