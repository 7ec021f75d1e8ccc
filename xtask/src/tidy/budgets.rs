//! How long a file may be.

use super::Finding;
use crate::tree::Tree;

/// No source file outside tests is longer than [`LINES`].
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.texts(".rs")
        .filter(|(path, _)| !is_test(path))
        .filter(|(path, _)| !EXCEPTIONS.iter().any(|(file, _)| file == path))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > LINES).then(|| {
                let sentence = format!("{lines} lines, and {LINES} are allowed: part it by topic");
                Finding::in_file(path, sentence)
            })
        })
        .collect()
}

/// Test files may be long: they are read one test at a time.
fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "tests.rs"))
}

/// Functions have their own budget, which clippy counts: see `clippy.toml`.
const LINES: usize = 600;

/// Longer files, and why they are better in one piece.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_a_long_test_is_not() {
        let long = "// line\n".repeat(LINES + 1);
        assert_eq!(
            check(&Tree::of(&[("crates/wire/src/imap.rs", &long)])).len(),
            1
        );
        assert_eq!(
            check(&Tree::of(&[("crates/wire/tests/imap.rs", &long)])).len(),
            0
        );
    }
}
