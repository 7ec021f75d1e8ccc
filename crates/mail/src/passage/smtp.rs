//! Passages over SMTP.

use gatepost_oauth::AccessToken;

use super::{Passage, PassageError, Told, protected, with_skew};
use crate::smtp::{Link, SmtpSettings, connect, sign_in};

pub(super) async fn reach(settings: &SmtpSettings) -> Result<Link, PassageError> {
    let connected = connect::connect(settings).await;
    connected.map_err(|error| with_skew(error, &*settings.tokens))
}

pub(super) async fn enter(
    mut link: Link,
    settings: &SmtpSettings,
    token: &AccessToken,
) -> Result<Passage, PassageError> {
    sign_in::sign_in(&mut link, &settings.sign_in_as, token).await?;
    let unprotected = link.garbled("the connection is not protected");
    let (stream, mut client) = link.into_parts();
    let Some(stream) = protected(stream) else {
        return Err(unprotected.into());
    };
    Ok(Passage {
        stream,
        read: client.take_leftover(),
        told: Told::Smtp(client.extensions().clone()),
    })
}
