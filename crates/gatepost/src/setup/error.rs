//! Why nothing can be written for a registration.

use std::path::PathBuf;

use gatepost_fault::{Fault, Next, Owner};

/// Why there is no manifest or script.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The certificate is still to be made.
    #[error(
        "the certificate {} of registration {registration} is not there yet; make it first with: \
         gatepost registration certificate {registration}",
        file.display()
    )]
    NoCertificate {
        /// What the configuration calls it.
        registration: String,
        /// Where it is expected.
        file: PathBuf,
    },
    /// A text would not be safe in a script, however it is quoted.
    #[error(
        "{what} of the configuration has a control character or one that turns the direction of \
         writing, which no script can show safely; change it"
    )]
    Unquotable {
        /// What has it.
        what: &'static str,
    },
    /// PowerShell and az know Microsoft's own clouds only.
    #[error(
        "registration {registration} is in the cloud {cloud}, which {program} does not know; use \
         --style graph, which asks at the addresses of [cloud.{cloud}]"
    )]
    UnknownCloud {
        /// What the configuration calls it.
        registration: String,
        /// The cloud.
        cloud: String,
        /// What does not know it.
        program: &'static str,
    },
    /// The identity of a machine is no app registration.
    #[error(
        "registration {registration} is the managed identity of a machine, which has no app \
         registration: nobody can consent to it, and no manifest describes it. Its service \
         principal is granted what it needs by an app role assignment and in Exchange; that is \
         what gatepost registration script {registration} prints"
    )]
    Machine {
        /// What the configuration calls it.
        registration: String,
    },
}

impl SetupError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "certificate_not_made",
        "setup_unquotable",
        "setup_cloud_unknown",
        "setup_of_machine",
    ];
}

impl Fault for SetupError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate { .. } => "certificate_not_made",
            Self::Unquotable { .. } => "setup_unquotable",
            Self::UnknownCloud { .. } => "setup_cloud_unknown",
            Self::Machine { .. } => "setup_of_machine",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            Self::NoCertificate { .. } | Self::UnknownCloud { .. } | Self::Machine { .. } => {
                Next::Discard
            }
            Self::Unquotable { .. } => Next::Reconfigure,
        }
    }
}
