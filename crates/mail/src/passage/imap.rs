//! Passages over IMAP.

use gatepost_host::Elapsed;
use gatepost_oauth::AccessToken;

use super::{Passage, PassageError, Told, protected, with_skew};
use crate::imap::{ImapSettings, Link, connect, sign_in};

pub(super) async fn reach(settings: &ImapSettings) -> Result<Link, PassageError> {
    let connected = connect::connect(settings).await;
    let mut link = connected.map_err(|error| with_skew(error, &*settings.tokens))?;
    let limit = settings.limits.login;
    let prepared = sign_in::prepare(&mut link);
    match settings.clock.within(limit, prepared).await {
        Ok(prepared) => prepared?,
        Err(Elapsed) => return Err(link.silent("its capabilities", limit).into()),
    }
    Ok(link)
}

pub(super) async fn enter(
    mut link: Link,
    settings: &ImapSettings,
    token: &AccessToken,
) -> Result<Passage, PassageError> {
    let limit = settings.limits.login;
    let admitted = sign_in::admit(&mut link, token);
    match settings.clock.within(limit, admitted).await {
        Ok(admitted) => admitted?,
        Err(Elapsed) => return Err(link.silent("the sign-in", limit).into()),
    }
    let unprotected = link.garbled("the connection is not protected");
    let (stream, mut client) = link.into_parts();
    let Some(stream) = protected(stream) else {
        return Err(unprotected.into());
    };
    // RFC 3501 §7.2.1: IMAP4rev1 is in every list, and there are clients that look at the first word.
    let listed: Vec<&str> = client.capabilities().iter().collect();
    let told = (!listed.is_empty()).then(|| {
        let others = listed.iter().filter(|word| **word != REVISION_1);
        let first = std::iter::once(&"IMAP4rev1");
        first.chain(others).copied().collect::<Vec<_>>().join(" ")
    });
    Ok(Passage {
        stream,
        read: client.take_leftover(),
        told: Told::Imap(told),
    })
}

const REVISION_1: &str = "IMAP4REV1";
