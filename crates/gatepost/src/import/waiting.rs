//! Sign-ins that wait for their password: the first login that shows it opens them.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use gatepost_gateway::admission::{Inheritance, Inherited, Legacies, PasswordError};
use gatepost_import::emailproxy::{NotOpened, SealedState};
use gatepost_oauth::{GrantStoreError, Grants as _};
use gatepost_store::Store;
use secrecy::SecretString;

use super::carry::{FORM, sign_in};
use crate::present::Present;

/// What was taken over sealed, and waits for its passwords.
#[derive(Debug)]
pub struct Waiting {
    /// The configuration may change.
    present: Present,
    store: Store,
    mailboxes: RwLock<BTreeSet<String>>,
}

impl Waiting {
    /// Looks up what waits.
    pub async fn read(present: Present) -> Result<Self, PasswordError> {
        let store = present.get().store.clone();
        let waiting = Self {
            present,
            store,
            mailboxes: RwLock::default(),
        };
        waiting.look().await?;
        Ok(waiting)
    }

    /// Puts what was opened where the keeper of the mailbox's credential finds it.
    async fn put(
        &self,
        mailbox: &str,
        password: &SecretString,
        opened: &gatepost_import::emailproxy::Opened,
    ) -> Result<(), PasswordError> {
        let gatepost = self.present.get();
        let config = &gatepost.config;
        let Some(settings) = config.mailboxes.get(mailbox) else {
            return Ok(());
        };
        let refresh_token = opened.refresh_token.as_ref();
        let Some((id, state)) = sign_in(config, settings, (refresh_token, password)) else {
            return Ok(());
        };
        match self.store.replace(&id, None, &state).await {
            // Somebody has signed in since: that is newer.
            Ok(_) | Err(GrantStoreError::Stale { .. }) => Ok(()),
            Err(error) => Err(storage(&error)),
        }
    }
}

#[async_trait]
impl Inheritance for Waiting {
    fn waits_for(&self, mailbox: &str) -> bool {
        let mailboxes = self.mailboxes.read();
        let mailboxes = mailboxes.unwrap_or_else(PoisonError::into_inner);
        mailboxes.contains(mailbox)
    }

    async fn look(&self) -> Result<(), PasswordError> {
        let waiting = self.store.waiting().await?.into_iter().collect();
        let mailboxes = self.mailboxes.write();
        *mailboxes.unwrap_or_else(PoisonError::into_inner) = waiting;
        Ok(())
    }

    async fn open(
        &self,
        mailbox: &str,
        password: &SecretString,
    ) -> Result<Inherited, PasswordError> {
        let Some(legacy) = self.store.legacy(mailbox).await? else {
            return Ok(Inherited::Nothing);
        };
        let state = (legacy.form == FORM)
            .then(|| SealedState::of_written(&legacy.sealed))
            .flatten();
        let Some(state) = state else {
            tracing::warn!(mailbox, "what was taken over of it cannot be read any more");
            return Ok(Inherited::Nothing);
        };
        let shown = password.clone();
        let opened = tokio::task::spawn_blocking(move || state.open(&shown)).await;
        match opened {
            Ok(Ok(opened)) => {
                self.put(mailbox, password, &opened).await?;
                tracing::info!(
                    mailbox,
                    "its sign-in was taken over from email-oauth2-proxy"
                );
                Ok(Inherited::Opened)
            }
            Ok(Err(NotOpened::Damaged)) => {
                tracing::warn!(mailbox, "what was taken over of it is damaged");
                Ok(Inherited::OtherPassword)
            }
            // Or the program ends.
            Ok(Err(NotOpened::WrongPassword)) | Err(_) => Ok(Inherited::OtherPassword),
        }
    }

    async fn settled(&self, mailbox: &str) -> Result<(), PasswordError> {
        self.store.forget(mailbox).await?;
        let mailboxes = self.mailboxes.write();
        mailboxes
            .unwrap_or_else(PoisonError::into_inner)
            .remove(mailbox);
        Ok(())
    }
}

