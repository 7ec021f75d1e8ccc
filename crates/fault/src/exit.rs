//! How a process ends: the exit codes of `sysexits.h` that Gatepost uses.

use crate::{Next, Owner};

/// The exit codes of the `gatepost` program. They are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was asked was done.
    Done = 0,
    /// The configuration is wrong (the number of `EX_USAGE`).
    Configuration = 64,
    /// What was given as input, on the command line or in a file that it names, is unusable
    /// (`EX_DATAERR`).
    BadInput = 65,
    /// A server refused or cannot be reached, and waiting will not help (`EX_UNAVAILABLE`).
    RemoteUnavailable = 69,
    /// A bug in Gatepost (`EX_SOFTWARE`).
    Bug = 70,
    /// Trying again later may help (`EX_TEMPFAIL`).
    TryAgain = 75,
    /// A person must sign in, or somebody must grant a permission (`EX_NOPERM`).
    SignIn = 77,
}

impl Exit {
    /// Derives the exit code from whose move it is and what is next.
    pub fn of(owner: Owner, next: Next) -> Self {
        match (owner, next) {
            (Owner::Gatepost, _) => Self::Bug,
            (_, Next::Retry(_)) => Self::TryAgain,
            (_, Next::SignIn) | (Owner::TenantAdmin, _) => Self::SignIn,
            (Owner::Remote, _) => Self::RemoteUnavailable,
            (_, Next::Discard) => Self::BadInput,
            (Owner::Operator | Owner::Person, Next::Reconfigure) => Self::Configuration,
        }
    }

    /// The number the operating system sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::After;

    #[test]
    fn a_retry_is_temporary_whoever_owns_it() {
        for owner in [
            Owner::Person,
            Owner::Operator,
            Owner::TenantAdmin,
            Owner::Remote,
        ] {
            assert_eq!(Exit::of(owner, Next::Retry(After::Backoff)), Exit::TryAgain);
        }
    }

    #[test]
    fn our_bug_is_never_blamed_on_somebody_else() {
        assert_eq!(Exit::of(Owner::Gatepost, Next::SignIn), Exit::Bug);
        assert_eq!(
            Exit::of(Owner::Gatepost, Next::Retry(After::Backoff)),
            Exit::Bug
        );
    }

    #[test]
    fn what_a_server_refuses_for_good_is_no_bad_input() {
        for next in [Next::Discard, Next::Reconfigure] {
            assert_eq!(Exit::of(Owner::Remote, next), Exit::RemoteUnavailable);
        }
        assert_eq!(Exit::of(Owner::Operator, Next::Discard), Exit::BadInput);
    }

    #[test]
    fn a_missing_permission_is_not_a_wrong_configuration_file() {
        assert_eq!(
            Exit::of(Owner::TenantAdmin, Next::Reconfigure),
            Exit::SignIn
        );
        assert_eq!(
            Exit::of(Owner::Operator, Next::Reconfigure),
            Exit::Configuration
        );
    }
}
