//! As much of a browser as a sign-in needs: redirects and cookies.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;

use crate::stand::Failure;

/// A browser with a cookie jar for one host.
#[derive(Debug)]
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// Where a browser ended.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Page {
    /// The value of a hidden field of the form on it.
    pub(crate) fn hidden(&self, name: &str) -> Result<String, Failure> {
        let field = format!("name=\"{name}\" value=\"");
        let value = self
            .text
            .split_once(&field)
            .and_then(|(_, rest)| rest.split_once('"'));
        let (value, _) = value.ok_or_else(|| format!("no field {name} in {self:?}"))?;
        Ok(value.to_owned())
    }
}

impl Browser {
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    /// Opens an address and goes where it is led, to the page at the end.
    pub(crate) async fn open(&mut self, url: Url) -> Result<Page, Failure> {
        let response = self.get(&url).await?;
        self.follow(response).await
    }

    /// Submits a form and goes where it is led, to the page at the end.
    pub(crate) async fn submit(
        &mut self,
        url: &Url,
        fields: &[(&str, &str)],
    ) -> Result<Page, Failure> {
        let request = self.http.post(url.clone()).form(fields);
        let response = request.header(COOKIE, self.cookies()).send().await?;
        self.keep_cookies(&response);
        self.follow(response).await
    }

    async fn follow(&mut self, mut response: reqwest::Response) -> Result<Page, Failure> {
        for _ in 0..MOST_REDIRECTS {
            let Some(next) = target(&response)? else {
                return Ok(Page {
                    status: response.status().as_u16(),
                    text: response.text().await?,
                });
            };
            response = self.get(&next).await?;
        }
        Err("it is led in a circle".into())
    }

    /// Opens an address and goes where it is led, until that begins with `end`.
    pub(crate) async fn until(&mut self, mut url: Url, end: &str) -> Result<Url, Failure> {
        for _ in 0..MOST_REDIRECTS {
            let response = self.get(&url).await?;
            url = match target(&response)? {
                Some(next) => next,
                None => return Err(format!("it ends at {url}: {}", response.text().await?).into()),
            };
            if url.as_str().starts_with(end) {
                return Ok(url);
            }
        }
        Err("it is led in a circle".into())
    }

    async fn get(&mut self, url: &Url) -> Result<reqwest::Response, Failure> {
        let request = self.http.get(url.clone()).header(COOKIE, self.cookies());
        let response = request.send().await?;
        self.keep_cookies(&response);
        Ok(response)
    }

    fn cookies(&self) -> String {
        let pairs = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, response: &reqwest::Response) {
        for cookie in response.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            let pair = text.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
                None => {}
            }
        }
    }
}

/// Where a response leads to.
fn target(response: &reqwest::Response) -> Result<Option<Url>, Failure> {
    match response.headers().get(LOCATION) {
        Some(target) => Ok(Some(response.url().join(target.to_str()?)?)),
        None => Ok(None),
    }
}

const MOST_REDIRECTS: usize = 20;
