//! The verbs: one file each.

mod chosen;
pub mod config;
pub mod explain;
pub mod token;

pub use chosen::{Chosen, named_mailbox};

use crate::cli::{Cli, Settings, Verb};
use crate::config::{Config, find, load};
use crate::failure::Failure;
use crate::screen;

/// Does what the command line asks.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let settings = &cli.settings;
    match cli.verb {
        Verb::Token(arguments) => token::run(&arguments, settings),
        Verb::Config(arguments) => config::run(&arguments, settings),
        Verb::Explain(arguments) => explain::run(&arguments),
    }
}

/// Finds, reads and checks the configuration, and says with `-v` which one.
pub fn configuration(settings: &Settings) -> Result<Config, Failure> {
    let found = find(settings.config.as_deref())?;
    if settings.verbose > 0 {
        screen::note(&format!(
            "configuration: {} ({})",
            found.file.display(),
            found.by
        ));
    }
    Ok(load(&found.file)?)
}
