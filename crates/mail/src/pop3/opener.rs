//! Opens sessions, with a second token if the first is refused.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatepost_host::Elapsed;
use gatepost_oauth::AccessToken;

use super::TRANSPORT;
use super::connect::connect;
use super::cursor::Print;
use super::session::{Open, Session};
use super::settings::Pop3Settings;
use super::sign_in::sign_in;
use crate::{MailError, Mailbox, Opener};

/// Opens one mailbox over POP3, as often as it is asked.
pub struct Pop3Opener {
    settings: Arc<Pop3Settings>,
    removed: Removed,
}

/// What was deleted through one opener: that it is gone is nothing to wonder about.
pub(super) type Removed = Arc<Mutex<BTreeSet<Print>>>;

impl Pop3Opener {
    /// Keeps what is needed to open; nothing is connected yet.
    pub fn new(settings: Pop3Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            removed: Removed::default(),
        }
    }
}

#[async_trait]
impl Opener for Pop3Opener {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let open = enter(&self.settings).await?;
        let (settings, removed) = (Arc::clone(&self.settings), Arc::clone(&self.removed));
        Ok(Box::new(Session::new(settings, removed, open)))
    }
}

/// Connects, signs in and lists the mailbox.
pub(super) async fn enter(settings: &Pop3Settings) -> Result<Open, MailError> {
    let tokens = &settings.tokens;
    let token = tokens.token(TRANSPORT.audience).await?;
    let refused = match enter_with(settings, &token).await {
        Err(refused @ MailError::SignInRefused { .. }) => refused,
        entered => return entered,
    };
    // It may have been revoked, or have run out on the way: one fresh token decides.
    tokens.refused(&token);
    let fresh = tokens.token(TRANSPORT.audience).await?;
    if fresh.expose() == token.expose() {
        return Err(refused);
    }
    enter_with(settings, &fresh).await
}

async fn enter_with(settings: &Pop3Settings, token: &AccessToken) -> Result<Open, MailError> {
    let skew = || settings.tokens.clock_skew();
    let mut link = connect(settings)
        .await
        .map_err(|error| error.with_skew(skew()))?;
    let limit = settings.limits.login;
    let signed_in = settings.clock.within(limit, sign_in(&mut link, token));
    match signed_in.await {
        Ok(maildrop) => Ok(Open {
            maildrop: maildrop?,
            link,
            at: settings.clock.now(),
        }),
        Err(Elapsed) => Err(link.silent("the sign-in", limit)),
    }
}

impl fmt::Debug for Pop3Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pop3Opener")
            .field("host", &self.settings.host)
            .field("port", &self.settings.port)
            .field("mailbox", &self.settings.mailbox)
            .finish_non_exhaustive()
    }
}
