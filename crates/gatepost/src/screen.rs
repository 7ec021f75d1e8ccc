//! What people see: tables, lines and failures. Mail is written by strangers, so nothing of it
//! reaches the terminal before its control characters are gone.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use gatepost_fault::{After, Next, Owner};
use serde::Serialize;

use crate::failure::Failure;
use crate::usage::UsageError;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Form {
    /// Write JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
}

impl Form {
    /// Whether programs read it.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Writes `rows`: as one JSON array, or as a table under `heads`, each row by `cells`.
    pub fn list<T: Serialize, const N: usize>(
        self,
        rows: &[T],
        heads: [&str; N],
        cells: impl Fn(&T) -> [String; N],
    ) -> Result<(), Failure> {
        if self.json {
            return json(&rows);
        }
        if rows.is_empty() {
            note("(nothing)");
            return Ok(());
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if !io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(heads.map(|head| painted(Paint::Dim, head)));
        for row in rows {
            table.add_row(cells(row).map(|cell| clean_line(&cell)));
        }
        // The style without borders still pads every cell.
        let bare = |line: String| {
            line.strip_prefix(' ')
                .unwrap_or(&line)
                .trim_end()
                .to_owned()
        };
        line(&table.lines().map(bare).collect::<Vec<_>>().join("\n"))
    }
}

/// Writes a line to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    write(text.as_bytes()).and_then(|()| write(b"\n"))
}

/// Writes a line with a name and a value, if there is one.
pub fn field(name: &str, value: &str) -> Result<(), Failure> {
    if value.is_empty() {
        return Ok(());
    }
    let name = painted(Paint::Bold, &format!("{name}:"));
    line(&format!("{name} {}", clean_line(value)))
}

/// Writes octets to standard output as they are.
pub fn write(octets: &[u8]) -> Result<(), Failure> {
    match io::stdout().lock().write_all(octets) {
        // Whoever reads has seen enough, as `head` does: no fault.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|source| {
            UsageError::Write {
                what: "standard output".to_owned(),
                source,
            }
            .into()
        }),
    }
}

/// Whether a person sees standard output.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person types standard input.
pub fn is_stdin_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Whether a person sees standard error.
pub fn are_notes_seen() -> bool {
    io::stderr().is_terminal()
}

/// Writes a value as indented JSON and a line end.
pub fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("our own shapes are plain JSON");
    line(&escaped(&text))
}

