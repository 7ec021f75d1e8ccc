//! An imaginary tenant, and email-oauth2-proxy in front of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gatepost_peers::{EmailProxy, gatepost};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Signs in with a browser; her clients show a password of their own.
pub(crate) const ADA: &str = "ada.berg@contoso.com";
/// His clients show the password that he has at Microsoft.
pub(crate) const JUN: &str = "jun.tanaka@contoso.com";
/// Opened by the app in its own name.
pub(crate) const SUPPORT: &str = "support@contoso.com";

/// A folder where a proxy was configured, and Gatepost takes its place.
pub(crate) struct Place {
    folder: TempDir,
    /// Whom programs trust there.
    authority: PathBuf,
}

/// A tenant that runs, and a place of a proxy in front of it.
pub(crate) struct Stand {
    pub(crate) place: Place,
    sandbox: Child,
    env: BTreeMap<String, String>,
    /// Where the proxy takes IMAP.
    pub(crate) port: u16,
    redirect: u16,
}

impl Stand {
    pub(crate) fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let env_file = folder.path().join("sandbox.env");
        let mut command = program(folder.path())?;
        command.args(["sandbox", "--env-file"]).arg(&env_file);
        let mut sandbox = command.stdout(Stdio::piped()).spawn()?;
        let stdout = sandbox.stdout.take().ok_or("standard output is a pipe")?;
        // It speaks when everything listens.
        BufReader::new(stdout).lines().next().ok_or("it ended")??;
        let text = fs::read_to_string(&env_file)?;
        let variable = |line: &str| {
            let (name, value) = line.split_once('=')?;
            let name = name.strip_prefix("GATEPOST_SANDBOX_")?;
            Some((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        };
        let env: BTreeMap<_, _> = text.lines().filter_map(variable).collect();
        // Both are held at the same time, so that they differ.
        let ports = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let authority = env.get("CA").map(PathBuf::from);
        let authority = authority.ok_or("the env file names no authority")?;
        Ok(Self {
            place: Place { folder, authority },
            sandbox,
            env,
            port: ports[0].local_addr()?.port(),
            redirect: ports[1].local_addr()?.port(),
        })
    }

    /// What the sandbox says of itself.
    pub(crate) fn variable(&self, name: &str) -> Result<&str, Failure> {
        let found = self.env.get(name).map(String::as_str);
        found.ok_or_else(|| format!("the env file has no {name}").into())
    }

    /// Where people sign in, and tokens are asked for.
    pub(crate) fn endpoints(&self) -> Result<String, Failure> {
        let (login, tenant) = (self.variable("LOGIN")?, self.variable("TENANT")?);
        Ok(format!("{login}/{tenant}/oauth2/v2.0"))
    }

    /// A page where Jun consents, since nobody asks him when his password is exchanged.
    pub(crate) fn consent_of_jun(&self) -> Result<String, Failure> {
        Ok(format!(
            "{}/authorize?client_id={}&response_type=code&scope={}\
             &redirect_uri=http%3A%2F%2Flocalhost%3A{}&login_hint={JUN}",
            self.endpoints()?,
            self.variable("CLIENT_ID")?,
            SCOPE.replace(' ', "%20"),
            self.redirect
        ))
    }

    /// The configuration of the proxy, before anybody signed in.
    pub(crate) fn proxy_configuration(&self) -> Result<String, Failure> {
        let (host, port) = self.variable("IMAP")?.rsplit_once(':').ok_or("host:port")?;
        let endpoints = self.endpoints()?;
        let app = format!(
            "token_url = {endpoints}/token\nclient_id = {}\nclient_secret = {}\n",
            self.variable("CLIENT_ID")?,
            self.variable("CLIENT_SECRET")?
        );
        Ok(format!(
            "[Server setup]\ndocumentation = what it is\n\tand how\n\n\
             [IMAP-{}]\nserver_address = {host}\nserver_port = {port}\nlocal_address = 127.0.0.1\n\n\
             [{ADA}]\n{app}permission_url = {endpoints}/authorize\noauth2_scope = {SCOPE}\n\
             redirect_uri = http://localhost:{}\n\n\
             [{JUN}]\n{app}oauth2_scope = {SCOPE}\noauth2_flow = password\n\n\
             [{SUPPORT}]\n{app}oauth2_scope = https://outlook.office365.com/.default\n\
             oauth2_flow = client_credentials\n\n\
             [emailproxy]\ndelete_account_token_on_password_error = False\n",
            self.port, self.redirect
        ))
    }

    /// The password that clients of an account show.
    pub(crate) fn password(&self, account: &str) -> Result<String, Failure> {
        Ok(match account {
            ADA => "Größe: 7 \"of Ada's clients\"".to_owned(),
            JUN => self.variable("PASSWORD")?.to_owned(),
            _ => "scanner".to_owned(),
        })
    }

    /// Writes the passwords that clients show, as `--passwords` takes them; gives the options that
    /// name them.
    pub(crate) fn write_passwords(&self) -> Result<[&'static str; 2], Failure> {
        let mut passwords = String::new();
        for account in [ADA, JUN, SUPPORT] {
            writeln!(passwords, "{account} {}", self.password(account)?)?;
        }
        self.place.write("passwords", &passwords)?;
        Ok(["--passwords", "passwords"])
    }

    /// Has the real proxy sign in each account, and gives the clear tokens that it kept.
    pub(crate) fn use_proxy(&self, config: &Path) -> Result<Value, Failure> {
        let mut logins = Vec::new();
        for account in [ADA, JUN, SUPPORT] {
            let password = self.password(account)?;
            logins.push(json!({ "user": account, "password": password, "expected": true }));
        }
        logins.push(json!({ "user": SUPPORT, "password": "another", "expected": false }));
        let order = json!({
            "config": config,
            "port": self.port,
            "person_password": self.variable("PASSWORD")?,
            "consents": [{ "user": JUN, "url": self.consent_of_jun()? }],
            "logins": logins,
        });
        let said = self.place.clients(&order)?;
        Ok(serde_json::from_slice(&said)?)
    }
}

impl Stand {
    /// Whether an account comes in at the port of before, and how many messages it finds.
    pub(crate) fn log_in(&self, account: &str, password: &str) -> Result<Option<u32>, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut session = BufReader::new(stream);
        session.read_line(&mut String::new())?;
        let answer = BASE64.encode(format!("\0{account}\0{password}"));
        let said = command(&mut session, &format!("a AUTHENTICATE PLAIN {answer}"))?;
        if !said.contains("a OK") {
            return Ok(None);
        }
        let said = command(&mut session, "a EXAMINE INBOX")?;
        let exists = said.lines().find_map(|line| line.strip_suffix(" EXISTS"));
        let exists = exists.and_then(|line| line.strip_prefix("* "));
        Ok(Some(exists.ok_or("no EXISTS")?.parse()?))
    }
}

