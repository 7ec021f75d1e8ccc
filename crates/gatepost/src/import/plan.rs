//! What a configuration of email-oauth2-proxy becomes here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatepost_import::emailproxy::{EmailProxy, Protocol, SealedState};
use gatepost_oauth::{HostPort, Tenant};
use secrecy::SecretString;

use super::accounts;
use super::doors;
use super::opening::Opening;
use super::report::{Heading, Report};
use crate::config::AskFor;

/// What a configuration of another program becomes here.
#[derive(Debug, Default)]
pub struct Plan {
    /// Clouds that are not built in.
    pub clouds: Vec<CloudPlan>,
    /// The apps.
    pub registrations: Vec<RegistrationPlan>,
    /// The mailboxes.
    pub mailboxes: Vec<MailboxPlan>,
    /// Domains whose every address an app opens, each with the name of its registration.
    pub domains: Vec<(String, String)>,
    /// Where clients come in.
    pub doors: Vec<DoorPlan>,
    /// What is told of it.
    pub report: Report,
    /// Sections of the file that cannot go on together; who runs it decides which does.
    pub conflicts: Vec<String>,
}

/// A cloud that is not built in.
#[derive(Debug)]
pub struct CloudPlan {
    /// Its name.
    pub name: String,
    /// Where to sign in: scheme, host and port.
    pub login: String,
    /// Where IMAP answers.
    pub imap: Option<HostPort>,
    /// Where POP3 answers.
    pub pop3: Option<HostPort>,
    /// Where SMTP submission answers.
    pub smtp: Option<HostPort>,
}

/// An app.
#[derive(Debug)]
pub struct RegistrationPlan {
    /// Its name.
    pub name: String,
    /// The name of its cloud.
    pub cloud: String,
    /// The tenant.
    pub tenant: Tenant,
    /// The application (client) id.
    pub client_id: String,
    /// Whether it uses the endpoints of the first generation.
    pub endpoints: gatepost_oauth::EndpointVersion,
    /// What it shows.
    pub proof: ProofPlan,
}

/// What an app shows.
#[derive(Debug)]
pub enum ProofPlan {
    /// Nothing.
    Public,
    /// A secret, which goes into a file of its own.
    Secret(SecretString),
    /// A certificate, which stays where it is.
    Certificate {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
}

/// A mailbox.
#[derive(Debug)]
pub struct MailboxPlan {
    /// The name that clients show.
    pub login: String,
    /// Its address, in lower case.
    pub address: String,
    /// Who signs in, if that is somebody else.
    pub sign_in_as: Option<String>,
    /// The name of its registration.
    pub registration: String,
    /// How its token is obtained, as the configuration calls it.
    pub grant: &'static str,
    /// How it is read, as the configuration calls it.
    pub read: &'static str,
    /// Whether it sends by SMTP.
    pub sends: bool,
    /// What its person permitted, where less than the doors and it need.
    pub ask_for: Option<BTreeSet<AskFor>>,
    /// What is carried over besides.
    pub keepsake: Keepsake,
}

/// What is carried over of a mailbox besides its configuration.
#[derive(Debug)]
pub enum Keepsake {
    /// Nothing: nobody signed in, or it could not be opened.
    Nothing,
    /// A password that clients use, proven or the first, and what it opened.
    Password {
        /// It becomes an app password.
        password: SecretString,
        /// It brings the next token, where a person signed in.
        refresh_token: Option<SecretString>,
    },
    /// What waits for its password.
    Sealed(SealedState),
}

/// Where clients come in.
#[derive(Debug)]
pub struct DoorPlan {
    /// Its name.
    pub name: String,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The addresses that are bound, each as `address:port`.
    pub listen: Vec<String>,
    /// The addresses of before, where these are others for safety's sake.
    pub formerly: Vec<String>,
    /// How TLS is had.
    pub tls: DoorTls,
}

/// How TLS is had at a door.
#[derive(Debug, PartialEq, Eq)]
pub enum DoorTls {
    /// Not at all.
    Off,
    /// From the first octet.
    Implicit(PathBuf, PathBuf),
    /// By STARTTLS.
    StartTls(PathBuf, PathBuf),
}

/// What the plan is made with.
pub(super) struct Around<'a> {
    pub(super) read: &'a EmailProxy,
    /// The folder that relative paths are taken from.
    pub(super) folder: &'a Path,
    pub(super) opening: &'a Opening,
    /// How a file is found.
    pub(super) look: &'a dyn Fn(&Path) -> FoundFile,
}

/// How a file is found that is to be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundFile {
    /// Not at all.
    Absent,
    /// Only its owner can read it.
    Private,
    /// Others can read it.
    Open,
}

impl Plan {
    /// Whether anybody comes into any mailbox by it.
    pub fn opens_nothing(&self) -> bool {
        self.mailboxes.is_empty() && self.domains.is_empty()
    }
}

