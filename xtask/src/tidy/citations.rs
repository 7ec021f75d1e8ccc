//! Citations of standards can be looked up.

use super::Finding;
use crate::standards;
use crate::tree::Tree;

/// Every `RFC` in sources and documents has the form `RFC 9051 §7.2.1` and a known number.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(".rs").chain(tree.texts(".md")) {
        if path.starts_with("xtask/") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for (at, _) in line.match_indices("RFC") {
                if let Some(sentence) = fault_of(&line[at + 3..]) {
                    found.push(Finding::at(path, number, sentence));
                }
            }
        }
    }
    found
}

/// What is wrong with a citation, given what follows its `RFC`.
fn fault_of(rest: &str) -> Option<String> {
    // `RFC822.SIZE` is an attribute of IMAP, and "the RFC" is a word.
    let rest = rest.strip_prefix(' ')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    if number.is_empty() {
        return None;
    }
    let Some(number) = number.parse().ok().filter(|_| !number.starts_with('0')) else {
        return Some(format!("RFC {number} is no number of an RFC"));
    };
    if standards::title(number).is_none() {
        return Some(format!(
            "RFC {number} is unknown: look it up, then add its title to xtask/src/standards.rs"
        ));
    }
    let rest = rest.trim_start_matches(',').trim_start();
    if ["section", "Section", "sec.", "paragraph"]
        .iter()
        .any(|word| rest.starts_with(word))
    {
        return Some(format!("write a section as `RFC {number} §1.2`"));
    }
    let section = rest.strip_prefix('§')?;
    let end = section
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .unwrap_or(section.len());
    let section = section[..end].trim_end_matches('.');
    (!is_section(section)).then(|| format!("`§{section}` is no section of RFC {number}"))
}

/// `7`, `7.2.1`, or in an appendix `A`, `A.1`.
fn is_section(section: &str) -> bool {
    let mut parts = section.split('.');
    let number = |part: &str| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
    };
    let appendix = |part: &str| part.len() == 1 && part.bytes().all(|b| b.is_ascii_uppercase());
    parts
        .next()
        .is_some_and(|first| number(first) || appendix(first))
        && parts.all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_citations_pass() {
        for good in [
            " 9051 §7.2.1).",
            " 5322 §A.1.3",
            " 2177, which",
            "822.SIZE",
            "",
            " 9051 §4.3.",
        ] {
            assert_eq!(fault_of(good), None, "RFC{good}");
        }
    }

    #[test]
    fn bad_citations_do_not() {
        for bad in [
            " 99999 §1",
            " 9998",
            " 9051 section 7",
            " 9051 §x.y",
            " 09051",
            " 9051 §7..1",
        ] {
            assert!(fault_of(bad).is_some(), "RFC{bad}");
        }
    }
}
