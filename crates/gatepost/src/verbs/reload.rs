//! `gatepost reload`: the running `serve` reads its configuration again.

use crate::cli::Settings;
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;
use crate::verbs::configuration;

/// What `reload` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Says what was changed, or what is wrong with the new configuration; then nothing was changed.
pub fn run(_arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let not_serving = || UsageError::NotServing {
        state: config.state.path().display().to_string(),
    };
    match ask(&config.state, &Question::Reload)?.ok_or_else(not_serving)? {
        Answer::Reloaded(changes) => screen::line(&format!(
            "watches:      {}\nsinks:        {}\ncredentials:  {}\ntoken files:  {}\ndoors:        {}",
            changes.watches, changes.sinks, changes.credentials, changes.token_files, changes.doors
        )),
        Answer::Fault(fault) => Err(fault.into()),
        Answer::Token(_)
        | Answer::Health { .. }
        | Answer::Credentials { .. }
        | Answer::Lockouts { .. }
        | Answer::Revoked { .. }
        | Answer::Done => Err(not_serving().into()),
    }
}
