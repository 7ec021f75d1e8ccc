//! A running sandbox, a configuration for it, and the program.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The mailbox most tests are about.
pub(crate) const SUPPORT: &str = "support@contoso.com";

/// The mailbox that a person opens.
pub(crate) const ADA: &str = "ada.berg@contoso.com";

/// A sandbox with a folder of its own. It ends with the value.
#[derive(Debug)]
pub(crate) struct Stand {
    folder: TempDir,
    sandbox: Running,
    env: BTreeMap<String, String>,
}

/// What one run of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stand {
    /// Starts a sandbox with empty mailboxes and writes a configuration that knows two of them.
    pub(crate) fn new() -> Self {
        Self::with_sandbox(&["--empty"])
    }

    /// The same, with the sandbox's letters in the mailboxes.
    pub(crate) fn with_mail() -> Self {
        Self::with_sandbox(&[])
    }

    fn with_sandbox(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::with_sandbox_in(folder, arguments)
    }

    /// The same in a folder that was prepared.
    pub(crate) fn with_sandbox_in(folder: TempDir, arguments: &[&str]) -> Self {
        let env_file = folder.path().join("sandbox.env");
        let mut command = program(folder.path());
        command
            .args(["sandbox", "--env-file"])
            .arg(&env_file)
            .args(arguments);
        let mut sandbox = Running::start(command);
        // It speaks when everything listens.
        sandbox.line().expect("the sandbox starts");
        let env = read_env(&env_file);
        let stand = Self {
            folder,
            sandbox,
            env,
        };
        stand.write_private("client.secret", stand.variable("CLIENT_SECRET"));
        stand.configure("");
        stand
    }

    /// Writes the configuration, with `rest` behind it.
    pub(crate) fn configure(&self, rest: &str) {
        self.write("gatepost.toml", &format!("{}{rest}", self.configuration()));
    }

    /// The configuration as [`Stand::configure`] writes it, to be changed.
    pub(crate) fn configuration(&self) -> String {
        format!(
            "state = \"state\"\n\n[cloud.sandbox]\nlogin = \"{}\"\nimap = \"{}\"\n\
             pop3 = \"{}\"\nca_file = \"{}\"\n\n[registration.contoso]\ncloud = \"sandbox\"\ntenant = \"{}\"\n\
             client_id = \"{}\"\nsecret = {{ file = \"client.secret\" }}\n\n\
             [mailbox.\"{SUPPORT}\"]\nregistration = \"contoso\"\ngrant = \"client_credentials\"\n\n\
             [mailbox.\"{ADA}\"]\nregistration = \"contoso\"\ngrant = \"authorization_code\"\n\n",
            self.variable("LOGIN"),
            self.variable("IMAP"),
            self.variable("POP3"),
            self.variable("CA"),
            self.variable("TENANT"),
            self.variable("CLIENT_ID"),
        )
    }

    /// The same where every host is known and Support's mailbox is read `by` a way.
    pub(crate) fn configuration_by(&self, by: &str) -> String {
        let hosts = format!(
            "[cloud.sandbox]\ngraph = \"{}\"\nsmtp = \"{}\"\n",
            self.variable("GRAPH"),
            self.variable("SMTP")
        );
        let mailbox = format!("[mailbox.\"{SUPPORT}\"]\n");
        let read = format!("{mailbox}read = \"{by}\"\n");
        let text = self.configuration();
        let text = text.replacen("[cloud.sandbox]\n", &hosts, 1);
        text.replacen(&mailbox, &read, 1)
    }

    /// Writes that configuration, with `rest` behind it.
    pub(crate) fn configure_by(&self, by: &str, rest: &str) {
        self.write("gatepost.toml", &(self.configuration_by(by) + rest));
    }

    /// A variable of the sandbox's env file, without its prefix.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.env
            .get(name)
            .unwrap_or_else(|| panic!("the env file has {name}"))
    }

    /// A file in the folder of the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder of the configuration.
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("a writable folder");
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write_private(&self, name: &str, content: &str) {
        self.write(name, content);
        self.allow(name, 0o600);
    }

    /// Writes a program.
    pub(crate) fn write_program(&self, name: &str, script: &str) {
        self.write(name, &format!("#!/bin/sh\n{script}\n"));
        self.allow(name, 0o700);
    }

    fn allow(&self, name: &str, mode: u32) {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.path(name), permissions).expect("our own file");
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self
            .command()
            .args(arguments)
            .output()
            .expect("the program starts"))
    }

    /// Runs the program, which must succeed, and returns what it printed.
    pub(crate) fn printed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs a verb that lists, and returns what it listed.
    pub(crate) fn listed(&self, arguments: &[&str]) -> Vec<Value> {
        let json = self.printed(&[arguments, &["--json"]].concat());
        serde_json::from_str(&json).expect("a list as JSON")
    }

    /// The program with its configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = program(self.folder.path());
        command.arg("--config").arg(self.path("gatepost.toml"));
        command
    }

    /// Puts a message into the inbox of `to`.
    pub(crate) fn deliver(&self, to: &str, subject: &str) {
        let text = format!(
            "From: Grace <grace@example.com>\nTo: {to}\nSubject: {subject}\n\
             Message-ID: <{subject}@example.com>\nDate: Sun, 22 Nov 2026 08:00:00 +0000\n\n{subject}\n"
        );
        self.deliver_as_it_is(to, &text);
    }

    /// Puts this message into the inbox of `to`.
    pub(crate) fn deliver_as_it_is(&self, to: &str, text: &str) {
        self.write("letter.eml", text);
        self.sandbox(&["deliver", "--to", to, "letter.eml"]);
    }

    /// Orders a fault.
    pub(crate) fn fault(&self, order: &str) {
        self.sandbox(&["fault", order]);
    }

    /// Takes an order back.
    pub(crate) fn clear_fault(&self, name: &str) {
        self.sandbox(&["fault", "--clear", name]);
    }

    fn sandbox(&self, arguments: &[&str]) {
        let env_file = self.path("sandbox.env").display().to_string();
        let (verb, rest) = arguments.split_first().expect("a verb");
        self.printed(&[&["sandbox", verb, "--env-file", &env_file], rest].concat());
    }

    /// Starts `serve` and waits until it says that it is ready, as systemd would.
    pub(crate) fn serve(&self) -> Running {
        let notify = self.path("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let socket = UnixDatagram::bind(&notify).expect("a socket in our folder");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("serve.log"))
            .expect("a writable folder");
        let mut command = self.command();
        command
            .arg("serve")
            .env("NOTIFY_SOCKET", &notify)
            .stderr(log);
        let serve = Running::start(command);
        let mut told = [0; 256];
        let length = socket
            .recv(&mut told)
            .expect("serve tells that it is ready");
        assert!(
            told[..length].starts_with(b"READY=1"),
            "it says that it is ready"
        );
        serve
    }

    /// What `serve` logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("serve.log")).unwrap_or_default()
    }

    /// Asks for the first delivery to `sink` until it has failed, and returns why.
    pub(crate) fn reason(&self, sink: &str) -> String {
        for _ in 0..MOST_QUESTIONS {
            let listed = self.listed(&["deliveries", "list", "--sink", sink]);
            let reason = listed
                .first()
                .and_then(|delivery| delivery["reason"].as_str());
            if let Some(reason) = reason {
                return reason.to_owned();
            }
        }
        panic!("no delivery to {sink} failed: {}", self.log());
    }

    /// Ends the sandbox before its time.
    pub(crate) fn end_sandbox(&mut self) {
        self.sandbox.kill();
    }
}

