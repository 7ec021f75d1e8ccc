//! A post office over a storage in memory, which outlives every process.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Chance, Clock, SealingKey, Tasks};
use gatepost_mailroom::outbox::{Clerk, Dispatcher, PostOffice, SendPolicy, Sending};
use gatepost_mailroom::{
    Accepted, Bell, Deliveries, DeliveryFilter, DsnRequest, EventData, EventType, Kept, Letter,
    MemoryStorage, NewSubmission, Outbox, Priority, ReportTo, SendData, SinkName, Spool,
    Submission, SubmissionFilter, SubmissionId,
};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::server::Server;

pub(crate) struct Stand {
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) server: Server,
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) policy: SendPolicy,
    pub(crate) looks: bool,
    folder: TempDir,
}

impl Stand {
    pub(crate) fn new(seed: u64) -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let (clock, chance) = (Clock::starting_at(start), Chance::seeded(seed));
        Self {
            server: Server::new(&clock, &chance),
            clock,
            chance,
            storage: Arc::new(MemoryStorage::new()),
            policy: SendPolicy {
                report_to: ReportTo::everything(vec![SinkName("ops".to_owned())]),
                ..SendPolicy::default()
            },
            looks: true,
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// What a process has to do with.
    pub(crate) fn office(&self) -> PostOffice {
        let key = Arc::new(SealingKey::new(&[7; 32]));
        let spool = Spool::open(self.folder.path(), key, self.chance.clone());
        let spool = Arc::new(spool.expect("the folder is ours"));
        let outbox: Arc<dyn Outbox> = self.storage.clone();
        let around = (self.clock.clone(), self.chance.clone());
        PostOffice::new((outbox, spool), Bell::new(), around)
    }

    pub(crate) fn sending(&self, mailbox: &str) -> Sending {
        Sending {
            mailbox: mailbox.to_owned(),
            opener: Arc::new(self.server.clone()),
            lookout: self.looks.then(|| Arc::new(self.server.clone()) as _),
            policy: self.policy.clone(),
        }
    }

    /// A message from `mailbox` to some recipients, accepted.
    pub(crate) async fn accept(&self, office: &PostOffice, mailbox: &str) -> SubmissionId {
        let recipients = 1 + self.chance.below(3);
        let recipients = (0..recipients).map(|number| format!("r{number}@example.com"));
        let new = self.submission(mailbox, recipients.collect());
        let id = new.id.clone();
        let accepted = office.accept(new).await.expect("it is stored");
        assert_eq!(accepted, Accepted::New);
        id
    }

    pub(crate) fn submission(&self, mailbox: &str, recipients: Vec<String>) -> NewSubmission {
        let id = SubmissionId::new(&self.chance);
        let message_id = format!("{id}@contoso.com");
        let octets = format!("Message-ID: <{message_id}>\r\n\r\nHello\r\n").into_bytes();
        let new = NewSubmission {
            letter: Letter {
                mailbox: mailbox.to_owned(),
                sender: Some(mailbox.to_owned()),
                message_id,
                subject: None,
                size: octets.len() as u64,
                eight_bit: false,
                priority: Priority::Normal,
                accepted_at: self.clock.now(),
                not_before: None,
                dsn: DsnRequest::default(),
            },
            id,
            recipients,
            message: Kept::Inline(octets),
            idempotency_key: None,
            digest: [0; 32],
            reports: Vec::new(),
        };
        new.reported_to(&self.policy.report_to)
    }

    /// Runs a process that sends for `mailboxes`. It is killed after `life`, wherever it is.
    pub(crate) async fn live(&self, mailboxes: &[&str], life: Duration) {
        let office = self.office();
        let clerk = Clerk::new(office.clone(), Duration::from_hours(24 * 365));
        clerk.take_over().await.expect("the storage is there");
        let tasks = Tasks::new();
        let stop = tasks.stop();
        let dispatchers = mailboxes.iter().map(|mailbox| {
            let dispatcher = Dispatcher::new(office.clone(), self.sending(mailbox));
            dispatcher.run(stop.clone())
        });
        let all = futures_util::future::join_all(dispatchers);
        tokio::select! {
            _ = all => panic!("nobody stopped them"),
            () = clerk.run(stop.clone()) => panic!("nobody stopped it"),
            () = self.clock.sleep(life) => {}
        }
    }

    /// Everything in the outbox.
    pub(crate) async fn all(&self) -> Vec<Submission> {
        let filter = SubmissionFilter {
            limit: usize::MAX,
            ..SubmissionFilter::default()
        };
        self.storage.submissions(&filter).await.expect("it lists")
    }

    /// What the sink was told of this message in events of this kind.
    pub(crate) async fn told(&self, id: &SubmissionId, kind: EventType) -> Vec<SendData> {
        let filter = DeliveryFilter {
            limit: usize::MAX,
            ..DeliveryFilter::default()
        };
        let listed = self.storage.list(&filter).await.expect("it lists");
        let told = listed.into_iter().filter_map(|one| match one.event.data {
            EventData::Send(data) if one.event.kind == kind => Some(*data),
            _ => None,
        });
        told.filter(|data| data.submission == *id).collect()
    }
}
