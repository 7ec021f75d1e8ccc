//! What a recipe says: files to write, commands to run.

use std::path::Path;

use crate::stand::Failure;

/// A page of `docs/recipes`.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Names below the home directory, with their content.
    pub(crate) files: Vec<(String, String)>,
    /// Shell lines, in the order in which they stand.
    pub(crate) commands: Vec<String>,
}

impl Recipe {
    /// Reads the page of a program.
    pub(crate) fn of(program: &str) -> Result<Self, Failure> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes");
        let page = folder.join(program).with_extension("md");
        let page = std::fs::read_to_string(&page)
            .map_err(|error| format!("{}: {error}", page.display()))?;
        Ok(Self::read(&page))
    }

    fn read(page: &str) -> Self {
        let (mut files, mut commands) = (Vec::new(), Vec::new());
        let mut before = page;
        while let Some((text, rest)) = before.split_once("```") {
            let Some((block, rest)) = rest.split_once("\n```") else {
                break;
            };
            let (kind, content) = block.split_once('\n').unwrap_or((block, ""));
            if kind == "sh" {
                commands.push(content.to_owned());
            } else if let Some(name) = named(text) {
                files.push((name.to_owned(), format!("{content}\n")));
            }
            before = rest;
        }
        Self { files, commands }
    }
}

/// The file that the last line before a block names: "In `~/.msmtprc`:".
fn named(text: &str) -> Option<&str> {
    let line = text.trim_end().lines().last()?;
    let name = line.strip_suffix("`:")?.rsplit('`').next()?;
    name.strip_prefix("~/")
}

#[test]
fn files_and_commands_are_told_apart() {
    let page =
        "# x\n\nIn `~/.xrc`:\n\n```\na\nb\n```\n\nRun `x`:\n\n```sh\nx -y\n```\n\n```\nseen\n```\n";
    let recipe = Recipe::read(page);
    assert_eq!(recipe.files, [(".xrc".to_owned(), "a\nb\n".to_owned())]);
    assert_eq!(recipe.commands, ["x -y"]);
}
