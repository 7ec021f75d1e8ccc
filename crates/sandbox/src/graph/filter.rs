//! `$filter` and `$orderby`
//! (<https://learn.microsoft.com/graph/filter-query-parameter>).

mod parser;

use std::cmp::Ordering;
use std::ops::Bound;

use jiff::Timestamp;
use serde_json::Value;

use super::refusal::Refusal;

/// A property that can be compared, by its path, and what it is.
pub(super) type Property = (&'static str, Kind);

/// What a property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Time,
    Truth,
    /// A list of texts, or of objects with texts: `categories/any(c:c eq 'x')`.
    List,
}

/// A condition that items meet or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Compare(&'static str, Operator, Literal),
    /// A function of a text, such as `contains`.
    Text(&'static str, TextMatch, String),
    /// One of a list is this text, at a path below each.
    Any(&'static str, String, Operator, Literal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextMatch {
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Time(Timestamp),
    Truth(bool),
    Null,
}

/// The first segment of a property's path leads to its value.
pub(super) type Item<'a> = &'a dyn Fn(&str) -> Value;

impl Filter {
    /// Reads a filter over these properties.
    pub(super) fn parse(text: &str, properties: &'static [Property]) -> Result<Self, Refusal> {
        parser::parse(text, properties)
    }

    /// Whether an item meets it.
    pub(super) fn meets(&self, item: Item<'_>) -> bool {
        match self {
            Self::And(one, other) => one.meets(item) && other.meets(item),
            Self::Or(one, other) => one.meets(item) || other.meets(item),
            Self::Not(one) => !one.meets(item),
            Self::Compare(path, operator, literal) => {
                operator.holds(literal.compared(&at(item, path)))
            }
            Self::Text(path, matching, wanted) => {
                let text = at(item, path).as_str().unwrap_or_default().to_lowercase();
                match matching {
                    TextMatch::Contains => text.contains(wanted.as_str()),
                    TextMatch::StartsWith => text.starts_with(wanted.as_str()),
                    TextMatch::EndsWith => text.ends_with(wanted.as_str()),
                }
            }
            Self::Any(path, below, operator, literal) => {
                let list = at(item, path);
                let mut all = list.as_array().into_iter().flatten();
                all.any(|one| {
                    let one = if below.is_empty() {
                        Some(one)
                    } else {
                        one.pointer(&format!("/{below}"))
                    };
                    operator.holds(one.map_or(Some(Ordering::Less), |one| literal.compared(one)))
                })
            }
        }
    }

    /// The properties in it, in their order.
    fn mentioned(&self, all: &mut Vec<&'static str>) {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                one.mentioned(all);
                other.mentioned(all);
            }
            Self::Not(one) => one.mentioned(all),
            Self::Compare(path, ..) | Self::Text(path, ..) | Self::Any(path, ..) => {
                if !all.contains(path) {
                    all.push(path);
                }
            }
        }
    }

    /// Between which times a property lies in everything that meets it.
    pub(super) fn span(&self, property: &str) -> (Bound<Timestamp>, Bound<Timestamp>) {
        match self {
            Self::And(one, other) => {
                let (one, other) = (one.span(property), other.span(property));
                (
                    tighter(one.0, other.0, true),
                    tighter(one.1, other.1, false),
                )
            }
            Self::Compare(path, operator, Literal::Time(time)) if *path == property => {
                match operator {
                    Operator::Equal => (Bound::Included(*time), Bound::Included(*time)),
                    Operator::Less => (Bound::Unbounded, Bound::Excluded(*time)),
                    Operator::LessOrEqual => (Bound::Unbounded, Bound::Included(*time)),
                    Operator::Greater => (Bound::Excluded(*time), Bound::Unbounded),
                    Operator::GreaterOrEqual => (Bound::Included(*time), Bound::Unbounded),
                    Operator::NotEqual => (Bound::Unbounded, Bound::Unbounded),
                }
            }
            _ => (Bound::Unbounded, Bound::Unbounded),
        }
    }
}

