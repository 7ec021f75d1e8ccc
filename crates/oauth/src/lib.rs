//! From a grant to a living token. Microsoft Entra ID (its endpoints, clouds and
//! error codes) is data here; a grant is a conversation without I/O.
//!
//! `TokenKeeper` is the one [`TokenSource`] of production and the only owner of
//! refresh. No mail protocol and no storage engine is known here.

mod error;
mod storage;
mod token;

pub use error::TokenError;
pub use storage::{CredentialId, Generation, GrantState, GrantStoreError, Grants};
pub use token::{AccessToken, Audience, TokenSource};
