//! The imaginary tenant: who is in it, what was granted, and what the tokens it hands out open.

mod access_token;
mod app;
mod asked_claims;
mod consents;
mod contoso;
mod devices;
mod directory;
mod exchange;
mod keys;
mod ledger;
mod principal;
mod resource;
mod scopes;
mod sessions;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_host::{Chance, Clock};
use jiff::Timestamp;
use serde_json::Value;

pub use access_token::{AccessToken, Bearer, ClientStrength};
pub use app::{
    App, AppCertificate, ClientKind, ClientSecret, FederatedCredential, IssuerKeys, RedirectUri,
    Thumbprint,
};
pub use asked_claims::AskedClaims;
pub use consents::{Acting, EVERYBODY};
pub use contoso::{
    ADMIN_ONLY_MAILBOX, ADMINISTRATOR, CLIENT_ID, Contoso, DOMAIN, MACHINE_ISSUER,
    MACHINE_OBJECT_ID, TENANT_ID, TOKEN_EXCHANGE, USER,
};
pub(crate) use contoso::{WORKLOAD_ISSUER, WORKLOAD_SUBJECT};
pub use devices::{Device, DeviceCodes, DeviceProgress};
pub use directory::{Directory, Person, Trouble};
pub use exchange::{MailboxRights, Sending, Trustee};
pub use keys::{HeaderForm, TokenKeys};
pub use principal::{MailProtocol, Principal, TokenRefused};
pub use resource::{Permission, Resource};
pub use scopes::{ApiScopes, ScopeError, Scopes, SignInScope, Wanted};
pub use sessions::{AuthorizationCode, Challenge, RefreshToken, SessionRefused, SignIn};

use crate::faults::{FaultKind, Faults, Target};
use access_token::Making;
use consents::Consents;
use devices::Devices;
use sessions::Sessions;

/// The tenant. Cheap to clone; clones are the same tenant.
#[derive(Debug, Clone)]
pub struct Tenant {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    chance: Chance,
    faults: Faults,
    keys: TokenKeys,
    directory: Mutex<Directory>,
    rights: Mutex<MailboxRights>,
    consents: Mutex<Consents>,
    sessions: Mutex<Sessions>,
    devices: Mutex<Devices>,
}

/// What the tenant takes from its surroundings.
#[derive(Debug)]
pub struct Surroundings {
    /// Tells the time.
    pub clock: Clock,
    /// Makes codes and tokens.
    pub chance: Chance,
    /// What goes wrong on demand.
    pub faults: Faults,
    /// Signs the tokens.
    pub keys: TokenKeys,
}

impl Tenant {
    /// A tenant of these people and apps.
    pub fn new(surroundings: Surroundings, directory: Directory, rights: MailboxRights) -> Self {
        let Surroundings {
            clock,
            chance,
            faults,
            keys,
        } = surroundings;
        Self {
            inner: Arc::new(Inner {
                clock,
                chance,
                faults,
                keys,
                directory: Mutex::new(directory),
                rights: Mutex::new(rights),
                consents: Mutex::default(),
                sessions: Mutex::new(Sessions::new()),
                devices: Mutex::new(Devices::new()),
            }),
        }
    }

    /// The tenant's id.
    pub fn id(&self) -> String {
        self.directory().tenant_id.clone()
    }

    /// The time as Microsoft's servers see it.
    pub fn now(&self) -> Timestamp {
        let now = self.inner.clock.now();
        if self
            .inner
            .faults
            .stands(FaultKind::SkewedClock, Target::default())
        {
            now.checked_add(SKEW).unwrap_or(now)
        } else {
            now
        }
    }

