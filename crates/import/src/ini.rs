//! The dialect of INI that Python's `configparser` reads with interpolation off: no duplicates,
//! names of options in any case and of sections in the given one, `=` or `:`, comments on lines of
//! their own, values that go on in deeper lines, and a section `DEFAULT` that all others inherit.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use zeroize::Zeroizing;

use crate::ImportError;

/// A file as it was read.
#[derive(Debug, Clone, Default)]
pub struct Ini {
    defaults: BTreeMap<String, Entry>,
    sections: Vec<Section>,
}

/// A section, with what it inherits from `DEFAULT` left there.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name, in the case in which it stands there.
    pub name: String,
    /// The line of its head, from 1; 0 where it comes from no line.
    pub line: usize,
    options: BTreeMap<String, Entry>,
}

/// The value of an option. It is never shown: any value could be a secret.
#[derive(Clone)]
pub struct Entry {
    value: Zeroizing<String>,
    line: usize,
}

impl Ini {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        let mut reading = Reading::default();
        for (index, line) in lines(text).enumerate() {
            reading.take(index + 1, line)?;
        }
        Ok(reading.finish())
    }

    /// Its sections in order, without `DEFAULT`.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    /// The section of that very name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The value of `option` in a section, or else in `DEFAULT`.
    pub fn value(&self, section: &str, option: &str) -> Option<&Entry> {
        let section = self.section(section)?;
        section
            .options
            .get(option)
            .or_else(|| self.defaults.get(option))
    }

    /// The names of the options that a section has, those of `DEFAULT` included, in order.
    pub fn options<'i>(&'i self, section: &'i Section) -> BTreeSet<&'i str> {
        let own = section.options.keys();
        own.chain(self.defaults.keys())
            .map(String::as_str)
            .collect()
    }

    /// Adds a section, if there is none of that name.
    pub(crate) fn add_section(&mut self, name: &str) {
        if self.section(name).is_none() {
            self.sections.push(Section {
                name: name.to_owned(),
                line: 0,
                options: BTreeMap::new(),
            });
        }
    }

    /// Sets an option of a section that is there.
    pub(crate) fn set(&mut self, section: &str, option: &str, entry: Entry) {
        let found = self.sections.iter_mut().find(|one| one.name == section);
        if let Some(found) = found {
            found.options.insert(option.to_owned(), entry);
        }
    }
}

impl Entry {
    /// A value that stands in no line.
    pub(crate) fn new(value: String) -> Self {
        Self {
            value: Zeroizing::new(value),
            line: 0,
        }
    }

    /// The value, its lines joined by line feeds.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The line where it begins, from 1; 0 where it comes from no line.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(line {})", self.line)
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    ini: Ini,
    at: At,
    /// The option that deeper lines continue.
    open: Option<Open>,
    indent: usize,
    /// The options of `DEFAULT` that were seen, which may have several heads.
    seen_sections: BTreeSet<String>,
}

/// Where the next option belongs.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum At {
    #[default]
    BeforeAnySection,
    Defaults,
    /// In the last section.
    Section,
}

struct Open {
    name: String,
    line: usize,
    lines: Vec<Zeroizing<String>>,
}

impl Reading {
    fn take(&mut self, number: usize, line: &str) -> Result<(), ImportError> {
        let text = line.trim_matches(is_space);
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        if text.is_empty() {
            // An empty line is part of a value, unless nothing follows.
            if let Some(open) = &mut self.open {
                open.lines.push(Zeroizing::default());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| is_space(*c)).count();
        if let Some(open) = &mut self.open
            && indent > self.indent
        {
            open.lines.push(Zeroizing::new(text.to_owned()));
            return Ok(());
        }
        self.indent = indent;
        match head(text) {
            Some(name) => self.begin_section(number, name),
            None => self.begin_option(number, text),
        }
    }

    fn begin_section(&mut self, line: usize, name: &str) -> Result<(), ImportError> {
        self.close();
        if name == DEFAULTS {
            self.at = At::Defaults;
            return Ok(());
        }
        if !self.seen_sections.insert(name.to_owned()) {
            return Err(ImportError::Malformed {
                line,
                reason: format!("the section [{name}] is there already"),
            });
        }
        self.ini.sections.push(Section {
            name: name.to_owned(),
            line,
            options: BTreeMap::new(),
        });
        self.at = At::Section;
        Ok(())
    }

    fn begin_option(&mut self, line: usize, text: &str) -> Result<(), ImportError> {
        let malformed = |reason: &str| ImportError::Malformed {
            line,
            reason: reason.to_owned(),
        };
        self.close();
        if self.at == At::BeforeAnySection {
            return Err(malformed("it stands before the first [section]"));
        }
        let Some((name, value)) = text.split_once(['=', ':']) else {
            return Err(malformed(
                "it is no [section], no `option = value`, and not indented as the continuation of \
                 one",
            ));
        };
        let name = name.trim_end_matches(is_space).to_lowercase();
        if name.is_empty() {
            return Err(malformed("the name of the option is missing"));
        }
        if self.place().is_some_and(|place| place.contains_key(&name)) {
            let reason = format!("the option `{name}` is there already in this section");
            return Err(ImportError::Malformed { line, reason });
        }
        let value = value.trim_matches(is_space).to_owned();
        self.open = Some(Open {
            name,
            line,
            lines: vec![Zeroizing::new(value)],
        });
        Ok(())
    }

    /// The option that was open is whole.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let mut value = Zeroizing::new(String::new());
        for (index, line) in open.lines.iter().enumerate() {
            if index > 0 {
                value.push('\n');
            }
            value.push_str(line);
        }
        let whole = value.trim_end_matches(is_space).len();
        value.truncate(whole);
        let line = open.line;
        if let Some(place) = self.place() {
            place.insert(open.name, Entry { value, line });
        }
    }

    fn place(&mut self) -> Option<&mut BTreeMap<String, Entry>> {
        match self.at {
            At::BeforeAnySection => None,
            At::Defaults => Some(&mut self.ini.defaults),
            At::Section => self
                .ini
                .sections
                .last_mut()
                .map(|section| &mut section.options),
        }
    }

    fn finish(mut self) -> Ini {
        self.close();
        self.ini
    }
}

/// The name of a section, if that is what the line is the head of: up to its last bracket.
fn head(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

/// Lines end as Python's universal line ends do: LF, CR or both.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take().filter(|text| !text.is_empty())?;
        let Some(end) = text.find(['\n', '\r']) else {
            return Some(text);
        };
        let length = if text[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + length..]);
        Some(&text[..end])
    })
}

/// What Python calls white space: the four separators of ASCII, too.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

const DEFAULTS: &str = "DEFAULT";
