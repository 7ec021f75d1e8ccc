//! The imaginary Microsoft 365 as a process of its own, so that its time weighs on whoever asks
//! it alike, and `curl`, which asks it the same.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use gatepost_host::{Chance, Clock, Trust, http_client_apart};
use gatepost_mail::graph::{Governor, GraphSettings};
use gatepost_peers::{HeldToken, gatepost};
use gatepost_sandbox::EnvFile;
use tempfile::TempDir;

use crate::until;

/// A running sandbox with empty mailboxes, and a token of its app.
#[derive(Debug)]
pub struct SandboxProcess {
    env: EnvFile,
    token: String,
    folder: TempDir,
    _process: RunningSandbox,
}

/// Ends with its owner.
#[derive(Debug)]
struct RunningSandbox(std::process::Child);

impl SandboxProcess {
    /// Starts it; it ends with this value.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let env_file = folder.path().join("sandbox.env");
        let process = gatepost()?
            .args(["sandbox", "--empty", "--unlimited", "--env-file"])
            .arg(&env_file)
            .arg("--state")
            .arg(folder.path().join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let process = RunningSandbox(process);
        until("the sandbox", || Ok(env_file.exists()))?;
        let mut sandbox = Self {
            env: EnvFile::read(&env_file)?,
            token: String::new(),
            folder,
            _process: process,
        };
        sandbox.token = sandbox.app_token()?;
        Ok(sandbox)
    }

    /// What it says of itself under this name, without the prefix of all.
    pub fn told(&self, name: &str) -> anyhow::Result<&str> {
        let value = self.env.get(&format!("GATEPOST_SANDBOX_{name}"));
        value.with_context(|| format!("the sandbox does not tell {name}"))
    }

    /// The place of a file that is to be sent.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the same message into the inbox of a mailbox so many times.
    pub fn deliver(&self, mailbox: &str, message: &[u8], times: usize) -> anyhow::Result<()> {
        let file = self.file("delivered.eml");
        std::fs::write(&file, message)?;
        let (control, token) = (self.told("CONTROL")?, self.told("CONTROL_TOKEN")?);
        // What is behind the mark is counted, and not sent.
        self.curl(&[format!(
            "url = \"{control}/deliver?to={mailbox}#[1-{times}]\"\nrequest = POST\n\
             header = \"Authorization: Bearer {token}\"\n\
             data-binary = \"@{}\"\noutput = /dev/null\n",
            file.display()
        )])?;
        Ok(())
    }

    /// Graph's address of something of a mailbox.
    pub fn graph(&self, mailbox: &str, rest: &str) -> anyhow::Result<String> {
        Ok(format!(
            "{}/v1.0/users/{mailbox}/{rest}",
            self.told("GRAPH")?
        ))
    }

    /// The line of a request of `curl` that shows the token.
    pub fn authorization(&self) -> String {
        format!("header = \"Authorization: Bearer {}\"\n", self.token)
    }

    /// How our transport asks Graph for a mailbox, with connections of its own.
    pub fn settings(&self, mailbox: &str) -> anyhow::Result<GraphSettings> {
        let trust = Trust::with_authority(self.told("CA")?.as_ref())?;
        Ok(GraphSettings {
            base: self.told("GRAPH")?.parse()?,
            http: http_client_apart(&trust, GraphSettings::HTTP)?,
            mailbox: mailbox.to_owned(),
            tokens: Arc::new(HeldToken::new(&self.token)),
            clock: Clock::system(),
            chance: Chance::system(),
            governor: Governor::new(),
            poll_every: GraphSettings::POLL_EVERY,
            reply: GraphSettings::REPLY,
            largest_message: GraphSettings::LARGEST_MESSAGE,
            largest_mime: GraphSettings::LARGEST_MIME,
        })
    }

    /// One `curl` that makes these requests, each in the words of its configuration file;
    /// answers what it printed.
    pub fn curl(&self, requests: &[String]) -> anyhow::Result<String> {
        let authority = self.told("CA")?;
        let common = format!("silent\nshow-error\nfail\nhttp1.1\ncacert = \"{authority}\"\n");
        let requests: Vec<String> = requests
            .iter()
            .map(|request| format!("{common}{request}"))
            .collect();
        let mut curl = Command::new("curl")
            .args(["--config", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run curl")?;
        let stdin = curl.stdin.take();
        stdin
            .context("it has a standard input")?
            .write_all(requests.join("next\n").as_bytes())?;
        let output = curl.wait_with_output()?;
        if !output.status.success() {
            bail!("curl: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn app_token(&self) -> anyhow::Result<String> {
        let answer = self.curl(&[format!(
            "url = \"{}/{}/oauth2/v2.0/token\"\n\
             data-urlencode = \"client_id={}\"\ndata-urlencode = \"client_secret={}\"\n\
             data-urlencode = \"scope=https://graph.microsoft.com/.default\"\n\
             data-urlencode = \"grant_type=client_credentials\"\n",
            self.told("LOGIN")?,
            self.told("TENANT")?,
            self.told("CLIENT_ID")?,
            self.told("CLIENT_SECRET")?,
        )])?;
        text_of(&answer, "access_token")
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A text of a JSON object.
pub fn text_of(json: &str, name: &str) -> anyhow::Result<String> {
    let json: serde_json::Value = serde_json::from_str(json)?;
    let text = json.get(name).and_then(serde_json::Value::as_str);
    let text = text.with_context(|| format!("no {name} in the answer"))?;
    Ok(text.to_owned())
}
