//! `gatepost registration manifest REG`: what the registration holds for Gatepost.

use gatepost_host::Clock;

use super::named;
use crate::config::Config;
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::setup::{Manifest, ManifestFormat, Needs, SmtpWay};
use crate::{compose, runtime};

/// What `registration manifest` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the registration in the configuration.
    registration: String,
    /// Who reads it.
    #[arg(long, value_enum, default_value_t)]
    format: ManifestFormat,
    /// How an app is allowed to send by SMTP in its own name.
    #[arg(long, value_enum, default_value_t)]
    smtp: SmtpWay,
    #[command(flatten)]
    form: Form,
}

/// Prints it.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let registration = named(config, &arguments.registration)?;
    let needs = Needs::of(config, registration, arguments.smtp);
    needs.has_app()?;
    if arguments.format == ManifestFormat::Graph {
        registration.1.graph()?;
    }
    let clock = Clock::system();
    let certificate = runtime::briefly(compose::certificate(registration, &clock))?;
    let manifest = Manifest::new(&needs, certificate.as_ref());
    if arguments.form.is_json() {
        return screen::json(&manifest.entries(arguments.format));
    }
    screen::write(manifest.told(arguments.format).as_bytes())
}
