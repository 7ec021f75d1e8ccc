//! `gatepost serve`: the daemon. Load, check, compose, bind, run, drain.

use gatepost_host::{Clock, Elapsed};

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::Config;
use crate::daemon::Daemon;
use crate::examine::{Doubt, Look, examine};
use crate::failure::Failure;
use crate::signals::{Signals, Wish};
use crate::verbs::configuration;
use crate::{logging, runtime, service_manager};

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
    let mut signals = Signals::catch()?;
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
    let daemon = Daemon::start(compose(config, Scope::Serve).await?).await?;
    tracing::info!(watches, sinks, "gatepost serves");
    service_manager::tell_ready();
    let signal = until_the_end(&daemon, &mut signals).await;
    tracing::info!(signal, "gatepost ends what is under way");
    service_manager::tell_stopping();
    tokio::select! {
        drained = daemon.drain() => if let Err(Elapsed) = drained {
            tracing::warn!("work was cut off; it is taken up at the next start");
        } else {
            tracing::info!("gatepost has ended");
        },
        signal = end_signal(&mut signals) => {
            tracing::warn!(signal, "gatepost ends at once; work is taken up at the next start");
        }
    }
    Ok(())
}

/// Reloads the configuration as often as SIGHUP comes, until a signal wants the end. A reload that
/// is under way then is given up: it changes nothing before it changes everything.
async fn until_the_end(daemon: &Daemon, signals: &mut Signals) -> &'static str {
    loop {
        if let Wish::End(signal) = signals.next().await {
            return signal;
        }
        tokio::select! {
            // It has logged what came of it.
            _ = daemon.reload() => {}
            signal = end_signal(signals) => return signal,
        }
    }
}

async fn end_signal(signals: &mut Signals) -> &'static str {
    loop {
        if let Wish::End(signal) = signals.next().await {
            return signal;
        }
    }
}
