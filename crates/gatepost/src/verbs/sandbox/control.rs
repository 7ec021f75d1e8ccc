//! `gatepost sandbox deliver` and `gatepost sandbox fault`: what is said to a running sandbox
//! over its control API.

use std::path::{Path, PathBuf};

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_host::{FileError, HttpLimits, Trust, environment, files, http_client};
use gatepost_sandbox::EnvFile;
use gatepost_sandbox::faults::{FaultKind, FaultOrder};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::usual_env_file;
use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;

/// What `sandbox deliver` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Deliver {
    /// The address of the mailbox.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The env file of the sandbox; otherwise the variables it brings into a shell, otherwise the
    /// usual file.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// The messages, one in each file.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// What `sandbox fault` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = fault_names())]
pub(super) struct FaultArguments {
    /// The fault, for whom and how often: `throttle`, `throttle,mailbox=ada.berg@contoso.com`,
    /// `server-error,times=3`. Without one, the faults that stand are listed.
    order: Option<String>,
    /// Take the fault back; without one, all of them.
    #[arg(long)]
    clear: bool,
    /// The env file of the sandbox; otherwise the variables it brings into a shell, otherwise the
    /// usual file.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// Delivers the messages in their order.
pub(super) async fn deliver(arguments: &Deliver) -> Result<(), Failure> {
    let control = Control::of(arguments.env_file.as_deref())?;
    for file in &arguments.files {
        let message = files::read_public(file, LARGEST).map_err(UsageError::named)?;
        let mut url = control.url("deliver");
        url.query_pairs_mut().append_pair("to", &arguments.to);
        let answer = control.say(Request::Post(url, message.to_vec())).await?;
        let uid = answer["uid"].as_u64().unwrap_or_default();
        screen::line(&format!(
            "{} is in {} as UID {uid}",
            file.display(),
            arguments.to
        ))?;
    }
    Ok(())
}

/// Orders a fault, takes it back, or lists those that stand.
pub(super) async fn fault(arguments: &FaultArguments) -> Result<(), Failure> {
    let control = Control::of(arguments.env_file.as_deref())?;
    let order = arguments.order.as_deref();
    // A misspelt name is refused here already, with the names there are.
    let order = order.map(str::parse::<FaultOrder>).transpose()?;
    let request = match (order, arguments.clear) {
        (None, false) => Request::Get(control.url("faults")),
        (None, true) => Request::Delete(control.url("faults")),
        (Some(order), true) => Request::Delete(control.url(&format!("faults/{}", order.kind))),
        (Some(order), false) => {
            Request::Post(control.url("faults"), order.to_string().into_bytes())
        }
    };
    let answer = control.say(request).await?;
    let standing = answer["faults"].as_array().map_or(&[][..], Vec::as_slice);
    if standing.is_empty() {
        return screen::line("no fault stands");
    }
    for fault in standing {
        let order = fault["order"].as_str().unwrap_or_default();
        let left = fault["left"]
            .as_u64()
            .map_or_else(String::new, |left| format!(" ({left} left)"));
        let kind = order.parse::<FaultOrder>().map(|order| order.kind);
        let summary = kind.map_or("", FaultKind::summary);
        screen::line(&format!("{order}{left}: {summary}"))?;
    }
    Ok(())
}

fn fault_names() -> String {
    let lines = FaultKind::ALL
        .iter()
        .map(|kind| format!("  {:32} {}", kind.name(), kind.summary()));
    format!("Faults:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

/// A running sandbox.
struct Control {
    base: Url,
    trust: Trust,
    token: SecretString,
}

/// What is said to it.
enum Request {
    Get(Url),
    Delete(Url),
    Post(Url, Vec<u8>),
}

impl Control {
    /// The sandbox of `env_file`; otherwise that of the environment, where a shell may have
    /// brought the file; otherwise that of the usual file.
    fn of(env_file: Option<&Path>) -> Result<Self, Failure> {
        if env_file.is_none() && environment::text(CONTROL).is_some() {
            return Self::described("the environment", environment::text);
        }
        let path = env_file.map_or_else(usual_env_file, Path::to_owned);
        let env = EnvFile::read(&path).map_err(|source| SandboxControlError::NotRunning {
            env_file: path.clone(),
            source,
        })?;
        let value = |name: &str| env.get(name).map(str::to_owned);
        Self::described(&path.display().to_string(), value)
    }

    fn described(place: &str, value: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let unusable = |name: &str| UsageError::Argument {
            argument: place.to_owned(),
            reason: format!("{name} is not as this version of gatepost sandbox writes it"),
        };
        let variable = |name: &str| value(name).ok_or_else(|| unusable(name));
        Ok(Self {
            base: Url::parse(&variable(CONTROL)?).map_err(|_| unusable(CONTROL))?,
            trust: Trust::with_authority(Path::new(&variable(AUTHORITY)?))?,
            token: variable(TOKEN)?.into(),
        })
    }

    fn url(&self, leaf: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{leaf}", self.base.path()));
        url
    }

    async fn say(&self, request: Request) -> Result<Value, Failure> {
        let http = http_client(&self.trust, HttpLimits::default())?;
        let request = match request {
            Request::Get(url) => http.get(url),
            Request::Delete(url) => http.delete(url),
            Request::Post(url, body) => http.post(url).body(body),
        };
        let unreachable = |reason: String| SandboxControlError::Unreachable {
            address: self.base.to_string(),
            reason,
        };
        let reply = request.bearer_auth(self.token.expose_secret()).send().await;
        let reply = reply.map_err(|error| unreachable(error.to_string()))?;
        let status = reply.status();
        let answer: Value = reply
            .json()
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        if status.is_success() {
            return Ok(answer);
        }
        let said = answer["message"]
            .as_str()
            .unwrap_or("it does not say why")
            .to_owned();
        Err(SandboxControlError::Refused { said }.into())
    }
}

/// Why a running sandbox could not be told something.
#[derive(Debug, thiserror::Error)]
pub enum SandboxControlError {
    /// There is no env file.
    #[error(
        "no sandbox seems to run here ({source}); start one with gatepost sandbox, or name its \
         env file with --env-file FILE instead of {}", env_file.display()
    )]
    NotRunning {
        /// Where the env file was looked for.
        env_file: PathBuf,
        /// What is wrong with it.
        source: FileError,
    },
    /// Nobody answers.
    #[error("the sandbox at {address} does not answer: {reason}; has it ended?")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// It refuses.
    #[error("the sandbox refuses: {said}")]
    Refused {
        /// What it said.
        said: String,
    },
}

impl SandboxControlError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &[
        "sandbox_not_running",
        "sandbox_unreachable",
        "sandbox_refuses",
    ];
}

impl Fault for SandboxControlError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotRunning { .. } => "sandbox_not_running",
            Self::Unreachable { .. } => "sandbox_unreachable",
            Self::Refused { .. } => "sandbox_refuses",
        }
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        match self {
            Self::Unreachable { .. } => Next::Retry(After::Backoff),
            Self::NotRunning { .. } | Self::Refused { .. } => Next::Discard,
        }
    }
}

const CONTROL: &str = "GATEPOST_SANDBOX_CONTROL";
const AUTHORITY: &str = "GATEPOST_SANDBOX_CA";
const TOKEN: &str = "GATEPOST_SANDBOX_CONTROL_TOKEN";

/// The largest message that Exchange Online accepts by policy.
const LARGEST: usize = 150 * 1024 * 1024;
