//! `gatepost password add|list|revoke|lockouts`: who may come in at the doors of the gateway.

use gatepost_gateway::admission::{
    AppPassword, AppPasswords as _, Cost, Legacies as _, Maker, PasswordError, PasswordId, Wanted,
};
use gatepost_gateway::{Protocol, Protocols};
use gatepost_host::Network;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, admission_rules, compose};
use crate::config::Config;
use crate::control::{Answer, Question, ask};
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::times::{self, Toward};
use crate::usage::UsageError;
use crate::verbs::{configuration, named_mailbox};
use crate::{address, logging, prompt, runtime};

mod lockouts;

/// What `password` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: PasswordVerb,
}

#[derive(Debug, clap::Subcommand)]
enum PasswordVerb {
    /// Make an app password for a mailbox. It is printed once, on standard output alone.
    Add(Box<AddArguments>),
    /// List the app passwords, with when and from where each was used last.
    List {
        /// Only those of this mailbox.
        #[arg(long)]
        mailbox: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Revoke an app password at once. Sessions that it opened end.
    Revoke {
        /// Its id or its name in the list, or the mailbox of an import that still waits for its
        /// first login.
        #[arg(value_name = "ID|NAME|MAILBOX")]
        which: String,
    },
    /// List the addresses and login names that were wrong too often, so that a running serve looks
    /// at no password of theirs, and let one of them try again.
    Lockouts(lockouts::Arguments),
}

#[derive(Debug, clap::Args)]
struct AddArguments {
    /// The address of the mailbox that it opens.
    mailbox: String,
    /// What it is called in the list, such as `printer-3`. Otherwise a name is made.
    #[arg(long)]
    name: Option<String>,
    /// The only login name that it is good for. It need not be in the configuration, and is the
    /// address of the mailbox or a [login] that opens it otherwise.
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// What it is good for; for all of them if it is not set.
    #[arg(long, value_name = "imap,pop3,smtp", value_delimiter = ',')]
    protocol: Vec<Protocol>,
    /// The addresses that may be written from, instead of those of the login.
    #[arg(long, value_name = "ADDRESS,…", value_delimiter = ',')]
    from: Vec<String>,
    /// The networks that it is good in, such as `192.168.7.0/24`; everywhere if it is not set.
    #[arg(long, value_name = "NETWORK,…", value_delimiter = ',')]
    network: Vec<Network>,
    /// When it ends: a time, a date, or how soon, such as `90d`.
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// Read the password from standard input instead of making one.
    #[arg(long)]
    stdin: bool,
    #[command(flatten)]
    form: Form,
}

/// Makes, lists or revokes app passwords, or shows who is locked out.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    match &arguments.verb {
        PasswordVerb::Add(arguments) => add(arguments, config),
        PasswordVerb::List { mailbox, form } => list(mailbox.as_deref(), *form, config),
        PasswordVerb::Revoke { which } => revoke(which, config),
        PasswordVerb::Lockouts(arguments) => lockouts::run(arguments, &config),
    }
}

fn add(arguments: &AddArguments, config: Config) -> Result<(), Failure> {
    let mailbox = mailbox(&config, &arguments.mailbox)?;
    let login = login(&config, arguments.login.as_deref(), &mailbox)?;
    let name = arguments.name.as_deref().map(name).transpose()?;
    let senders = arguments.from.iter().map(|sender| {
        address::normal(sender).map_err(|reason| UsageError::Argument {
            argument: "--from".to_owned(),
            reason,
        })
    });
    let senders = senders.collect::<Result<Vec<_>, _>>()?;
    let chosen = if arguments.stdin {
        Some(prompt::secret("the app password")?)
    } else {
        None
    };
    let told = Told::of(&config, login.as_deref(), &mailbox);
    let (made, password) = beside(config, async |gatepost| {
        let wanted = Wanted {
            name,
            login,
            protocols: protocols(&arguments.protocol),
            networks: arguments.network.clone(),
            senders,
            expires: times::read_argument(
                "--expires",
                arguments.expires.as_deref(),
                gatepost.clock.now(),
                Toward::Future,
            )?,
            ..Wanted::of(&mailbox)
        };
        let maker = Maker {
            passwords: &gatepost.store,
            clock: &gatepost.clock,
            chance: &gatepost.chance,
            cost: Cost::USUAL,
        };
        if let Some(password) = chosen {
            return Ok((maker.choose(wanted, &password).await?, None));
        }
        let (made, password) = maker.generate(wanted).await?;
        Ok((made, Some(password)))
    })?;
    // The password is shown once, whatever serve says.
    let said = told.say(&made, password.as_ref(), arguments.form);
    tell_serve(&told.config, None);
    said
}

/// What is said of a new app password.
struct Told {
    config: Config,
    logins: Vec<String>,
}

