//! `gatepost credentials`: what opens the mailboxes, whether it works, and when it ends.

use gatepost_host::Clock;
use gatepost_mailroom::{CredentialHealth, CredentialStatus, Expiry};
use jiff::Timestamp;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::Config;
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form, Paint, painted};
use crate::verbs::configuration;
use crate::{logging, runtime, times};

/// What `credentials` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    form: Form,
}

/// Lists every credential. Whether they work is known by the running `serve`; without one it is
/// said what is stored, and nobody is asked.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let asked = ask(&config.state, &Question::Credentials)?;
    if let Some(Answer::Credentials { credentials }) = asked {
        return show(arguments, &credentials);
    }
    logging::start_quietly(settings.verbose)?;
    let credentials = runtime::briefly(stored(config))?;
    show(arguments, &credentials)
}

async fn stored(config: Config) -> Result<Vec<CredentialStatus>, Failure> {
    let gatepost = compose(config, Scope::Mailboxes).await?;
    let mut looked = Ok(());
    for (_, keeper) in gatepost.keepers() {
        looked = looked.and(keeper.look_up().await);
    }
    let credentials = gatepost.credentials();
    gatepost.end().await;
    looked?;
    Ok(credentials)
}

fn show(arguments: &Arguments, credentials: &[CredentialStatus]) -> Result<(), Failure> {
    let now = Clock::system().now();
    let heads = [
        "REGISTRATION",
        "GRANT",
        "PERSON",
        "STATE",
        "EXPIRES",
        "LAST RENEWED",
        "MAILBOXES",
    ];
    arguments.form.list(credentials, heads, |one| {
        [
            one.registration.clone(),
            one.grant.clone(),
            one.person.clone().unwrap_or_default(),
            one.state.as_str().to_owned(),
            one.expires
                .first()
                .map_or_else(String::new, |expiry| end(expiry, now)),
            one.renewed_at
                .map_or_else(String::new, |at| times::seen_from(now, at)),
            mailboxes(&one.mailboxes),
        ]
    })?;
    if arguments.form.is_json() {
        return Ok(());
    }
    credentials.iter().try_for_each(explain)
}

fn end(expiry: &Expiry, now: Timestamp) -> String {
    let part = expiry.part.as_str();
    let day = expiry.at.strftime("%F");
    if expiry.at <= now {
        return format!("{part} ended {day}");
    }
    let days = expiry.at.duration_since(now).as_hours() / 24;
    format!("{part} {day}, {days} days left")
}

fn mailboxes(addresses: &[String]) -> String {
    match addresses {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}

/// Why a credential does not work, and what to do.
fn explain(one: &CredentialStatus) -> Result<(), Failure> {
    let name = one.person.as_ref().unwrap_or(&one.registration);
    let mark = painted(Paint::Bad, name);
    if let Some(error) = &one.last_error {
        screen::line(&format!(
            "\n{mark}: {}",
            screen::clean_line(&error.sentence)
        ))?;
        return screen::line(&format!("  more: gatepost explain {}", error.code));
    }
    match (one.state, one.mailboxes.first()) {
        (CredentialHealth::SignedOut, Some(mailbox)) => {
            screen::line(&format!("\n{mark}: run gatepost login {mailbox}"))
        }
        _ => Ok(()),
    }
}