    /// People and apps, to read or to change. Hold it briefly and never over an `await`.
    pub fn directory(&self) -> MutexGuard<'_, Directory> {
        lock(&self.inner.directory)
    }

    /// Mailbox permissions, to read or to change. Hold it briefly and never over an `await`.
    pub fn rights(&self) -> MutexGuard<'_, MailboxRights> {
        lock(&self.inner.rights)
    }

    /// What signs the tokens.
    pub fn keys(&self) -> &TokenKeys {
        &self.inner.keys
    }

    /// Makes an access token.
    pub fn mint(&self, token: &AccessToken<'_>, lifetime: Duration) -> String {
        let making = Making {
            tenant_id: self.id(),
            now: self.now(),
            lifetime,
            stamp: self.inner.faults.stamp(),
            chance: self.inner.chance.token(12),
        };
        self.inner
            .keys
            .sign(HeaderForm::V1, &access_token::claims(token, &making))
    }

    /// Whom an access token admits to a mail protocol: own signature, Exchange's audience, in
    /// time, not revoked, with the permission for the protocol.
    pub fn admit(&self, token: &str, protocol: MailProtocol) -> Result<Principal, TokenRefused> {
        self.admit_to(token, Resource::Exchange, &|principal| {
            protocol.permits(principal)
        })
    }

    /// Whom an access token admits to `resource`, of those that it permits.
    pub(crate) fn admit_to(
        &self,
        token: &str,
        resource: Resource,
        permits: &dyn Fn(&Principal) -> bool,
    ) -> Result<Principal, TokenRefused> {
        let claims = self.inner.keys.open(token).ok_or(TokenRefused::Foreign)?;
        let read = access_token::read(&claims, self.now(), (resource, permits))?;
        let target = Target {
            app: Some(read.principal.client_id()),
            mailbox: match &read.principal {
                Principal::App { .. } => None,
                Principal::Person { upn, .. } => Some(upn),
            },
        };
        let expired = self.inner.faults.latest(FaultKind::ExpireTokens, target);
        if expired.is_some_and(|order| read.stamp < order.stamp) {
            return Err(TokenRefused::Revoked);
        }
        if let Principal::Person { client_id, upn, .. } = &read.principal {
            let wanted = self.context_wanted(Acting { client_id, upn });
            if wanted.is_some_and(|wanted| !read.contexts.contains(wanted)) {
                return Err(TokenRefused::Claims);
            }
        }
        Ok(read.principal)
    }

    /// Whether `principal` may open the mailbox with this address.
    pub fn may_open(&self, principal: &Principal, mailbox: &str) -> bool {
        self.rights().may_open(principal, mailbox)
    }

    /// The delegated permissions that stand.
    pub fn granted(&self, acting: Acting<'_>, resource: Resource) -> BTreeSet<&'static str> {
        let target = Target {
            app: Some(acting.client_id),
            mailbox: Some(acting.upn),
        };
        let revoked = self.inner.faults.latest(FaultKind::RevokeConsent, target);
        let revoked = revoked.map(|order| order.stamp);
        lock(&self.inner.consents).granted(acting, resource, revoked)
    }

    /// Grants delegated permissions.
    pub fn consent(&self, acting: Acting<'_>, resource: Resource, names: &BTreeSet<&'static str>) {
        let mut consents = lock(&self.inner.consents);
        for name in names {
            consents.grant(acting, resource, name, self.inner.faults.stamp());
        }
    }

    /// Notes that a person signed in for an app.
    pub fn sign_in(&self, acting: Acting<'_>, scopes: Scopes) -> SignIn {
        SignIn {
            client_id: acting.client_id.to_owned(),
            upn: acting.upn.to_owned(),
            scopes,
            at: self.now(),
            stamp: self.inner.faults.stamp(),
            contexts: BTreeSet::new(),
        }
    }

    /// The authentication context that tokens of `acting` have to carry, if a policy wants one.
    pub fn context_wanted(&self, acting: Acting<'_>) -> Option<&'static str> {
        let target = Target {
            app: Some(acting.client_id),
            mailbox: Some(acting.upn),
        };
        let wants = self.inner.faults.stands(FaultKind::RequireClaims, target);
        wants.then_some(AUTHENTICATION_CONTEXT)
    }

    /// Makes an authorization code: one use, ten minutes.
    pub fn issue_code(&self, code: AuthorizationCode) -> String {
        let text = format!("1.{}", self.inner.chance.token(48));
        lock(&self.inner.sessions).enter_code(&text, code);
        text
    }

    /// Redeems an authorization code.
    pub fn redeem_code(&self, text: &str) -> Result<AuthorizationCode, SessionRefused> {
        let now = self.now();
        lock(&self.inner.sessions).redeem(text, now)
    }

    /// Begins a sign-in on another device.
    pub fn issue_device_code(&self, device: Device) -> DeviceCodes {
        let now = self.now();
        lock(&self.inner.devices).begin(device, now, &self.inner.chance)
    }

    /// What the device asked for whose code somebody enters.
    pub fn device_with_code(&self, user_code: &str) -> Result<Device, SessionRefused> {
        let now = self.now();
        lock(&self.inner.devices).entered(user_code, now)
    }

    /// The person is through.
    pub fn admit_device(&self, user_code: &str, sign_in: SignIn) -> Result<(), SessionRefused> {
        let (now, signed_in) = (self.now(), DeviceProgress::SignedIn(sign_in));
        lock(&self.inner.devices).decide(user_code, signed_in, now)
    }

    /// The person said no.
    pub fn decline_device(&self, user_code: &str) {
        let now = self.now();
        // Who says no to what is over says nothing new.
        let _ = lock(&self.inner.devices).decide(user_code, DeviceProgress::Declined, now);
    }

    /// How far the person is, for the app that asks with its device code.
    pub fn device_progress(
        &self,
        device_code: &str,
        client_id: &str,
    ) -> Result<DeviceProgress, SessionRefused> {
        let now = self.now();
        lock(&self.inner.devices).progress(device_code, client_id, now)
    }

    /// Makes a refresh token.
    pub fn issue_refresh_token(&self, sign_in: SignIn) -> String {
        let text = format!("1.{}", self.inner.chance.token(96));
        let (now, stamp) = (self.now(), self.inner.faults.stamp());
        lock(&self.inner.sessions).enter_refresh_token(&text, sign_in, now, stamp);
        text
    }

    /// What a refresh token stands for.
    pub fn refresh_token(&self, text: &str) -> Result<RefreshToken, SessionRefused> {
        let token = lock(&self.inner.sessions).refresh_token(text, self.now())?;
        let target = Target {
            app: Some(&token.sign_in.client_id),
            mailbox: Some(&token.sign_in.upn),
        };
        let void = [
            (FaultKind::RevokeSessions, Some(token.stamp)),
            (FaultKind::RevokeUsed, token.used),
        ];
        for (kind, happened) in void {
            let order = self.inner.faults.latest(kind, target);
            let order = order.filter(|order| happened.is_some_and(|stamp| stamp < order.stamp));
            if let Some(order) = order {
                return Err(SessionRefused::Revoked {
                    issued_at: token.issued_at,
                    since: order.since,
                });
            }
        }
        Ok(token)
    }

    /// Notes that a refresh token is used.
    pub fn note_use(&self, refresh_token: &str) {
        let stamp = self.inner.faults.stamp();
        lock(&self.inner.sessions).note_use(refresh_token, stamp);
    }

    /// Declares one refresh token void.
    pub fn revoke_refresh_token(&self, text: &str) {
        lock(&self.inner.sessions).revoke(text);
    }

    /// How many refresh tokens were handed out and are still kept.
    pub fn refresh_tokens_kept(&self) -> usize {
        lock(&self.inner.sessions).refresh_tokens_alive()
    }

    /// Signs the claims of an `id_token`.
    pub fn sign_id_token(&self, claims: &Value) -> String {
        self.inner.keys.sign(HeaderForm::V2, claims)
    }
}

/// The name of a person that only one app knows (`sub`).
pub(crate) fn pairwise(oid: &str, app: &str) -> String {
    let named = format!("{oid}/{app}");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, named.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What policies that want a context want, by its id in the tenant.
const AUTHENTICATION_CONTEXT: &str = "c1";

/// More than the five minutes that validators bear.
const SKEW: Duration = Duration::from_mins(15);
