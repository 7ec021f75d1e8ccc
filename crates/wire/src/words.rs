//! Words of a peer, fit to be shown, and our own, fit for a line.

/// The words of a server, fit to be shown: bounded and without control characters.
pub(crate) fn words(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_WORDS)
        .collect()
}

/// Text of a response: one line, whatever its author wrote.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

const LONGEST_WORDS: usize = 1024;
