//! How large a file of the repository may be.

use super::Finding;
use crate::tree::Tree;

/// Nobody downloads large files with the sources: tests make what they need.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|(_, file)| file.size > OCTETS)
        .map(|(path, file)| {
            Finding::in_file(
                path,
                format!("{} octets, and {OCTETS} are allowed", file.size),
            )
        })
        .collect()
}

const OCTETS: u64 = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_found() {
        let large = "x".repeat(512 * 1024 + 1);
        assert_eq!(check(&Tree::of(&[("a", &large), ("b", "small")])).len(), 1);
    }
}
