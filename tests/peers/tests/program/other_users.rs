//! Other users of the machine at the control socket: a verb does not believe them, and a running
//! `serve` does not answer them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatepost_peers::{IdentityEndpoint, Program, Running};

use crate::stand::{ADA, Failure, Stand};

#[test]
fn a_socket_of_another_user_is_not_asked() -> Result<(), Failure> {
    let served = Served::new()?;
    for owner in [ROOT, SOMEBODY] {
        chown(&served.socket, Some(owner), None)?;
        let said = refused(&served.asked_by(SOMEBODY_ELSE)?)?;
        for word in [
            "gatepost.sock belongs to another user",
            &format!("uid {owner}"),
            "run this as that user",
            "control_socket_foreign",
        ] {
            assert!(said.contains(word), "{word} is missing in: {said}");
        }
    }
    let log = served.stand.program.log();
    assert!(!log.contains("turned away"), "it was not even asked: {log}");
    Ok(())
}

#[test]
fn another_user_who_reaches_the_socket_is_turned_away() -> Result<(), Failure> {
    let served = Served::new()?;
    // The program of that user takes the socket for its own, and asks.
    chown(&served.socket, Some(SOMEBODY), None)?;
    refused(&served.asked_by(SOMEBODY)?)?;
    let line = served.stand.program.logged(&["turned away"])?;
    for word in ["WARN", "control socket"] {
        assert!(line.contains(word), "{word} is missing in: {line}");
    }
    // Its own user is answered as before, with what only the running `serve` knows.
    let token = served.stand.printed(&["token", ADA])?;
    let state = served.socket.parent().ok_or("it is in a folder")?;
    fs::rename(state.join("gatepost.db"), state.join("away"))?;
    assert_eq!(served.stand.printed(&["token", ADA])?, token);
    Ok(())
}

/// A running `serve` of root, in a state folder and with a socket that are open to everybody, as
/// they never are by themselves.
struct Served {
    stand: Stand,
    binary: PathBuf,
    socket: PathBuf,
    _serve: Running,
}

impl Served {
    fn new() -> Result<Self, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(
                "only root can become other users: run this test as root, in a container \
                        for instance"
                    .into(),
            );
        }
        let stand = Stand::new("")?;
        let serve = stand.program.start(&["serve"])?;
        stand.program.logged(&["gatepost serves"])?;
        let socket = stand.program.folder().join("state/gatepost.sock");
        open(&stand.program.folder().join("state"), 0o755)?;
        open(&socket, 0o666)?;
        let binary = reachable(&stand.program)?;
        Ok(Self {
            stand,
            binary,
            socket,
            _serve: serve,
        })
    }

    /// What the program answers when this user asks for a token, with a secret of its own for the
    /// same app.
    fn asked_by(&self, user: u32) -> Result<Output, Failure> {
        let folder = self.stand.program.folder();
        let ours = fs::read_to_string(folder.join("gatepost.toml"))?;
        let theirs = ours.replace("{ file = \"client.secret\" }", "{ env = \"THEIR_SECRET\" }");
        fs::write(folder.join("theirs.toml"), theirs)?;
        let mut command = Command::new(&self.binary);
        command
            .args(["--config", "theirs.toml", "token", ADA])
            .env("THEIR_SECRET", IdentityEndpoint::CLIENT_SECRET)
            .current_dir(folder)
            .uid(user)
            .gid(user);
        Ok(command.output()?)
    }
}

/// What was said by a program that gave no token.
fn refused(output: &Output) -> Result<String, Failure> {
    let said = String::from_utf8(output.stderr.clone())?;
    assert_eq!(output.status.code(), Some(CONFIGURATION), "{said}");
    assert!(output.stdout.is_empty(), "no token is printed");
    Ok(said)
}

/// The program where every user can start it; nobody else may enter the folders above a build.
fn reachable(program: &Program) -> Result<PathBuf, Failure> {
    let copy = program.folder().join("gatepost");
    fs::copy(program.command().get_program(), &copy)?;
    open(&copy, 0o755)?;
    Ok(copy)
}

fn open(path: &Path, mode: u32) -> Result<(), Failure> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

const ROOT: u32 = 0;
/// Users that need no name.
const SOMEBODY: u32 = 65_533;
const SOMEBODY_ELSE: u32 = 65_534;
/// The exit code of what must be set up otherwise.
const CONFIGURATION: i32 = 64;
