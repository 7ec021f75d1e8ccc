//! `gatepost config check|schema|show`.

use gatepost_host::Clock;

use crate::cli::Settings;
use crate::compose::{LackingConsent, Scope};
use crate::config::{Config, schema};
use crate::examine::{self, Look, examine};
use crate::failure::Failure;
use crate::screen::{self, Form, Paint, painted};
use crate::verbs::configuration;
use crate::{compose, runtime};

mod show;

/// What `config` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum ConfigVerb {
    /// Check the configuration, and the files it names.
    Check(CheckArguments),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Show what the configuration means, with everything it leaves to Gatepost. No secrets.
    Show(Form),
}

#[derive(Debug, Clone, Copy, clap::Args)]
struct CheckArguments {
    /// Fetch every secret as `serve` would, from variables, files, programs and systemd, and
    /// print none; and look whether people permitted what is asked of them now.
    #[arg(long)]
    secrets: bool,
}

/// Checks, shows or describes the configuration.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    match arguments.verb {
        ConfigVerb::Check(arguments) => check(arguments, settings),
        ConfigVerb::Schema => screen::write(schema().as_bytes()),
        ConfigVerb::Show(form) => {
            let shown = show::meaning(&configuration(settings)?);
            if form.is_json() {
                return screen::json(&shown);
            }
            let text =
                toml::to_string_pretty(&shown).expect("the meaning has no null and no odd key");
            screen::write(text.as_bytes())
        }
    }
}

/// Says whose sign-in permits less than is asked for now. Where nobody signed in yet, nothing is
/// made to find that out.
fn consents(config: &Config) {
    if !config.state.database().exists() {
        return;
    }
    let looked = runtime::briefly(async {
        let gatepost = compose::compose(config.clone(), Scope::Store).await?;
        let lacking = gatepost.lacking_consents().await;
        gatepost.end().await;
        Ok::<_, Failure>(lacking)
    });
    match looked {
        Ok(lacking) => {
            for one in lacking {
                screen::warn(&format!("{one} ({})", LackingConsent::CODE));
            }
        }
        Err(failure) => screen::warn(&format!(
            "what people permitted is not known, since the state folder cannot be read: {failure}"
        )),
    }
}

fn check(arguments: CheckArguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let clock = Clock::system();
    let doubts = runtime::briefly(async {
        if arguments.secrets {
            compose::fetch_secrets(&config, &clock).await?;
            Ok::<_, Failure>(examine(&config, Look::Secrets, &clock).await?)
        } else {
            Ok(examine(&config, Look::Files, &clock).await?)
        }
    })?;
    for problem in examine::strictly(doubts)? {
        screen::warn(&problem.to_string());
    }
    if arguments.secrets {
        consents(&config);
    }
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let logins = config.gateway.logins.len() + config.gateway.domains.len();
    screen::line(&format!(
        "{} {}: {}, {}, {}, {}, {}, {}",
        painted(Paint::Good, "good"),
        config.file.display(),
        count(config.registrations.len(), "registration", "registrations"),
        count(config.mailboxes.len(), "mailbox", "mailboxes"),
        count(config.sinks.len(), "sink", "sinks"),
        count(config.watches.len(), "watch", "watches"),
        count(config.gateway.doors.len(), "door", "doors"),
        count(logins, "login", "logins"),
    ))
}
