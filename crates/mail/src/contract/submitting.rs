//! What is handed over arrives.

use async_trait::async_trait;

use super::letter::{Letter, Told, envelope};
use crate::SubmitOpener;

/// A server that takes messages for a mailbox, and a way to see what arrives that is not the
/// transport under test.
#[async_trait]
pub trait SubmissionPoint: Send {
    /// Opens sessions in the name of [`sender`](Self::sender), the same for every call.
    fn opener(&self) -> &dyn SubmitOpener;

    /// The address of the mailbox that sends.
    fn sender(&self) -> &str;

    /// An address whose mail can be looked at; nothing has arrived there.
    fn recipient(&self) -> &str;

    /// Everything that arrived there so far, once it is `count` messages, without what servers
    /// write on top (RFC 5321 §4.4).
    async fn arrived(&mut self, count: usize) -> Vec<Vec<u8>>;
}

/// Tries every sentence; panics with the first that is broken.
pub async fn submits(point: &mut dyn SubmissionPoint) {
    let sent = messages_arrive_octet_for_octet(point).await;
    a_session_takes_several_messages(point, sent).await;
}

async fn messages_arrive_octet_for_octet(point: &mut dyn SubmissionPoint) -> usize {
    let mut count = 0;
    for (name, text) in bodies() {
        let head = format!(
            "From: <{}>\r\nTo: <{}>\r\nSubject: {name}\r\nMessage-ID: <{name}@contract>\r\n\
             Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
            point.sender(),
            point.recipient()
        );
        let message = [head.as_bytes(), &text].concat();
        // Cut where it hurts: into pieces of which many end in a CR or begin with a dot.
        let pieces = message.chunks(7).map(<[u8]>::to_vec);
        let mut letter = Letter::new(pieces);
        let mut session = point.opener().open().await.expect("it lets us in");
        let mut told = Told::default();
        let envelope = envelope(point.sender(), &[point.recipient()]);
        let outcome = session.submit(&envelope, &mut letter, &mut told).await;
        let receipt = outcome.unwrap_or_else(|error| panic!("{name} is not taken: {error}"));
        assert!(receipt.refused.is_empty(), "{name}");
        assert!(told.begun.is_some(), "{name}: its departure was told");
        session.close().await;
        count += 1;
        let arrived = point.arrived(count).await;
        let expected = ended(message);
        let found = arrived.contains(&expected);
        assert!(found, "{name} is not among what arrived");
    }
    count
}

async fn a_session_takes_several_messages(point: &mut dyn SubmissionPoint, before: usize) {
    let envelope = envelope(point.sender(), &[point.recipient()]);
    let mut session = point.opener().open().await.expect("it lets us in");
    for number in 0..3 {
        let message = format!(
            "From: <{}>\r\nMessage-ID: <several-{number}@contract>\r\n\r\n{number}\r\n",
            point.sender()
        );
        let mut letter = Letter::new([message]);
        let outcome = session
            .submit(&envelope, &mut letter, &mut Told::default())
            .await;
        outcome.expect("it is taken");
        assert!(session.is_open());
    }
    session.close().await;
    assert!(!session.is_open());
    let arrived = point.arrived(before + 3).await;
    for number in 0..3 {
        let end = format!("\r\n\r\n{number}\r\n");
        let found = arrived.iter().any(|one| one.ends_with(end.as_bytes()));
        assert!(found, "{number} is not among what arrived");
    }
}

/// What programs on the way like to damage.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    // 998 octets are allowed (RFC 5322 §2.1.1).
    let long = format!("{}\r\n", "x".repeat(998)).repeat(3);
    let many = "All work and no play makes Jack a dull boy.\r\n".repeat(8_000);
    vec![
        ("dots", b".\r\n..\r\n.one\r\n\r\n.\r\n".to_vec()),
        ("from", b"From here on\r\n>From there\r\n".to_vec()),
        ("eight-bits", "Zählung \u{2014} \u{20ac} 12\r\n".into()),
        ("latin", b"caf\xe9\r\n".to_vec()),
        ("empty", Vec::new()),
        ("no-end", b"the last line goes on".to_vec()),
        ("only-a-dot", b".".to_vec()),
        ("blanks", b" \r\n\t\r\nx \r\n\r\n\r\n".to_vec()),
        ("long-lines", long.into()),
        ("many-lines", many.into()),
    ]
}

/// A message whose last line has an end: without, it could not pass (RFC 5321 §4.1.1.4).
fn ended(mut message: Vec<u8>) -> Vec<u8> {
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    message
}
