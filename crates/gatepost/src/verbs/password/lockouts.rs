//! `gatepost password lockouts [--lift ADDRESS|LOGIN]`: who is locked out at the doors.
//!
//! Wrong logins are counted in the memory of `serve`, which is asked: nobody is locked out where none
//! runs.

use std::net::IpAddr;

use gatepost_host::Clock;
use jiff::Timestamp;

use crate::config::Config;
use crate::control::{Answer, Lockout, Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::times;
use crate::usage::UsageError;

/// What `lockouts` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Let this address or this login name try again at once, its wrong logins forgotten.
    #[arg(long, value_name = "ADDRESS|LOGIN")]
    lift: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// Shows who is locked out, and lifts it.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let not_serving = || UsageError::NotServing {
        state: config.state.path().display().to_string(),
    };
    let lift = arguments.lift.clone();
    let answer = ask(&config.state, &Question::Lockouts { lift })?;
    let (lifted, holding, more) = match answer.ok_or_else(not_serving)? {
        Answer::Lockouts {
            lifted,
            holding,
            more,
        } => (lifted, holding, more),
        Answer::Fault(fault) => return Err(fault.into()),
        Answer::Token(_)
        | Answer::Health { .. }
        | Answer::Credentials { .. }
        | Answer::Reloaded(_)
        | Answer::Revoked { .. }
        | Answer::Done => return Err(not_serving().into()),
    };
    if let Some(whom) = &arguments.lift {
        if lifted.is_empty() {
            return Err(UsageError::Argument {
                argument: "--lift".to_owned(),
                reason: format!(
                    "{whom} is not locked out; `gatepost password lockouts` lists who is"
                ),
            }
            .into());
        }
        for one in &lifted {
            screen::note(&format!("lifted: {}", words(one)));
        }
    }
    let now = Clock::system().now();
    arguments
        .form
        .list(&holding, HEADS, |lockout| cells(lockout, now))?;
    let is_nameless = |one: &Lockout| one.address.is_some_and(|address| address.is_unspecified());
    if !arguments.form.is_json() && holding.iter().any(is_nameless) {
        screen::note(NAMELESS);
    }
    if more > 0 {
        screen::note(&format!("and {more} more"));
    }
    Ok(())
}

/// The login is whatever a stranger said.
fn words(lockout: &Lockout) -> String {
    let login = lockout.login.as_deref().map(screen::clean_line);
    match (login, lockout.address) {
        (Some(login), Some(address)) => format!("{login} from {}", place(address)),
        (Some(login), None) => login,
        (None, address) => address.map(place).unwrap_or_default(),
    }
}

fn cells(lockout: &Lockout, now: Timestamp) -> [String; 4] {
    [
        lockout.address.map_or_else(|| EACH.to_owned(), place),
        lockout.login.clone().unwrap_or_else(|| EACH.to_owned()),
        lockout.wrong.to_string(),
        times::ahead_of(now, lockout.until),
    ]
}

/// As it is given to `--lift`.
fn place(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/64"),
    }
}

const NAMELESS: &str = "(0.0.0.0 is everybody of whom no proxy says from where they connect)";
const EACH: &str = "(each)";
const HEADS: [&str; 4] = ["ADDRESS", "LOGIN", "WRONG", "ENDS"];

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_a_stranger_said_does_nothing_to_the_terminal() {
        let lockout = Lockout {
            login: Some("ada\u{1b}[2J\r\nlifted: bob".to_owned()),
            address: Some(Ipv4Addr::LOCALHOST.into()),
            wrong: 2,
            until: Timestamp::UNIX_EPOCH,
        };
        let words = words(&lockout);
        assert_eq!(words, "ada\u{fffd}[2J  lifted: bob from 127.0.0.1");
    }
}
