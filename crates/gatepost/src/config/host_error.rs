//! A host that is needed and not named.

use gatepost_fault::{Fault, Next, Owner};

/// A cloud does not say where a mailbox is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cloud {cloud} does not say where {missing}, and its token must not go to another \
     cloud: add {key} to [cloud.{cloud}]"
)]
pub struct HostError {
    /// The cloud.
    pub cloud: String,
    /// What is nowhere, as in `ada@contoso.com is read`.
    pub missing: String,
    /// The key that the cloud needs, with what it takes.
    pub key: &'static str,
}

impl HostError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["cloud_host_missing"];
}

impl Fault for HostError {
    fn code(&self) -> &'static str {
        "cloud_host_missing"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
