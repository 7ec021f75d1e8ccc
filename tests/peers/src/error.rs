//! Why a counterpart could not be started or used.

use std::path::PathBuf;

/// Why a counterpart could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The program is not on this machine.
    #[error(
        "{program} is not installed: run `cargo xtask test`, or install it with \
         `apt-get install {package}`"
    )]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The program changes users, and only root may.
    #[error("{program} starts only as root: run this test as root, in a container for instance")]
    NeedsRoot {
        /// The program.
        program: &'static str,
    },
    /// What npm installs for a counterpart is not there.
    #[error(
        "the npm packages in {} are not installed: run `cargo xtask test`, or `npm ci` in that \
         folder",
        folder.display()
    )]
    NoNodeModules {
        /// Where `package.json` is.
        folder: PathBuf,
    },
    /// What pip installs for a counterpart is not there.
    #[error(
        "the Python packages of {} are not installed: run `cargo xtask test`, or in that folder \
         `python3 -m venv venv && venv/bin/pip install -r requirements.txt`",
        folder.display()
    )]
    NoPythonPackages {
        /// Where `requirements.txt` is.
        folder: PathBuf,
    },
    /// The program under test has not been built.
    #[error(
        "gatepost is not built: run `cargo build --bins`, or all tests with `cargo xtask test`"
    )]
    NotBuilt,
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A counterpart did not come up; its own log follows.
    #[error("{program} did not start: {reason}\n{log}")]
    NotStarted {
        /// The program.
        program: &'static str,
        /// What was waited for.
        reason: String,
        /// The last of its log.
        log: String,
    },
    /// An administrative command of a counterpart was refused.
    #[error("`{command}` ended with {status}: {stderr}")]
    Refused {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// What it wrote.
        stderr: String,
    },
    /// The operating system refused a socket, a process or a runtime.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A key, certificate or token could not be made, or an answer makes no sense.
    #[error("{what}: {reason}")]
    Unexpected {
        /// What was being done.
        what: &'static str,
        /// What the library said.
        reason: String,
    },
}

impl PeerError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    pub(crate) fn unexpected<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |reason| Self::Unexpected {
            what,
            reason: reason.to_string(),
        }
    }
}
