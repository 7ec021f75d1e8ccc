//! `cargo xtask tidy`: what compilers do not check.

mod budgets;
mod citations;
mod codes;
mod direction;
mod lints;
mod names;
mod paths;
mod size;
mod words;

use std::fmt;

use anyhow::bail;

use crate::tree::Tree;

/// Every check. A new one is a file and a line here.
const CHECKS: &[Check] = &[
    direction::check,
    budgets::check,
    lints::check,
    citations::check,
    paths::check,
    codes::check,
    names::check,
    words::check,
    size::check,
];

/// Looks at the files and says what is wrong with them.
type Check = fn(&Tree) -> Vec<Finding>;

/// Something that must be changed, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: Option<usize>,
    sentence: String,
}

impl Finding {
    fn in_file(path: &str, sentence: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            sentence: sentence.into(),
        }
    }

    /// `line` counts from 0, as `lines().enumerate()` does.
    fn at(path: &str, line: usize, sentence: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: Some(line + 1),
            sentence: sentence.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.sentence),
            None => write!(f, "{}: {}", self.path, self.sentence),
        }
    }
}

/// Runs every check on the repository and prints what they find.
pub(crate) fn run() -> anyhow::Result<()> {
    let tree = Tree::read()?;
    let found = findings(&tree);
    for finding in &found {
        println!("{finding}");
    }
    if !found.is_empty() {
        bail!("tidy: {} to put right", found.len());
    }
    println!("tidy: {} files in order", tree.files().count());
    Ok(())
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let mut found: Vec<Finding> = CHECKS.iter().flat_map(|check| check(tree)).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let tree = Tree::read().expect("the repository can be read");
        let found: Vec<String> = findings(&tree).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
