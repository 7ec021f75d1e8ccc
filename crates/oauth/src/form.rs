//! A request to the token endpoint, as a value.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use zeroize::Zeroizing;

/// A form to be posted to the token endpoint. Its secrets cannot be printed.
#[derive(Clone)]
pub struct Form {
    /// Where it goes.
    pub to: Url,
    /// How it goes there.
    pub by: By,
    headers: Vec<(&'static str, SecretString)>,
    fields: Vec<(&'static str, Field)>,
}

/// How a form goes to where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// In the body of a POST.
    Post,
    /// In the query of a GET.
    Get,
    /// The same, never through a proxy: only this machine is answered.
    GetDirectly,
}

#[derive(Clone)]
enum Field {
    Plain(String),
    Secret(SecretString),
}

impl Form {
    /// An empty form to be posted.
    pub fn new(to: Url) -> Self {
        Self::going(to, By::Post)
    }

    /// An empty form that goes to where it goes in this way.
    pub fn going(to: Url, by: By) -> Self {
        Self {
            to,
            by,
            headers: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Adds a header, which nobody may see.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: SecretString) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The headers, for the wire only.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (*name, value.expose_secret()))
    }

    /// Adds a field that anybody may see.
    #[must_use]
    pub fn plain(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, Field::Plain(value.into())));
        self
    }

    /// Adds a field that nobody may see.
    #[must_use]
    pub fn secret(mut self, name: &'static str, value: SecretString) -> Self {
        self.fields.push((name, Field::Secret(value)));
        self
    }

    /// Where it goes, with the fields in the query.
    pub fn question(&self) -> Url {
        let mut url = self.to.clone();
        url.set_query(Some(&self.expose()));
        url
    }

    /// The form as `application/x-www-form-urlencoded`, for the wire only.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut encoder = url::form_urlencoded::Serializer::new(String::new());
        for (name, field) in &self.fields {
            encoder.append_pair(
                name,
                match field {
                    Field::Plain(value) => value,
                    Field::Secret(value) => value.expose_secret(),
                },
            );
        }
        Zeroizing::new(encoder.finish())
    }

    /// Takes the form's secrets out of what a server answered: one that echoes the request, as
    /// debugging proxies do, must not carry them into a log.
    pub fn hide_secrets(&self, answer: &mut Zeroizing<Vec<u8>>) {
        for secret in self.secrets() {
            let secret = secret.expose_secret().as_bytes();
            hide(secret, answer);
            // The same as it stood on the wire, where `~` is `%7E`.
            let encoded: Zeroizing<String> =
                Zeroizing::new(url::form_urlencoded::byte_serialize(secret).collect());
            hide(encoded.as_bytes(), answer);
        }
    }

    fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        let fields = self.fields.iter().filter_map(|(_, field)| match field {
            Field::Secret(secret) => Some(secret),
            Field::Plain(_) => None,
        });
        self.headers.iter().map(|(_, value)| value).chain(fields)
    }
}

/// Replaces a secret wherever it stands in an answer. A very short one would stand everywhere.
fn hide(secret: &[u8], answer: &mut Zeroizing<Vec<u8>>) {
    if secret.len() < SHORTEST {
        return;
    }
    let mut hidden = Zeroizing::new(Vec::with_capacity(answer.len()));
    let mut rest = answer.as_slice();
    while let Some(octet) = rest.first() {
        if let Some(after) = rest.strip_prefix(secret) {
            hidden.extend_from_slice(HIDDEN);
            rest = after;
        } else {
            hidden.push(*octet);
            rest = &rest[1..];
        }
    }
    *answer = hidden;
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct("Form");
        form.field("to", &self.to.as_str()).field("by", &self.by);
        for (name, _) in &self.headers {
            form.field(name, &"[secret]");
        }
        for (name, field) in &self.fields {
            match field {
                Field::Plain(value) => form.field(name, value),
                Field::Secret(_) => form.field(name, &"[secret]"),
            };
        }
        form.finish()
    }
}

const HIDDEN: &[u8] = b"[...]";
/// No secret of a server or a person is shorter.
const SHORTEST: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        let to = Url::parse("https://login.microsoftonline.com/").expect("a URL");
        Form::new(to)
            .plain("client_id", "a b")
            .secret("client_secret", "can&ary=é".into())
    }

    #[test]
    fn the_wire_sees_the_secret_and_a_log_does_not() {
        assert_eq!(
            *form().expose(),
            "client_id=a+b&client_secret=can%26ary%3D%C3%A9"
        );
        assert!(!format!("{:?}", form()).contains("can&ary"));
    }

    #[test]
    fn an_echo_is_hidden() {
        let mut answer = Zeroizing::new("you sent can&ary=é, can&ary=é!".as_bytes().to_vec());
        form().hide_secrets(&mut answer);
        assert_eq!(*answer, b"you sent [...], [...]!");
        let mut answer = Zeroizing::new(form().expose().as_bytes().to_vec());
        form().hide_secrets(&mut answer);
        assert_eq!(
            *answer, b"client_id=a+b&client_secret=[...]",
            "as it was sent"
        );
    }

    #[test]
    fn an_echo_of_a_header_is_hidden() {
        let mut answer = Zeroizing::new(b"X-IDENTITY-HEADER: header-canary".to_vec());
        let form = form().header("x-identity-header", "header-canary".into());
        form.hide_secrets(&mut answer);
        assert_eq!(*answer, b"X-IDENTITY-HEADER: [...]");
    }
}