/// A program that runs. It is killed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts it, its standard output read line by line.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Waits for the next line; `None` when it has ended.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.lines.next().and_then(Result::ok)
    }

    /// The subject of the next message that a stream sink tells of.
    pub(crate) fn subject(&mut self) -> String {
        loop {
            let line = self.line().expect("serve goes on");
            let event: Value = serde_json::from_str(&line).expect("an event on each line");
            if event["type"] == "mail.received" {
                return event["data"]["envelope"]["subject"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has; gives its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), Signal::TERM).expect("our own process");
        let ended = self.child.wait().expect("our own process");
        ended.code().expect("it ends by itself")
    }

    /// Waits for its end; standard error must be a pipe.
    pub(crate) fn output(mut self) -> Ran {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("standard error is a pipe");
        std::io::Read::read_to_string(&mut pipe, &mut stderr).expect("text");
        let ended = self.child.wait().expect("our own process");
        Ran {
            exit: ended.code().expect("it ends by itself"),
            stdout: String::new(),
            stderr,
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The bare program in a folder, without what the environment of the test says.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.current_dir(folder).stdin(Stdio::null());
    // What a killed program leaves behind goes with the folder of the test.
    command.env("TMPDIR", folder);
    for variable in [
        "GATEPOST_CONFIG",
        "GATEPOST_LOG",
        "STATE_DIRECTORY",
        "NOTIFY_SOCKET",
        "GATEPOST_SANDBOX_CONTROL",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What a run came to.
pub(crate) fn ran(output: &Output) -> Ran {
    Ran {
        exit: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    /// It failed as it must: with this exit code, and a sentence that has all of these words.
    #[track_caller]
    pub(crate) fn assert_fails(&self, exit: i32, words: &[&str]) {
        assert_eq!(self.exit, exit, "{}", self.stderr);
        let sentence = self.stderr.lines().any(|line| line.starts_with("error: "));
        assert!(sentence, "{}", self.stderr);
        assert!(self.stderr.contains("gatepost explain "), "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word} is missing in: {}",
                self.stderr
            );
        }
    }
}

fn read_env(path: &Path) -> BTreeMap<String, String> {
    let env = gatepost_sandbox::EnvFile::read(path).expect("the env file is there");
    let variables = env.variables().filter_map(|(name, value)| {
        Some((
            name.strip_prefix("GATEPOST_SANDBOX_")?.to_owned(),
            value.to_owned(),
        ))
    });
    variables.collect()
}

const MOST_QUESTIONS: usize = 2_000;
