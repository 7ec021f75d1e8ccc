use std::sync::Mutex;

use gatepost_mail::{
    Changes, Cursor, Envelope, Flag, Folder, Intake, MessageKey, Pull, Summary, Woke,
};

use super::*;
use crate::{DsnRequest, Kept, Letter, Priority, SendLease, SubmissionId};

/// A mailbox with one copy of a message in Sent Items, received then.
#[derive(Debug)]
struct Sent(Timestamp, Arc<Mutex<Vec<Query>>>);

#[async_trait]
impl Opener for Sent {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        Ok(Box::new(Self(self.0, Arc::clone(&self.1))))
    }
}

#[async_trait]
impl Mailbox for Sent {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        Ok(vec![Folder {
            name: FolderName::new("Gesendete Elemente"),
            special_use: Some(SpecialUse::Sent),
            selectable: true,
            messages: None,
            unread: None,
        }])
    }

    async fn list(&mut self, _: &FolderName, query: &Query) -> Result<Vec<Summary>, MailError> {
        self.1
            .lock()
            .expect("no test panics with it")
            .push(query.clone());
        let copy = Summary {
            key: MessageKey::Imap {
                uidvalidity: 1,
                uid: 1,
            },
            received_at: Some(self.0),
            size_hint: None,
            flags: Vec::new(),
            envelope: Envelope::default(),
        };
        let is_new = query.since.is_none_or(|since| self.0 >= since);
        Ok(is_new.then_some(copy).into_iter().collect())
    }

    async fn changes(&mut self, _: &FolderName, _: Pull<'_>) -> Result<Changes, MailError> {
        unreachable!("it is only listed")
    }

    async fn present(&mut self, _: &FolderName) -> Result<Cursor, MailError> {
        unreachable!("it is only listed")
    }

    async fn wait(&mut self, _: Timestamp) -> Result<Woke, MailError> {
        unreachable!("it is only listed")
    }

    async fn fetch(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &mut dyn Intake,
    ) -> Result<(), MailError> {
        unreachable!("it is only listed")
    }

    async fn mark(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &[Flag],
        _: &[Flag],
    ) -> Result<(), MailError> {
        unreachable!("it is only listed")
    }

    async fn move_to(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &FolderName,
    ) -> Result<(), MailError> {
        unreachable!("it is only listed")
    }

    async fn delete(&mut self, _: &FolderName, _: &[MessageKey]) -> Result<(), MailError> {
        unreachable!("it is only listed")
    }

    async fn close(&mut self) {}
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time in this century")
}

#[tokio::test]
async fn a_copy_of_yesterday_says_nothing_of_what_was_sent_today() {
    let due = DueSubmission {
        lease: SendLease {
            id: SubmissionId::parse("2222222222").expect("a name"),
            claim: 1,
        },
        letter: Letter {
            mailbox: "ada@contoso.com".to_owned(),
            sender: None,
            message_id: "1@contoso.com".to_owned(),
            subject: None,
            size: 1,
            eight_bit: false,
            priority: Priority::Normal,
            accepted_at: at(0),
            not_before: None,
            dsn: DsnRequest::default(),
        },
        recipients: Vec::new(),
        message: Kept::Inline(b"x".to_vec()),
        attempt: 1,
        first_attempt_at: at(0),
        overdue: Duration::ZERO,
        departed_at: Some(at(0)),
        trace: Some(Trace::MessageId),
        draft: None,
        looks_in_vain: 0,
        reason: None,
    };
    for (received, sighting) in [
        (-24 * 3600, Sighting::Nothing),
        (-60, Sighting::Sent),
        (5, Sighting::Sent),
    ] {
        let asked = Arc::default();
        let opener = Arc::new(Sent(at(received), Arc::clone(&asked)));
        let seen = SentItems::new(opener).look(&due).await;
        assert_eq!(seen.expect("it is looked into"), sighting, "{received}");
        let asked = asked.lock().expect("no test panics with it");
        assert_eq!(asked[0].message_id.as_deref(), Some("1@contoso.com"));
    }
}
