//! What is told about a takeover: every option is named, with what became of it.

use serde::Serialize;

/// What is told, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
}

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Under which heading.
    #[serde(skip)]
    pub heading: Heading,
    /// The section of the file; empty for what is about all of it.
    pub section: String,
    /// The line of the file; 0 where it is about none.
    pub line: usize,
    /// The option, if it is about one.
    pub option: Option<String>,
    /// What is to be said. Never a value that could be a secret.
    pub sentence: String,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heading {
    /// What it becomes here.
    Taken,
    /// What has no counterpart here, and why.
    NotTaken,
    /// What is unsafe today.
    Unsafe,
    /// What remains to be done.
    Next,
}

impl Heading {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Taken, Self::NotTaken, Self::Unsafe, Self::Next];

    /// What stands above its findings.
    pub fn title(self) -> &'static str {
        match self {
            Self::Taken => "taken over",
            Self::NotTaken => "not taken over",
            Self::Unsafe => "unsafe today",
            Self::Next => "what remains to be done",
        }
    }
}

impl Report {
    /// Adds something about a section.
    pub fn add(&mut self, heading: Heading, place: (&str, usize), sentence: impl Into<String>) {
        self.findings.push(Finding {
            heading,
            section: place.0.to_owned(),
            line: place.1,
            option: None,
            sentence: sentence.into(),
        });
    }

    /// Adds something about one option of a section.
    pub fn add_option(
        &mut self,
        heading: Heading,
        place: (&str, usize),
        (option, sentence): (&str, String),
    ) {
        self.findings.push(Finding {
            heading,
            section: place.0.to_owned(),
            line: place.1,
            option: Some(option.to_owned()),
            sentence,
        });
    }

    /// Adds something that is about no section.
    pub fn add_general(&mut self, heading: Heading, sentence: impl Into<String>) {
        self.add(heading, ("", 0), sentence);
    }

    /// Whether something is told of an option under a heading, of whatever section.
    pub fn names(&self, heading: Heading, option: &str) -> bool {
        self.under(heading)
            .any(|finding| finding.option.as_deref() == Some(option))
    }

    /// What stands under a heading.
    pub fn under(&self, heading: Heading) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |finding| finding.heading == heading)
    }

    /// All of it as text for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for heading in Heading::ALL {
            let mut findings = self.under(heading).peekable();
            if findings.peek().is_none() {
                continue;
            }
            text.push_str(heading.title());
            text.push_str(":\n");
            for finding in findings {
                text.push_str("  ");
                text.push_str(&finding.to_string());
                text.push('\n');
            }
            text.push('\n');
        }
        text
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.section.is_empty() {
            write!(f, "[{}]", self.section)?;
            if let Some(option) = &self.option {
                write!(f, " {option}")?;
            }
            if self.line > 0 {
                write!(f, " (line {})", self.line)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.sentence)
    }
}
