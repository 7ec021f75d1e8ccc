//! `gatepost registration consent REGISTRATION`: an administrator permits the app, once.

use std::sync::Arc;

use gatepost_host::{Chance, Clock, Tasks};
use gatepost_oauth::{
    AdminConsent, ConsentScope, Consented, Loopback, Proof, Registration, SignIn, TokenError,
};

use super::named;
use crate::cli::Settings;
use crate::config::{Config, GrantSettings, RegistrationSettings};
use crate::failure::Failure;
use crate::setup::{Needs, SmtpWay};
use crate::verbs::login::{Browser, show_address};
use crate::{logging, runtime, screen};

/// What `registration consent` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the registration.
    registration: String,
    /// Print the address and open no browser.
    #[arg(long)]
    no_browser: bool,
    /// What is to be permitted; otherwise what the configured mailboxes need.
    #[arg(long, value_name = "WHAT", value_enum)]
    r#for: Option<Purpose>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Purpose {
    /// What the app does by IMAP and POP3 in its own name.
    Imap,
    /// Sending by SMTP, and what is done for people who sign in.
    Smtp,
    /// Microsoft Graph.
    Graph,
}

/// Lets an administrator permit the app.
pub(super) fn run(
    arguments: &Arguments,
    config: &Config,
    settings: &Settings,
) -> Result<(), Failure> {
    let (name, registration) = named(config, &arguments.registration)?;
    Needs::of(config, (name, registration), SmtpWay::default()).has_app()?;
    logging::start_quietly(settings.verbose)?;
    let scope = match arguments.r#for {
        Some(Purpose::Imap) => ConsentScope::ExchangeProtocols,
        Some(Purpose::Smtp) => ConsentScope::Exchange,
        Some(Purpose::Graph) => ConsentScope::Graph,
        None => needed(config, name),
    };
    let browser = if arguments.no_browser {
        Browser::Leave
    } else {
        Browser::Open
    };
    let consented = runtime::briefly(consented(name, registration, scope, browser))?;
    tell(name, registration, &consented)
}

/// What the mailboxes of the registration need; IMAP is how all of them are read.
fn needed(config: &Config, name: &str) -> ConsentScope {
    let acts_alone = config.mailboxes.values().any(|mailbox| {
        mailbox.registration == name && mailbox.grant == GrantSettings::ClientCredentials
    });
    if acts_alone {
        ConsentScope::ExchangeProtocols
    } else {
        ConsentScope::Exchange
    }
}

async fn consented(
    name: &str,
    settings: &RegistrationSettings,
    scope: ConsentScope,
    browser: Browser,
) -> Result<Consented, Failure> {
    let (clock, chance, tasks) = (Clock::system(), Chance::system(), Tasks::new());
    let home = (settings.cloud.clone(), settings.tenant.clone());
    let registration = Registration::new(name, home, &settings.client_id, Proof::None);
    let consented = async {
        let loopback = Loopback::bind(&tasks).await?;
        let redirect = loopback.redirect().to_owned();
        let request = AdminConsent::new(Arc::new(registration), scope, redirect, &chance);
        request
            .wait(loopback, SignIn::PATIENCE, &clock, |url| {
                screen::note("An administrator of the tenant opens this address.");
                show_address(url.as_str(), browser);
            })
            .await
    };
    let consented: Result<Consented, TokenError> = consented.await;
    tasks.end().await;
    Ok(consented?)
}

fn tell(
    name: &str,
    registration: &RegistrationSettings,
    consented: &Consented,
) -> Result<(), Failure> {
    let scope = if consented.scope.is_empty() {
        String::new()
    } else {
        format!(" ({})", consented.scope)
    };
    screen::line(&screen::clean_line(&format!(
        "registration {name} is permitted{scope}"
    )))?;
    match &consented.tenant {
        Some(tenant) if registration.tenant.is_shared() => {
            screen::line(&screen::clean_line(&format!(
                "its tenant is {tenant}: write tenant = \"{tenant}\" into [registration.{name}]"
            )))
        }
        _ => Ok(()),
    }
}
