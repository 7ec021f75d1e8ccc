//! Words that do not belong into what is finished.

use super::Finding;
use crate::tree::Tree;

/// No text holds a note to oneself or a path of somebody's own machine.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, file) in tree.files().filter(|(path, _)| *path != THIS) {
        for (number, line) in file.text.iter().flat_map(|text| text.lines().enumerate()) {
            for (word, sentence) in WORDS.iter().filter(|(word, _)| line.contains(word)) {
                found.push(Finding::at(path, number, format!("`{word}`: {sentence}")));
            }
        }
    }
    found
}

const THIS: &str = "xtask/src/tidy/words.rs";

const WORDS: &[(&str, &str)] = &[
    ("TODO", "do it, or open an issue"),
    ("FIXME", "fix it, or open an issue"),
    ("dbg!(", "remove it"),
    ("todo!(", "do it"),
    ("unimplemented!(", "do it"),
    ("/work/", "a path of one machine"),
    ("/root/", "a path of one machine"),
    ("/Users/", "a path of one machine"),
    ("<<<<<<<", "a conflict that was not resolved"),
    (">>>>>>>", "a conflict that was not resolved"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_to_oneself_are_found() {
        let tree = Tree::of(&[
            ("docs/a.md", "fine\nTODO later\n"),
            ("b.toml", "path = \"/root/x\"\n"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "b.toml:1: `/root/`: a path of one machine",
                "docs/a.md:2: `TODO`: do it, or open an issue"
            ]
        );
    }
}
