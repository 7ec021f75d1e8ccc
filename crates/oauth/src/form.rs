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
    fields: Vec<(&'static str, Field)>,
}

#[derive(Clone)]
enum Field {
    Plain(String),
    Secret(SecretString),
}

impl Form {
    /// An empty form.
    pub fn new(to: Url) -> Self {
        Self {
            to,
            fields: Vec::new(),
        }
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
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut form = f.debug_struct("Form");
        form.field("to", &self.to.as_str());
        for (name, field) in &self.fields {
            match field {
                Field::Plain(value) => form.field(name, value),
                Field::Secret(_) => form.field(name, &"[secret]"),
            };
        }
        form.finish()
    }
}
