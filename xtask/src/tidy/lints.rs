//! The lints that stand in for checks of our own.

use super::Finding;
use crate::tree::Tree;

/// The thresholds stand, and no package leaves the workspace's lints.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = thresholds(tree.text(CLIPPY).unwrap_or_default());
    for (path, text) in tree.texts("Cargo.toml") {
        if path == "Cargo.toml" {
            found.extend(workspace(text));
        } else if !path.starts_with("fuzz/") && !has_workspace_lints(text) {
            found.push(Finding::in_file(
                path,
                "add `[lints]` with `workspace = true`",
            ));
        }
    }
    found
}

fn thresholds(clippy: &str) -> Vec<Finding> {
    let table: toml::Table = clippy.parse().unwrap_or_default();
    THRESHOLDS
        .iter()
        .filter(|(key, most)| {
            table
                .get(*key)
                .and_then(toml::Value::as_integer)
                .is_none_or(|set| set > *most)
        })
        .map(|(key, most)| {
            Finding::in_file(CLIPPY, format!("{key} must be set, to {most} at most"))
        })
        .collect()
}

fn workspace(manifest: &str) -> Vec<Finding> {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    let lints = table
        .get("workspace")
        .and_then(|workspace| workspace.get("lints"));
    REQUIRED
        .iter()
        .filter(|(tool, lint, level)| {
            let set = lints
                .and_then(|lints| lints.get(tool))
                .and_then(|tool| tool.get(lint));
            let set = set.and_then(|set| set.get("level").or(Some(set)));
            set.and_then(toml::Value::as_str) != Some(*level)
        })
        .map(|(tool, lint, level)| {
            Finding::in_file(
                "Cargo.toml",
                format!("the lint {tool}::{lint} must be at `{level}`"),
            )
        })
        .collect()
}

fn has_workspace_lints(manifest: &str) -> bool {
    let table: toml::Table = manifest.parse().unwrap_or_default();
    table
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool)
        .unwrap_or_default()
}

const CLIPPY: &str = "clippy.toml";

/// What clippy counts for us: the function budget is here.
const THRESHOLDS: &[(&str, i64)] = &[
    ("too-many-lines-threshold", 80),
    ("too-many-arguments-threshold", 5),
];

const REQUIRED: &[(&str, &str, &str)] = &[
    ("rust", "unsafe_code", "forbid"),
    ("rust", "missing_docs", "warn"),
    ("clippy", "pedantic", "warn"),
    ("clippy", "allow_attributes", "warn"),
    ("clippy", "dbg_macro", "warn"),
    ("clippy", "todo", "warn"),
    ("clippy", "unimplemented", "warn"),
    ("clippy", "unwrap_used", "warn"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_that_was_raised_is_found() {
        let right = "too-many-lines-threshold = 80\ntoo-many-arguments-threshold = 5\n";
        assert_eq!(thresholds(right), []);
        assert_eq!(thresholds(&right.replace("80", "800")).len(), 1);
        assert_eq!(thresholds("").len(), 2);
    }

    #[test]
    fn a_package_without_the_lints_is_found() {
        assert!(has_workspace_lints("[lints]\nworkspace = true\n"));
        assert!(!has_workspace_lints("[package]\nname = \"x\"\n"));
    }

    #[test]
    fn a_lint_that_was_switched_off_is_found() {
        let manifest = "[workspace.lints.clippy]\npedantic = { level = \"allow\" }\n";
        assert_eq!(workspace(manifest).len(), REQUIRED.len());
    }
}
