//! Passages over POP3.

use gatepost_host::Elapsed;
use gatepost_oauth::AccessToken;

use super::{Passage, PassageError, Told, protected, with_skew};
use crate::pop3::{Link, Pop3Settings, connect, sign_in};

pub(super) async fn reach(settings: &Pop3Settings) -> Result<Link, PassageError> {
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
    settings: &Pop3Settings,
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
    Ok(Passage {
        stream,
        read: client.take_leftover(),
        told: Told::Pop3,
    })
}