impl Told {
    fn of(config: &Config, login: Option<&str>, mailbox: &str) -> Self {
        let config = config.clone();
        if let Some(login) = login {
            let logins = vec![login.to_owned()];
            return Self { config, logins };
        }
        let named = config.gateway.logins.iter();
        let named = named.filter(|(_, login)| login.mailbox == mailbox);
        let logins = std::iter::once(mailbox.to_owned()).chain(named.map(|(name, _)| name.clone()));
        let logins = logins.collect();
        Self { config, logins }
    }

    fn say(
        &self,
        made: &AppPassword,
        password: Option<&SecretString>,
        form: Form,
    ) -> Result<(), Failure> {
        let password = password.map(SecretString::expose_secret);
        if form.is_json() {
            let mut shown =
                serde_json::to_value(Shown::of(made)).expect("our own shapes are plain JSON");
            if let Some(password) = password {
                shown["password"] = password.into();
            }
            return screen::json(&shown);
        }
        screen::note(&format!(
            "{} (id {}) opens {}; log in as {}",
            made.name,
            made.id,
            made.mailbox,
            self.logins.join(" or ")
        ));
        if self.config.gateway.doors.is_empty() {
            screen::warn("the configuration has no door where it could be used; add a [gateway.…]");
        }
        let Some(password) = password else {
            return Ok(());
        };
        screen::note("it is shown this once:");
        screen::line(password)
    }
}

fn list(mailbox: Option<&str>, form: Form, config: Config) -> Result<(), Failure> {
    let only = mailbox.map(str::to_lowercase);
    let known = mailbox.map(|named| self::mailbox(&config, named));
    let (all, waiting, now) = beside(config, async |gatepost| {
        let (_, all) = gatepost.store.all().await?;
        let waiting = gatepost.store.waiting().await?;
        Ok((all, waiting, gatepost.clock.now()))
    })?;
    // One that is not in the configuration any more may have some all the same.
    let has_any = only.as_ref().is_none_or(|one| {
        waiting.contains(one) || all.iter().any(|password| password.mailbox == *one)
    });
    if let Some(Err(unknown)) = known
        && !has_any
    {
        return Err(unknown.into());
    }
    for mailbox in waiting {
        if only.as_ref().is_none_or(|one| *one == mailbox) {
            screen::warn(&format!(
                "what was imported for {mailbox} waits for its first login, whose password becomes \
                 an app password; gatepost password revoke {mailbox} forgets it"
            ));
        }
    }
    let of_mailbox =
        |password: &&AppPassword| only.as_ref().is_none_or(|one| *one == password.mailbox);
    let shown: Vec<Shown> = all.iter().filter(of_mailbox).map(Shown::of).collect();
    form.list(&shown, HEADS, |password| password.cells(now))
}

fn revoke(which: &str, config: Config) -> Result<(), Failure> {
    let state = config.clone();
    let revoked = beside(config, async |gatepost| {
        let (_, all) = gatepost.store.all().await?;
        let by_id = all.iter().find(|password| password.id.as_str() == which);
        let found = by_id.or_else(|| all.iter().find(|password| password.name == which));
        let is_gone = match found {
            Some(found) => gatepost.store.revoke(&found.id).await?,
            // What an import left for a mailbox is opened by a password as well.
            None => gatepost.store.forget(&which.to_lowercase()).await?,
        };
        if is_gone {
            Ok(found.cloned())
        } else {
            let name = which.to_owned();
            Err(PasswordError::Missing { name }.into())
        }
    })?;
    let id = revoked.as_ref().map(|revoked| &revoked.id);
    let ended = match tell_serve(&state, id) {
        None => String::new(),
        Some(0) => "; no session of it was open".to_owned(),
        Some(1) => "; the session that it had opened ended".to_owned(),
        Some(sessions) => format!("; the {sessions} sessions that it had opened ended"),
    };
    screen::line(&match revoked {
        Some(revoked) => format!(
            "revoked {} (id {}), which opened {}{ended}",
            revoked.name, revoked.id, revoked.mailbox
        ),
        None => {
            format!("forgot what was imported for {which}: its old password opens nothing any more")
        }
    })
}

/// Has a running `serve` look at once what was changed. It would notice by itself, a little later.
/// Answers how many sessions ended with `revoked`, where one is running that knows.
fn tell_serve(config: &Config, revoked: Option<&PasswordId>) -> Option<usize> {
    let question = Question::Passwords {
        revoked: revoked.map(PasswordId::to_string),
    };
    let why = match ask(&config.state, &question) {
        Ok(Some(Answer::Revoked { sessions })) => return Some(sessions),
        Ok(Some(Answer::Fault(fault))) => fault.to_string(),
        Err(error) => error.to_string(),
        Ok(Some(_) | None) => return None,
    };
    screen::warn(&format!(
        "the running serve was not told, and notices by itself: {why}"
    ));
    None
}