/// The tighter of two bounds from below, or from above.
fn tighter(one: Bound<Timestamp>, other: Bound<Timestamp>, below: bool) -> Bound<Timestamp> {
    let time = |bound: Bound<Timestamp>| match bound {
        Bound::Included(at) => Some((at, false)),
        Bound::Excluded(at) => Some((at, true)),
        Bound::Unbounded => None,
    };
    match (time(one), time(other)) {
        (None, _) => other,
        (_, None) => one,
        (Some((first, open)), Some((second, _))) => {
            let first_wins = match first.cmp(&second) {
                Ordering::Equal => open,
                Ordering::Greater => below,
                Ordering::Less => !below,
            };
            if first_wins { one } else { other }
        }
    }
}

/// By what items are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sorting {
    pub(super) path: &'static str,
    pub(super) descending: bool,
}

/// Reads `$orderby`. With a filter, its properties have to be the first ones there, in the same
/// order.
pub(super) fn sortings(
    text: &str,
    filter: Option<&Filter>,
    properties: &'static [Property],
) -> Result<Vec<Sorting>, Refusal> {
    let mut sortings = Vec::new();
    for part in text.split(',') {
        let mut words = part.split_whitespace();
        let name = words.next().unwrap_or_default();
        let descending = match words.next() {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => {
                return Err(Refusal::query(format!(
                    "Syntax error in $orderby: '{part}'."
                )));
            }
        };
        let (path, kind) = find(name, properties)?;
        if words.next().is_some() || kind == Kind::List {
            return Err(Refusal::query(format!(
                "Syntax error in $orderby: '{part}'."
            )));
        }
        sortings.push(Sorting { path, descending });
    }
    if let Some(filter) = filter {
        let mut mentioned = Vec::new();
        filter.mentioned(&mut mentioned);
        let paths: Vec<&str> = sortings.iter().map(|sorting| sorting.path).collect();
        if !mentioned.starts_with(&paths) {
            return Err(Refusal::bad(
                "InefficientFilter",
                "The restriction or sort order is too complex for this operation.",
            ));
        }
    }
    Ok(sortings)
}

/// How two items stand to each other.
pub(super) fn order(sortings: &[Sorting], one: Item<'_>, other: Item<'_>) -> Ordering {
    for sorting in sortings {
        let key = |item| match at(item, sorting.path) {
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        let ordering = key(one).cmp(&key(other));
        let ordering = if sorting.descending {
            ordering.reverse()
        } else {
            ordering
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

fn at(item: Item<'_>, path: &str) -> Value {
    match path.split_once('/') {
        None => item(path),
        Some((first, rest)) => {
            let value = item(first);
            value
                .pointer(&format!("/{rest}"))
                .cloned()
                .unwrap_or_default()
        }
    }
}

fn find(name: &str, properties: &'static [Property]) -> Result<Property, Refusal> {
    let found = properties
        .iter()
        .find(|(path, _)| path.eq_ignore_ascii_case(name));
    found.copied().ok_or_else(|| {
        Refusal::query(format!(
            "Could not find a property named '{name}' that can be filtered or sorted by."
        ))
    })
}

impl Operator {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Whether it holds when the value stands so to the literal; `None` is no comparison.
    fn holds(self, ordering: Option<Ordering>) -> bool {
        let Some(ordering) = ordering else {
            return self == Self::NotEqual;
        };
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Literal {
    /// How a value stands to this; texts have no case.
    fn compared(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::Text(wanted) => {
                let text = value.as_str()?;
                Some(text.to_lowercase().cmp(&wanted.to_lowercase()))
            }
            Self::Time(wanted) => value
                .as_str()?
                .parse()
                .ok()
                .map(|at: Timestamp| at.cmp(wanted)),
            Self::Truth(wanted) => value.as_bool().map(|truth| truth.cmp(wanted)),
            Self::Null => value.is_null().then_some(Ordering::Equal),
        }
    }

    fn fits(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Text(_), Kind::Text)
                | (Self::Time(_), Kind::Time)
                | (Self::Truth(_), Kind::Truth)
                | (Self::Null, _)
        )
    }
}

#[cfg(test)]
mod tests;
