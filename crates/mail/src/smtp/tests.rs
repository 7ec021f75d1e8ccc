//! Against servers that say what is written down.

mod ascii_only;
mod cuts;
mod exchange;
mod refusals;
mod sessions;
mod signing_in;

use std::future::Future;
use std::sync::Arc;

use gatepost_host::Clock;
use gatepost_wire::smtp::Envelope;

use super::connect::{greeting, hello};
use super::link::Link;
use super::session::Session;
use super::sign_in::sign_in;
use super::{Security, SmtpSettings, SmtpTimeLimits};
use crate::connection::stream::Stream;
use crate::scripted::{NoTokens, follow, start, token, trusting_nobody};
use crate::{Addresses, SubmitError};

fn settings(clock: &Clock) -> SmtpSettings {
    SmtpSettings {
        host: "smtp.example".to_owned(),
        port: 465,
        security: Security::ImplicitTls,
        tls: trusting_nobody(),
        addresses: Addresses::new(),
        mailbox: "ada@contoso.com".to_owned(),
        sign_in_as: "ada@contoso.com".to_owned(),
        tokens: Arc::new(NoTokens),
        clock: clock.clone(),
        limits: SmtpTimeLimits::default(),
    }
}

/// Greets the server behind `stream` and signs in.
async fn entered(stream: Stream, clock: &Clock) -> Result<Session, SubmitError> {
    let settings = settings(clock);
    let mut link = Link::new(stream, &settings);
    greeting(&mut link).await?;
    hello(&mut link, "[192.0.2.1]").await?;
    sign_in(&mut link, &settings.sign_in_as, &token()).await?;
    Ok(Session::new(link))
}

/// Signs in to a server that follows `script`.
async fn against<F: Future>(
    script: &str,
    client: impl FnOnce(Result<Session, SubmitError>) -> F,
) -> F::Output {
    against_raw(script, async |stream, clock| {
        client(entered(stream, &clock).await).await
    })
    .await
}

/// Connects to a server that follows `script`.
async fn against_raw<T>(script: &str, client: impl AsyncFnOnce(Stream, Clock) -> T) -> T {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let clock = Clock::starting_at(start());
    tokio::select! {
        biased;
        () = follow(script, far, clock.clone()) => unreachable!("the server never ends by itself"),
        output = client(Stream::Memory(near), clock.clone()) => output,
    }
}

/// An envelope of hers.
fn envelope(recipients: &[&str]) -> Envelope {
    crate::contract::envelope("ada@contoso.com", recipients)
}

/// A server that offers `extensions`, lets us in, and goes on with `rest`.
fn offering(extensions: &str, rest: &str) -> String {
    let offered = format!("AUTH LOGIN XOAUTH2 {extensions}");
    let offered = offered.trim().replace(", ", "\nS: 250-");
    let offered = offered.replacen("XOAUTH2 ", "XOAUTH2\nS: 250-", 1);
    format!(
        "S: 220 SY5P282CA0097.outlook.office365.com Microsoft ESMTP MAIL Service ready
         C: EHLO [192.0.2.1]
         S: 250-SY5P282CA0097.outlook.office365.com Hello [192.0.2.1]
         S: 250-{offered}
         S: 250 8BITMIME
         C: AUTH XOAUTH2 {SECRET}
         S: 235 2.7.0 Authentication successful
         {rest}"
    )
}

const SECRET: &str = "dXNlcj1hZGFAY29udG9zby5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=";
