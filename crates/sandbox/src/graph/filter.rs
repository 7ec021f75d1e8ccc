//! `$filter` and `$orderby`
//! (<https://learn.microsoft.com/graph/filter-query-parameter>).

use std::cmp::Ordering;
use std::ops::Bound;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
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
        if text.len() > LONGEST {
            return Err(invalid(text, "it is too long"));
        }
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
            properties,
            text,
        };
        let filter = parser.either()?;
        if parser.at < parser.tokens.len() {
            return Err(invalid(text, "something follows its end"));
        }
        Ok(filter)
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

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Colon,
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '\'' => {
                let mut quoted = String::new();
                loop {
                    match letters.next() {
                        Some('\'') if letters.peek() == Some(&'\'') => {
                            letters.next();
                            quoted.push('\'');
                        }
                        Some('\'') => break,
                        Some(letter) => quoted.push(letter),
                        None => return Err(invalid(text, "a text has no end")),
                    }
                }
                tokens.push(Token::Quoted(quoted));
            }
            _ => {
                let mut word = String::from(letter);
                while let Some(next) = letters.next_if(|next| !" \t(),'".contains(*next)) {
                    word.push(next);
                }
                // `any(c:c eq 'x')`: only before a name, for a time has colons too.
                match word.split_once(':') {
                    Some((name, rest))
                        if !word.starts_with(|first: char| first.is_ascii_digit()) =>
                    {
                        tokens.push(Token::Word(name.to_owned()));
                        tokens.push(Token::Colon);
                        tokens.push(Token::Word(rest.to_owned()));
                    }
                    _ => tokens.push(Token::Word(word)),
                }
            }
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    properties: &'static [Property],
    text: &'a str,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, Refusal> {
        let mut filter = self.both()?;
        while self.takes_word("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.both()?));
        }
        Ok(filter)
    }

    fn both(&mut self) -> Result<Filter, Refusal> {
        let mut filter = self.one()?;
        while self.takes_word("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one()?));
        }
        Ok(filter)
    }

    fn one(&mut self) -> Result<Filter, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.wrong("it is too deep"));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.takes(&Token::Open) {
            let filter = self.either()?;
            self.expect(&Token::Close)?;
            return Ok(filter);
        }
        let Some(Token::Word(word)) = self.next() else {
            return Err(self.wrong("a property is missing"));
        };
        let function = match word.to_ascii_lowercase().as_str() {
            "contains" => Some(TextMatch::Contains),
            "startswith" => Some(TextMatch::StartsWith),
            "endswith" => Some(TextMatch::EndsWith),
            _ => None,
        };
        if let Some(function) = function {
            return self.function(function);
        }
        if let Some(list) = word.strip_suffix("/any") {
            return self.any(list);
        }
        let (path, kind) = find(&word, self.properties)?;
        let operator = self.operator();
        if operator.is_none() && kind == Kind::Truth {
            return Ok(Filter::Compare(path, Operator::Equal, Literal::Truth(true)));
        }
        let operator = operator.ok_or_else(|| self.wrong("an operator is missing"))?;
        let literal = self.literal()?;
        if !literal.fits(kind) {
            return Err(self.wrong("a binary operator with incompatible types was detected"));
        }
        Ok(Filter::Compare(path, operator, literal))
    }

    fn function(&mut self, function: TextMatch) -> Result<Filter, Refusal> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(name)) = self.next() else {
            return Err(self.wrong("a function lacks its property"));
        };
        let (path, kind) = find(&name, self.properties)?;
        self.expect(&Token::Comma)?;
        let Some(Token::Quoted(wanted)) = self.next() else {
            return Err(self.wrong("a function lacks its text"));
        };
        self.expect(&Token::Close)?;
        if kind != Kind::Text {
            return Err(self.wrong("a function of a text is given something else"));
        }
        // `contains(…) eq true` says no more.
        if let Some(operator) = self.operator() {
            let filter = Filter::Text(path, function, wanted.to_lowercase());
            return match (operator, self.literal()?) {
                (Operator::Equal, Literal::Truth(true)) => Ok(filter),
                (Operator::Equal, Literal::Truth(false)) => Ok(Filter::Not(Box::new(filter))),
                _ => Err(self.wrong("a function is compared with something odd")),
            };
        }
        Ok(Filter::Text(path, function, wanted.to_lowercase()))
    }

    fn any(&mut self, list: &str) -> Result<Filter, Refusal> {
        let (path, kind) = find(list, self.properties)?;
        self.expect(&Token::Open)?;
        let Some(Token::Word(name)) = self.next() else {
            return Err(self.wrong("`any` names nothing"));
        };
        self.expect(&Token::Colon)?;
        let Some(Token::Word(inner)) = self.next() else {
            return Err(self.wrong("`any` says nothing"));
        };
        let below = if inner == name {
            Some("")
        } else {
            inner
                .strip_prefix(&name)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        let below = below
            .ok_or_else(|| self.wrong("`any` speaks of another name"))?
            .to_owned();
        let operator = self
            .operator()
            .ok_or_else(|| self.wrong("an operator is missing"))?;
        let literal = self.literal()?;
        self.expect(&Token::Close)?;
        if kind != Kind::List {
            return Err(self.wrong("`any` is asked of what is no list"));
        }
        Ok(Filter::Any(path, below, operator, literal))
    }

    fn literal(&mut self) -> Result<Literal, Refusal> {
        match self.next() {
            Some(Token::Quoted(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Literal::Truth(true)),
                "false" => Ok(Literal::Truth(false)),
                "null" => Ok(Literal::Null),
                word => time(word)
                    .map(Literal::Time)
                    .ok_or_else(|| self.wrong("a value is missing")),
            },
            _ => Err(self.wrong("a value is missing")),
        }
    }

    fn operator(&mut self) -> Option<Operator> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else {
            return None;
        };
        let operator = Operator::named(word)?;
        self.at += 1;
        Some(operator)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, token: &Token) -> bool {
        let is_there = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(is_there);
        is_there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.to_owned()))
    }

    fn expect(&mut self, token: &Token) -> Result<(), Refusal> {
        if self.takes(token) {
            Ok(())
        } else {
            Err(self.wrong("a parenthesis, a comma or a colon is missing"))
        }
    }

    fn wrong(&self, why: &str) -> Refusal {
        invalid(self.text, why)
    }
}

