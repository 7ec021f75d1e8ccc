//! What every transport obeys, over IMAP and POP3 against Dovecot.

use async_trait::async_trait;
use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use gatepost_mail::contract::{Counterpart, View, obeys};
use gatepost_mail::imap::Security;
use gatepost_mail::{FolderName, Opener};
use gatepost_peers::{IdentityEndpoint, Sessions};

use crate::stand::{ADA, Failure, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn imap_obeys_the_contract() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let token = stand.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let opener = stand.opener(ADA, &token, Security::ImplicitTls)?;
    let (opener, view) = (Box::new(opener), View::Whole);
    obeys(&mut Served {
        stand,
        opener,
        view,
    })
    .await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pop3_obeys_the_contract() -> Result<(), Failure> {
    for security in [Security::ImplicitTls, Security::StartTls] {
        let stand = Stand::new()?;
        let token = stand.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let sessions = Sessions {
            dovecot: &stand.dovecot,
            identity: &stand.identity,
        };
        let opener = sessions.pop3_opener(ADA, &token, security)?;
        let (opener, view) = (Box::new(opener), View::Inbox);
        obeys(&mut Served {
            stand,
            opener,
            view,
        })
        .await;
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_pop3_does_not_take_is_named() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let sessions = Sessions {
        dovecot: &stand.dovecot,
        identity: &stand.identity,
    };
    let opener = sessions.pop3_opener(ADA, "no token", Security::ImplicitTls)?;
    let error = opener.open().await.err().ok_or("it is let in")?;
    assert_eq!(error.code(), "pop3_sign_in_refused", "{error}");
    Ok(())
}

struct Served {
    stand: Stand,
    opener: Box<dyn Opener>,
    view: View,
}

#[async_trait]
impl Counterpart for Served {
    fn opener(&self) -> &dyn Opener {
        self.opener.as_ref()
    }

    fn view(&self) -> View {
        self.view
    }

    fn clock(&self) -> Clock {
        Clock::system()
    }

    async fn create_folder(&mut self, folder: &FolderName) {
        let dovecot = &self.stand.dovecot;
        match self.view {
            View::Whole => {
                let created = dovecot.create_folder(ADA, folder.as_str());
                created.expect("Dovecot makes a folder");
            }
            View::Inbox => {
                let all = ["expunge", "-u", ADA, "mailbox", "INBOX", "all"];
                dovecot.doveadm(&all).expect("Dovecot empties the inbox");
            }
        }
    }

    async fn deliver(&mut self, folder: &FolderName, message: &[u8]) {
        let dovecot = &self.stand.dovecot;
        let delivered = dovecot.deliver(ADA, folder.as_str(), message);
        delivered.expect("Dovecot takes a message");
        // One look after each, so that Dovecot numbers them in this order.
        let look = ["mailbox", "status", "-u", ADA, "messages", folder.as_str()];
        dovecot.doveadm(&look).expect("Dovecot looks");
    }

    async fn forget_keys(&mut self, folder: &FolderName) {
        let renumbered = self.stand.dovecot.renumber_folder(ADA, folder.as_str());
        renumbered.expect("Dovecot renumbers a folder");
    }
}
