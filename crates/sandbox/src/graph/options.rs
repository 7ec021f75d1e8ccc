//! The query of a request (<https://learn.microsoft.com/graph/query-parameters>).

use super::refusal::Refusal;

/// The options of a query, by their names in lower case, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub(super) struct Options(Vec<(String, String)>);

impl Options {
    /// Reads a query. Graph takes its own options with and without the `$`.
    pub(super) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut options: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let mut name = name.to_ascii_lowercase();
            if OWN.contains(&name.as_str()) {
                name.insert(0, '$');
            }
            if name.starts_with('$') && !OWN.contains(&&name[1..]) {
                return Err(Refusal::query(format!(
                    "The query parameter '{name}' is not supported."
                )));
            }
            if options.iter().any(|(known, _)| *known == name) {
                return Err(Refusal::query(format!(
                    "Query option '{name}' was specified more than once, but it must be specified at most once."
                )));
            }
            options.push((name, value.into_owned()));
        }
        Ok(Self(options))
    }

    /// The value of an option, by its name in lower case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// `$top`, of at most a thousand.
    pub(super) fn top(&self) -> Result<Option<usize>, Refusal> {
        let top = self.number("$top")?;
        if top.is_some_and(|top| top == 0 || top > LARGEST_PAGE) {
            return Err(Refusal::query(
                "Invalid value for $top: it must be between 1 and 1000.",
            ));
        }
        Ok(top)
    }

    /// `$skip`.
    pub(super) fn skip(&self) -> Result<usize, Refusal> {
        Ok(self.number("$skip")?.unwrap_or_default())
    }

    /// Whether `$count=true`.
    pub(super) fn counts(&self) -> bool {
        self.get("$count") == Some("true")
    }

    /// The names in `$select`.
    pub(super) fn select(&self) -> Option<Vec<&str>> {
        let names = self.get("$select")?.split(',').map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        (!names.is_empty()).then_some(names)
    }

    /// The same query with another value for some options.
    pub(super) fn with(&self, others: &[(&str, String)]) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if !others.iter().any(|(other, _)| other == name) {
                pairs.append_pair(name, value);
            }
        }
        for (name, value) in others {
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        // Graph leaves the `$` as it is, and clients that look into links find it so.
        pairs.finish().replace("%24", "$")
    }

    /// The value of an option that is a number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.parse().map(Some);
        number.map_err(|_| {
            Refusal::query(format!(
                "Invalid value '{text}' for {name} query option found. The {name} query option requires a non-negative integer value."
            ))
        })
    }
}

/// The options whose names begin with `$`.
const OWN: &[&str] = &[
    "top",
    "skip",
    "select",
    "filter",
    "orderby",
    "search",
    "count",
    "expand",
    "skiptoken",
    "deltatoken",
    "format",
];

/// The most that `$top` may ask for.
const LARGEST_PAGE: usize = 1_000;
