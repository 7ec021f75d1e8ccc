//! Why a verb did not do what was asked.

use std::fmt;

use gatepost_fault::{Exit, Fault};

/// Any fault that ends a verb.
pub struct Failure(Box<dyn Fault>);

impl Failure {
    /// How the process ends.
    pub fn exit(&self) -> Exit {
        self.0.exit()
    }

    /// The stable code, with its page in `docs/codes/`.
    pub fn code(&self) -> &'static str {
        self.0.code()
    }

    /// The fault itself.
    pub fn fault(&self) -> &dyn Fault {
        self.0.as_ref()
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Self {
        Self(Box::new(fault))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.0)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
