//! Asks a person for a secret.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::screen;
use crate::usage::UsageError;

/// Asks for `what` on the terminal, which does not show what is typed; or reads it from standard
/// input, if that is no terminal: then one line end at its end is not part of it.
pub(crate) fn secret(what: &str) -> Result<SecretString, Failure> {
    let unreadable = |reason: String| UsageError::Argument {
        argument: what.to_owned(),
        reason,
    };
    let stdin = io::stdin();
    let mut line = Zeroizing::new(String::new());
    if stdin.is_terminal() {
        screen::note(&format!("{what} (it is not shown):"));
        let hidden = Hidden::begin().map_err(|error| unreadable(error.to_string()))?;
        let read = stdin.lock().take(MOST).read_line(&mut line);
        drop(hidden);
        read.map_err(|error| unreadable(error.to_string()))?;
    } else {
        let read = stdin.lock().take(MOST).read_to_string(&mut line);
        read.map_err(|error| unreadable(error.to_string()))?;
    }
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        let reason = "nothing was typed; standard input may also be a pipe that gives it";
        return Err(unreadable(reason.to_owned()).into());
    }
    Ok(SecretString::from(text))
}

/// A terminal that does not show what is typed. It shows it again when this is dropped.
struct Hidden(rustix::termios::Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// No password is longer.
const MOST: u64 = 64 * 1024;