impl Around<'_> {
    /// A path of the file, in full.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// A certificate and its key by their full paths, or why they cannot be named.
    pub(super) fn certificate(
        &self,
        certificate: &str,
        key: &str,
    ) -> Result<(PathBuf, PathBuf), String> {
        let (certificate, key) = (self.path(certificate), self.path(key));
        for file in [&certificate, &key] {
            if file.to_str().is_none() {
                return Err(format!(
                    "its certificate needs {}, and a configuration, which is UTF-8, cannot name a \
                     folder whose name is not: give the folder another name, and import again",
                    file.display()
                ));
            }
            if (self.look)(file) == FoundFile::Absent {
                return Err(format!(
                    "its certificate needs {}, which is not there: correct the path and import \
                     again",
                    file.display()
                ));
            }
        }
        if (self.look)(&key) == FoundFile::Open {
            return Err(format!(
                "others on this machine can read the private key {}: chmod 600, and import again",
                key.display()
            ));
        }
        Ok((certificate, key))
    }

    /// The hosts of its mail servers.
    pub(super) fn hosts(&self) -> Vec<&str> {
        let servers = self.read.servers.iter();
        servers
            .map(|server| server.upstream_host.as_str())
            .collect()
    }

    /// Whether it listens for a protocol.
    pub(super) fn serves(&self, protocol: Protocol) -> bool {
        let mut servers = self.read.servers.iter();
        servers.any(|server| server.protocol == protocol)
    }
}

/// Makes the plan. `folder` is what relative paths are taken from, and `look` says how a file is
/// found.
pub fn plan(
    read: &EmailProxy,
    folder: &Path,
    opening: &Opening,
    look: &dyn Fn(&Path) -> FoundFile,
) -> Plan {
    let around = Around {
        read,
        folder,
        opening,
        look,
    };
    let mut plan = Plan::default();
    for remark in &read.remarks {
        let place = (remark.section.as_str(), remark.line);
        match &remark.option {
            Some(option) => {
                let told = (option.as_str(), remark.sentence.clone());
                plan.report.add_option(Heading::NotTaken, place, told);
            }
            None => plan.report.add(Heading::NotTaken, place, &*remark.sentence),
        }
    }
    accounts::take(&around, &mut plan);
    accounts::take_catch_alls(&around, &mut plan);
    doors::take(&around, &mut plan);
    doors::settle_ways(&mut plan);
    switches(&around, &mut plan.report);
    strangers(&around, &mut plan);
    if !plan.opens_nothing() {
        plan.report.add_general(
            Heading::Next,
            "stop email-oauth2-proxy before gatepost serve starts: both would listen on the same \
             ports, and a refresh token that both use is lost to one of them",
        );
    }
    plan
}

fn switches(around: &Around<'_>, report: &mut Report) {
    let switches = around.read.switches;
    let at = (SWITCHES, 0);
    if switches.wrong_password_deletes {
        report.add_option(
            Heading::Unsafe,
            at,
            (
                "delete_account_token_on_password_error",
                "one wrong password deletes the tokens of an account, so that anybody who \
                 reaches a port can sign it out; Gatepost never does this"
                    .to_owned(),
            ),
        );
    }
    if switches.seals_secrets {
        report.add_option(
            Heading::Taken,
            at,
            (
                "encrypt_client_secret_on_first_use",
                "a client secret stands in a file that only its owner may read, in any case"
                    .to_owned(),
            ),
        );
    }
    if switches.catch_alls {
        let sentence = "each catch-all says what became of it";
        let told = ("allow_catch_all_accounts", sentence.to_owned());
        report.add_option(Heading::Taken, at, told);
    }
    if switches.login_password_is_secret {
        report.add_option(
            Heading::Unsafe,
            at,
            (
                "use_login_password_as_client_credentials_secret",
                "every client holds the secret that opens all mailboxes of the app; with \
                 --passwords it becomes the client secret of the registration, and should be \
                 replaced by a certificate, and the password of each client by one of its own"
                    .to_owned(),
            ),
        );
    }
}

/// Names in the file with passwords that no account has, or none that is taken over.
fn strangers(around: &Around<'_>, plan: &mut Plan) {
    for name in around.opening.names() {
        let (mut accounts, mut taken) = (around.read.accounts.iter(), plan.mailboxes.iter());
        let is_known = accounts.any(|account| account.name == name);
        if taken.any(|mailbox| mailbox.login == name) {
            continue;
        }
        let why = if is_known {
            "whose account is not taken over: it opens nothing here"
        } else {
            "and no account of that very name (upper and lower case count)"
        };
        let sentence = format!("there is a password for {name}, {why}");
        plan.report.add_general(Heading::NotTaken, sentence);
    }
}

pub(super) const SWITCHES: &str = "emailproxy";
