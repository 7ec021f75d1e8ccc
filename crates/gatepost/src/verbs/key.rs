//! `gatepost key rotate`: another key for everything that is sealed.

use std::path::PathBuf;

use gatepost_host::{Chance, Clock};
use gatepost_store::{Access, KeyPlace, Opening, rotate_key};

use crate::cli::Settings;
use crate::config::Config;
use crate::failure::Failure;
use crate::verbs::configuration;
use crate::{logging, runtime, screen};

/// What `key` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, clap::Subcommand)]
enum KeyVerb {
    /// Seal everything anew with another key. `gatepost serve` must not be running.
    Rotate {
        /// The new key, in a file that only its owner may read. Otherwise one is made, where the
        /// old one is in a file.
        #[arg(long, value_name = "FILE")]
        new_key: Option<PathBuf>,
    },
}

/// Does it, and says what was done.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    match &arguments.verb {
        KeyVerb::Rotate { new_key } => runtime::briefly(rotate(config, new_key.clone())),
    }
}

async fn rotate(config: Config, new_key: Option<PathBuf>) -> Result<(), Failure> {
    let opening = Opening {
        folder: config.state,
        key: config.key,
        access: Access::Serve,
        clock: &Clock::system(),
        chance: &Chance::system(),
    };
    let rotated = rotate_key(opening, new_key.as_deref()).await?;
    screen::line(&format!(
        "sealed anew in the database: {}, in the spool: {}",
        rotated.rows, rotated.files
    ))?;
    if rotated.damaged > 0 {
        screen::line(&format!(
            "{} were damaged before, and stay as they are",
            rotated.damaged
        ))?;
    }
    match rotated.place {
        KeyPlace::File(path) => screen::line(&format!("the new key is in {}", path.display())),
        KeyPlace::ToBePut(origin) => screen::line(&format!(
            "now put the new key where the configuration looks for it: {origin}"
        )),
    }
}
