//! Mailboxes that send: what the configuration says of them, in the words of the outbox.

use std::sync::Arc;

use gatepost_mail::graph::Graph;
use gatepost_mailroom::outbox::{Clerk, Lookout, PostOffice, SendPolicy, Sending, SentItems};
use gatepost_mailroom::{Bell, Mailroom, ReportTo, Spool};
use gatepost_oauth::TokenKeeper;

use super::drafts::Drafts;
use super::reach::Reach;
use super::{Gatepost, mailboxes, sinks};
use crate::config::{Config, MailboxSettings, SendBy};
use crate::failure::Failure;

/// What sends for a mailbox, and what it was made of.
#[derive(Debug)]
pub struct OpenedSender {
    /// What sends.
    pub sending: Sending,
    /// What it was made of.
    pub made_of: MadeOf,
}

/// What a sender was made of. One that was made of the same goes on undisturbed.
#[derive(Debug)]
pub struct MadeOf {
    policy: SendPolicy,
    mailbox: MailboxSettings,
    host: Option<String>,
    reach: Arc<Reach>,
    keeper: TokenKeeper,
}

impl PartialEq for MadeOf {
    fn eq(&self, other: &Self) -> bool {
        self.policy == other.policy
            && self.mailbox == other.mailbox
            && self.host == other.host
            && Arc::ptr_eq(&self.reach, &other.reach)
            && self.keeper.is(&other.keeper)
    }
}

impl Gatepost {
    /// Everything that sends by the configuration.
    pub fn senders(&self) -> Result<Vec<OpenedSender>, Failure> {
        let mailboxes = self.config.mailboxes.values();
        let senders = mailboxes.filter_map(|mailbox| {
            let sending = self.sending(mailbox).transpose()?;
            Some(sending.map(|sending| OpenedSender {
                made_of: MadeOf {
                    policy: sending.policy.clone(),
                    mailbox: mailbox.clone(),
                    host: mailbox.send.and_then(|by| {
                        let cloud = &self.config.registration(&mailbox.registration).cloud;
                        by.host(cloud)
                    }),
                    reach: Arc::clone(self.reach(mailbox)),
                    keeper: self.keeper(mailbox).clone(),
                },
                sending,
            }))
        });
        senders.collect()
    }

    /// What sends for `mailbox`, which was in the scope; none if it does not send.
    pub fn sending(&self, mailbox: &MailboxSettings) -> Result<Option<Sending>, Failure> {
        let Some(opener) = self.submitter(mailbox)? else {
            return Ok(None);
        };
        let sent_items = SentItems::new(self.opener(mailbox)?);
        let lookout: Arc<dyn Lookout> = if mailbox.may_send_by(SendBy::Graph) {
            let graph = mailboxes::graph(mailbox, &self.way(mailbox))?;
            let graph = Graph::new(graph);
            Arc::new(Drafts { graph, sent_items })
        } else {
            Arc::new(sent_items)
        };
        Ok(Some(Sending {
            mailbox: mailbox.address.clone(),
            opener,
            lookout: Some(lookout),
            policy: policy(&self.config),
        }))
    }

    /// The post office over the store, beside `room`.
    pub fn post_office(&self, room: &Mailroom) -> PostOffice {
        self.office_over((Arc::clone(&room.spool), room.bell.clone()))
    }

    /// The same beside a `serve` that may be running, whose couriers find what they are to take
    /// by themselves.
    pub fn post_office_beside(&self) -> Result<PostOffice, Failure> {
        let folder = self.store.folder().spool();
        let spool = Spool::beside(&folder, self.store.key(), self.chance.clone())?;
        Ok(self.office_over((Arc::new(spool), Bell::new())))
    }

    /// The clerk of `office`.
    pub fn clerk(office: &PostOffice) -> Clerk {
        Clerk::new(office.clone(), crate::daemon::RETENTION)
    }

    fn office_over(&self, (spool, bell): (Arc<Spool>, Bell)) -> PostOffice {
        let outbox = Arc::new(self.store.clone());
        let around = (self.clock.clone(), self.chance.clone());
        PostOffice::new((outbox, spool), bell, around)
    }
}

/// What `config` wants of every mailbox that sends.
pub fn policy(config: &Config) -> SendPolicy {
    let settings = &config.outbox;
    SendPolicy {
        limits: settings.limits,
        on_unknown: settings.on_unknown,
        give_up_after: settings.give_up_after,
        bounce: settings.bounce,
        report_to: config
            .events
            .as_ref()
            .map_or_else(ReportTo::default, sinks::reports),
    }
}
