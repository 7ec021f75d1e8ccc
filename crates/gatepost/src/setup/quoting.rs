//! Texts of the configuration inside scripts: whatever stands in them, they stay texts.

use std::fmt::Write as _;

/// `text` as a word of a POSIX shell. Between single quotes nothing but a single quote means
/// anything (POSIX.1-2017 §2.2.2).
pub(super) fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as a PowerShell expression of ASCII alone.
///
/// Between single quotes PowerShell gives no character a meaning but the single quote, and takes
/// four others for one: ‘ ’ ‚ ‛. Windows PowerShell also reads a file without a byte order mark
/// in the code page of the machine, where octets of any foreign letter may turn into one of
/// those. So whatever is not ASCII is written by its number.
pub(super) fn powershell(text: &str) -> String {
    if text.is_ascii() {
        return literal(text);
    }
    let mut parts: Vec<String> = Vec::new();
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            plain.push(c);
            continue;
        }
        if !plain.is_empty() {
            parts.push(literal(&std::mem::take(&mut plain)));
        }
        parts.push(format!("[char]::ConvertFromUtf32(0x{:X})", u32::from(c)));
    }
    if !plain.is_empty() {
        parts.push(literal(&plain));
    }
    format!("({})", parts.join(" + "))
}

/// `json` in ASCII alone: what is not ASCII stands in strings, where an escape means the same
/// (RFC 8259 §7).
pub(super) fn ascii_json(json: &serde_json::Value) -> String {
    let mut safe = String::new();
    let mut units = [0; 2];
    for c in json.to_string().chars() {
        if c.is_ascii() {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

/// `text` in a comment, which ends with its line.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown: Box<dyn Iterator<Item = char>> = if c.is_ascii() && !c.is_ascii_control() {
                Box::new(std::iter::once(c))
            } else {
                Box::new(c.escape_unicode())
            };
            shown
        })
        .collect()
}

fn literal(ascii: &str) -> String {
    format!("'{}'", ascii.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What PowerShell makes of an expression that [`powershell`] wrote, by the rules of its own
    /// tokenizer: five characters open and close a literal, two in a row stand for one, and a
    /// file without a mark is read octet by octet in code page 1252. `None` if anything is left
    /// over, which PowerShell would run.
    fn understood(expression: &str) -> Option<String> {
        let seen: Vec<char> = expression.bytes().map(as_windows_1252).collect();
        let mut rest = seen.as_slice();
        let in_brackets = rest.first() == Some(&'(');
        if in_brackets {
            rest = rest[1..].strip_suffix(&[')'])?;
        }
        let mut text = String::new();
        loop {
            rest = match rest.first()? {
                c if is_quote(*c) => unquoted(&rest[1..], &mut text)?,
                _ => numbered(rest, &mut text)?,
            };
            if rest.is_empty() {
                return Some(text);
            }
            let plus: Vec<char> = " + ".chars().collect();
            rest = rest.strip_prefix(plus.as_slice())?;
            if !in_brackets {
                return None;
            }
        }
    }

    fn unquoted<'a>(mut rest: &'a [char], text: &mut String) -> Option<&'a [char]> {
        loop {
            let (first, after) = rest.split_first()?;
            rest = after;
            if is_quote(*first) {
                match rest.split_first() {
                    Some((second, after)) if is_quote(*second) => {
                        text.push(*second);
                        rest = after;
                    }
                    _ => return Some(rest),
                }
            } else {
                text.push(*first);
            }
        }
    }

    fn numbered<'a>(rest: &'a [char], text: &mut String) -> Option<&'a [char]> {
        let opening: Vec<char> = "[char]::ConvertFromUtf32(0x".chars().collect();
        let rest = rest.strip_prefix(opening.as_slice())?;
        let end = rest.iter().position(|c| *c == ')')?;
        let digits: String = rest[..end].iter().collect();
        text.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
        Some(&rest[end + 1..])
    }

    fn is_quote(c: char) -> bool {
        matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}')
    }

    /// The part of the code page that holds quotes.
    fn as_windows_1252(octet: u8) -> char {
        match octet {
            0x82 => '\u{201a}',
            0x91 => '\u{2018}',
            0x92 => '\u{2019}',
            other => char::from(other),
        }
    }

    /// What a POSIX shell makes of one word: quoted stretches and escaped quotes, nothing else.
    fn as_shell_word(word: &str) -> Option<String> {
        let mut text = String::new();
        let mut rest = word;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(r"\'") {
                text.push('\'');
                rest = after;
            } else {
                let (quoted, after) = rest.strip_prefix('\'')?.split_once('\'')?;
                text.push_str(quoted);
                rest = after;
            }
        }
        Some(text)
    }

    #[test]
    fn quotes_of_every_kind_are_texts() {
        for text in [
            "",
            "O'Brien",
            "a‘b’c‚d‛e",
            "; Remove-Mailbox *",
            "$(whoami) `n \"x\" #",
            "Бюро",
            "😀",
        ] {
            assert_eq!(understood(&powershell(text)).as_deref(), Some(text));
            assert_eq!(as_shell_word(&shell(text)).as_deref(), Some(text));
        }
        assert_eq!(powershell("O'Brien"), "'O''Brien'");
    }

    #[test]
    fn what_is_quoted_naively_runs_as_code() {
        // The judge of this test would notice: B is D0 91 in UTF-8, and 91 closes the literal.
        assert_eq!(understood("'\u{411}; whoami'"), None);
        assert_eq!(understood("'a' + 'b'"), None);
        assert_eq!(as_shell_word("'a'b'"), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text in any::<String>()) {
            prop_assert_eq!(understood(&powershell(&text)), Some(text.clone()));
            prop_assert_eq!(as_shell_word(&shell(&text)), Some(text.clone()));
            let json = serde_json::json!({ "name": text });
            let ascii = ascii_json(&json);
            prop_assert!(ascii.is_ascii());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&ascii).ok(), Some(json));
            prop_assert!(!comment(&text).contains(char::is_control));
        }
    }
}
