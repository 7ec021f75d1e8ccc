//! `$search` over messages (<https://learn.microsoft.com/graph/search-query-parameter>): words
//! and `property:value` in the keyword query language.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::refusal::Refusal;
use super::shape::importance;
use crate::mailboxes::{Contents, Correspondent, Message};

/// What is looked for: one of these lists has to be met in all its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search(Vec<Vec<Term>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// In lower case; `None` is sender, subject and body.
    key: Option<String>,
    comparison: Comparison,
    /// In lower case.
    value: String,
    is_wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Holds,
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Search {
    /// Reads a search, with or without the quotes around it.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let inner = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let text = inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\\\"", "\""));
        let mut lists = vec![Vec::new()];
        let mut is_wanted = true;
        for word in words(&text) {
            match word.as_str() {
                "AND" => {}
                "OR" => lists.push(Vec::new()),
                "NOT" => is_wanted = false,
                word => {
                    let term = Term::read(word, std::mem::replace(&mut is_wanted, true))?;
                    if let Some(list) = lists.last_mut() {
                        list.push(term);
                    }
                }
            }
        }
        if lists.iter().any(Vec::is_empty) {
            return Err(Refusal::query(
                "Syntax error: the value of $search is empty or ends with an operator.",
            ));
        }
        Ok(Self(lists))
    }

    /// Whether a message is looked for.
    pub(super) fn finds(&self, message: &Message) -> bool {
        self.0.iter().any(|list| {
            list.iter()
                .all(|term| term.finds(message) == term.is_wanted)
        })
    }
}

impl Term {
    fn read(word: &str, is_wanted: bool) -> Result<Self, Refusal> {
        for (sign, comparison) in [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
            (":", Comparison::Holds),
            ("=", Comparison::Holds),
        ] {
            let Some((key, value)) = word.split_once(sign) else {
                continue;
            };
            let key = key.to_lowercase();
            if KEYS.contains(&key.as_str()) {
                return Ok(Self {
                    key: Some(key),
                    comparison,
                    value: value.trim_matches('"').to_lowercase(),
                    is_wanted,
                });
            }
            if key.chars().all(char::is_alphabetic) && sign == ":" && !key.is_empty() {
                return Err(Refusal::query(format!(
                    "Syntax error: '{key}' is no property that can be searched."
                )));
            }
        }
        Ok(Self {
            key: None,
            comparison: Comparison::Holds,
            value: word.trim_matches('"').to_lowercase(),
            is_wanted,
        })
    }

    fn finds(&self, message: &Message) -> bool {
        let contents = message.contents();
        let value = self.value.as_str();
        let from = contents.from.as_slice();
        match self.key.as_deref() {
            None => {
                holds(&contents.subject, value)
                    || holds(&contents.text, value)
                    || named(from, value)
            }
            Some("subject") => holds(&contents.subject, value),
            Some("body") => holds(&contents.text, value),
            Some("from") => named(from, value),
            Some("to") => named(&contents.to, value),
            Some("cc") => named(&contents.cc, value),
            Some("bcc") => named(&contents.bcc, value),
            Some("recipients") => contents.recipients().any(|one| is_named(one, value)),
            Some("participants") => {
                named(from, value) || contents.recipients().any(|one| is_named(one, value))
            }
            Some("attachment") => {
                let mut names = contents
                    .attached
                    .iter()
                    .filter_map(|one| one.name.as_deref());
                names.any(|name| holds(name, value))
            }
            Some("hasattachments") => {
                let has = contents.attached.iter().any(|one| !one.is_inline);
                (value == "true" || value == "yes" || value == "1") == has
            }
            Some("importance") => importance(message) == value,
            Some("kind") => value == "email",
            Some("size") => self.compares(message.raw.len().to_string().as_str(), value),
            Some("received") => self.dates(message.received_at),
            Some("sent") => self.dates(sent_at(contents, message)),
            Some(_) => false,
        }
    }

    fn compares(&self, number: &str, wanted: &str) -> bool {
        let (Ok(number), Ok(wanted)) = (number.parse::<u64>(), wanted.parse::<u64>()) else {
            return false;
        };
        match self.comparison {
            Comparison::Holds => number == wanted,
            Comparison::AtLeast => number >= wanted,
            Comparison::Above => number > wanted,
            Comparison::AtMost => number <= wanted,
            Comparison::Below => number < wanted,
        }
    }

    /// Days are compared, in UTC.
    fn dates(&self, at: Timestamp) -> bool {
        let day = at.to_zoned(TimeZone::UTC).date();
        let value = self.value.as_str();
        let (first, last) = value.split_once("..").unwrap_or((value, value));
        let (first, last) = (first.parse::<Date>().ok(), last.parse::<Date>().ok());
        let Some((first, last)) = first.zip(last) else {
            return false;
        };
        match self.comparison {
            Comparison::Holds => first <= day && day <= last,
            Comparison::AtLeast => day >= first,
            Comparison::Above => day > first,
            Comparison::AtMost => day <= last,
            Comparison::Below => day < last,
        }
    }
}

/// When it was sent, by which results are ordered.
pub(super) fn sent_at(contents: &Contents, message: &Message) -> Timestamp {
    contents.sent_at.unwrap_or(message.received_at)
}

fn named(all: &[Correspondent], value: &str) -> bool {
    all.iter().any(|one| is_named(one, value))
}

fn is_named(one: &Correspondent, value: &str) -> bool {
    holds(&one.name, value) || one.address.to_lowercase().contains(value)
}

/// Whether a text holds the value where a word begins.
fn holds(text: &str, value: &str) -> bool {
    let text = text.to_lowercase();
    let value = value.trim_end_matches('*');
    let mut found = text.match_indices(value);
    found.any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric())
    })
}

/// Words apart by spaces, save within quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in text.chars() {
        if letter == '"' {
            is_quoted = !is_quoted;
        }
        match words.last_mut() {
            Some(_) if letter.is_whitespace() && !is_quoted => words.push(String::new()),
            Some(word) => word.push(letter),
            None => {}
        }
    }
    words.retain(|word| !word.trim_matches('"').is_empty());
    words
}

const KEYS: &[&str] = &[
    "attachment",
    "bcc",
    "body",
    "cc",
    "from",
    "hasattachments",
    "importance",
    "kind",
    "participants",
    "received",
    "recipients",
    "sent",
    "size",
    "subject",
    "to",
];
