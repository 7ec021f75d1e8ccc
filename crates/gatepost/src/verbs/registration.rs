//! `gatepost registration certificate|manifest|script|consent`: what an app needs in Entra ID and
//! Exchange.

use crate::cli::Settings;
use crate::config::{Config, Purpose, RegistrationSettings, advice};
use crate::failure::Failure;
use crate::usage::UsageError;
use crate::verbs::configuration_for;

mod certificate;
mod consent;
mod manifest;
mod script;

/// What `registration` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: RegistrationVerb,
}

#[derive(Debug, clap::Subcommand)]
enum RegistrationVerb {
    /// Make a key and a self-signed certificate, where the configuration expects them.
    Certificate(certificate::Arguments),
    /// Print what the app holds for Gatepost: its certificate and exactly the permissions that
    /// the configured mailboxes need.
    Manifest(manifest::Arguments),
    /// Print the whole set-up in Entra ID and Exchange as a script to read, then to run.
    Script(script::Arguments),
    /// Let an administrator permit the app for the whole tenant, with a browser.
    Consent(consent::Arguments),
}

/// Makes or shows something for a registration.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration_for(settings, Purpose::SetUp)?;
    match &arguments.verb {
        RegistrationVerb::Certificate(arguments) => certificate::run(arguments, &config),
        RegistrationVerb::Manifest(arguments) => manifest::run(arguments, &config),
        RegistrationVerb::Script(arguments) => script::run(arguments, &config),
        RegistrationVerb::Consent(arguments) => consent::run(arguments, &config, settings),
    }
}

/// The registration of that name in the configuration.
fn named<'a>(
    config: &'a Config,
    name: &str,
) -> Result<(&'a str, &'a RegistrationSettings), UsageError> {
    config
        .registrations
        .get_key_value(name)
        .map(|(name, settings)| (name.as_str(), settings))
        .ok_or_else(|| UsageError::UnknownRegistration {
            registration: name.to_owned(),
            file: config.file.display().to_string(),
            advice: advice(name, config.registrations.keys()),
        })
}