/// A time with its zone, or a day in UTC.
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

fn invalid(text: &str, why: &str) -> Refusal {
    let shown: String = text.chars().take(100).collect();
    Refusal::query(format!("Invalid filter clause: {why} in '{shown}'."))
}

/// Longer than anybody writes.
const LONGEST: usize = 8_192;

/// So many conditions in one filter are too complex.
const DEEPEST: usize = 200;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PROPERTIES: &[Property] = &[
        ("subject", Kind::Text),
        ("isRead", Kind::Truth),
        ("receivedDateTime", Kind::Time),
        ("from/emailAddress/address", Kind::Text),
        ("categories", Kind::List),
    ];

    fn meets(text: &str) -> bool {
        let item = json!({
            "subject": "It's the Bill", "isRead": false, "categories": ["Red", "Mine"],
            "receivedDateTime": "2026-01-02T12:00:00Z",
            "from": {"emailAddress": {"address": "Noor@Fabrikam.example"}},
        });
        let filter = Filter::parse(text, PROPERTIES).map_err(|refusal| refusal.message);
        filter.expect(text).meets(&|name| item[name].clone())
    }

    #[test]
    fn conditions_hold_or_not() {
        for text in [
            "subject eq 'it''s the bill'",
            "contains(subject,'BILL')",
            "startswith(subject, 'It') and endsWith(subject,'ill')",
            "isRead eq false and receivedDateTime ge 2026-01-02T13:00:00+01:00",
            "receivedDateTime gt 2026-01-01 and receivedDateTime lt 2026-01-03",
            "from/emailAddress/address eq 'noor@fabrikam.example'",
            "not (isRead or subject eq 'x')",
            "subject ne 'x' or isRead",
            "categories/any(c:c eq 'mine')",
        ] {
            assert!(meets(text), "{text}");
        }
        for text in [
            "isRead",
            "receivedDateTime lt 2026-01-02T12:00:00Z",
            "contains(subject,'x') eq true",
            "categories/any(c:c eq 'Blue')",
        ] {
            assert!(!meets(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let deep = "(".repeat(1_000);
        for text in [
            "",
            "subject",
            "subject eq",
            "subject eq 5",
            "subject eq 'x",
            "nothing eq 'x'",
            "receivedDateTime ge '2026-01-01'",
            "isRead eq 'true'",
            "(isRead",
            "isRead) ",
            "eq eq eq",
            "contains(isRead,'x')",
            "categories/any(c:d eq 'x')",
            &deep,
        ] {
            assert!(Filter::parse(text, PROPERTIES).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_sorted_by_comes_first_in_the_filter() {
        let sorted = |order: &str, filter: &str| {
            let filter = Filter::parse(filter, PROPERTIES)
                .map_err(|one| one.message)
                .expect(filter);
            sortings(order, Some(&filter), PROPERTIES).map_err(|refusal| refusal.code)
        };
        assert!(
            sorted(
                "receivedDateTime desc",
                "receivedDateTime ge 2026-01-01 and isRead eq true"
            )
            .is_ok()
        );
        assert!(
            sorted(
                "receivedDateTime,isRead",
                "receivedDateTime ge 2026-01-01 and isRead eq true"
            )
            .is_ok()
        );
        for (order, filter) in [
            ("receivedDateTime desc", "isRead eq true"),
            (
                "receivedDateTime desc",
                "isRead eq true and receivedDateTime ge 2026-01-01",
            ),
            (
                "isRead,receivedDateTime",
                "receivedDateTime ge 2026-01-01 and isRead eq true",
            ),
        ] {
            assert_eq!(
                sorted(order, filter),
                Err("InefficientFilter"),
                "{order}, {filter}"
            );
        }
    }

    #[test]
    fn a_span_is_as_tight_as_its_bounds() {
        let span = |text: &str| {
            let filter = Filter::parse(text, PROPERTIES)
                .map_err(|one| one.message)
                .expect(text);
            filter.span("receivedDateTime")
        };
        let at = |text: &str| text.parse::<Timestamp>().expect(text);
        let both = "receivedDateTime ge 2026-01-01T00:00:00Z and receivedDateTime gt 2026-01-01T00:00:00Z and receivedDateTime le 2026-02-01T00:00:00Z";
        assert_eq!(
            span(both),
            (
                Bound::Excluded(at("2026-01-01T00:00:00Z")),
                Bound::Included(at("2026-02-01T00:00:00Z"))
            )
        );
        assert_eq!(
            span("isRead or receivedDateTime lt 2026-01-01T00:00:00Z"),
            (Bound::Unbounded, Bound::Unbounded)
        );
    }
}
