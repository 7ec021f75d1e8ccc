//! From the text of a configuration to its raw form.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read as _};
use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use super::problem::Source;
use super::raw::{INLINE_SECRET, Placed, RawConfig, RawSink, SINK_KINDS};
use super::{ConfigError, Problem, key_names};

/// The text of a configuration file.
pub(super) fn text(file: &Path) -> Result<String, ConfigError> {
    let read = || {
        let mut text = String::new();
        File::open(file)?.take(MOST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MOST {
            let reason = format!("it is larger than {MOST} octets; is it the right file?");
            return Err(IoError::new(ErrorKind::InvalidData, reason));
        }
        Ok(text)
    };
    read().map_err(|error| ConfigError::unreadable(file, &error))
}

/// Reads TOML into the raw form. What cannot be read at all ends it; the faults of sinks, which
/// are read table by table, are reported together.
pub(super) fn raw(source: &Source<'_>) -> Result<RawConfig, ConfigError> {
    let tree =
        DeTable::parse(source.text).map_err(|error| ConfigError::one(syntax(source, &error)))?;
    let mut raw = RawConfig::deserialize(toml::Deserializer::from(tree.clone()))
        .map_err(|error| ConfigError::one(shape(source, tree.get_ref(), &error)))?;
    raw.sink = sinks(source, tree.get_ref())?;
    Ok(raw)
}

fn sinks(
    source: &Source<'_>,
    tree: &DeTable<'_>,
) -> Result<BTreeMap<Placed<String>, RawSink>, ConfigError> {
    let mut problems = Vec::new();
    let mut sinks = BTreeMap::new();
    let tables = tree
        .get("sink")
        .and_then(|value| value.get_ref().as_table());
    for (name, value) in tables.into_iter().flatten() {
        let place = Spanned::new(name.span(), name.get_ref().to_string());
        match sink(source, tree, (name.get_ref(), value)) {
            Ok(sink) => drop(sinks.insert(Placed::from(place), sink)),
            Err(problem) => problems.push(problem),
        }
    }
    ConfigError::unless_empty(problems)?;
    Ok(sinks)
}

fn sink(
    source: &Source<'_>,
    tree: &DeTable<'_>,
    (name, value): (&str, &Spanned<DeValue<'_>>),
) -> Result<RawSink, Problem> {
    let wrong = |span, sentence| source.problem(span, "config_wrong_value", sentence);
    let Some(table) = value.get_ref().as_table() else {
        return Err(wrong(
            value.span(),
            format!("[sink.{name}] must be a table"),
        ));
    };
    let kinds = SINK_KINDS.iter().map(|(kind, _)| *kind);
    let mut table = table.clone();
    let Some(kind) = table.remove("kind") else {
        let advice = key_names::advice("", kinds);
        return Err(wrong(
            value.span(),
            format!("[sink.{name}] has no `kind`{advice}"),
        ));
    };
    let Some(typed) = kind.get_ref().as_str() else {
        return Err(wrong(
            kind.span(),
            format!("`kind` of [sink.{name}] must be a string"),
        ));
    };
    let Some((_, read)) = SINK_KINDS.iter().find(|(kind, _)| *kind == typed) else {
        let advice = key_names::advice(typed, kinds);
        return Err(wrong(
            kind.span(),
            format!("there is no kind of sink `{typed}`{advice}"),
        ));
    };
    let table = Spanned::new(value.span(), table);
    read(table).map_err(|error| shape(source, tree, &error))
}

fn syntax(source: &Source<'_>, error: &Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    source.problem(
        span,
        "config_syntax",
        format!("this is not TOML: {}", one_line(error)),
    )
}

/// Turns what serde says into our own words.
fn shape(source: &Source<'_>, tree: &DeTable<'_>, error: &Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let message = one_line(error);
    let table = table_at(tree, &span).unwrap_or_default();
    let within = if table.is_empty() {
        String::new()
    } else {
        format!(" in [{table}]")
    };
    if message == one_line_of(INLINE_SECRET) {
        return source.problem(span, "config_inline_secret", message);
    }
    let names = quoted(&message);
    let (code, sentence) = match names.split_first() {
        Some((found, known)) if message.starts_with("unknown field") => {
            let advice = key_names::advice(found, known.iter().copied());
            (
                "config_unknown_key",
                format!("unknown key `{found}`{within}{advice}"),
            )
        }
        Some((found, known)) if message.starts_with("unknown variant") => {
            let advice = key_names::advice(found, known.iter().copied());
            let place = if table.is_empty() { " here" } else { &within };
            (
                "config_wrong_value",
                format!("`{found}` is not possible{place}{advice}"),
            )
        }
        Some((missing, _)) if message.starts_with("missing field") => (
            "config_wrong_value",
            format!("the key `{missing}` is missing{within}"),
        ),
        _ => (
            "config_wrong_value",
            format!("{}{within}", wrong_type(&message)),
        ),
    };
    source.problem(span, code, sentence)
}

/// serde's `invalid type: integer `5`, expected a string`, without the value: it may be a secret.
fn wrong_type(message: &str) -> String {
    let parts = message.strip_prefix("invalid type: ").and_then(|rest| {
        let (found, expected) = rest.rsplit_once(", expected ")?;
        Some((found.split(' ').next().unwrap_or(found), expected))
    });
    match parts {
        Some((found, "a sequence")) => format!("a list is expected, and this is of type {found}"),
        Some((found, expected)) => format!("{expected} is expected, and this is of type {found}"),
        None => message.to_owned(),
    }
}

/// What stands between backticks in a message of serde: the name found, then those expected.
/// The golden files of bad configurations fail if serde changes its words.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn one_line(error: &Error) -> String {
    one_line_of(error.message())
}

fn one_line_of(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The innermost table that `span` stands in, as it is written in a header.
fn table_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (key, value) in table {
        let name = bare_or_quoted(key.get_ref());
        if key.span() == *span {
            return Some(String::new());
        }
        if value.span() == *span && value.get_ref().is_table() {
            return Some(name);
        }
        let inner = match value.get_ref() {
            DeValue::Table(inner) => table_at(inner, span),
            DeValue::Array(items) => items.iter().find_map(|item| {
                (item.span() == *span).then(String::new).or_else(|| {
                    item.get_ref()
                        .as_table()
                        .and_then(|inner| table_at(inner, span))
                })
            }),
            _ => None,
        };
        match inner {
            Some(inner) if inner.is_empty() => return Some(name),
            Some(inner) => return Some(format!("{name}.{inner}")),
            None if value.span() == *span => return Some(String::new()),
            None => {}
        }
    }
    None
}

fn bare_or_quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.chars().all(bare) {
        key.to_owned()
    } else {
        format!("\"{key}\"")
    }
}

/// No configuration is larger: ten thousand mailboxes take less.
const MOST: u64 = 4 * 1024 * 1024;
