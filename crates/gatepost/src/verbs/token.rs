//! `gatepost token MAILBOX`: a valid access token for other programs.

use gatepost_oauth::{AccessToken, Audience, TokenSource as _};
use gatepost_wire::sasl::Xoauth2;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, MailboxSettings};
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration};
use crate::{logging, runtime, screen};

/// What `token` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// What the token is for.
    #[arg(long = "for", value_enum, default_value_t = Purpose::Imap, value_name = "PROTOCOL")]
    purpose: Purpose,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Raw)]
    format: Format,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Purpose {
    /// Reading by IMAP.
    Imap,
    /// Reading by POP3.
    Pop3,
    /// Submission by SMTP.
    Smtp,
    /// Microsoft Graph.
    Graph,
}

/// How a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The token alone.
    Raw,
    /// An object with its times.
    Json,
    /// The whole initial response of SASL XOAUTH2, in base64.
    Xoauth2,
    /// The HTTP header.
    Header,
}

/// Prints a token, from the running `serve` if there is one.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let audience = match arguments.purpose {
        Purpose::Imap | Purpose::Pop3 | Purpose::Smtp => Audience::Exchange,
        Purpose::Graph => Audience::Graph,
    };
    let asked = if arguments.chosen.is_configured() {
        asked(&config, &mailbox, audience)
    } else {
        None
    };
    let token = if let Some(token) = asked {
        token?
    } else {
        logging::start_quietly(settings.verbose)?;
        runtime::briefly(fetched(config, &mailbox, audience))?
    };
    write(arguments.format, &mailbox, &token)
}

/// A token of the running `serve`; `None` if there is none, or it does not know the mailbox.
fn asked(
    config: &Config,
    mailbox: &MailboxSettings,
    audience: Audience,
) -> Option<Result<AccessToken, Failure>> {
    let graph = audience == Audience::Graph;
    let question = Question::Token {
        mailbox: mailbox.address.clone(),
        graph,
    };
    match ask(&config.state, &question)? {
        Answer::Token(token) => Some(Ok(token.into_token(audience))),
        Answer::Fault(fault) if is_unknown(&fault) => None,
        Answer::Fault(fault) => Some(Err(fault.into())),
        Answer::Health { .. } | Answer::Done => None,
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

fn write(format: Format, mailbox: &MailboxSettings, token: &AccessToken) -> Result<(), Failure> {
    let text = Zeroizing::new(match format {
        Format::Raw => token.expose().to_owned(),
        Format::Header => format!("Authorization: Bearer {}", token.expose()),
        Format::Xoauth2 => xoauth2(mailbox, token)?.as_str().to_owned(),
        Format::Json => described(mailbox, token),
    });
    screen::line(&text)
}

fn xoauth2(
    mailbox: &MailboxSettings,
    token: &AccessToken,
) -> Result<Zeroizing<String>, UsageError> {
    let secret = SecretString::from(token.expose());
    let response =
        Xoauth2::new(&mailbox.address, secret).map_err(|error| UsageError::Argument {
            argument: mailbox.address.clone(),
            reason: error.to_string(),
        })?;
    Ok(response.encode())
}

fn described(mailbox: &MailboxSettings, token: &AccessToken) -> String {
    let now = gatepost_host::Clock::system().now();
    let seconds = seconds_until(token.expires_at, now);
    let mut shown = json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_at": token.expires_at,
        "expires_in": seconds,
        "mailbox": mailbox.address,
        "audience": match token.audience {
            Audience::Exchange => "exchange",
            Audience::Graph => "graph",
        },
    });
    if let Some(scope) = &token.scope {
        shown["scope"] = json!(scope);
    }
    serde_json::to_string_pretty(&shown).expect("strings and numbers are always JSON")
}

fn seconds_until(at: Timestamp, now: Timestamp) -> i64 {
    at.duration_since(now).as_secs().max(0)
}
