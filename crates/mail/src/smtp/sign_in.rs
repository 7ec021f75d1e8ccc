//! From a greeted server to one that takes messages.

use gatepost_oauth::AccessToken;
use gatepost_wire::sasl::{Mechanism, Xoauth2};
use gatepost_wire::smtp::client::Event;
use gatepost_wire::smtp::{Phase, Reply};
use secrecy::SecretString;

use super::link::Link;
use super::verdict::sign_in_refusal;
use crate::{MailError, Protocol, SubmitError};

/// Signs in as `user` with `token`.
pub(crate) async fn sign_in(
    link: &mut Link,
    user: &str,
    token: &AccessToken,
) -> Result<(), SubmitError> {
    // A server that knows no EHLO has no sign-in either (RFC 4954 §3).
    let offered = link.client.extensions();
    if !offered.has_mechanism(Mechanism::Xoauth2) {
        let place = link.place.clone();
        return Err(SubmitError::Session(MailError::NoTokenSignIn {
            protocol: Protocol::Smtp,
            host: place.host,
            mailbox: place.mailbox,
        }));
    }
    let credentials = Xoauth2::new(user, SecretString::from(token.expose()));
    let credentials = credentials.map_err(|error| MailError::UnusableName {
        mailbox: user.to_owned(),
        reason: error.to_string(),
    })?;
    let reply = authenticate(link, &credentials).await?;
    if !reply.is_done() {
        return Err(sign_in_refusal(&reply, &link.place));
    }
    tracing::debug!(
        host = link.place.host,
        mailbox = link.place.mailbox,
        "signed in by SMTP"
    );
    Ok(())
}

/// A refusal may come with a reason, as a challenge before it.
async fn authenticate(link: &mut Link, credentials: &Xoauth2) -> Result<Reply, MailError> {
    let asked = link.client.authenticate(credentials);
    link.sent(asked)?;
    let limit = link.limits.command;
    let mut reason = None;
    loop {
        match link.event("the answer to the sign-in", limit).await? {
            Event::Challenge(said) => reason = Some(said),
            Event::Replied(Phase::Auth, mut reply) => {
                reply.lines.extend(reason);
                return Ok(reply);
            }
            _ => {}
        }
    }
}
