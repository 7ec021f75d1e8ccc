//! What is logged: by `tracing`, to standard error, as text or JSON. Nothing that is logged holds
//! a secret, a token or a message; a test looks for them at every level.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use crate::usage::UsageError;

/// Starts logging as the configuration says, for verbs that run until they are stopped.
/// `verbose` of the command line goes before it.
pub fn start(log: &Log, verbose: u8) -> Result<(), Failure> {
    let directives = match verbose {
        0 => log.level.as_str(),
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_new(directives).map_err(|error| UsageError::Argument {
        argument: format!("the log level `{directives}`"),
        reason: format!("{error}; write info, debug or info,gatepost_mail=trace"),
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let set = match log.format {
        LogFormat::Text => lines.with_ansi(is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // A second start in one process, as in tests, keeps the first.
    drop(set);
    Ok(())
}

/// Starts logging for a verb that does one thing and ends: nothing at all unless `verbose`.
pub fn start_quietly(verbose: u8) -> Result<(), Failure> {
    start_with(QUIET, verbose.saturating_sub(1))
}

/// Starts logging for a verb that goes on while a person looks: what goes wrong.
pub fn start_for_a_person(verbose: u8) -> Result<(), Failure> {
    start_with(TROUBLE, verbose)
}

fn start_with(usual: &str, verbose: u8) -> Result<(), Failure> {
    let level = gatepost_host::environment::text("GATEPOST_LOG");
    let level = level.unwrap_or_else(|| usual.to_owned());
    start(
        &Log {
            level,
            format: LogFormat::Text,
        },
        verbose,
    )
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
        && gatepost_host::environment::text("NO_COLOR").is_none()
}

/// What a verb fails with is said by the verb itself.
const QUIET: &str = "off";
const TROUBLE: &str = "warn";
