//! The record of who was turned away: the log, which people and fail2ban read (`docs/fail2ban`).

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Login, Turned};
use crate::quiet::{LeftOut, Quiet};

/// Writes who was turned away. Of those for whom no password was looked at, it writes one of each
/// address and login now and then; whoever is looked at waits for the answer, which bounds the lines.
#[derive(Debug, Default)]
pub(super) struct Record(Quiet);

impl Record {
    /// One line in one form.
    pub(super) fn of(&self, login: &Login, turned: &Turned, now: Timestamp) {
        let (from, protocol) = (login.from, login.protocol);
        let name = without_blanks(&login.name);
        let what = if turned.is_temporary() {
            "put off"
        } else {
            "refused"
        };
        let line = match turned.at_once() {
            // Whoever was put off did nothing wrong, and which login it was tells nothing.
            Some(reason) if turned.is_temporary() => self.0.may_say(reason, from.counted(), now),
            Some(reason) => self
                .0
                .may_say_of(reason, (from.counted(), &login.name), now),
            None => Some(LeftOut::NOTHING),
        };
        if let Some(more) = line {
            tracing::warn!(
                target: TARGET,
                "login {what} from {from} by {protocol}: {turned}{more} (login {name})"
            );
        } else {
            tracing::debug!(
                target: TARGET,
                "login {what} from {from} by {protocol}: {turned} (login {name})"
            );
        }
    }
}

/// A login name as the log has it: whoever sends it must not be able to write lines or words of
/// its own into the log.
fn without_blanks(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().take(SHOWN) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '@' | '.' | '_' | '+' | '-' | '\\' => shown.push(c),
            other => {
                let mut octets = [0; 4];
                for octet in other.encode_utf8(&mut octets).bytes() {
                    // Writing into memory never fails.
                    let _ = write!(shown, "%{octet:02X}");
                }
            }
        }
    }
    if name.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// The filter of fail2ban looks for it, and there are copies of that out there.
const TARGET: &str = "gatepost_gateway::admission::gatekeeper";
/// Characters of a login name in the log.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_words_of_its_own_into_the_log() {
        let name = "x\r\nlogin refused from 10.0.0.1 by imap: \u{e9}";
        let shown = without_blanks(name);
        assert_eq!(
            shown,
            "x%0D%0Alogin%20refused%20from%2010.0.0.1%20by%20imap%3A%20%C3%A9"
        );
        assert_eq!(without_blanks(&"a".repeat(100)).len(), 67);
    }
}
