//! How the last line of one direction begins: where a goodbye may be said is told by nothing else.

/// The last line that passed in one direction, by its first octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastLine {
    head: [u8; HEAD],
    /// How much of the head is known; `None` of a line that is too long to look for its beginning.
    length: Option<u8>,
    /// Whether the line has ended.
    ended: bool,
    /// How many lines began since it was looked at last; more than one count as two.
    begun: u8,
    /// Of a command, whether everything that was asked before was answered when it passed.
    in_turn: bool,
}

impl LastLine {
    /// Nothing has passed yet.
    pub(super) const NOTHING: Self = Self {
        head: [0; HEAD],
        length: Some(0),
        ended: true,
        begun: 0,
        in_turn: true,
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
                let is_first = self.begun == 0 && begin == 0 && !is_cut;
                self.begun = if is_first { 1 } else { 2 };
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

    /// Of what is asked: `asked` was the last line of it before what passed just now, and `said`
    /// that of the answers.
    pub(super) fn was_asked_after(&mut self, asked: &Self, said: &Self) {
        match std::mem::take(&mut self.begun) {
            0 => {}
            1 => self.in_turn = is_between_answers(asked, said),
            _ => self.in_turn = false,
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
/// command; or that command be IDLE, whose own answers hold no literals, and which was asked when
/// everything before it was answered: otherwise that may be what stalls.
pub(super) fn is_between_answers(asked: &LastLine, said: &LastLine) -> bool {
    let is_in_turn = asked.in_turn;
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
            is_answered() || (is_in_turn && is_idling)
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

    /// What passes, each by itself.
    enum Passes<'a> {
        /// From the client, of one look or of several that nobody answers in between.
        Asked(&'a str),
        Said(&'a str),
    }

    use Passes::{Asked, Said};

    fn is_between(passing: &[Passes<'_>]) -> bool {
        let (mut asked, mut said) = (LastLine::NOTHING, LastLine::NOTHING);
        for octets in passing {
            match octets {
                Asked(octets) => {
                    let before = asked;
                    asked.saw(octets.as_bytes());
                    asked.was_asked_after(&before, &said);
                }
                Said(octets) => said.saw(octets.as_bytes()),
            }
        }
        is_between_answers(&asked, &said)
    }

    #[test]
    fn an_answer_to_the_last_command_is_the_end_of_what_is_said() {
        for (number, passing) in [
            &[Asked("a NOOP\r\n"), Said("* 1 EXISTS\r\na OK done\r\n")][..],
            &[
                Asked("a NO"),
                Asked("OP\r\n"),
                Said("a O"),
                Said("K done\r"),
                Said("\n"),
            ],
            &[Asked("a IDLE\r\n"), Said("+ idling\r\n")],
            &[
                Asked("a idle\r\n"),
                Said("+ idling\r\n* 2 EXISTS\r\n"),
                Asked("DONE\r\n"),
            ],
            &[
                Asked("a IDLE\r\nDONE\r\n"),
                Said("+ idling\r\na OK done\r\n"),
            ],
            &[
                Asked("a NOOP\r\n"),
                Said("a OK\r\n"),
                Asked("b ID"),
                Asked("LE\r\n"),
                Said("+ \r\n"),
            ],
            // The end of one IDLE, and the next.
            &[
                Asked("a IDLE\r\n"),
                Said("+ \r\n"),
                Asked("DONE\r\n"),
                Said("a OK\r\n"),
                Asked("b IDLE\r\n"),
                Said("+ \r\n"),
            ],
            &[],
        ]
        .into_iter()
        .enumerate()
        {
            assert!(is_between(passing), "{number}");
        }
    }

    #[test]
    fn what_may_be_within_a_literal_is_not() {
        let long = format!("{} a OK\r\n", "x".repeat(2 * LOOK));
        let (fetch, literal) = ("a FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {99}\r\n");
        for (number, passing) in [
            &[Asked(fetch), Said(literal), Said("Hello\r\n")][..],
            &[Asked(fetch), Said("* 1 FETCH (BODY[] {99}\r\n* BYE\r\n")],
            &[
                Asked("a FETCH 1 BODY[]\r\nb NOOP\r\n"),
                Said("a OK done\r\n"),
            ],
            &[
                Asked("a FETCH 1 BODY[]\r\nb IDLE\r\n"),
                Said(literal),
                Said("Hello\r\n"),
            ],
            &[
                Asked("a FETCH 1 BODY[]\r\nb IDLE\r\n"),
                Said(literal),
                Said("* a list\r\n"),
            ],
            // A client that does not wait, and a literal that has lines like an answer to IDLE.
            &[
                Asked(fetch),
                Asked("b IDLE\r\n"),
                Said(literal),
                Said("* a list\r\n"),
            ],
            &[
                Asked(fetch),
                Said(literal),
                Asked("b IDLE\r\n"),
                Said("+ a list\r\n"),
            ],
            &[
                Asked(fetch),
                Asked("b ID"),
                Said(literal),
                Asked("LE\r\n"),
                Said("+ a list\r\n"),
            ],
            &[Asked("a NOOP\r\n"), Said("a OK do")],
            &[Asked("a NOOP\r\n"), Said("ab OK done\r\n")],
            &[Asked("a NOOP\r\n"), Said(&long)],
            &[
                Asked("a APPEND x {3+}\r\nabc\r\n\r\n"),
                Said("* 1 EXISTS\r\n"),
            ],
            &[Asked("a LOGOUT"), Said("a OK done\r\n")],
            &[Asked("a NOOP\r\n")],
            &[Said("half")],
        ]
        .into_iter()
        .enumerate()
        {
            assert!(!is_between(passing), "{number}");
        }
    }
}
