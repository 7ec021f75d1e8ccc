//! A server that says what is written down, and checks what it is asked.

use std::future::Future;
use std::sync::Arc;

use gatepost_host::Clock;
use tokio::io::DuplexStream;

use super::super::link::Link;
use super::super::names::Delimiter;
use super::super::session::Session;
use super::super::{ImapSettings, Quirks, Security, TimeLimits};
use crate::connection::stream::Stream;
pub(super) use crate::scripted::{LIMITS, Told, start, token};
use crate::scripted::{NoTokens, follow, trusting_nobody};
use crate::{Addresses, FolderName, MessageKey};

/// Runs `client` against a server that follows `script`: `S: ` it says, `C: ` it is asked,
/// `.. 5` it waits for so many seconds, `!` it hangs up. At the end it falls silent.
pub(super) async fn against<F: Future>(
    script: &str,
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    against_limited(script, LIMITS, client).await
}

pub(super) async fn against_limited<F: Future>(
    script: &str,
    limits: TimeLimits,
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    against_through(script, (limits, 64 * 1024), client).await
}

/// The same where only so many octets can be on their way at once.
pub(super) async fn against_through<F: Future>(
    script: &str,
    (limits, width): (TimeLimits, usize),
    client: impl FnOnce(Session, Clock) -> F,
) -> F::Output {
    let (mut link, clock, far) = link(limits, width);
    let conversation = async {
        link.event("the greeting")
            .await
            .expect("every script greets");
        client(
            Session::new(link, Delimiter(Some('/')), LARGEST),
            clock.clone(),
        )
        .await
    };
    tokio::select! {
        biased;
        () = follow(script, far, clock.clone()) => unreachable!("the server never ends by itself"),
        output = conversation => output,
    }
}

/// The same for a connection that has not even been greeted.
pub(super) async fn against_raw<F: Future>(
    script: &str,
    client: impl FnOnce(Link) -> F,
) -> F::Output {
    let (link, clock, far) = link(LIMITS, 64 * 1024);
    tokio::select! {
        biased;
        () = follow(script, far, clock) => unreachable!("the server never ends by itself"),
        output = client(link) => output,
    }
}

fn link(limits: TimeLimits, width: usize) -> (Link, Clock, DuplexStream) {
    let (near, far) = tokio::io::duplex(width);
    let clock = Clock::starting_at(start());
    let settings = ImapSettings {
        host: "imap.example".to_owned(),
        port: 993,
        security: Security::ImplicitTls,
        tls: trusting_nobody(),
        addresses: Addresses::new(),
        mailbox: "ada@contoso.com".to_owned(),
        tokens: Arc::new(NoTokens),
        clock: clock.clone(),
        quirks: Quirks::default(),
        limits,
        largest_message: LARGEST,
    };
    (Link::new(Stream::Memory(near), &settings), clock, far)
}

pub(super) fn keys(uids: &[u32]) -> Vec<MessageKey> {
    uids.iter()
        .map(|uid| MessageKey::Imap {
            uidvalidity: 9,
            uid: *uid,
        })
        .collect()
}

pub(super) fn inbox() -> FolderName {
    FolderName::inbox()
}

pub(super) const LARGEST: u64 = 1000;
