//! Addresses of Graph: what is asked for, and whether a link leads back to Graph.

use std::fmt::Write as _;

use url::Url;

/// An address in the making, below `/v1.0` of the cloud's Graph.
#[derive(Debug, Clone)]
pub(super) struct Address {
    url: Url,
    query: String,
}

impl Address {
    /// What stands at `segments` of `base`. No segment leads to another path.
    pub(super) fn new(base: &Url, segments: &[&str]) -> Self {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push(VERSION).extend(segments);
        }
        Self {
            url,
            query: String::new(),
        }
    }

    /// The same with a query option, such as `$select`.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(name);
        self.query.push('=');
        encode(value, &mut self.query);
        self
    }

    /// The whole address.
    pub(super) fn url(mut self) -> Url {
        let query = (!self.query.is_empty()).then_some(self.query.as_str());
        self.url.set_query(query);
        self.url
    }

    /// The address as a request in a batch names it: from behind the version.
    pub(super) fn relative(self) -> String {
        let url = self.url();
        let path = url.path();
        let path = path.strip_prefix("/v1.0").unwrap_or(path);
        match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }
}

/// A text within a filter (ABNF of `OData` 4.01): its quotes are doubled.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Where `link` leads, if that is Graph at `base`: a token goes to no other place.
pub(super) fn led_to(base: &Url, link: &str) -> Option<Url> {
    let url = Url::parse(link).ok()?;
    let is_ours = url.origin() == base.origin()
        && url.origin().is_tuple()
        && url.username().is_empty()
        && url.password().is_none();
    is_ours.then_some(url)
}

/// Spaces as `%20`: not every server takes `+` for one in a filter.
fn encode(value: &str, into: &mut String) {
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~$,:'()@/".contains(&octet) {
            into.push(char::from(octet));
        } else {
            let written = write!(into, "%{octet:02X}");
            written.expect("a String takes everything");
        }
    }
}

const VERSION: &str = "v1.0";

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://graph.example:8443/").expect("a URL")
    }

    #[test]
    fn nothing_in_a_name_leads_elsewhere() {
        let address = Address::new(&base(), &["users", "a/../b?c#d@x", "messages", "AA=="]);
        let address = address.with("$filter", "subject eq 'R&D + 50%'");
        assert_eq!(
            address.clone().url().as_str(),
            "https://graph.example:8443/v1.0/users/a%2F..%2Fb%3Fc%23d@x/messages/AA==?$filter=subject%20eq%20%27R%26D%20%2B%2050%25%27"
        );
        assert!(address.relative().starts_with("/users/a%2F..%2Fb"));
        assert_eq!(quoted("O'Hara"), "'O''Hara'");
    }

    #[test]
    fn a_link_is_followed_to_graph_alone() {
        let kept = "https://graph.example:8443/v1.0/users('a')/messages/delta?$deltatoken=x%2fy";
        let url = led_to(&base(), kept).expect("it is ours");
        assert_eq!(url.as_str(), kept, "nothing of it is changed");
        for elsewhere in [
            "https://graph.example/v1.0/me",
            "http://graph.example:8443/v1.0/me",
            "https://graph.example.evil.example:8443/v1.0/me",
            "https://graph.example:8443@evil.example/v1.0/me",
            "https://someone@graph.example:8443/v1.0/me",
            "file:///v1.0/me",
            "/v1.0/me",
            "",
        ] {
            assert_eq!(led_to(&base(), elsewhere), None, "{elsewhere}");
        }
    }
}