impl Place {
    /// An empty one, where `authority` is trusted.
    pub(crate) fn trusting(authority: &Path) -> Result<Self, Failure> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            authority: authority.to_owned(),
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }

    /// Has Gatepost take the place of the proxy whose configuration was written, and gives what it
    /// tells of that.
    pub(crate) fn import(&self, options: &[&str]) -> Result<Value, Failure> {
        let words = ["import", "emailproxy", "emailproxy.config", "--json"];
        let told = self.gatepost(&[&words[..], options].concat())?;
        Ok(serde_json::from_str(&told)?)
    }

    /// Has clients use the real proxy, or whoever has taken its place; gives what they say.
    pub(crate) fn clients(&self, order: &Value) -> Result<Vec<u8>, Failure> {
        let mut clients = EmailProxy::installed()?.clients();
        clients.env("SSL_CERT_FILE", &self.authority);
        clients.current_dir(self.folder.path());
        Ok(told(&mut clients, order)?.stdout)
    }

    /// Runs gatepost to its end; it must end well.
    pub(crate) fn gatepost(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = program(self.folder.path())?.args(arguments).output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("gatepost {arguments:?}: {complaint}").into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Has a configuration that was written trust the servers: their authority is none that the
    /// system trusts.
    pub(crate) fn trust_servers(&self, name: &str) -> Result<(), Failure> {
        let text = fs::read_to_string(self.path(name))?;
        let trusting = format!("[cloud.own]\nca_file = \"{}\"\n", self.authority.display());
        self.write(name, &text.replace("[cloud.own]\n", &trusting))?;
        Ok(())
    }

    /// Starts the gateway of a configuration; its doors are open when this returns.
    pub(crate) fn serve(&self, name: &str) -> Result<Serving, Failure> {
        let mut command = program(self.folder.path())?;
        command.args(["--config", name, "serve"]);
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("standard error is a pipe")?;
        let mut serving = Serving {
            child,
            log: BufReader::new(stderr),
        };
        let mut line = String::new();
        while !line.contains("gatepost serves") {
            line.clear();
            if serving.log.read_line(&mut line)? == 0 {
                return Err("gatepost serve ended".into());
            }
        }
        Ok(serving)
    }
}

