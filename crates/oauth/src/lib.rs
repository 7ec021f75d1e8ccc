//! From a grant to a living token. Microsoft Entra ID (its endpoints, clouds and
//! error codes) is data here; a grant is a conversation without I/O.
//!
//! [`TokenKeeper`] is the one [`TokenSource`] of production and the only owner of
//! refresh. No mail protocol and no storage engine is known here.

pub mod answers;
pub mod assertion;
mod certificate;
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
mod registration;
pub mod scopes;
mod sign_in;
mod storage;
mod token;

pub use certificate::{
    Certificate, CertificateFiles, Order as CertificateOrder, ProofError, ProofProblem, RsaSize,
    SelfSigned, Signing, Thumbprint,
};
pub use claims::{ProofStrength, TokenClaims};
pub use cloud::{Cloud, CloudError, CustomCloud, EndpointVersion, HostPort, ResourceNames, Tenant};
pub use conversation::converse;
pub use endpoint::{Endpoint, HttpEndpoint};
pub use error::TokenError;
pub use flow::{Asking, DeviceCode, Event, Flow, Granted, Person, Prompt, Step};
pub use form::Form;
pub use grants::{Attendance, GRANTS, Grant, Means, Opening, Renew};
pub use keeper::{Credential, Surroundings, TokenKeeper};
pub use loopback::Loopback;
pub use registration::{Permissions, Proof, Registration};
pub use sign_in::{SignIn, Way};
pub use storage::{CredentialId, Generation, GrantState, GrantStoreError, Grants};
pub use token::{AccessToken, Audience, TokenSource};
