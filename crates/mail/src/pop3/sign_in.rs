//! From a greeting to an opened mailbox.

use std::time::Duration;

use gatepost_oauth::AccessToken;
use gatepost_wire::pop3::client::{Command, Event, InitialResponse};
use gatepost_wire::pop3::{Capabilities, Capability, Reply};
use gatepost_wire::sasl::{Mechanism, Xoauth2};
use secrecy::SecretString;

use super::link::Link;
use super::maildrop::Maildrop;
use super::verdict::Asked;
use crate::{MailError, Protocol};

/// Signs in with `token`, and proves that the mailbox is open by listing it.
pub(super) async fn sign_in(link: &mut Link, token: &AccessToken) -> Result<Maildrop, MailError> {
    prepare(link).await?;
    admit(link, token).await?;
    // What it can do may be another thing now (RFC 2449 §5).
    link.run(&Command::Capabilities, |_| {}).await?;
    let delay = login_delay(link.client.capabilities());
    link.login_delay = delay.or(link.login_delay);
    tracing::debug!(
        host = link.place.host,
        mailbox = link.place.mailbox,
        "signed in by POP3"
    );
    Maildrop::read(link).await
}

/// Learns whether one can sign in.
pub(crate) async fn prepare(link: &mut Link) -> Result<(), MailError> {
    // A server without CAPA is older than tokens; the answer to AUTH will tell.
    link.run(&Command::Capabilities, |_| {}).await?;
    let listed = link.client.capabilities();
    link.login_delay = login_delay(listed);
    if listed.iter().next().is_some() && !listed.has_mechanism(Mechanism::Xoauth2) {
        let place = link.place.clone();
        return Err(MailError::NoTokenSignIn {
            protocol: Protocol::Pop3,
            host: place.host,
            mailbox: place.mailbox,
        });
    }
    Ok(())
}

/// Signs in with `token`, and does nothing else.
pub(crate) async fn admit(link: &mut Link, token: &AccessToken) -> Result<(), MailError> {
    let mailbox = link.place.mailbox.clone();
    let credentials =
        Xoauth2::new(&mailbox, SecretString::from(token.expose())).map_err(|error| {
            MailError::UnusableName {
                mailbox,
                reason: error.to_string(),
            }
        })?;
    let reply = authenticate(link, &credentials).await?;
    link.check(&reply, Asked::SignIn)
}

/// The token goes in a line of its own, as Exchange wants it. A refusal may come with a reason,
/// as a challenge before it.
async fn authenticate(link: &mut Link, credentials: &Xoauth2) -> Result<Reply, MailError> {
    let asked = link
        .client
        .authenticate(credentials, InitialResponse::Never);
    let ticket = link.sent(asked)?;
    let mut reason = None;
    loop {
        match link.event("the answer to the sign-in").await? {
            Event::Challenge(said) => reason = Some(said),
            Event::Completed(of, mut reply) if of == ticket => {
                if let Some(reason) = reason {
                    reply.text = format!("{} {reason}", reply.text);
                }
                return Ok(reply);
            }
            _ => {}
        }
    }
}

/// `LOGIN-DELAY 900`, perhaps with `USER` behind it (RFC 2449 §6.5).
fn login_delay(listed: &Capabilities) -> Option<Duration> {
    listed.iter().find_map(|capability| {
        let Capability::Other(line) = capability else {
            return None;
        };
        let mut words = line.split_ascii_whitespace();
        let name = words.next()?;
        let seconds: u64 = words.next()?.parse().ok()?;
        let delay = Duration::from_secs(seconds).min(LONGEST_DELAY);
        name.eq_ignore_ascii_case("LOGIN-DELAY").then_some(delay)
    })
}

/// A server that wants more is not believed.
const LONGEST_DELAY: Duration = Duration::from_hours(1);