/// Works on the store, beside a `serve` that may be running.
fn beside<T>(
    config: Config,
    work: impl AsyncFnOnce(&Gatepost) -> Result<T, Failure>,
) -> Result<T, Failure> {
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let done = work(&gatepost).await;
        gatepost.end().await;
        done
    })
}

/// The address of a mailbox of the configuration, or of a domain that it opens as a whole.
fn mailbox(config: &Config, named: &str) -> Result<String, UsageError> {
    let lower = named.to_lowercase();
    let of_domain = lower.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && config.gateway.domains.contains_key(domain)
    });
    if of_domain {
        return address::normal(&lower).map_err(|reason| UsageError::Argument {
            argument: "MAILBOX".to_owned(),
            reason,
        });
    }
    named_mailbox(config, named).map(|mailbox| mailbox.address.clone())
}

/// A name that can be read in the list and written behind `revoke`.
fn name(named: &str) -> Result<String, UsageError> {
    let is_odd = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    let is_usable = !named.is_empty()
        && named.trim() == named
        && named.chars().count() <= LONGEST_NAME
        && !named.chars().any(is_odd);
    if is_usable {
        return Ok(named.to_owned());
    }
    Err(UsageError::Argument {
        argument: "--name".to_owned(),
        reason: format!(
            "a name has 1 to {LONGEST_NAME} characters that can be typed, and no blank around \
             them; such as printer-3"
        ),
    })
}

/// The login name in lower case, if it leads to no other mailbox.
fn login(
    config: &Config,
    named: Option<&str>,
    mailbox: &str,
) -> Result<Option<String>, UsageError> {
    let Some(named) = named else { return Ok(None) };
    let lower = named.to_lowercase();
    let unusable = |reason: String| UsageError::Argument {
        argument: "--login".to_owned(),
        reason,
    };
    if lower.is_empty() || lower.len() > 255 || lower.chars().any(char::is_control) {
        return Err(unusable(
            "a login name has 1 to 255 characters that can be typed".to_owned(),
        ));
    }
    let opens = admission_rules(config).logins.opens(&lower);
    let opens = opens.map(|opens| opens.mailbox);
    if let Some(other) = opens.filter(|opens| opens != mailbox) {
        return Err(unusable(format!(
            "{lower} opens {other} by the configuration"
        )));
    }
    Ok(Some(lower))
}

fn protocols(wanted: &[Protocol]) -> Protocols {
    if wanted.is_empty() {
        Protocols::ALL
    } else {
        wanted.iter().copied().collect()
    }
}

/// An app password as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    name: String,
    mailbox: String,
    login: Option<String>,
    protocols: Vec<&'static str>,
    networks: Vec<String>,
    senders: Vec<String>,
    created: Timestamp,
    expires: Option<Timestamp>,
    last_used: Option<Timestamp>,
    last_address: Option<String>,
    last_protocol: Option<&'static str>,
}

impl Shown {
    fn of(password: &AppPassword) -> Self {
        let last = password.last_use.as_ref();
        Self {
            id: password.id.to_string(),
            name: password.name.clone(),
            mailbox: password.mailbox.clone(),
            login: password.login.clone(),
            protocols: password.protocols.iter().map(Protocol::name).collect(),
            networks: password.networks.iter().map(Network::to_string).collect(),
            senders: password.senders.clone(),
            created: password.created,
            expires: password.expires,
            last_used: last.map(|last| last.at),
            // Those of whom no proxy knows where they are have no address of their own.
            last_address: last
                .filter(|last| !last.address.is_unspecified())
                .map(|last| last.address.to_string()),
            last_protocol: last.map(|last| last.protocol.name()),
        }
    }

    fn cells(&self, now: Timestamp) -> [String; 8] {
        let last = match (self.last_used, self.last_protocol) {
            (Some(at), Some(protocol)) => {
                let place = self.last_address.as_deref().unwrap_or("behind a proxy");
                format!("{} by {protocol} from {place}", times::seen_from(now, at))
            }
            _ => "never".to_owned(),
        };
        let expires = match self.expires {
            None => String::new(),
            Some(at) if at <= now => "over".to_owned(),
            Some(at) => times::ahead_of(now, at),
        };
        [
            self.id.clone(),
            self.name.clone(),
            self.mailbox.clone(),
            self.login.clone().unwrap_or_default(),
            self.protocols.join(","),
            self.networks.join(","),
            expires,
            last,
        ]
    }
}

const LONGEST_NAME: usize = 100;
const HEADS: [&str; 8] = [
    "ID",
    "NAME",
    "MAILBOX",
    "LOGIN",
    "FOR",
    "IN",
    "EXPIRES",
    "LAST USED",
];
