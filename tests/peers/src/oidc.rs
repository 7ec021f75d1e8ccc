//! A certified OpenID provider, npm's `oidc-provider`, at the paths of Entra ID.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Authority, PeerError, folder, installed};

/// The provider as a process of its own, on loopback, over https.
///
/// Whoever signs in does so at once, as whom the request hints at: see `provider.mjs`.
#[derive(Debug)]
pub struct OpenIdProvider {
    folder: TempDir,
    authority: Authority,
    login: String,
    process: Child,
    /// The process ends with it, even if this one is killed.
    _held: Option<ChildStdin>,
}

impl OpenIdProvider {
    /// The name of the one tenant, which is only a part of paths.
    pub const TENANT: &'static str = "contoso.example";
    /// Who declines when asked to consent.
    pub const DECLINER: &'static str = "mallory@contoso.example";

    /// Starts it with `clients`, each an object of client metadata (OpenID Connect Dynamic Client
    /// Registration §2), where `certificate`, in PEM, may stand for `jwks`. Returns when it
    /// listens.
    pub fn start(clients: &Value) -> Result<Self, PeerError> {
        let node = installed::program("node", "nodejs")?;
        let script = script()?;
        let folder = folder::temporary("gatepost-oidc-")?;
        let authority = Authority::new(folder.path())?;
        let server = authority.issue(&["localhost", "127.0.0.1"])?;
        let settings = json!({
            "certificate": server.certificate_pem,
            "key": server.key_pem,
            "tenant": Self::TENANT,
            "clients": clients,
        });
        let file = folder.path().join("provider.json");
        folder::write_private(&file, settings.to_string())?;
        let log = folder.path().join(LOG);
        let mut process = Command::new(node)
            .arg(script)
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(PeerError::file(&log))?)
            .spawn()
            .map_err(PeerError::system("cannot run node"))?;
        let held = process.stdin.take();
        let mut provider = Self {
            folder,
            authority,
            login: String::new(),
            process,
            _held: held,
        };
        provider.login = format!("https://localhost:{}", provider.port()?);
        Ok(provider)
    }

    /// What stands in the place of `https://login.microsoftonline.com`.
    pub fn login_url(&self) -> &str {
        &self.login
    }

    /// The authority of its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// What it has complained of so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// The line it prints when it listens; at its end there is none.
    fn port(&mut self) -> Result<u16, PeerError> {
        let stdout = self.process.stdout.take();
        let mut line = String::new();
        BufReader::new(stdout.expect("standard output is a pipe"))
            .read_line(&mut line)
            .map_err(PeerError::system("cannot read what oidc-provider prints"))?;
        line.trim_end().parse().map_err(|_| PeerError::NotStarted {
            program: "oidc-provider",
            reason: "it ended before it listened".to_owned(),
            log: self.log(),
        })
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The script, if what it imports is there.
fn script() -> Result<PathBuf, PeerError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("oidc");
    if folder.join("node_modules/oidc-provider").is_dir() {
        Ok(folder.join("provider.mjs"))
    } else {
        Err(PeerError::NoNodeModules { folder })
    }
}

const LOG: &str = "provider.log";
