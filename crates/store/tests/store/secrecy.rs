//! Nothing that anybody wrote, and no secret, is readable in the state folder.

use std::path::Path;

use gatepost_gateway::admission::{AppPasswords as _, Legacies as _};
use gatepost_mail::{Address, Trace};
use gatepost_mailroom::{
    Cursors as _, Deliveries as _, EventData, Fate, Holder, Kept, NewEvent, Outbox as _, Settled,
    Settlement, SubmissionId, Term,
};
use gatepost_store::Store;

use crate::legacies::legacy;
use crate::samples::{
    advance, app_password, arrival, at, fixture, sign_in, sink, submission, watch,
};

#[tokio::test]
async fn no_canary_is_found_in_any_file() {
    let fixture = fixture().await;
    let (store, inbox) = (&fixture.store, watch("INBOX"));
    sign_in(store, "a", "a refresh CANARY").await;
    let step = advance(&inbox, (None, 1), vec![singing(arrival(&inbox, 1, &["a"]))]);
    store.advance(step).await.expect("the first step");
    let due = store.claim_due(&sink("a"), at(0), at(60), 1).await;
    let due = due.expect("a store").remove(0);
    let retry = Settled::RetryAt {
        at: at(60),
        reason: "the program wrote: CANARY".to_owned(),
    };
    let settled = store.settle(vec![(due.lease, retry)], Vec::new(), at(1));
    settled.await.expect("a store");
    send(store).await;
    let added = store.add(&app_password("CANARY")).await;
    added.expect("a store");
    let kept = store.keep(&legacy("a@x.y", "a sealed CANARY")).await;
    kept.expect("the store works");
    assert_silent(fixture.folder.path());
    fixture.store.close().await;
    assert_silent(fixture.folder.path());
    assert!(!format!("{:?}", fixture.store).contains("CANARY"));
}

/// A message on its way out, with a canary wherever a person's words may stand.
async fn send(store: &Store) {
    let id = SubmissionId::parse("2222222222").expect("a name");
    let mut new = submission(id, at(0));
    new.letter.sender = Some("CANARY@contoso.com".to_owned());
    new.letter.message_id.push_str("CANARY");
    new.letter.subject = Some("a yellow CANARY".to_owned());
    new.recipients = vec!["CANARY@example.com".to_owned()];
    let octets = b"Subject: CANARY\r\n\r\nCANARY\r\n".to_vec();
    new.letter.size = octets.len() as u64;
    new.message = Kept::Inline(octets);
    store.accept(new).await.expect("a store");
    let term = Term {
        now: at(0),
        until: at(60),
        holder: Holder::Serve,
    };
    let due = store.claim_for("ada@contoso.com", term, 1).await;
    let due = due.expect("a store").whole.remove(0);
    let trace = Trace::Draft {
        id: "CANARY".to_owned(),
    };
    let departed = store
        .depart(&due, (&trace, &due.recipients), (at(1), at(60)))
        .await;
    assert!(departed.expect("a store"));
    let settlement = Settlement {
        lease: due.lease,
        recipients: due.recipients,
        fate: Fate::RetryAt {
            at: at(60),
            reason: "the server said: CANARY".to_owned(),
        },
        code: None,
        mailbox_waits_until: None,
        reports: Vec::new(),
        bounce: None,
    };
    let settled = store.conclude(vec![settlement], at(1)).await;
    assert_eq!(settled.expect("a store"), [true]);
}

/// An event with a canary wherever a person's words may stand.
fn singing(mut new: NewEvent) -> NewEvent {
    let canary = || "a yellow CANARY".to_owned();
    let EventData::Message(message) = &mut new.event.data else {
        unreachable!("an arrival is a message");
    };
    message.envelope.subject = Some(canary());
    message.envelope.from = vec![Address {
        name: Some(canary()),
        address: "CANARY@contoso.com".to_owned(),
    }];
    message.preview = Some(canary());
    message.ids.internet_message_id = Some(canary());
    new.message = Some(Kept::Inline(b"Subject: CANARY\r\n\r\nCANARY\r\n".to_vec()));
    new
}

fn assert_silent(folder: &Path) {
    let mut files = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let content = std::fs::read(&path).expect("a file");
            let found = content.windows(6).any(|octets| octets == b"CANARY");
            assert!(!found, "a canary sings in {}", path.display());
        }
    }
    assert!(files >= 2, "the database and the key are there");
}
