//! Names that say nothing.

use super::Finding;
use crate::tree::Tree;

/// No file, folder, module or type has a name that would fit anything.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(".rs") {
        for part in path.split('/').map(|part| part.trim_end_matches(".rs")) {
            if EMPTY.contains(&part) {
                found.push(Finding::in_file(
                    path,
                    format!("`{part}` says nothing: name the thing"),
                ));
            }
        }
        if path.ends_with("/mod.rs") {
            found.push(Finding::in_file(
                path,
                "a module is a file named for it, beside its folder",
            ));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(name) = defined(line).filter(|name| is_empty(name)) {
                found.push(Finding::at(
                    path,
                    number,
                    format!("`{name}` says nothing: name the thing"),
                ));
            }
        }
    }
    found
}

/// The name that a line defines.
fn defined(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub").map_or(line, |rest| {
        // Also `pub(crate)` and `pub(super)`.
        rest.strip_prefix('(')
            .and_then(|rest| rest.split_once(')'))
            .map_or(rest, |(_, rest)| rest)
    });
    let (keyword, rest) = line.trim_start().split_once(' ')?;
    if !["mod", "struct", "enum", "trait", "type"].contains(&keyword) {
        return None;
    }
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    Some(&rest[..end])
}

fn is_empty(name: &str) -> bool {
    EMPTY.contains(&name.to_ascii_lowercase().as_str())
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

const EMPTY: &[&str] = &[
    "base",
    "common",
    "data",
    "handler",
    "handlers",
    "helper",
    "helpers",
    "info",
    "manager",
    "misc",
    "process",
    "service",
    "services",
    "shared_types",
    "stuff",
    "util",
    "utilities",
    "utils",
];
const ENDINGS: &[&str] = &["Helper", "Helpers", "Manager", "Util", "Utils"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found() {
        let tree = Tree::of(&[
            ("crates/mail/src/utils.rs", ""),
            ("crates/mail/src/imap/mod.rs", ""),
            (
                "crates/oauth/src/keeper.rs",
                "pub(crate) struct TokenManager;\nmod helpers;\nfn x() {}\n",
            ),
        ]);
        assert_eq!(check(&tree).len(), 4);
    }

    #[test]
    fn names_of_the_domain_pass() {
        for line in [
            "pub struct TokenKeeper {",
            "use std::process;",
            "mod spool;",
            "// mod utils",
        ] {
            assert!(defined(line).is_none_or(|name| !is_empty(name)), "{line}");
        }
    }
}
