//! `gatepost import emailproxy FILE`: takes the place of another program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gatepost_gateway::admission::{Cost, Maker};
use gatepost_host::files;
use gatepost_import::emailproxy::{CacheStore, EmailProxy};
use gatepost_import::ini::Ini;
use gatepost_import::{decode, passwords};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::config::{Config, Purpose, check_text};
use crate::failure::Failure;
use crate::import::{
    Carried, FoundFile, Heading, Opening, Passwords, Plan, TakeoverError, Written,
};
use crate::import::{carry, plan, written};
use crate::screen::{self, Form};
use crate::usage::UsageError;
use crate::{logging, runtime};

/// What `import` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, clap::Subcommand)]
enum Program {
    /// Take over the ports, accounts, tokens and passwords of email-oauth2-proxy. Without --write
    /// nothing is changed: it shows what would be written, what cannot be taken over, what is
    /// unsafe today, and what remains to be done.
    Emailproxy(EmailproxyArguments),
}

#[derive(Debug, clap::Args)]
struct EmailproxyArguments {
    /// Its configuration, emailproxy.config.
    file: PathBuf,
    /// Where it keeps tokens, if that is another file: one of the same form, or the JSON of its
    /// secret in AWS Secrets Manager.
    #[arg(long, value_name = "FILE")]
    cache_store: Option<PathBuf>,
    /// The passwords that clients use, one account on each line: `address password` or
    /// `address:password`. Without it the first login of each account proves its password.
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Write the configuration into this new file, client secrets beside it, and what is secret
    /// besides into the store.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Change nothing, as without --write; with it, what would be written there.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

/// Takes the place of another program, or shows what that would be.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let Program::Emailproxy(arguments) = &arguments.program;
    logging::start_quietly(settings.verbose)?;
    let target = arguments.write.as_deref().unwrap_or(Path::new(USUAL));
    let target = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let is_named = arguments.write.is_some();
    if is_named {
        has_room(&target)?;
    }
    let plan = planned(arguments)?;
    let written = written(&plan, &target);
    let failed = obstacle(&plan, &written, (&arguments.file, &target));
    if is_named && failed.is_none() {
        are_free(&written)?;
    }
    let is_written = is_named && !arguments.dry_run;
    let is_written = is_written && failed.is_none();
    let carried = if is_written {
        put(&plan, &written, &target)?
    } else {
        Vec::new()
    };
    let target = is_written.then_some(target.as_path());
    if arguments.form.is_json() {
        screen::json(&described(&plan, &written, (target, &carried)))?;
    } else {
        tell(&plan, &written, target)?;
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Nothing is overwritten, and no folder is made.
fn has_room(target: &Path) -> Result<(), TakeoverError> {
    if target.symlink_metadata().is_ok() {
        let file = target.to_owned();
        return Err(TakeoverError::Exists { file });
    }
    match target.parent() {
        Some(folder) if !folder.is_dir() => Err(TakeoverError::NoFolder {
            folder: folder.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Why none of it is written, wherever that would be.
fn obstacle(
    plan: &Plan,
    written: &Written,
    (file, target): (&Path, &Path),
) -> Option<TakeoverError> {
    let file = file.to_owned();
    if plan.opens_nothing() {
        return Some(TakeoverError::Nothing { file });
    }
    if !plan.conflicts.is_empty() {
        let conflicts = plan.conflicts.clone();
        return Some(TakeoverError::Conflict { file, conflicts });
    }
    fit(Purpose::SetUp, written, target).err()
}

/// No file with a secret of somebody else is where one would be written.
fn are_free(written: &Written) -> Result<(), Failure> {
    for (file, secret) in &written.secrets {
        holds_the_same(file, secret)?;
    }
    Ok(())
}

/// Whether it is there already; one that a killed import left there has the same secret.
fn holds_the_same(file: &Path, secret: &SecretString) -> Result<bool, Failure> {
    if file.symlink_metadata().is_err() {
        return Ok(false);
    }
    if files::read_private(file, MOST)?.as_slice() != secret.expose_secret().as_bytes() {
        let file = file.to_owned();
        return Err(TakeoverError::OtherSecret { file }.into());
    }
    Ok(true)
}

/// What is written passes the same check as `gatepost config check`.
fn fit(purpose: Purpose, written: &Written, target: &Path) -> Result<Config, TakeoverError> {
    let checked = check_text(purpose, (target, &written.text));
    checked.map_err(|source| TakeoverError::Unfit {
        file: target.to_owned(),
        source,
    })
}

/// Reads the files, tries the passwords, and makes the plan.
fn planned(arguments: &EmailproxyArguments) -> Result<Plan, Failure> {
    let unreadable = |file: &Path| {
        let file = file.to_owned();
        move |source| TakeoverError::Unreadable { file, source }
    };
    let octets = files::read_public(&arguments.file, MOST).map_err(UsageError::named)?;
    let ini = Ini::parse(&decode(&octets)).map_err(unreadable(&arguments.file))?;
    let cache = match &arguments.cache_store {
        Some(file) => {
            let octets = files::read_public(file, MOST).map_err(UsageError::named)?;
            Some(CacheStore::parse(&decode(&octets)).map_err(unreadable(file))?)
        }
        None => None,
    };
    let passwords = match &arguments.passwords {
        Some(file) => {
            let octets = files::read_private(file, MOST).map_err(UsageError::named)?;
            passwords::read(&decode(&octets)).map_err(unreadable(file))?
        }
        None => Passwords::default(),
    };
    let names = passwords.keys().map(String::as_str);
    let read = EmailProxy::read(ini, cache.as_ref(), names);
    let opening = Opening::try_all(&read, passwords);
    let file = std::path::absolute(&arguments.file).unwrap_or_else(|_| arguments.file.clone());
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut plan = plan(&read, folder, &opening, &look);
    for file in std::iter::once(&arguments.file).chain(&arguments.cache_store) {
        readable_by_others(file, &mut plan);
    }
    Ok(plan)
}

fn mode_of(file: &Path) -> Option<u32> {
    let found = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(found.permissions().mode() & 0o777)
}

fn look(file: &Path) -> FoundFile {
    match mode_of(file) {
        None => FoundFile::Absent,
        Some(mode) if mode & OTHERS != 0 => FoundFile::Open,
        Some(_) => FoundFile::Private,
    }
}

fn readable_by_others(file: &Path, plan: &mut Plan) {
    let Some(mode) = mode_of(file) else { return };
    if mode & OTHERS != 0 {
        let sentence = format!(
            "{} has the mode {mode:04o}, so that others on this machine can read client secrets \
             and try passwords on its tokens: chmod 600, and remove it after the takeover",
            file.display()
        );
        plan.report.add_general(Heading::Unsafe, sentence);
    }
}

/// Puts everything in its place, and the configuration last: while that is not there, the same
/// can be done again, whatever stopped it, and comes to the same.
fn put(plan: &Plan, written: &Written, target: &Path) -> Result<Vec<(String, Carried)>, Failure> {
    let mut made: Vec<&Path> = Vec::new();
    let done = put_secrets(written, &mut made).and_then(|()| {
        let config = fit(Purpose::Work, written, target)?;
        let carried = fill(plan, config)?;
        files::create_private(target, written.text.as_bytes())?;
        Ok(carried)
    });
    if done.is_err() {
        for file in made {
            let _ = std::fs::remove_file(file);
        }
    }
    done
}

/// Puts into the store what a file must not hold.
fn fill(plan: &Plan, config: Config) -> Result<Vec<(String, Carried)>, Failure> {
    runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let maker = Maker {
            passwords: &gatepost.store,
            clock: &gatepost.clock,
            chance: &gatepost.chance,
            cost: Cost::USUAL,
        };
        let carried = carry(plan, &gatepost.config, (&gatepost.store, &maker)).await;
        gatepost.end().await;
        carried
    })
}

/// Writes the secrets beside the configuration.
fn put_secrets<'w>(written: &'w Written, made: &mut Vec<&'w Path>) -> Result<(), Failure> {
    for (file, secret) in &written.secrets {
        if !holds_the_same(file, secret)? {
            files::create_private(file, secret.expose_secret().as_bytes())?;
            made.push(file);
        }
    }
    Ok(())
}

fn described(
    plan: &Plan,
    written: &Written,
    (target, carried): (Option<&Path>, &[(String, Carried)]),
) -> serde_json::Value {
    let under = |heading| plan.report.under(heading).collect::<Vec<_>>();
    let accounts = plan.mailboxes.iter().map(|mailbox| {
        let found = carried
            .iter()
            .find(|(address, _)| *address == mailbox.address);
        json!({
            "account": mailbox.login,
            "mailbox": mailbox.address,
            "registration": mailbox.registration,
            "grant": mailbox.grant,
            "carried": found.map(|(_, carried)| carried.name()),
        })
    });
    let secrets = written.secrets.iter().map(|(file, _)| file);
    json!({
        "written": target,
        "secret_files": target.map(|_| secrets.collect::<Vec<_>>()),
        "configuration": written.text,
        "accounts": accounts.collect::<Vec<_>>(),
        "taken": under(Heading::Taken),
        "not_taken": under(Heading::NotTaken),
        "unsafe": under(Heading::Unsafe),
        "next": under(Heading::Next),
    })
}

/// The report, and what was written, or would be.
fn tell(plan: &Plan, written: &Written, target: Option<&Path>) -> Result<(), Failure> {
    screen::line(&screen::clean(plan.report.text().trim_end()))?;
    if let Some(target) = target {
        return tell_written(written, target);
    }
    screen::line(&format!(
        "\nnothing was changed; with --write FILE this would be written{}:\n\n{}",
        kept_in(written, Path::new(USUAL))
            .map(|folder| format!(", and tokens and app passwords into {folder}"))
            .unwrap_or_default(),
        screen::clean(&written.text)
    ))
}

/// Where the tokens and app passwords are kept, as the written configuration or this machine says.
fn kept_in(written: &Written, target: &Path) -> Option<String> {
    let config = fit(Purpose::SetUp, written, target).ok()?;
    Some(screen::clean_line(
        &config.state.path().display().to_string(),
    ))
}

fn tell_written(written: &Written, target: &Path) -> Result<(), Failure> {
    let shown = |file: &Path| screen::clean_line(&file.display().to_string());
    screen::line(&format!("\nwritten: {}", shown(target)))?;
    for (file, _) in &written.secrets {
        screen::line(&format!("written: {}", shown(file)))?;
    }
    if let Some(folder) = kept_in(written, target) {
        screen::line(&format!("tokens and app passwords: in {folder}"))?;
    }
    screen::line(&format!(
        "next: gatepost config check --secrets --config {}",
        shown(target)
    ))
}

/// What a group and all others may do.
const OTHERS: u32 = 0o077;
const USUAL: &str = "gatepost.toml";
/// Thousands of accounts.
const MOST: usize = 16 << 20;
