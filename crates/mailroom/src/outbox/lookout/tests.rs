use std::sync::Mutex;

use gatepost_mail::{
    Changes, Cursor, Envelope, Flag, Folder, Intake, MessageKey, Pull, Summary, Woke,
};
use jiff::Timestamp;

use super::*;
use crate::{
    Addressee, DsnRequest, Kept, Letter, Priority, RecipientFate, SendLease, SubmissionId,
};

/// A mailbox with copies of a message in Sent Items, received then.
#[derive(Debug)]
struct Sent(Vec<Timestamp>, Arc<Mutex<Vec<Query>>>);

#[async_trait]
impl Opener for Sent {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        Ok(Box::new(Self(self.0.clone(), Arc::clone(&self.1))))
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
        let copy = |received: &Timestamp| Summary {
            key: MessageKey::Imap {
                uidvalidity: 1,
                uid: 1,
            },
            received_at: Some(*received),
            size_hint: None,
            flags: Vec::new(),
            envelope: Envelope::default(),
        };
        let is_new = |received: &&Timestamp| query.since.is_none_or(|since| **received >= since);
        let copies = self.0.iter().filter(is_new).take(query.top);
        Ok(copies.map(copy).collect())
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

/// A message that departed last at 0.
fn lost(recipients: Vec<Addressee>) -> DueSubmission {
    DueSubmission {
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
            accepted_at: at(-7200),
            not_before: None,
            dsn: DsnRequest::default(),
        },
        recipients,
        message: Kept::Inline(b"x".to_vec()),
        attempt: 1,
        first_attempt_at: at(-7200),
        overdue: Duration::ZERO,
        departed_at: Some(at(0)),
        trace: Some(Trace::MessageId),
        draft: None,
        looks_in_vain: 0,
        untold: 0,
        reason: None,
        former: Vec::new(),
    }
}

/// What is seen where copies were received then.
async fn seen(due: &DueSubmission, received: &[i64]) -> Result<Sighting, LookError> {
    let asked = Arc::default();
    let received = received.iter().map(|seconds| at(*seconds)).collect();
    let opener = Arc::new(Sent(received, Arc::clone(&asked)));
    let seen = SentItems::new(opener).look(due).await;
    let asked = asked.lock().expect("no test panics with it");
    assert_eq!(asked[0].message_id.as_deref(), Some("1@contoso.com"));
    seen
}

#[tokio::test]
async fn a_copy_of_yesterday_says_nothing_of_what_was_sent_today() {
    for (received, sighting) in [
        (-24 * 3600, Sighting::Nothing),
        (-60, Sighting::Sent),
        (5, Sighting::Sent),
    ] {
        let seen = seen(&lost(Vec::new()), &[received]).await;
        assert_eq!(seen.expect("it is looked into"), sighting, "{received}");
    }
}

fn one(fate: RecipientFate, departures: &[i64]) -> Addressee {
    Addressee {
        fate,
        departures: departures.iter().map(|seconds| at(*seconds)).collect(),
        ..Addressee::new("bob@example.com".to_owned())
    }
}

/// Each envelope leaves a copy, so that there is one more if the last was sent.
#[tokio::test]
async fn copies_of_several_envelopes_are_counted() {
    use RecipientFate::{Open, Taken, Waiting};
    let dropped = || RecipientFate::Dropped {
        reason: "a person decided so".to_owned(),
    };
    let (sent, nothing) = (Ok(Sighting::Sent), Ok(Sighting::Nothing));
    // A further copy may make it clear, or none ever can.
    let (unclear, never) = (Err(true), Err(false));
    let newsletter = vec![
        one(Taken, &[-60]),
        one(Taken, &[-60]),
        one(Taken, &[-30]),
        one(Open, &[0]),
        one(Waiting, &[]),
    ];
    let behind_a_drop = vec![one(Taken, &[-60]), one(dropped(), &[-30]), one(Open, &[0])];
    let resent = vec![one(Open, &[-60, 0]), one(Open, &[-60, 0])];
    let resent_to_more = vec![one(Open, &[-60, 0]), one(Open, &[0])];
    let long_ago = vec![one(Taken, &[-7_000]), one(Open, &[0])];
    let chained = vec![
        one(Taken, &[-6_000]),
        one(Taken, &[-3_000]),
        one(Open, &[0]),
    ];
    let of_an_earlier_version = vec![one(Taken, &[]), one(Open, &[0])];
    let too_often = vec![one(Open, &[-1; 16])];
    for (recipients, received, expected) in [
        (&newsletter, &[-58, -29][..], nothing),
        (&newsletter, &[-58, -29, 1], sent),
        // Not all copies are there yet.
        (&newsletter, &[-58, 1], nothing),
        (&behind_a_drop, &[-59], nothing),
        (&behind_a_drop, &[-59, 1], unclear),
        (&behind_a_drop, &[-59, -29, 1], sent),
        (&resent, &[], nothing),
        // It is of the first or of the second, and both were for the same.
        (&resent, &[-59], sent),
        (&resent_to_more, &[1], unclear),
        (&resent_to_more, &[-59, 1], sent),
        (&long_ago, &[-6_999], nothing),
        (&long_ago, &[-6_999, 1], sent),
        (&chained, &[-5_999, -2_999], nothing),
        (&chained, &[-5_999, -2_999, 1], sent),
        (&of_an_earlier_version, &[-1, 1], never),
        (&too_often, &[1, 1], never),
    ] {
        let seen = seen(&lost(recipients.clone()), received).await;
        let seen = seen.map_err(|error| matches!(error, LookError::Unclear(_)));
        assert_eq!(seen, expected, "{received:?}: {recipients:#?}");
    }
}
