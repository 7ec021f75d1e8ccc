//! The examples, run as the programs that they are, and what else a program meets, against the
//! sandbox.

mod browser;
mod refusals;

use std::path::PathBuf;
use std::process::Stdio;

use gatepost_host::{Chance, Clock, Tasks};
use gatepost_sandbox::{Sandbox, SandboxConfig};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

type Failure = Box<dyn std::error::Error>;

#[tokio::test]
async fn an_app_gets_a_token() -> Result<(), Failure> {
    let tasks = Tasks::new();
    let sandbox = sandbox(&tasks).await?;
    let mut example = Example::start("app", &sandbox)?;
    assert_is_token(&example.line().await?);
    example.succeeds().await?;
    tasks.end().await;
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_and_gets_a_token() -> Result<(), Failure> {
    let tasks = Tasks::new();
    let sandbox = sandbox(&tasks).await?;
    let mut example = Example::start("person", &sandbox)?;
    let address = example.line().await?;
    browser::sign_in(&sandbox, &address).await?;
    assert_is_token(&example.line().await?);
    example.succeeds().await?;
    tasks.end().await;
    Ok(())
}

#[tokio::test]
async fn an_app_with_a_certificate_gets_a_token() -> Result<(), Failure> {
    let tasks = Tasks::new();
    let sandbox = sandbox(&tasks).await?;
    let mut example = Example::start("certificate", &sandbox)?;
    assert_is_token(&example.line().await?);
    example.succeeds().await?;
    tasks.end().await;
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_on_another_device_and_gets_a_token() -> Result<(), Failure> {
    let tasks = Tasks::new();
    let sandbox = sandbox(&tasks).await?;
    let mut example = Example::start("device", &sandbox)?;
    let (address, code) = (example.line().await?, example.line().await?);
    browser::enter(&sandbox, &address, &code).await?;
    assert_is_token(&example.line().await?);
    example.succeeds().await?;
    tasks.end().await;
    Ok(())
}

async fn sandbox(tasks: &Tasks) -> Result<Sandbox, Failure> {
    let config = SandboxConfig::default();
    Ok(Sandbox::start(config, Clock::system(), Chance::system(), tasks).await?)
}

fn assert_is_token(line: &str) {
    assert_eq!(line.split('.').count(), 3, "no JSON Web Token: {line}");
}

/// An example while it runs; it ends with the value.
struct Example {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    /// Starts an example with the variables of the sandbox's env file.
    fn start(name: &str, sandbox: &Sandbox) -> Result<Self, Failure> {
        let mut child = Command::new(built(name)?)
            .envs(sandbox.env().variables())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("standard output is a pipe")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
        })
    }

    async fn line(&mut self) -> Result<String, Failure> {
        Ok(self.lines.next_line().await?.ok_or("it has ended")?)
    }

    async fn succeeds(mut self) -> Result<(), Failure> {
        let status = self.child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("it ended with {status}").into())
        }
    }
}

/// The example, which cargo builds with the tests of its package, beside their folder.
fn built(name: &str) -> Result<PathBuf, Failure> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).ok_or("tests are in a folder")?;
    let path = folder.join("examples").join(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err("run `cargo build --examples -p gatepost-oauth` first".into())
    }
}