/// Where the proxy listens.
pub(crate) struct Ports {
    pub(crate) imap: u16,
    pub(crate) pop3: u16,
    pub(crate) smtp: u16,
}

impl Ports {
    pub(crate) fn free() -> Result<Self, Failure> {
        // All are held at the same time, so that they differ.
        let held = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        Ok(Self {
            imap: held[0].local_addr()?.port(),
            pop3: held[1].local_addr()?.port(),
            smtp: held[2].local_addr()?.port(),
        })
    }

    pub(crate) fn of(&self, door: &str) -> u16 {
        match door {
            "imap" | "imaps" => self.imap,
            "pop3" => self.pop3,
            _ => self.smtp,
        }
    }
}

/// A gateway that runs.
pub(crate) struct Serving {
    child: Child,
    /// Kept open: it is short, and read when something failed.
    log: BufReader<ChildStderr>,
}

impl Serving {
    /// Ends the gateway, and adds to a failure what it had said.
    pub(crate) fn explain(mut self, failure: &Failure) -> Failure {
        let _ = self.child.kill();
        let mut said = String::new();
        let read = self.log.read_to_string(&mut said);
        match read {
            Ok(_) => format!("{failure}\nthe gateway said:\n{said}").into(),
            Err(unread) => format!("{failure}\nthe gateway's log: {unread}").into(),
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is said up to the tagged answer.
fn command(session: &mut BufReader<TcpStream>, line: &str) -> Result<String, Failure> {
    write!(session.get_mut(), "{line}\r\n")?;
    let mut said = String::new();
    loop {
        let begin = said.len();
        if session.read_line(&mut said)? == 0 {
            return Err(format!("the connection ended: {said}").into());
        }
        said.truncate(said.trim_end().len());
        said.push('\n');
        if said[begin..].starts_with("a ") {
            return Ok(said);
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.sandbox.kill();
        let _ = self.sandbox.wait();
    }
}

/// Tells a program something on standard input; it must end well.
pub(crate) fn told(command: &mut Command, order: &Value) -> Result<Output, Failure> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("standard input is a pipe")?;
    stdin.write_all(order.to_string().as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {complaint}").into())
}

fn program(folder: &Path) -> Result<Command, Failure> {
    let mut command = gatepost()?;
    command.current_dir(folder).stdin(Stdio::null());
    command
        .env("TMPDIR", folder)
        .env("STATE_DIRECTORY", folder.join("state"));
    for variable in ["GATEPOST_CONFIG", "GATEPOST_LOG", "NOTIFY_SOCKET"] {
        command.env_remove(variable);
    }
    Ok(command)
}

pub(crate) const SCOPE: &str = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access";
