//! `gatepost registration script REG`: the whole set-up.

use gatepost_host::Clock;

use super::named;
use crate::config::Config;
use crate::failure::Failure;
use crate::setup::{Extent, Needs, Setup, SmtpWay, Style};
use crate::{compose, runtime, screen};

/// What `registration script` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the registration in the configuration.
    registration: String,
    /// The language it is written in.
    #[arg(long, value_enum, default_value_t)]
    style: Style,
    /// How an app is allowed to send by SMTP in its own name.
    #[arg(long, value_enum, default_value_t)]
    smtp: SmtpWay,
    /// Make an application access policy as well. Those are legacy, and do not cover IMAP, POP
    /// and SMTP.
    #[arg(long)]
    access_policy: bool,
    /// Go on with the app of this client id, which is there already, and make none.
    #[arg(long, value_name = "ID")]
    app_id: Option<uuid::Uuid>,
}

/// Prints it; runs nothing.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let registration = named(config, &arguments.registration)?;
    if matches!(arguments.style, Style::Graph) {
        registration.1.graph()?;
    }
    let clock = Clock::system();
    let app_id = arguments.app_id.map(|id| id.hyphenated().to_string());
    let setup = Setup {
        needs: Needs::of(config, registration, arguments.smtp),
        certificate: runtime::briefly(compose::certificate(registration, &clock))?,
        file: &config.file,
        extent: if arguments.access_policy {
            Extent::AccessPolicy
        } else {
            Extent::Needed
        },
        app_id: app_id.as_deref(),
    };
    screen::write(setup.script(arguments.style)?.as_bytes())
}
