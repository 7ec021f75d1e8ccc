//! `gatepost serve`: the daemon. Load, check, compose, bind, run, drain.

use gatepost_host::{Clock, Elapsed};
use sd_notify::NotifyState;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::examine::{Doubt, Look, examine};
use crate::failure::Failure;
use crate::signals::EndSignals;
use crate::verbs::configuration;
use crate::{logging, runtime};

/// What `serve` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs until it is told to end.
pub fn run(_arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start(&config.log, settings.verbose)?;
    runtime::at_length(serve(config))
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut signals = EndSignals::catch()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        configuration = %config.file.display(),
        state = %config.state.path().display(),
        "gatepost starts"
    );
    // A fault of the configuration ends it here, before anything is opened.
    for Doubt { problem, .. } in examine(&config, Look::Files, &Clock::system()).await? {
        tracing::warn!(code = problem.code, "{}", problem.on_one_line());
    }
    let (watches, sinks) = (config.watches.len(), config.sinks.len());
    let daemon = Daemon::start(compose(config, Scope::Serve).await?)?;
    tracing::info!(watches, sinks, "gatepost serves");
    tell_supervisor(NotifyState::Ready);
    let signal = signals.next().await;
    tracing::info!(signal, "gatepost ends what is under way");
    tell_supervisor(NotifyState::Stopping);
    tokio::select! {
        drained = daemon.drain() => if let Err(Elapsed) = drained {
            tracing::warn!("work was cut off; it is taken up at the next start");
        } else {
            tracing::info!("gatepost has ended");
        },
        signal = signals.next() => {
            tracing::warn!(signal, "gatepost ends at once; work is taken up at the next start");
        }
    }
    Ok(())
}

/// Tells systemd, if it started us (`sd_notify(3)`).
fn tell_supervisor(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
