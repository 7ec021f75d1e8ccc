//! What is logged: by `tracing`, to standard error, as text or JSON. Nothing that is logged holds
//! a secret, a token or a message; a test looks for them at every level.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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
    let filter = filter(directives)?;
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

/// What passes into the log. A client that puts an IP address where TLS wants a name is told of by
/// rustls at each connection; it is served all the same, and nobody can act on it. Whoever names
/// rustls, or wants more than usual, hears it.
fn filter(directives: &str) -> Result<EnvFilter, UsageError> {
    let filter = EnvFilter::try_new(directives).map_err(|error| UsageError::Argument {
        argument: format!("the log level `{directives}`"),
        reason: format!("{error}; write info, debug or info,gatepost_mail=trace"),
    })?;
    let usual = [LevelFilter::WARN, LevelFilter::INFO];
    let is_usual = filter
        .max_level_hint()
        .is_some_and(|level| usual.contains(&level));
    if directives.contains("rustls") || !is_usual {
        return Ok(filter);
    }
    let quieter = NOISE.parse().expect("a directive of our own can be read");
    Ok(filter.add_directive(quieter))
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
        && gatepost_host::environment::text("NO_COLOR").is_none()
}

/// What a verb fails with is said by the verb itself.
const QUIET: &str = "off";
const TROUBLE: &str = "warn";
const NOISE: &str = "rustls::msgs::handshake=error";

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            let mut paper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            paper.write(octets)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_nobody_can_act_on_is_not_logged_unless_somebody_asks() {
        for (directives, is_heard) in [
            ("info", false),
            ("warn", false),
            ("debug", true),
            ("info,rustls=warn", true),
        ] {
            let paper = Paper::default();
            let writer = paper.clone();
            let lines = tracing_subscriber::fmt()
                .with_env_filter(filter(directives).expect("it can be read"))
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(lines, || {
                tracing::warn!(target: "rustls::msgs::handshake", "Illegal SNI extension");
                tracing::warn!(target: "rustls::conn", "another");
                tracing::warn!(target: "gatepost_gateway", "ours");
            });
            let paper = paper.0.lock().unwrap_or_else(PoisonError::into_inner);
            let said = String::from_utf8_lossy(&paper);
            assert_eq!(
                said.contains("Illegal SNI"),
                is_heard,
                "{directives}: {said}"
            );
            assert!(said.contains("another") && said.contains("ours"), "{said}");
        }
    }
}
