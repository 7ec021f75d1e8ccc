//! The verbs: one file each.

mod altering;
mod answered;
pub mod calendar;
mod chosen;
pub mod config;
pub mod contacts;
pub mod credentials;
pub mod deliveries;
pub mod demo;
pub mod explain;
pub mod export;
pub mod folders;
pub mod import;
pub mod key;
pub mod login;
pub mod logout;
pub mod mailboxes;
mod message_key;
pub mod messages;
pub mod outbox;
pub mod password;
pub mod read;
pub mod registration;
pub mod reload;
pub mod sandbox;
pub mod send;
pub mod sendmail;
pub mod serve;
mod session;
mod sinks;
pub mod token;
pub mod watch;
pub mod whoami;

pub use altering::{Delete, Mark, Move};
pub use chosen::{Chosen, named_mailbox};

use crate::cli::{Cli, Settings, Verb};
use crate::config::{Config, Purpose, find, load_for};
use crate::failure::Failure;
use crate::screen;

/// Does what the command line asks.
pub fn run(cli: Cli) -> Result<(), Failure> {
    let settings = &cli.settings;
    match cli.verb {
        Verb::Demo(arguments) => demo::run(&arguments, settings),
        Verb::Sandbox(arguments) => sandbox::run(&arguments, settings),
        Verb::Serve(arguments) => serve::run(&arguments, settings),
        Verb::Token(arguments) => token::run(&arguments, settings),
        Verb::Login(arguments) => login::run(&arguments, settings),
        Verb::Logout(arguments) => logout::run(&arguments, settings),
        Verb::Watch(arguments) => watch::run(&arguments, settings),
        Verb::Mailboxes(arguments) => mailboxes::run(&arguments, settings),
        Verb::Credentials(arguments) => credentials::run(&arguments, settings),
        Verb::Reload(arguments) => reload::run(&arguments, settings),
        Verb::Folders(arguments) => folders::run(&arguments, settings),
        Verb::Messages(arguments) => messages::run(&arguments, settings),
        Verb::Read(arguments) => read::run(&arguments, settings),
        Verb::Calendar(arguments) => calendar::run(&arguments, settings),
        Verb::Contacts(arguments) => contacts::run(&arguments, settings),
        Verb::Whoami(arguments) => whoami::run(&arguments, settings),
        Verb::Mark(arguments) => altering::mark(&arguments, settings),
        Verb::Move(arguments) => altering::relocate(&arguments, settings),
        Verb::Delete(arguments) => altering::delete(&arguments, settings),
        Verb::Export(arguments) => export::run(&arguments, settings),
        Verb::Registration(arguments) => registration::run(&arguments, settings),
        Verb::Send(arguments) => send::run(&arguments, settings),
        Verb::Sendmail(arguments) => sendmail::run(&arguments, settings),
        Verb::Outbox(arguments) => outbox::run(&arguments, settings),
        Verb::Password(arguments) => password::run(&arguments, settings),
        Verb::Deliveries(arguments) => deliveries::run(&arguments, settings),
        Verb::Import(arguments) => import::run(&arguments, settings),
        Verb::Key(arguments) => key::run(&arguments, settings),
        Verb::Config(arguments) => config::run(&arguments, settings),
        Verb::Explain(arguments) => explain::run(&arguments),
    }
}

/// Finds, reads and checks the configuration, and says with `-v` which one.
pub fn configuration(settings: &Settings) -> Result<Config, Failure> {
    configuration_for(settings, Purpose::Work)
}

/// The same, for verbs that make what the configuration names.
fn configuration_for(settings: &Settings, purpose: Purpose) -> Result<Config, Failure> {
    let found = find(settings.config.as_deref())?;
    if settings.verbose > 0 {
        screen::note(&format!(
            "configuration: {} ({})",
            found.file.display(),
            found.by
        ));
    }
    Ok(load_for(purpose, &found.file)?)
}
