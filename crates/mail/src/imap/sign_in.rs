//! From a greeting to an opened mailbox.

use gatepost_oauth::AccessToken;
use gatepost_wire::imap::client::{Capability, Command, Event, Reply, Untagged};
use gatepost_wire::sasl::Xoauth2;
use secrecy::SecretString;

use super::link::Link;
use super::names::{self, Delimiter};
use super::verdict::Asked;
use crate::{MailError, Protocol};

/// Signs in with `token` and proves that the mailbox is open: on Exchange the sign-in may
/// succeed and the first command after it be refused.
pub(super) async fn sign_in(link: &mut Link, token: &AccessToken) -> Result<Delimiter, MailError> {
    prepare(link).await?;
    admit(link, token).await?;
    learn_capabilities(link).await?;
    tracing::debug!(
        host = link.place.host,
        mailbox = link.place.mailbox,
        capabilities = names::capability_words(link.client.capabilities()),
        "signed in"
    );
    introduce(link).await
}

/// Learns whether and how one can sign in.
pub(crate) async fn prepare(link: &mut Link) -> Result<(), MailError> {
    learn_capabilities(link).await?;
    if !link.client.capabilities().has(Capability::Xoauth2) {
        let place = link.place.clone();
        return Err(MailError::NoTokenSignIn {
            protocol: Protocol::Imap,
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

/// A refusal may come with a reason, as a challenge before it.
async fn authenticate(link: &mut Link, credentials: &Xoauth2) -> Result<Reply, MailError> {
    let ticket = link
        .client
        .authenticate(credentials)
        .expect("nothing is in flight before the sign-in");
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

async fn learn_capabilities(link: &mut Link) -> Result<(), MailError> {
    if link.client.capabilities().iter().next().is_none() {
        link.must(
            &Command::Capability,
            Asked::Other("list its capabilities"),
            |_| {},
        )
        .await?;
    }
    Ok(())
}

/// Says who we are and asks what separates folder names, both at once.
async fn introduce(link: &mut Link) -> Result<Delimiter, MailError> {
    let capabilities = link.client.capabilities();
    let has_namespace = capabilities.has(Capability::Namespace);
    let identification = capabilities.has(Capability::Id).then(|| Command::Id {
        name: "gatepost".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let question = if has_namespace {
        Command::Namespace
    } else {
        Command::List {
            pattern: String::new(),
        }
    };
    let identified = identification.map(|identification| link.send(&identification));
    let asked = link.send(&question);
    let mut delimiter = Delimiter(None);
    let mut each = |untagged| match untagged {
        Untagged::Namespace {
            delimiter: found, ..
        } => delimiter = Delimiter(found),
        Untagged::Listed(listed) => delimiter = Delimiter(listed.delimiter),
        _ => {}
    };
    if let Some(identified) = identified {
        let reply = link.answer_to(identified, &mut each).await?;
        // Whoever does not want to know us may still serve us; but it may also be the first
        // command after a sign-in that Exchange does not mean.
        link.check_unless_refused(&reply)?;
    }
    let reply = link.answer_to(asked, &mut each).await?;
    link.check(&reply, Asked::Other("open the mailbox"))?;
    Ok(delimiter)
}