/// JSON that moves no cursor: JSON itself escapes the first 32 characters only (RFC 8259 §7), and
/// what else is harmful stands in strings, where an escape means the same.
fn escaped(json: &str) -> String {
    use std::fmt::Write as _;

    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Says something about the work, on standard error, where no program reads it.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what will be wrong, on standard error.
pub fn warn(text: &str) {
    let mark = if io::stderr().is_terminal() {
        "\u{1b}[1;33mwarning:\u{1b}[0m"
    } else {
        "warning:"
    };
    note(&format!("{mark} {}", clean(text)));
}

/// Says why a verb did not do what was asked, and what to do.
pub fn tell_failure(failure: &Failure) {
    let mark = if io::stderr().is_terminal() {
        "\u{1b}[1;31merror:\u{1b}[0m"
    } else {
        "error:"
    };
    note(&format!("{mark} {}", clean(&format!("{failure:#}"))));
    let fault = failure.fault();
    let next = match fault.code() {
        // It is nobody's fault, and only a person can find out.
        "submission_unknown" => "somebody must look whether it arrived".to_owned(),
        _ => whose_move(fault.owner(), fault.next()),
    };
    note(&format!("  {next}"));
    note(&format!("  more: gatepost explain {}", fault.code()));
}

/// The sentence for whose move it is.
fn whose_move(owner: Owner, next: Next) -> String {
    match (owner, next) {
        (Owner::Gatepost, _) => "this is a bug in Gatepost; please report it".to_owned(),
        (_, Next::Retry(After::AtLeast(time))) => {
            format!("try again in {}", duration(time))
        }
        (Owner::TenantAdmin, Next::Retry(After::Backoff)) => {
            "an administrator of the Microsoft 365 tenant must act, and then it works again"
                .to_owned()
        }
        (_, Next::Retry(After::Backoff)) => "trying again may help".to_owned(),
        (_, Next::SignIn) => "a person must sign in: gatepost login MAILBOX".to_owned(),
        (Owner::TenantAdmin, _) => {
            "an administrator of the Microsoft 365 tenant must act".to_owned()
        }
        (Owner::Person, _) => "the owner of the mailbox must act".to_owned(),
        (Owner::Remote, _) => "the server at the other end must be put right".to_owned(),
        (Owner::Operator, Next::Discard) => "correct what was asked for".to_owned(),
        (Owner::Operator, Next::Reconfigure) => {
            "correct the configuration or what it names, then: gatepost config check".to_owned()
        }
    }
}

/// A duration as people say it: its two largest units.
pub fn duration(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut parts = Vec::new();
    let mut left = seconds;
    for (size, name) in units {
        if left >= size {
            parts.push(format!("{} {name}", left / size));
            left %= size;
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() {
        format!("{} ms", time.as_millis())
    } else {
        parts.join(" ")
    }
}

/// Text of strangers, made harmless for a terminal: control characters other than line end and
/// tab become visible (U+FFFD), and so do those that turn the direction of writing.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_harmful(c) { '\u{fffd}' } else { c })
        .collect()
}

/// The same for a single line: line ends and tabs become blanks.
pub fn clean_line(text: &str) -> String {
    let blank = |c| {
        if matches!(c, '\n' | '\r' | '\t') {
            ' '
        } else {
            c
        }
    };
    clean(&text.chars().map(blank).collect::<String>())
}

/// The beginning of a text, if it has more than `most` characters.
pub fn shortened(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// Whether `c` moves a cursor or turns the direction of writing.
pub fn is_harmful(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t');
    // Unicode Technical Report 36 §2.3: embeddings, overrides and isolates.
    let turns =
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    control || turns
}

/// A way of writing that a terminal may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// What matters less.
    Dim,
    /// What matters.
    Bold,
    /// What is well.
    Good,
    /// What is not.
    Bad,
}

/// `text` painted for standard output, if that is a terminal and nobody asked for no colour
/// (<https://no-color.org>).
pub fn painted(paint: Paint, text: &str) -> String {
    let plain =
        !io::stdout().is_terminal() || gatepost_host::environment::text("NO_COLOR").is_some();
    let number = match paint {
        Paint::Dim => 2,
        Paint::Bold => 1,
        Paint::Good => 32,
        Paint::Bad => 31,
    };
    if plain {
        text.to_owned()
    } else {
        format!("\u{1b}[{number}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nothing_of_a_stranger_moves_the_cursor() {
        let cleaned = clean_line("a\u{1b}]0;owned\u{7}b\r\nc\u{202e}d\u{9b}2J");
        assert!(!cleaned.chars().any(char::is_control), "{cleaned:?}");
        assert!(cleaned.starts_with("a\u{fffd}]0;owned\u{fffd}b"));
        assert_eq!(clean("line\n\tindented é 漢字"), "line\n\tindented é 漢字");
    }

    #[test]
    fn what_a_stranger_wrote_moves_no_cursor_as_json_and_is_the_same() {
        let wrote = "a\u{9b}2Jb\u{202e}c\u{7f}\u{1b}[2J é";
        let safe = escaped(&serde_json::to_string_pretty(&[wrote]).expect("a string"));
        assert!(!safe.chars().any(is_harmful), "{safe:?}");
        let read: Vec<String> = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(read, [wrote]);
    }

    #[test]
    fn a_long_text_is_cut_to_its_measure() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        assert_eq!(duration(Duration::from_millis(250)), "250 ms");
        assert_eq!(duration(Duration::from_secs(61)), "1 min 1 s");
        assert_eq!(duration(Duration::from_secs(90_061)), "1 d 1 h");
        assert_eq!(duration(Duration::from_hours(24)), "1 d");
    }
}
