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

/// Whose mailbox a link of Graph's leads to, if it says so by an address. It may name an object's
/// id instead, which says nothing to us.
pub(super) fn owner_of(link: &Url) -> Option<String> {
    let mut segments = link.path_segments()?;
    let users = segments.by_ref().find(|segment| {
        let name = segment.split('(').next().unwrap_or_default();
        name.eq_ignore_ascii_case("users")
    })?;
    // `users/ADDRESS`, or as a key in brackets (OData 4.01 URL Conventions, 4.3.1).
    let named = match users.split_once('(') {
        Some((_, key)) => key.strip_suffix(')')?,
        None => segments.next()?,
    };
    // In a path `+` stands for itself.
    let text = format!("x={}", named.replace('+', "%2B"));
    let (_, text) = url::form_urlencoded::parse(text.as_bytes()).next()?;
    let text = text.trim_matches('\'').replace("''", "'");
    text.contains('@').then(|| text.to_lowercase())
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
    fn a_link_says_whose_mailbox_it_is_if_it_can() {
        for (path, owner) in [
            ("users/Ada@contoso.com/delta", Some("ada@contoso.com")),
            (
                "users('ada%40contoso.com')/mailFolders('x')",
                Some("ada@contoso.com"),
            ),
            (
                "Users('o''hara+x@contoso.com')/delta",
                Some("o'hara+x@contoso.com"),
            ),
            ("users/2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c01/delta", None),
            ("users('2f4c5d0e')/mailFolders('a@b')/delta", None),
            ("me/mailFolders('a@b')/delta", None),
            ("users(ada@contoso.com/delta", None),
            ("users", None),
            ("", None),
        ] {
            let link = base().join(&format!("v1.0/{path}?$deltatoken=a@b"));
            let link = link.expect("a URL");
            assert_eq!(owner_of(&link).as_deref(), owner, "{path}");
        }
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
