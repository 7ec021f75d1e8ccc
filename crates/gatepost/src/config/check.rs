//! From what was typed to what it means. Every fault is found before any of them is reported.

mod clouds;
mod events;
mod files;
mod gateway;
mod logins;
mod mailboxes;
mod outbox;
mod registrations;
mod sinks;
mod token_files;
mod values;
mod watches;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use gatepost_host::environment;
use gatepost_store::{KeySource, StateFolder};
use tracing_subscriber::EnvFilter;

use super::checked::{Config, Limits, Log, LogFormat};
use super::problem::Source;
use super::raw::{Placed, RawConfig, RawLog, RawLogFormat};
use super::{ConfigError, Problem, Purpose, key_names};

/// Checks `raw`, which was read from `source`.
pub(super) fn check(
    raw: &RawConfig,
    source: &Source<'_>,
    purpose: Purpose,
) -> Result<Config, ConfigError> {
    let mut check = Check::new(source, purpose);
    let state = raw
        .state
        .as_deref()
        .map_or_else(usual_state, |state| check.path(state));
    let key = match &raw.key {
        None => KeySource::StateFolder,
        Some(key) => KeySource::Elsewhere(check.secret_source(key)),
    };
    let token_files = token_files::check(raw, &state, &mut check);
    let log = log(&raw.log, &mut check);
    let limits = limits(raw, &mut check);
    let clouds = clouds::check(&raw.cloud, &mut check);
    let registrations = registrations::check(&raw.registration, &clouds, &mut check);
    let mailboxes = mailboxes::check(raw, &registrations, &mut check);
    let opened = clouds::Opened {
        registrations: &registrations,
        mailboxes: &mailboxes,
    };
    clouds::have_hosts(raw, &opened, &mut check);
    let sinks = sinks::check(&raw.sink, &mut check);
    let events = events::check(raw, &mut check);
    let outbox = outbox::check(raw, &mut check);
    let watches = watches::check(raw, &mut check);
    let gateway = gateway::check(raw, &mailboxes, &mut check);
    check.end()?;
    Ok(Config {
        file: source.file.to_owned(),
        state: StateFolder::new(state),
        key,
        log,
        limits,
        registrations,
        mailboxes,
        sinks,
        events,
        outbox,
        watches,
        gateway,
        token_files,
    })
}

/// What all checks share: the file, and the problems found so far.
struct Check<'a> {
    source: &'a Source<'a>,
    purpose: Purpose,
    folder: PathBuf,
    problems: Vec<(usize, Problem)>,
}

impl<'a> Check<'a> {
    fn new(source: &'a Source<'a>, purpose: Purpose) -> Self {
        let folder = source
            .file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            source,
            purpose,
            folder,
            problems: Vec::new(),
        }
    }

    /// Reports that `at` is wrong.
    fn report<T>(&mut self, at: &Placed<T>, code: &'static str, sentence: impl Into<String>) {
        self.report_at(at.span(), code, sentence);
    }

    /// Reports that what stands at `span` is wrong.
    fn report_at(&mut self, span: Range<usize>, code: &'static str, sentence: impl Into<String>) {
        let problem = self.source.problem(span.clone(), code, sentence);
        self.problems.push((span.start, problem));
    }

    /// Unwraps a value, or reports why it is wrong.
    fn accept<T, V, E: std::fmt::Display>(
        &mut self,
        at: &Placed<T>,
        value: Result<V, E>,
    ) -> Option<V> {
        value
            .map_err(|error| self.report(at, "config_wrong_value", error.to_string()))
            .ok()
    }

    /// Reports a name that leads nowhere, with the one that may be meant.
    fn unknown<'n>(
        &mut self,
        at: &Placed<String>,
        what: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let advice = key_names::advice(at, known);
        let name = at.as_str();
        let sentence = format!("there is no {what} `{name}`{advice}");
        self.report(at, "config_unknown_name", sentence);
    }

    /// The sinks that are meant, each once. Those that lead nowhere are reported.
    fn sinks(&mut self, wanted: &[Placed<String>], raw: &RawConfig) -> Vec<String> {
        for sink in wanted {
            if !raw.sink.keys().any(|name| **name == **sink) {
                let known: Vec<_> = raw.sink.keys().map(|name| name.as_str()).collect();
                self.unknown(sink, "sink", known);
            }
        }
        let sinks: BTreeSet<_> = wanted.iter().map(|sink| sink.as_str().to_owned()).collect();
        sinks.into_iter().collect()
    }

    /// A path as it is meant: relative to the file, or to the home folder if it begins with `~/`.
    fn path(&self, path: &Path) -> PathBuf {
        if let (Ok(rest), Ok(home)) = (path.strip_prefix("~"), etcetera::home_dir()) {
            return home.join(rest);
        }
        // Without the `.` that people begin relative paths with.
        self.folder.join(path).components().collect()
    }

    fn end(mut self) -> Result<(), ConfigError> {
        self.problems.sort_by_key(|(at, _)| *at);
        ConfigError::unless_empty(
            self.problems
                .into_iter()
                .map(|(_, problem)| problem)
                .collect(),
        )
    }
}

fn usual_state() -> PathBuf {
    // systemd lists every StateDirectory= of the unit, with colons between (systemd.exec(5)).
    if let Some(listed) = environment::path("STATE_DIRECTORY")
        && let Some(first) = std::env::split_paths(&listed).next()
    {
        return first;
    }
    let home = etcetera::choose_base_strategy()
        .ok()
        .and_then(|base| base.state_dir());
    match home {
        Some(state) if !rustix::process::geteuid().is_root() => state.join("gatepost"),
        _ => PathBuf::from("/var/lib/gatepost"),
    }
}

fn log(raw: &RawLog, check: &mut Check<'_>) -> Log {
    if let Some(level) = &raw.level
        && let Err(error) = EnvFilter::try_new(level.as_str())
    {
        let sentence =
            format!("this is no log level: {error}; write info, debug or info,gatepost_mail=trace");
        check.report(level, "config_wrong_value", sentence);
    }
    let level = raw
        .level
        .as_ref()
        .map_or(USUAL_LEVEL, |level| level.as_str());
    Log {
        level: environment::text("GATEPOST_LOG").unwrap_or_else(|| level.to_owned()),
        format: match raw.format {
            None | Some(RawLogFormat::Text) => LogFormat::Text,
            Some(RawLogFormat::Json) => LogFormat::Json,
        },
    }
}

fn limits(raw: &RawConfig, check: &mut Check<'_>) -> Limits {
    let mut positive = |limit: &Option<Placed<u64>>, usual: u64| match limit {
        None => usual,
        Some(limit) if **limit == 0 => {
            let sentence = "a limit of 0 would never fetch anything; choose a larger number";
            check.report(limit, "config_wrong_value", sentence);
            usual
        }
        Some(limit) => **limit,
    };
    Limits {
        undelivered: positive(&raw.limits.undelivered, USUAL_UNDELIVERED),
        spool: positive(&raw.limits.spool_mib, USUAL_SPOOL_MIB).saturating_mul(MIB),
    }
}

const USUAL_LEVEL: &str = "info";
const USUAL_UNDELIVERED: u64 = 10_000;
const USUAL_SPOOL_MIB: u64 = 2_048;
const MIB: u64 = 1024 * 1024;
