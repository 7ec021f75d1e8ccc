//! What is wrong with a configuration, and where, as people read it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gatepost_fault::{Fault, Next, Owner};

use super::key_names;

/// A configuration file with its text, to turn places into lines and columns.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The file.
    pub(super) file: &'a Path,
    /// What it holds.
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text }
    }

    /// The place of the octets `span`.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let start = floor(self.text, span.start);
        let end = floor(self.text, span.end.max(start));
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |at| start + at);
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        let marked = self.text[start..end.min(line_end)].chars().count();
        Place {
            file: self.file.to_owned(),
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            excerpt: key_names::without_secret(line),
            marked: marked.max(1),
        }
    }

    /// A problem at `span`.
    pub(super) fn problem(
        &self,
        span: Range<usize>,
        code: &'static str,
        sentence: impl Into<String>,
    ) -> Problem {
        Problem {
            code,
            sentence: sentence.into(),
            place: Some(self.place(span)),
        }
    }
}

/// The largest character border that is not beyond `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// A place in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, without what may be a secret.
    excerpt: String,
    /// How many characters are marked.
    marked: usize,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable code, with its page in `docs/codes/`.
    pub code: &'static str,
    /// What is wrong and what to do, in one sentence.
    pub sentence: String,
    /// Where, if it has a place.
    pub place: Option<Place>,
}

impl Problem {
    /// The place and the sentence on one line, as a log has it.
    pub fn on_one_line(&self) -> String {
        match &self.place {
            None => self.sentence.clone(),
            Some(place) => format!(
                "{}:{}:{}: {}",
                place.file.display(),
                place.line,
                place.column,
                self.sentence
            ),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else {
            return f.write_str(&self.sentence);
        };
        writeln!(f, "{}", self.on_one_line())?;
        let column = place.column;
        let number = place.line.to_string();
        let gutter = " ".repeat(number.len());
        let marked = place.marked.min(
            place
                .excerpt
                .chars()
                .count()
                .saturating_sub(column - 1)
                .max(1),
        );
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", place.excerpt)?;
        write!(
            f,
            "{gutter} | {}{}",
            " ".repeat(column - 1),
            "^".repeat(marked)
        )
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Every code this error answers; those of the files it names come on top.
    pub const CODES: &'static [&'static str] = &[
        "config_missing",
        "config_unreadable",
        "config_syntax",
        "config_unknown_key",
        "config_wrong_value",
        "config_unknown_name",
        "config_inline_secret",
        "config_contradiction",
        "certificate_expires_soon",
        "sink_program_unusable",
    ];

    /// What is wrong, in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// `Err` if there are any problems.
    pub fn unless_empty(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    pub(super) fn one(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }

    pub(super) fn nowhere(places: &[PathBuf]) -> Self {
        let places: Vec<_> = places
            .iter()
            .map(|place| place.display().to_string())
            .collect();
        Self::one(Problem {
            code: "config_missing",
            sentence: format!(
                "there is no configuration: none of {} exists; name one with --config FILE, or \
                 try `gatepost demo`, which needs none",
                places.join(", ")
            ),
            place: None,
        })
    }

    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        Self::one(Problem {
            code: if missing {
                "config_missing"
            } else {
                "config_unreadable"
            },
            sentence: format!("cannot read the configuration {}: {error}", file.display()),
            place: None,
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Fault for ConfigError {
    fn code(&self) -> &'static str {
        self.problems
            .first()
            .map_or("config_syntax", |problem| problem.code)
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
