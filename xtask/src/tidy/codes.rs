//! Every fault code has its page, and every page its code.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::tree::Tree;

/// Compares `docs/codes/` with what the sources can answer: the literals in every `CODES` list
/// and in every `fn code`. Both are read as text, so that no error type can be forgotten in a
/// list of lists.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let (listed, answered) = (written(tree, LIST), written(tree, ANSWER));
    let mut found = Vec::new();
    for (code, path) in answered
        .iter()
        .filter(|(code, _)| !listed.contains_key(*code))
    {
        found.push(Finding::in_file(
            path,
            format!("`{code}` is answered and is in no `CODES`"),
        ));
    }
    let pages: BTreeSet<&str> = tree
        .texts(".md")
        .filter_map(|(path, _)| code_of(path))
        .collect();
    for (code, path) in listed.iter().chain(&answered) {
        if !pages.contains(code.as_str()) {
            found.push(Finding::in_file(
                path,
                format!("`{code}` has no page {}", page_of(code)),
            ));
        }
    }
    for (path, text) in tree.texts(".md") {
        let Some(code) = code_of(path) else { continue };
        if !listed.contains_key(code) {
            found.push(Finding::in_file(path, "nothing answers this code"));
        }
        found.extend(incomplete(path, code, text));
    }
    found.sort();
    found.dedup();
    found
}

/// The literals inside the braces or brackets that follow `opening`, with a file each is in.
fn written(tree: &Tree, opening: Opening) -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for (path, text) in tree
        .texts(".rs")
        .filter(|(path, _)| path.starts_with("crates/"))
    {
        for (at, _) in text.match_indices(opening.text) {
            let body = enclosed(&text[at + opening.text.len()..], opening.brackets);
            let literals = body
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|text| is_code(text));
            codes.extend(literals.map(|code| (code.to_owned(), path.to_owned())));
        }
    }
    codes
}

/// How a list or a function begins, and which brackets its body is in.
#[derive(Clone, Copy)]
struct Opening {
    text: &'static str,
    brackets: (char, char),
}

/// From the first opening bracket to the one that closes it.
fn enclosed(text: &str, (open, close): (char, char)) -> &str {
    let Some(start) = text.find(open) else {
        return "";
    };
    let mut depth = 0;
    for (at, c) in text[start..].char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return &text[start..start + at];
            }
        }
    }
    ""
}

fn is_code(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(is_letter)
}

fn code_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(PAGES)?.strip_suffix(".md")?;
    (name != "README").then_some(name)
}

fn page_of(code: &str) -> String {
    format!("{PAGES}{code}.md")
}

fn incomplete(path: &str, code: &str, text: &str) -> Vec<Finding> {
    let title = format!("# {code}");
    let mut lines = text.lines();
    let mut found = Vec::new();
    if lines.next() != Some(&title) {
        found.push(Finding::at(
            path,
            0,
            format!("the first line must be `{title}`"),
        ));
    }
    let sections: Vec<&str> = lines.filter(|line| line.starts_with("## ")).collect();
    if sections != SECTIONS {
        found.push(Finding::in_file(
            path,
            format!("the sections must be {}", SECTIONS.join(", ")),
        ));
    }
    found
}

const LIST: Opening = Opening {
    text: "const CODES: &'static [&'static str] =",
    brackets: ('[', ']'),
};
const ANSWER: Opening = Opening {
    text: "fn code(&self) -> &'static str",
    brackets: ('{', '}'),
};
const PAGES: &str = "docs/codes/";
const SECTIONS: [&str; 5] = [
    "## What you see",
    "## Why",
    "## Who must act",
    "## What to do",
    "## How to check",
];

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
impl E { pub const CODES: &'static [&'static str] = &[\"disk_full\", \"file_missing\"]; }
impl Fault for E {
    fn code(&self) -> &'static str {
        match self { Self::A { .. } => \"disk_full\", Self::B => \"never_listed\" }
    }
    fn other() { \"not_a_code\" }
}";

    fn page(code: &str) -> String {
        format!("# {code}\n\n{}\n", SECTIONS.join("\n\nwords\n\n"))
    }

    #[test]
    fn codes_and_pages_are_the_same_set() {
        let (full, orphan) = (page("disk_full"), page("long_gone"));
        let tree = Tree::of(&[
            ("crates/host/src/files.rs", SOURCE),
            ("docs/codes/disk_full.md", &full),
            ("docs/codes/long_gone.md", &orphan),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/host/src/files.rs: `file_missing` has no page docs/codes/file_missing.md",
                "crates/host/src/files.rs: `never_listed` has no page docs/codes/never_listed.md",
                "crates/host/src/files.rs: `never_listed` is answered and is in no `CODES`",
                "docs/codes/long_gone.md: nothing answers this code",
            ]
        );
    }

    #[test]
    fn a_page_has_its_sections_in_order() {
        assert_eq!(incomplete("p", "disk_full", &page("disk_full")), []);
        assert_eq!(
            incomplete("p", "disk_full", "# disk_full\n\n## Why\n").len(),
            1
        );
        assert_eq!(incomplete("p", "disk_full", &page("other")).len(), 1);
    }
}
