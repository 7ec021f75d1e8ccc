//! From the text of a filter to what it means.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::refusal::Refusal;
use super::{Filter, Kind, Literal, Operator, Property, TextMatch, find};

/// Reads a filter over these properties.
pub(super) fn parse(text: &str, properties: &'static [Property]) -> Result<Filter, Refusal> {
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
