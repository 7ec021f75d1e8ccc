//! From a grant to a living token. Microsoft Entra ID (its endpoints, clouds and
//! error codes) is data here; a grant is a conversation without I/O.
//!
//! [`TokenKeeper`] is the one [`TokenSource`] of production and the only owner of
//! refresh. No mail protocol and no storage engine is known here.
//!
//! # A token in ten lines
//!
//! ```no_run
//! use gatepost_oauth::{
//!     Audience, Cloud, Credential, Proof, Registration, Surroundings, Tenant, TokenKeeper,
//!     TokenSource as _, Trust,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = String::new();
//! let home = (Cloud::global(), Tenant::parse("contoso.onmicrosoft.com")?);
//! let proof = Proof::Secret(secret.into());
//! let app = Registration::new("contoso", home, "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc", proof);
//! let around = Surroundings::trusting(&Trust::system())?;
//! let keeper = TokenKeeper::new(Credential::of_app(app), around);
//! let token = keeper.token(Audience::Exchange).await?;
//! println!("{} is good until {}", token.expose(), token.expires_at);
//! # Ok(())
//! # }
//! ```
//!
//! `examples` has this for an app with a secret or a certificate and for a person who signs in with a
//! browser or on another device, to be run against `gatepost sandbox`.
//!
//! # What holds
//!
//! - Ask the keeper before each use: it hands out what it has, renews in the last quarter of a
//!   token's life, and sends one request however many ask. It needs a tokio runtime.
//! - [`TokenKeeper::run`] renews also while nobody asks. Without it a token is renewed when it is
//!   asked for.
//! - [`TokenSource::refused`] is for a server's refusal: the keeper then hands out another token.
//! - Every error is a [`TokenError`], whose sentence says what to do. [`Fault`] gives its code,
//!   whose move it is, and whether to try again.
//! - Times are UTC. A token lives 60 to 90 minutes at Microsoft; a request is given 30 seconds.
//! - Secrets are [`SecretString`] and cannot be printed; [`AccessToken::expose`] is the one way out.
//! - What a person granted is given to [`Grants`] as a [`GrantState`], which is for nobody else to
//!   read. It holds a refresh token: seal it before it is stored. [`MemoryGrants`] stores nothing.

mod admin_consent;
pub mod answers;
pub mod assertion;
mod certificate;
mod challenge;
mod claims;
mod cloud;
#[doc(hidden)]
pub mod contract;
mod conversation;
mod endpoint;
mod error;
mod flow;
mod form;
#[doc(hidden)]
pub mod fuzzing;
pub mod grants;
mod keeper;
mod loopback;
mod managed_identity;
mod out_of_time;
mod proofs;
mod registration;
pub mod scopes;
mod sign_in;
mod storage;
mod token;

pub use admin_consent::{AdminConsent, ConsentScope, Consented};
pub use certificate::{
    Certificate, CertificateFiles, Order as CertificateOrder, ProofError, ProofProblem, RsaSize,
    SelfSigned, Signing, Thumbprint,
};
pub use challenge::Challenge;
pub use claims::{ProofStrength, TokenClaims};
pub use cloud::{Cloud, CloudError, CustomCloud, EndpointVersion, HostPort, ResourceNames, Tenant};
pub use contract::MemoryGrants;
pub use conversation::converse;
pub use endpoint::{Endpoint, HttpEndpoint};
pub use error::TokenError;
pub use flow::{Asking, DeviceCode, Event, Flow, Granted, Person, Prompt, Step};
pub use form::{By, Form};
pub use grants::{Attendance, GRANTS, Grant, Means, Opening, Renew};
pub use keeper::{
    Brought, Credential, CredentialStanding, CredentialState, PasswordFrom, Surroundings,
    TokenKeeper, permitted_scopes,
};
pub use loopback::Loopback;
pub use managed_identity::{IdentityHost, ManagedIdentity, WhichIdentity};
pub use out_of_time::{OutOfTime, UntimelyCertificate};
pub use proofs::{AssertionFile, CertificateSource, Certificates, MachineAssertion, Proofs};
pub use registration::{Permissions, Proof, Registration};
pub use sign_in::{SignIn, Way};
pub use storage::{CredentialId, Generation, GrantState, GrantStoreError, Grants};
pub use token::{AccessToken, Audience, TokenSource};

// What the signatures above name of other crates, so that nobody needs these for them.
pub use gatepost_fault::{Fault, Next, Owner};
pub use gatepost_host::{Chance, Clock, HttpError, SecretSource, Tasks, Trust};
pub use secrecy::SecretString;
