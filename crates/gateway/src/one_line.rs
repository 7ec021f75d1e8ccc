//! Sentences as one line of ASCII, for protocols that know no other.

/// `text` in one line of printable ASCII of at most `most` octets. What is too long ends behind a
/// word, with three dots, and before a bracket that would not be closed.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(most));
    for letter in text.chars() {
        match letter {
            ' '..='~' => line.push(letter),
            letter if letter.is_control() => line.push(' '),
            '§' => line.push_str("section "),
            '…' => line.push_str(DOTS),
            _ => line.push('?'),
        }
        if line.len() > most {
            return shortened(&line, most.saturating_sub(DOTS.len() + 1));
        }
    }
    line
}

/// What of a line fits, and dots.
fn shortened(line: &str, most: usize) -> String {
    let whole = &line[..most.min(line.len())];
    // A word that is all there is, is cut.
    let words = whole.rfind(' ').map_or(whole, |end| &whole[..end]);
    let before_bracket = open_bracket(words).map(|open| words[..open].trim_end());
    let kept = before_bracket
        .filter(|before| before.len() >= whole.len() / 2)
        .unwrap_or(words);
    let kept = kept.trim_end_matches([' ', ',', ';', ':']);
    format!("{kept} {DOTS}")
}

/// Where the first bracket stands that is not closed.
fn open_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' => open.push(at),
            ')' | ']' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.first().copied()
}

const DOTS: &str = "...";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_behind_a_word_and_before_a_bracket() {
        for (text, most, line) in [
            ("fits (as it is)", 15, "fits (as it is)"),
            ("one two three", 12, "one two ..."),
            ("one, two three", 9, "one ..."),
            (
                "the server said so [AM0PR01 2026-11-27]",
                35,
                "the server said so ...",
            ),
            // All of it stands in the bracket.
            (
                "no [the server said so at length]",
                25,
                "no [the server said ...",
            ),
            ("unbreakable", 8, "unbr ..."),
            ("Größe\r\n§3.6…", 40, "Gr??e  section 3.6..."),
        ] {
            assert_eq!(one_line(text, most), line, "{text}");
            assert!(one_line(text, most).len() <= most.max(line.len()));
        }
        let long = "word ".repeat(500);
        assert!(one_line(&long, 400).len() <= 400);
    }
}
