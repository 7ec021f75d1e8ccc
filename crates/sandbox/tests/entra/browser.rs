//! A browser without scripts: it shows a page, fills in its form and sends it.

use reqwest::{Client, Response, StatusCode};
use url::Url;

/// What the browser shows, or where it was sent.
#[derive(Debug)]
pub(crate) enum Page {
    Shown { status: StatusCode, html: String },
    SentTo(Url),
}

impl Page {
    pub(crate) async fn open(http: &Client, url: &str) -> Self {
        Self::of(http.get(url).send().await.expect("the sandbox answers")).await
    }

    async fn of(response: Response) -> Self {
        let status = response.status();
        if status.is_redirection() {
            let to = response.headers()["location"]
                .to_str()
                .expect("a printable address");
            return Self::SentTo(Url::parse(to).expect("an absolute address"));
        }
        let html = response.text().await.expect("a page");
        assert!(!html.contains("<script"), "the pages work without scripts");
        Self::Shown { status, html }
    }

    /// Fills in the form and presses the button of this name.
    pub(crate) async fn submit(&self, http: &Client, filled: &[(&str, &str)]) -> Self {
        let (action, mut fields) = (self.action(), self.fields());
        fields.retain(|(name, _)| !filled.iter().any(|(given, _)| given == name));
        let given = filled
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        fields.extend(given);
        Self::of(
            http.post(action)
                .form(&fields)
                .send()
                .await
                .expect("the sandbox answers"),
        )
        .await
    }

    pub(crate) fn html(&self) -> &str {
        match self {
            Self::Shown { html, .. } => html,
            Self::SentTo(url) => panic!("sent to {url} instead of shown a page"),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Shown { status, .. } => *status,
            Self::SentTo(_) => StatusCode::FOUND,
        }
    }

    /// A parameter of the address that the browser was sent to.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let Self::SentTo(url) = self else {
            panic!("shown instead of sent: {}", self.html())
        };
        let query = url.query().or(url.fragment()).unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    pub(crate) fn action(&self) -> String {
        attribute(self.html().split("<form").nth(1).expect("a form"), "action").expect("an action")
    }

    /// The fields as they stand in the page, buttons apart.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let inputs = self.html().split("<input").skip(1);
        let field = |input: &str| {
            let input = input.split('>').next().unwrap_or_default();
            Some((
                attribute(input, "name")?,
                attribute(input, "value").unwrap_or_default(),
            ))
        };
        inputs.filter_map(field).collect()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(unescaped(value))
}

fn unescaped(text: &str) -> String {
    let entities = [
        ("&#38;", "&"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
    ];
    entities
        .iter()
        .fold(text.to_owned(), |text, (entity, plain)| {
            text.replace(entity, plain)
        })
}
