//! A browser without scripts, and the person in front of it.

use std::path::Path;

use gatepost_host::{HttpLimits, Trust, http_client};
use url::Url;

use crate::stand::{ADA, Stand};

/// A browser that trusts the sandbox.
pub(crate) struct Browser<'a> {
    stand: &'a Stand,
    trust: Trust,
}

/// What the browser was answered.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) html: String,
    sent_to: Option<Url>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(stand: &'a Stand) -> Self {
        let trust = Trust::with_authority(Path::new(stand.variable("CA"))).expect("the authority");
        Self { stand, trust }
    }

    /// Signs Ada in and consents; gives where the browser is sent back to.
    pub(crate) fn sign_in(&self, url: &str) -> Url {
        self.sign_in_as(ADA, url)
    }

    /// Signs a person in and consents; gives where the browser is sent back to.
    pub(crate) fn sign_in_as(&self, person: &str, url: &str) -> Url {
        let page = self.get(url);
        let page = self.submit(
            &page,
            &[
                ("username", person),
                ("password", self.stand.variable("PASSWORD")),
            ],
        );
        let page = match page.sent_to {
            None => self.submit(&page, &[("answer", "accept")]),
            Some(_) => page,
        };
        page.sent_to
            .unwrap_or_else(|| panic!("not sent back: {}", page.html))
    }

    /// Signs Ada in where nothing is left to consent to.
    pub(crate) fn sign_in_without_consent(&self, url: &str) -> Url {
        let password = self.stand.variable("PASSWORD");
        let filled = [("username", ADA), ("password", password)];
        self.submit(&self.get(url), &filled).sent_to()
    }

    /// Enters the code of another device, signs Ada in and consents.
    pub(crate) fn enter_code(&self, address: &str, code: &str) -> Shown {
        let page = self.submit(&self.get(address), &[("otc", code)]);
        let password = self.stand.variable("PASSWORD");
        let page = self.submit(&page, &[("username", ADA), ("password", password)]);
        if page.html.contains("Permissions requested") {
            return self.submit(&page, &[("answer", "accept")]);
        }
        page
    }

    /// Opens an address. Redirects are shown and not followed.
    pub(crate) fn get(&self, url: &str) -> Shown {
        self.exchange(url, None)
    }

    /// Fills in the form of a page and sends it.
    pub(crate) fn submit(&self, page: &Shown, filled: &[(&str, &str)]) -> Shown {
        let mut fields = page.fields();
        fields.retain(|(name, _)| !filled.iter().any(|(given, _)| given == name));
        fields.extend(
            filled
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let form = page.html.split("<form").nth(1).expect("a form");
        let action = attribute(form, "action").expect("an action");
        self.exchange(&action, Some(&fields))
    }

    fn exchange(&self, url: &str, form: Option<&[(String, String)]>) -> Shown {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let http = http_client(&self.trust, HttpLimits::default()).expect("a client");
            let request = match form {
                None => http.get(url),
                Some(form) => http.post(url).form(form),
            };
            let answer = request.send().await.expect("somebody answers");
            let location = answer
                .headers()
                .get("location")
                .and_then(|to| to.to_str().ok());
            let sent_to = location.and_then(|to| Url::parse(to).ok());
            let status = answer.status().as_u16();
            Shown {
                status,
                html: answer.text().await.expect("a page"),
                sent_to,
            }
        })
    }
}

impl Shown {
    /// Where the browser was sent.
    pub(crate) fn sent_to(self) -> Url {
        self.sent_to
            .unwrap_or_else(|| panic!("not sent back: {}", self.html))
    }

    fn fields(&self) -> Vec<(String, String)> {
        let inputs = self.html.split("<input").skip(1);
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
    let entities = [
        ("&#38;", "&"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
    ];
    let plain = entities
        .iter()
        .fold(value.to_owned(), |text, (entity, plain)| {
            text.replace(entity, plain)
        });
    Some(plain)
}
