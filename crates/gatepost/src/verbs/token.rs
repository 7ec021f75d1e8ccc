//! `gatepost token MAILBOX`: a valid access token for other programs.

use std::path::PathBuf;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed, files};
use gatepost_oauth::{AccessToken, Audience, TokenSource as _};

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, MailboxSettings};
use crate::control::{Answer, Question, ask_within};
use crate::failure::Failure;
use crate::setup::{Unasked, unasked};
use crate::token_form::{TokenForm, TokenUse};
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration};
use crate::{logging, runtime, screen, times};

/// What `token` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// What the token is for.
    #[arg(long = "for", value_enum, default_value_t, value_name = "PROTOCOL")]
    purpose: TokenUse,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: TokenForm,
    /// Write it into this file, which only you can read, and not to standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Give up after this time, such as 5s; then the exit code is 75.
    #[arg(long, value_name = "TIME", default_value = USUAL_TIMEOUT, value_parser = times::duration)]
    timeout: Duration,
}

/// Prints a token, from the running `serve` if there is one.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let audience = arguments.purpose.audience();
    arguments
        .format
        .check(audience)
        .map_err(|reason| UsageError::Argument {
            argument: "--format".to_owned(),
            reason,
        })?;
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    if let Some(Unasked { permission, way }) = unasked(&config, &mailbox, arguments.purpose) {
        let address = &mailbox.address;
        screen::warn(&format!(
            "the sign-in of {address} does not ask for {permission}, without which the server \
             refuses the token: {way}, then: gatepost login {address}"
        ));
    }
    let registration = config.registration(&mailbox.registration).clone();
    let clock = Clock::system();
    let wanted = Wanted {
        mailbox: &mailbox,
        audience,
        timeout: arguments.timeout,
        is_configured: arguments.chosen.is_configured(),
    };
    let token = obtained(config, settings, &wanted)?;
    let whose = (mailbox.address.as_str(), &registration);
    let text = arguments.format.written(&token, whose, clock.now())?;
    match &arguments.output {
        Some(file) => Ok(files::write_private(file, text.as_bytes())?),
        None => screen::line(&text),
    }
}

/// A token that is asked for.
pub(super) struct Wanted<'a> {
    pub(super) mailbox: &'a MailboxSettings,
    pub(super) audience: Audience,
    pub(super) timeout: Duration,
    /// Whether the configuration says how the mailbox is opened, so that `serve` may know it.
    pub(super) is_configured: bool,
}

/// The token, of the running `serve` if there is one.
pub(super) fn obtained(
    config: Config,
    settings: &Settings,
    wanted: &Wanted<'_>,
) -> Result<AccessToken, Failure> {
    let clock = Clock::system();
    let deadline = clock.now() + wanted.timeout;
    let (mailbox, audience) = (wanted.mailbox, wanted.audience);
    if wanted.is_configured
        && let Some(token) = asked(&config, mailbox, (audience, wanted.timeout))
    {
        return token;
    }
    logging::start_quietly(settings.verbose)?;
    let left = Duration::try_from(deadline.duration_since(clock.now())).unwrap_or_default();
    let fetched = runtime::briefly(clock.within(left, fetched(config, mailbox, audience)));
    fetched.map_err(|Elapsed| UsageError::NotInTime {
        mailbox: mailbox.address.clone(),
        limit: screen::duration(wanted.timeout),
    })?
}

/// A token of the running `serve`; `None` if there is none, or it does not know the mailbox.
fn asked(
    config: &Config,
    mailbox: &MailboxSettings,
    (audience, limit): (Audience, Duration),
) -> Option<Result<AccessToken, Failure>> {
    let graph = audience == Audience::Graph;
    let question = Question::Token {
        mailbox: mailbox.address.clone(),
        graph,
    };
    let answer = match ask_within(&config.state, &question, limit) {
        Ok(answer) => answer?,
        Err(error) => return Some(Err(error.into())),
    };
    match answer {
        Answer::Token(token) => Some(Ok(token.into_token(audience))),
        Answer::Fault(fault) if is_unknown(&fault) => None,
        Answer::Fault(fault) => Some(Err(fault.into())),
        Answer::Health { .. }
        | Answer::Credentials { .. }
        | Answer::Lockouts { .. }
        | Answer::Reloaded(_)
        | Answer::Revoked { .. }
        | Answer::Done => None,
    }
}

/// The configuration was changed since `serve` read it.
fn is_unknown(fault: &dyn gatepost_fault::Fault) -> bool {
    fault.code() == "unknown_mailbox"
}

async fn fetched(
    config: Config,
    mailbox: &MailboxSettings,
    audience: Audience,
) -> Result<AccessToken, Failure> {
    let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
    let token = gatepost.keeper(mailbox).token(audience).await;
    gatepost.end().await;
    Ok(token?)
}

/// As long as a question is waited for that no option limits.
pub(super) const USUAL_TIMEOUT: &str = "45s";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_serve_says_of_its_limit_is_waited_for() {
        let question = Question::Token {
            mailbox: "support@contoso.com".to_owned(),
            graph: false,
        };
        let usual = times::duration(USUAL_TIMEOUT).expect("a duration");
        assert_eq!(usual, question.patience());
        for question in [question, Question::Health, Question::Reload] {
            let needed = question.limit() + Duration::from_secs(3);
            assert!(question.patience() >= needed, "{question:?}");
        }
    }
}
