//! A browser without scripts, and the person in front of it.

use gatepost_host::{HttpLimits, Trust, http_client};
use gatepost_sandbox::Sandbox;
use secrecy::ExposeSecret as _;

use crate::Failure;

/// Opens the address, signs the sandbox's person in, consents, and goes where it is sent back.
pub(crate) async fn sign_in(sandbox: &Sandbox, address: &str) -> Result<(), Failure> {
    let http = http(sandbox)?;
    let page = http.get(address).send().await?.text().await?;
    let response = consent(sandbox, &http, &page).await?;
    let back = response.headers().get("location").ok_or("not sent back")?;
    http.get(back.to_str()?).send().await?.error_for_status()?;
    Ok(())
}

/// Opens the address, enters the code, signs the sandbox's person in and consents.
pub(crate) async fn enter(sandbox: &Sandbox, address: &str, code: &str) -> Result<(), Failure> {
    let http = http(sandbox)?;
    let page = http.get(address).send().await?.text().await?;
    let response = submit(&http, &page, &[("otc", code)]).await?;
    let page = response.error_for_status()?.text().await?;
    consent(sandbox, &http, &page).await?.error_for_status()?;
    Ok(())
}

fn http(sandbox: &Sandbox) -> Result<reqwest::Client, Failure> {
    let trust = Trust::with_authority(&sandbox.ca_file())?;
    Ok(http_client(&trust, HttpLimits::default())?)
}

/// Signs the sandbox's person in on this page, and accepts what the next one asks.
async fn consent(
    sandbox: &Sandbox,
    http: &reqwest::Client,
    page: &str,
) -> Result<reqwest::Response, Failure> {
    let env = sandbox.env();
    let user = env.get("GATEPOST_SANDBOX_USER").ok_or("there is a user")?;
    let password = sandbox.password();
    let who = [("username", user), ("password", password.expose_secret())];
    let page = submit(http, page, &who).await?.text().await?;
    submit(http, &page, &[("answer", "accept")]).await
}

/// Sends the form of a page, with its hidden fields and those that are filled in.
async fn submit(
    http: &reqwest::Client,
    page: &str,
    filled: &[(&str, &str)],
) -> Result<reqwest::Response, Failure> {
    let form = page.split("<form").nth(1).ok_or("a page with a form")?;
    let action = attribute(form, "action").ok_or("a form with an action")?;
    let mut fields: Vec<(String, String)> = filled
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    for input in form.split("<input").skip(1) {
        let input = input.split('>').next().unwrap_or_default();
        if let (Some(name), Some(value)) = (attribute(input, "name"), attribute(input, "value"))
            && !filled.iter().any(|(given, _)| *given == name)
        {
            fields.push((name, value));
        }
    }
    Ok(http.post(action).form(&fields).send().await?)
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#38;", "&").replace("&#34;", "\""))
}
