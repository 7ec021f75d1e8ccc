//! `gatepost demo`: the tour.

use std::path::PathBuf;

use crate::cli::Settings;
use crate::demo::{self, Length, Tour};
use crate::failure::Failure;
use crate::{logging, runtime};

/// What `demo` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// End after the tour, with exit code 0 if everything it claims is so.
    #[arg(long)]
    once: bool,
    /// Write configuration, keys and mail here and leave them there; otherwise into a temporary
    /// folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Takes the tour.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    logging::start_quietly(settings.verbose)?;
    let length = if arguments.once {
        Length::Once
    } else {
        Length::UntilInterrupted
    };
    runtime::at_length(demo::take(&Tour {
        length,
        folder: arguments.dir.clone(),
    }))
}
