//! What every transport obeys, over IMAP against Dovecot.

use async_trait::async_trait;
use gatepost_host::Clock;
use gatepost_mail::contract::{Counterpart, obeys};
use gatepost_mail::imap::{ImapOpener, Security};
use gatepost_mail::{FolderName, Opener};
use gatepost_peers::IdentityEndpoint;

use crate::stand::{ADA, Failure, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn imap_obeys_the_contract() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let token = stand.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let opener = stand.opener(ADA, &token, Security::ImplicitTls)?;
    obeys(&mut Served { stand, opener }).await;
    Ok(())
}

struct Served {
    stand: Stand,
    opener: ImapOpener,
}

#[async_trait]
impl Counterpart for Served {
    fn opener(&self) -> &dyn Opener {
        &self.opener
    }

    fn clock(&self) -> Clock {
        Clock::system()
    }

    async fn create_folder(&mut self, folder: &FolderName) {
        let created = self.stand.dovecot.create_folder(ADA, folder.as_str());
        created.expect("Dovecot makes a folder");
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
