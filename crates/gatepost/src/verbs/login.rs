//! `gatepost login MAILBOX`: a person signs in, once.

use fast_qr::QRBuilder;
use gatepost_oauth::{Audience, DeviceCode, Granted, Loopback, PasswordFrom, Prompt, SignIn, Way};
use secrecy::SecretString;

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, compose};
use crate::config::{Config, GrantSettings, MailboxSettings};
use crate::failure::Failure;
use crate::usage::UsageError;
use crate::verbs::{configuration, named_mailbox};
use crate::{logging, prompt, runtime, screen};

/// What `login` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address of the mailbox.
    mailbox: String,
    /// Print the address of the sign-in page and open no browser.
    #[arg(long)]
    no_browser: bool,
    /// Sign in on another device, where a code is entered: this machine needs no browser.
    #[arg(long, conflicts_with = "no_browser")]
    device: bool,
}

/// Signs the person in who opens the mailbox.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = named_mailbox(&config, &arguments.mailbox)?.clone();
    let person = person(&mailbox)?.to_owned();
    logging::start_quietly(settings.verbose)?;
    let place = match mailbox.grant {
        GrantSettings::DeviceCode { .. } => Place::Elsewhere,
        GrantSettings::Password { .. } if !arguments.device => Place::Terminal,
        _ if arguments.device => Place::Elsewhere,
        _ if arguments.no_browser => Place::Here(Browser::Leave),
        _ => Place::Here(Browser::Open),
    };
    let registration = config.registration(&mailbox.registration);
    let has_many_tenants = registration.tenant.is_shared();
    let granted = runtime::briefly(signed_in(config, &mailbox, place))?;
    let tenant = granted
        .person
        .as_ref()
        .and_then(|person| person.tenant.clone());
    if let (Some(tenant), true) = (tenant, has_many_tenants) {
        // What acts alone needs it, and what does not is surer with it.
        screen::note(&screen::clean_line(&format!(
            "note: the tenant is {tenant}; it may stand as tenant in [registration.{}], and those who \
             signed in to it stay signed in",
            mailbox.registration
        )));
    }
    if granted.person.is_none_or(|granted| granted.name.is_empty()) {
        screen::note(&format!(
            "note: the sign-in server does not say who signed in; make sure that it was {person}"
        ));
    }
    screen::line(&format!(
        "{person} is signed in; next: gatepost messages {}",
        mailbox.address
    ))
}

/// Who opens `mailbox`.
pub(super) fn person(mailbox: &MailboxSettings) -> Result<&str, UsageError> {
    mailbox.grant.person().ok_or_else(|| UsageError::NoSignIn {
        mailbox: mailbox.address.clone(),
    })
}

/// Where the person signs in.
#[derive(Debug, Clone, Copy)]
enum Place {
    Here(Browser),
    Elsewhere,
    Terminal,
}

/// What becomes of the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Browser {
    Open,
    Leave,
}

async fn signed_in(
    config: Config,
    mailbox: &MailboxSettings,
    place: Place,
) -> Result<Granted, Failure> {
    let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
    let granted = sign_in(&gatepost, mailbox, place).await;
    gatepost.end().await;
    granted
}

async fn sign_in(
    gatepost: &Gatepost,
    mailbox: &MailboxSettings,
    place: Place,
) -> Result<Granted, Failure> {
    let way = match place {
        Place::Here(_) => Way::Browser {
            loopback: Loopback::bind(&gatepost.tasks).await?,
            patience: SignIn::PATIENCE,
        },
        Place::Elsewhere => Way::Device,
        Place::Terminal => Way::Password(password(gatepost, mailbox).await?),
    };
    let sign_in = SignIn {
        way,
        audience: Audience::Exchange,
        also: Vec::new(),
    };
    let show = |prompt: &Prompt| match (prompt, place) {
        (Prompt::Open(url), Place::Here(browser)) => show_address(url.as_str(), browser),
        (Prompt::Open(url), Place::Elsewhere | Place::Terminal) => {
            show_address(url.as_str(), Browser::Leave);
        }
        (Prompt::Enter(code), _) => show_code(code),
    };
    Ok(gatepost.keeper(mailbox).sign_in(sign_in, show).await?)
}

/// The person's password: from where the configuration says, else from the person.
async fn password(gatepost: &Gatepost, mailbox: &MailboxSettings) -> Result<SecretString, Failure> {
    let person = person(mailbox)?;
    let what = format!("the password of {person}");
    if let GrantSettings::Password {
        password: PasswordFrom::Source(source),
        ..
    } = &mailbox.grant
    {
        return Ok(source.fetch(&gatepost.clock, &what).await?);
    }
    let asked = tokio::task::spawn_blocking(move || prompt::secret(&what));
    asked.await.map_err(|error| UsageError::Argument {
        argument: "the password".to_owned(),
        reason: error.to_string(),
    })?
}

pub(super) fn show_address(url: &str, browser: Browser) {
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

/// Address and code go to standard output, a line each, so that a script can take them from there.
fn show_code(shown: &DeviceCode) {
    screen::note("Sign in on any device that has a browser. Open this address:\n");
    let _ = screen::line(&screen::clean_line(shown.address.as_str()));
    screen::note("\nand enter this code there:\n");
    let _ = screen::line(&screen::clean_line(&shown.code));
    let target = shown.complete.as_ref().unwrap_or(&shown.address);
    if screen::are_notes_seen()
        && let Some(picture) = qr_code(target.as_str())
    {
        screen::note(&format!("\nA phone finds the address here:\n\n{picture}"));
    }
    screen::note("\nWaiting for the sign-in …");
}

/// The text as a QR code in half blocks; `None` if it is too long for one.
fn qr_code(text: &str) -> Option<String> {
    Some(QRBuilder::new(text).build().ok()?.to_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_code_is_a_square_of_half_blocks() {
        let picture = qr_code("https://microsoft.com/devicelogin").expect("it is short");
        let rows: Vec<usize> = picture.lines().map(|row| row.chars().count()).collect();
        let wide = rows[0];
        assert!(rows.iter().all(|row| *row == wide), "{picture}");
        assert!((wide / 2..=wide / 2 + 1).contains(&rows.len()), "{picture}");
        assert!(picture.chars().all(|c| " \n█▀▄".contains(c)), "{picture}");
        assert_eq!(qr_code(&"x".repeat(5000)), None);
    }
}
