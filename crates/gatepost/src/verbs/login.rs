//! `gatepost login MAILBOX`: a person signs in, once.

use gatepost_oauth::{Audience, Granted, Loopback, Prompt, SignIn};

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, GrantSettings, MailboxSettings};
use crate::failure::Failure;
use crate::usage::UsageError;
use crate::verbs::{configuration, named_mailbox};
use crate::{logging, runtime, screen};

/// What `login` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address of the mailbox.
    mailbox: String,
    /// Print the address of the sign-in page and open no browser.
    #[arg(long)]
    no_browser: bool,
}

/// Signs the person in who opens the mailbox.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = named_mailbox(&config, &arguments.mailbox)?.clone();
    let person = person(&mailbox)?;
    logging::start_quietly(settings.verbose)?;
    let browser = if arguments.no_browser {
        Browser::Leave
    } else {
        Browser::Open
    };
    let granted = runtime::briefly(signed_in(config, &mailbox, browser))?;
    let signed_in = granted
        .person
        .map_or_else(|| person.clone(), |granted| granted.name);
    if !signed_in.eq_ignore_ascii_case(&person) {
        // A sign-in name need not be the mail address, so this is no fault yet.
        screen::note(&format!(
            "note: {signed_in} signed in where {person} was expected; if that is another person, \
             run gatepost logout {} and sign in again",
            mailbox.address
        ));
    }
    screen::line(&format!(
        "{signed_in} is signed in; next: gatepost messages {}",
        mailbox.address
    ))
}

/// Who opens `mailbox`.
pub(super) fn person(mailbox: &MailboxSettings) -> Result<String, UsageError> {
    match &mailbox.grant {
        GrantSettings::AuthorizationCode { person } => Ok(person.clone()),
        GrantSettings::ClientCredentials => Err(UsageError::NoSignIn {
            mailbox: mailbox.address.clone(),
        }),
    }
}

/// What becomes of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Browser {
    Open,
    Leave,
}

async fn signed_in(
    config: Config,
    mailbox: &MailboxSettings,
    browser: Browser,
) -> Result<Granted, Failure> {
    let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
    let granted = match Loopback::bind(&gatepost.tasks).await {
        Ok(loopback) => {
            let sign_in = SignIn {
                loopback,
                audience: Audience::Exchange,
                also: Vec::new(),
                patience: SignIn::PATIENCE,
            };
            let keeper = gatepost.keeper(mailbox);
            keeper
                .sign_in(sign_in, |Prompt::Open(url)| show(url.as_str(), browser))
                .await
        }
        Err(error) => Err(error),
    };
    gatepost.end().await;
    Ok(granted?)
}

fn show(url: &str, browser: Browser) {
    screen::note("Sign in with a browser on this machine:\n");
    // The address goes to standard output, so that a script can take it from there.
    let _ = screen::line(url);
    screen::note("\nWaiting for the browser to come back …");
    if browser == Browser::Leave {
        return;
    }
    let url = url.to_owned();
    // A browser in the terminal, such as w3m, runs until the person leaves it: meanwhile this
    // thread must receive it.
    drop(tokio::task::spawn_blocking(move || {
        if webbrowser::open(&url).is_err() {
            screen::note("No browser could be opened; open the address yourself.");
        }
    }));
}