fn storage(error: &GrantStoreError) -> PasswordError {
    use gatepost_fault::Fault as _;

    PasswordError::Storage {
        code: error.code(),
        message: error.to_string(),
        owner: error.owner(),
        next: error.next(),
    }
}

#[cfg(test)]
mod tests {
    use gatepost_gateway::admission::Legacy;
    use gatepost_import::emailproxy::EmailProxy;
    use gatepost_import::ini::Ini;
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::compose::{Scope, compose, credential_id};
    use crate::config::{Purpose, load_for};

    const ADA: &str = "ada@contoso.com";
    const CONFIGURATION: &str = "state = \"state\"\n\
        [registration.contoso]\ntenant = \"contoso.com\"\n\
        client_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n\
        [mailbox.\"ada@contoso.com\"]\nregistration = \"contoso\"\ngrant = \"authorization_code\"\n";

    /// What email-oauth2-proxy kept of Ada, with the password `Größe 7`.
    fn sealed() -> SealedState {
        let text = format!(
            "[{ADA}]\ntoken_url = u\nclient_id = i\noauth2_scope = s\npermission_url = p\n{}",
            include_str!("tests/sealed.ini")
        );
        let file = Ini::parse(&text).expect("it is well formed");
        let mut read = EmailProxy::read(file, None, []);
        let ada = read.accounts.pop().expect("it is complete");
        ada.state.expect("it has tokens")
    }

    async fn opened(folder: &std::path::Path) -> Present {
        let file = folder.join("gatepost.toml");
        std::fs::write(&file, CONFIGURATION).expect("a writable folder");
        let config = load_for(Purpose::Work, &file).expect("it is good");
        let gatepost = compose(config, Scope::Store).await;
        Present::new(gatepost.expect("a new store opens"))
    }

    async fn waiting(present: &Present) -> Waiting {
        let waiting = Waiting::read(present.clone()).await;
        waiting.expect("the store works")
    }

    #[tokio::test]
    async fn the_first_login_with_the_right_password_opens_what_waits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let present = opened(folder.path()).await;
        let gatepost = present.get();
        let legacy = Legacy {
            mailbox: ADA.to_owned(),
            form: FORM.to_owned(),
            sealed: sealed().write(),
        };
        let waits = waiting(&present).await;
        let kept = gatepost.store.keep(&legacy).await;
        kept.expect("the store works");
        // As another process does it, while this one serves.
        assert!(!waits.waits_for(ADA));
        waits.look().await.expect("the store works");
        assert!(waits.waits_for(ADA) && !waits.waits_for("bob@contoso.com"));
        let wrong = waits.open(ADA, &"wrong".into()).await;
        assert_eq!(wrong.expect("it was tried"), Inherited::OtherPassword);
        let id = credential_id(&gatepost.config, &gatepost.config.mailboxes[ADA]);
        let nothing = gatepost.store.load(&id).await.expect("the store works");
        assert!(nothing.is_none());
        let right = waits.open(ADA, &"Größe 7".into()).await;
        assert_eq!(right.expect("it was tried"), Inherited::Opened);
        let stored = gatepost.store.load(&id).await.expect("the store works");
        let (state, _) = stored.expect("it was put there");
        let text = String::from_utf8_lossy(state.secret.expose_secret());
        assert!(text.contains("refresh-one"));
        // Cut off here, it would wait again; its password is an app password only then.
        assert!(waiting(&present).await.waits_for(ADA));
        waits.settled(ADA).await.expect("the store works");
        assert!(!waits.waits_for(ADA) && !waiting(&present).await.waits_for(ADA));
        let gone = waits.open(ADA, &"Größe 7".into()).await;
        assert_eq!(gone.expect("it was tried"), Inherited::Nothing);
        gatepost.end().await;
    }
}
