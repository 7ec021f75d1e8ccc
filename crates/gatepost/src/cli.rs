//! The command line. Each verb's arguments stand in its own file under `verbs`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Parser, Subcommand};

use crate::verbs::{
    Delete, Mark, Move, calendar, config, contacts, credentials, deliveries, demo, explain, export,
    folders, import, key, login, logout, mailboxes, messages, outbox, password, read, registration,
    reload, sandbox, send, sendmail, serve, token, watch, whoami,
};

/// The gate between software and Microsoft 365 mail.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, about, disable_help_subcommand = true)]
#[command(after_help = "New here? `gatepost demo` shows everything and needs no tenant.")]
pub struct Cli {
    /// What holds for every verb.
    #[command(flatten)]
    pub settings: Settings,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What holds for every verb, before or after it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "For every verb")]
pub struct Settings {
    /// The configuration file. Otherwise `GATEPOST_CONFIG`, ./gatepost.toml,
    /// ~/.config/gatepost/gatepost.toml, /etc/gatepost/gatepost.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say more on standard error; twice for details, three times for everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Take the tour: a small Microsoft 365, mail arriving, and what Gatepost does with it.
    Demo(demo::Arguments),
    /// Run a small Microsoft 365 on this machine, for tests and for play.
    Sandbox(sandbox::Arguments),
    /// Watch mailboxes and hand out what arrives, until told to end.
    Serve(serve::Arguments),
    /// Have the running serve read its configuration again.
    Reload(reload::Arguments),
    /// Sign a person in with a browser, once.
    Login(login::Arguments),
    /// Forget a sign-in.
    Logout(logout::Arguments),
    /// Print a valid access token for another program.
    Token(token::Arguments),
    /// List every mailbox with its health.
    Mailboxes(mailboxes::Arguments),
    /// List every credential: whether it works, and when it ends.
    Credentials(credentials::Arguments),
    /// List the folders of a mailbox.
    Folders(folders::Arguments),
    /// List the newest messages of a mailbox.
    Messages(messages::Arguments),
    /// Read one message of a mailbox.
    Read(read::Arguments),
    /// List what stands in the calendar of a mailbox.
    Calendar(calendar::Arguments),
    /// List the contacts of a mailbox.
    Contacts(contacts::Arguments),
    /// Say what the token of a mailbox is and may do, without showing it.
    Whoami(whoami::Arguments),
    /// Mark messages as read, unread or flagged.
    Mark(Mark),
    /// Move messages to another folder.
    Move(Move),
    /// Delete messages.
    Delete(Delete),
    /// Export a mailbox into files, with a proof that they are all there.
    Export(export::Arguments),
    /// Watch one folder in the foreground, a line for each arrival.
    Watch(watch::Arguments),
    /// Send a message, composed here or ready on standard input.
    Send(send::Arguments),
    /// Send a message as the program sendmail does, for cron, git, PHP and mailx.
    Sendmail(sendmail::Arguments),
    /// See and steer what is on its way out.
    Outbox(outbox::Arguments),
    /// See and steer what is on its way to the sinks.
    Deliveries(deliveries::Arguments),
    /// Make, list and revoke the app passwords of the gateway.
    Password(password::Arguments),
    /// Set up an app in Entra ID and Exchange: its certificate, its manifest, the whole script.
    Registration(registration::Arguments),
    /// Take the place of another program: its ports, accounts, tokens and passwords.
    Import(import::Arguments),
    /// Change the key that seals what is stored.
    Key(key::Arguments),
    /// Check or show the configuration, or print its JSON Schema.
    Config(config::Arguments),
    /// Explain a code: what you see, why, who must act, what to do.
    Explain(explain::Arguments),
}

/// The words of the command line. A link to the program under the name `sendmail` is its verb.
pub fn words(all: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = all.into_iter().collect();
    let name = words.first().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == "sendmail") {
        words.insert(1, "sendmail".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_agrees_with_itself() {
        Cli::command().debug_assert();
    }
}
