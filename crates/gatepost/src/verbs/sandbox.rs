//! `gatepost sandbox`: a small Microsoft 365 on this machine, and what can be done to it.

mod control;

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use gatepost_host::{Chance, Clock, Tasks, environment, files};
use gatepost_sandbox::mailset::Mail;
use gatepost_sandbox::{Ports, Sandbox, SandboxConfig, SendingLimits};

use crate::cli::Settings;
use crate::failure::Failure;
use crate::signals::EndSignals;
use crate::usage::UsageError;
use crate::{logging, runtime, screen};
pub use control::SandboxControlError;

/// What `sandbox` takes.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<SandboxVerb>,
    #[command(flatten)]
    start: Start,
}

#[derive(Debug, clap::Args)]
struct Start {
    /// Listen on this port for HTTPS, and on those after it for IMAP, POP3, SMTP, and SMTP with
    /// STARTTLS; otherwise on free ones.
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// Where the env file is written once everything listens.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Keep keys, certificates and passwords here for the next run.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Begin with empty mailboxes.
    #[arg(long)]
    empty: bool,
    /// Let mailboxes send, and Graph be asked, as much, as fast and in as large requests as anybody
    /// likes, where Exchange Online would not.
    #[arg(long)]
    unlimited: bool,
}

#[derive(Debug, clap::Subcommand)]
enum SandboxVerb {
    /// Deliver messages to a mailbox of a running sandbox.
    Deliver(control::Deliver),
    /// Let something go wrong in a running sandbox.
    Fault(control::FaultArguments),
}

/// Runs a sandbox until it is told to end, or talks to a running one.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    logging::start_quietly(settings.verbose)?;
    match &arguments.verb {
        None => runtime::at_length(serve(&arguments.start)),
        Some(SandboxVerb::Deliver(deliver)) => runtime::briefly(control::deliver(deliver)),
        Some(SandboxVerb::Fault(fault)) => runtime::briefly(control::fault(fault)),
    }
}

async fn serve(start: &Start) -> Result<(), Failure> {
    let mut signals = EndSignals::catch()?;
    let tasks = Tasks::new();
    let env_file = start.env_file.clone().unwrap_or_else(usual_env_file);
    if let (None, Some(folder)) = (&start.env_file, env_file.parent())
        && !folder.as_os_str().is_empty()
    {
        files::make_private_folder(folder).map_err(UsageError::named)?;
    }
    let config = SandboxConfig {
        ports: start.port_base.map_or(Ports::Free, Ports::From),
        state: start.state.clone(),
        env_file: Some(env_file.clone()),
        mail: if start.empty { Mail::None } else { Mail::Demo },
        sending: if start.unlimited {
            SendingLimits::NONE
        } else {
            SendingLimits::EXCHANGE_ONLINE
        },
        graph_requests: if start.unlimited {
            usize::MAX
        } else {
            SandboxConfig::default().graph_requests
        },
        graph_mime: if start.unlimited {
            usize::MAX
        } else {
            SandboxConfig::default().graph_mime
        },
        ..SandboxConfig::default()
    };
    // Whatever it cannot use was named on the command line: a sandbox has no configuration.
    let started = Sandbox::start(config, Clock::system(), Chance::system(), &tasks).await;
    let sandbox = started.map_err(UsageError::named)?;
    tell(&sandbox, &env_file)?;
    signals.next().await;
    sandbox.end().await;
    tasks.end().await;
    // Whoever sees the file may connect, so it must not outlive the sandbox.
    let _ = std::fs::remove_file(&env_file);
    Ok(())
}

fn tell(sandbox: &Sandbox, env_file: &Path) -> Result<(), Failure> {
    let addresses = sandbox.addresses();
    screen::line("A small Microsoft 365 is running. It ends with Ctrl-C.\n")?;
    screen::line(&format!("  sign-in   {}", sandbox.login()))?;
    screen::line(&format!("  Graph     {}/v1.0", sandbox.graph()))?;
    screen::line(&format!(
        "  IMAP      localhost:{} (TLS)",
        addresses.imap.port()
    ))?;
    screen::line(&format!(
        "  POP3      localhost:{} (TLS)",
        addresses.pop3.port()
    ))?;
    screen::line(&format!(
        "  SMTP      localhost:{} (TLS), localhost:{} (STARTTLS)",
        addresses.smtp.port(),
        addresses.smtp_starttls.port()
    ))?;
    screen::line(&format!("  trust     {}", sandbox.ca_file().display()))?;
    screen::line(&format!("  env file  {}", env_file.display()))?;
    screen::line("\nFrom another terminal:\n")?;
    screen::line(&format!("  set -a; . {}; set +a", env_file.display()))?;
    screen::line("  gatepost sandbox deliver --to support@contoso.com MESSAGE.eml")?;
    screen::line("  gatepost sandbox fault drop-idle")
}

/// Where the env file is if nobody says otherwise: in a folder that is this user's alone, since in
/// one that everybody writes to somebody else could have put a file of that name.
fn usual_env_file() -> PathBuf {
    let state = || {
        let base = etcetera::choose_base_strategy().ok()?;
        Some(base.state_dir()?.join("gatepost"))
    };
    let folder = environment::path("XDG_RUNTIME_DIR").or_else(state);
    folder.unwrap_or_default().join("gatepost-sandbox.env")
}
