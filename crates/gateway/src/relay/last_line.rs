//! How the last line of one direction begins: where a goodbye may be said is told by nothing else.

/// The last line that passed in one direction, by its first octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastLine {
    head: [u8; HEAD],
    /// How much of the head is known; `None` of a line that is too long to look for its beginning.
    length: Option<u8>,
    /// Whether the line has ended.
    ended: bool,
    /// Whether nothing came in front of it at the same time.
    alone: bool,
}

impl LastLine {
    /// Nothing has passed yet.
    pub(super) const NOTHING: Self = Self {
        head: [0; HEAD],
        length: Some(0),
        ended: true,
        alone: true,
    };

    /// These octets have passed. Of many, only the last few are looked at.
    pub(super) fn saw(&mut self, octets: &[u8]) {
        let mut looked_at = &octets[octets.len().saturating_sub(LOOK)..];
        let is_cut = looked_at.len() < octets.len();
        loop {
            let (line, ends) = match looked_at {
                [] => return,
                [line @ .., b'\n'] => (line, true),
                line => (line, false),
            };
            let before = line.iter().rposition(|octet| *octet == b'\n');
            let begin = before.map_or(0, |before| before + 1);
            let begins_here = before.is_some() || (self.ended && !is_cut);
            // The end of IDLE belongs to the command that began it (RFC 2177 §3).
            if begins_here && ends && is_done(&line[begin..]) {
                looked_at = &looked_at[..begin];
                continue;
            }
            if begins_here {
                self.alone = begin == 0 && !is_cut;
                self.length = Some(0);
                self.append(&line[begin..]);
            } else if is_cut {
                self.length = None;
            } else {
                self.append(line);
            }
            self.ended = ends;
            return;
        }
    }

    fn append(&mut self, octets: &[u8]) {
        let Some(length) = self.length else { return };
        let length = usize::from(length);
        let more = octets.len().min(HEAD - length);
        self.head[length..length + more].copy_from_slice(&octets[..more]);
        self.length = u8::try_from(length + more).ok();
    }

    /// How a line begins that has ended.
    fn whole(&self) -> Option<&[u8]> {
        let length = self.length.filter(|_| self.ended)?;
        Some(&self.head[..usize::from(length)])
    }
}

fn is_done(line: &[u8]) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(b"DONE")
}

/// Whether an IMAP server has said what it had to say: then another line, such as `* BYE`, is
/// understood (RFC 9051 §7.1.5). Between two lines is not enough, since a literal has lines, too,
/// and may stall at the end of one: the last line of the server must be the answer to the last
/// command; or that command be IDLE, whose own answers hold no literals, and which was sent by itself
/// and is being answered: what was asked together with it may be what stalls.
pub(super) fn is_between_answers(asked: &LastLine, said: &LastLine) -> bool {
    let is_alone = asked.alone;
    let (Some(asked), Some(said)) = (asked.whole(), said.whole()) else {
        return false;
    };
    let mut words = asked.trim_ascii_end().split(|octet| *octet == b' ');
    let (tag, command) = (words.next().unwrap_or_default(), words.next());
    let is_answered = || {
        let answer = said.strip_prefix(tag);
        !tag.is_empty() && answer.is_some_and(|rest| rest.starts_with(b" "))
    };
    match command {
        // Nothing was asked yet, or what was is no command: the end of a literal.
        None => asked.is_empty() && said.is_empty(),
        Some(command) if command.eq_ignore_ascii_case(b"IDLE") => {
            // "+ idling", or what is new (RFC 2177 §3).
            let is_idling = said.starts_with(b"+") || said.starts_with(b"* ");
            is_answered() || (is_alone && is_idling)
        }
        Some(_) => is_answered(),
    }
}

/// A tag and the name of a command fit in; both are kept for as long as a session lasts.
const HEAD: usize = 40;
/// Lines of answers to commands are shorter.
const LOOK: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(parts: &[&str]) -> LastLine {
        let mut line = LastLine::NOTHING;
        for part in parts {
            line.saw(part.as_bytes());
        }
        line
    }

    #[test]
    fn an_answer_to_the_last_command_is_the_end_of_what_is_said() {
        for (asked, said) in [
            (&["a NOOP\r\n"][..], &["* 1 EXISTS\r\na OK done\r\n"][..]),
            (&["a NO", "OP\r\n"], &["a O", "K done\r", "\n"]),
            (&["a IDLE\r\n"], &["+ idling\r\n"]),
            (&["a idle\r\n", "DONE\r\n"], &["+ idling\r\n* 2 EXISTS\r\n"]),
            (&["a IDLE\r\nDONE\r\n"], &["+ idling\r\na OK done\r\n"]),
            (&["a NOOP\r\n", "b ID", "LE\r\n"], &["a OK\r\n", "+ \r\n"]),
            (&[], &[]),
        ] {
            assert!(
                is_between_answers(&line(asked), &line(said)),
                "{asked:?} {said:?}"
            );
        }
    }

    #[test]
    fn what_may_be_within_a_literal_is_not() {
        let long = format!("{} a OK\r\n", "x".repeat(2 * LOOK));
        for (asked, said) in [
            (
                &["a FETCH 1 BODY[]\r\n"][..],
                &["* 1 FETCH (BODY[] {99}\r\n", "Hello\r\n"][..],
            ),
            (
                &["a FETCH 1 BODY[]\r\n"],
                &["* 1 FETCH (BODY[] {99}\r\n* BYE\r\n"],
            ),
            (&["a FETCH 1 BODY[]\r\nb NOOP\r\n"], &["a OK done\r\n"]),
            (
                &["a FETCH 1 BODY[]\r\nb IDLE\r\n"],
                &["* 1 FETCH (BODY[] {99}\r\n", "Hello\r\n"],
            ),
            (
                &["a FETCH 1 BODY[]\r\nb IDLE\r\n"],
                &["* 1 FETCH (BODY[] {99}\r\n", "* a list\r\n"],
            ),
            (
                &["a FETCH 1 BODY[]\r\n", "b IDLE\r\n"],
                &["* 1 FETCH (BODY[] {99}\r\n", "Hello\r\n"],
            ),
            (&["a NOOP\r\n"], &["a OK do"]),
            (&["a NOOP\r\n"], &["ab OK done\r\n"]),
            (&["a NOOP\r\n"], &[&long]),
            (&["a APPEND x {3+}\r\nabc\r\n\r\n"], &["* 1 EXISTS\r\n"]),
            (&["a LOGOUT"], &["a OK done\r\n"]),
            (&["a NOOP\r\n"], &[]),
            (&[], &["half"]),
        ] {
            assert!(
                !is_between_answers(&line(asked), &line(said)),
                "{asked:?} {said:?}"
            );
        }
    }
}
