//! Documents name only what exists.

use super::Finding;
use crate::tree::Tree;

/// Every path of the repository that a document names is there.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(".md").filter(|(path, _)| is_document(path)) {
        for (number, line) in text.lines().enumerate() {
            for named in code_spans(line).filter(|span| is_path(tree, span)) {
                if !tree.has(named) {
                    found.push(Finding::at(
                        path,
                        number,
                        format!("`{named}` does not exist"),
                    ));
                }
            }
            for target in links(line) {
                if !tree.has(&beside(path, target)) {
                    found.push(Finding::at(
                        path,
                        number,
                        format!("the link to {target} is dead"),
                    ));
                }
            }
        }
    }
    found
}

/// The changelog speaks of the past, where paths may have been others.
fn is_document(path: &str) -> bool {
    path != "CHANGELOG.md" && (!path.contains('/') || path.starts_with("docs/"))
}

/// What stands between backquotes.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a code span means a file of this repository: it begins with one of its folders, or is
/// written like one of its documents. Patterns and placeholders are not looked up.
fn is_path(tree: &Tree, span: &str) -> bool {
    if span.contains([' ', '*', '<', '{', '$', ':', '…']) {
        return false;
    }
    match span.split_once('/') {
        Some((first, _)) => TOP.contains(&first) && tree.has(first),
        None => span
            .strip_suffix(".md")
            .is_some_and(|name| name.bytes().all(is_shouted)),
    }
}

/// Documents at the root are written `LIKE-THIS.md`.
fn is_shouted(b: u8) -> bool {
    b.is_ascii_uppercase() || b == b'-'
}

/// The targets of relative links.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
        })
}

/// The path of a link's target, seen from the root.
fn beside(document: &str, target: &str) -> String {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The folders at the root.
const TOP: &[&str] = &[
    ".cargo", ".ci", ".config", "benches", "crates", "docs", "fuzz", "tests", "xtask",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_found() {
        let tree = Tree::of(&[
            ("crates/wire/src/lib.rs", ""),
            ("docs/codes/x.md", "see [y](y.md) and [up](../../README.md)"),
            (
                "README.md",
                "`crates/wire` `crates/gone/src` `INBOX/Sub` `crates/<name>` `HACKING.md`",
            ),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "README.md:1: `crates/gone/src` does not exist",
                "README.md:1: `HACKING.md` does not exist",
                "docs/codes/x.md:1: the link to y.md is dead",
            ]
        );
    }
}
