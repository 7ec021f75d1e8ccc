//! What the spool promises, on a real disk. That it is swept is shown with a storage in memory.

use std::path::Path;
use std::sync::Arc;

use gatepost_host::{Chance, SealingKey};
use gatepost_mailroom::{Kept, Spool, Spooled as _};
use tokio::io::AsyncReadExt as _;

fn key(octet: u8) -> Arc<SealingKey> {
    Arc::new(SealingKey::new(&[octet; SealingKey::LENGTH]))
}

fn spool(folder: &Path) -> Spool {
    Spool::open(folder, key(1), Chance::seeded(1)).expect("the folder is ours")
}

#[tokio::test]
async fn what_an_interrupted_fetch_left_is_removed_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("abc.unfinished"), "half").expect("ours");
    std::fs::write(folder.path().join("foreign"), "not ours").expect("ours");
    spool(folder.path());
    assert!(!folder.path().join("abc.unfinished").exists());
    assert!(folder.path().join("foreign").exists());
}

#[tokio::test]
async fn a_small_message_is_at_hand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let message = spool(folder.path()).message(Kept::Inline(b"small".to_vec()));
    assert_eq!(message.at_hand().as_deref(), Some(b"small".as_slice()));
    let mut octets = Vec::new();
    let mut stream = message.open().await.expect("it is at hand");
    stream
        .read_to_end(&mut octets)
        .await
        .expect("it is at hand");
    assert_eq!(
        (octets.as_slice(), message.size()),
        (b"small".as_slice(), 5)
    );
}

#[tokio::test]
async fn a_file_that_is_missing_is_an_error_and_no_empty_message() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let message = spool(folder.path()).message(Kept::File {
        name: "a".repeat(64),
        size: 9,
    });
    assert!(message.open().await.is_err());
}
