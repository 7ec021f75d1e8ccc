use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::{Chance, SealingKey};
use gatepost_mail::{Intake as _, IntakeError, MessageKey};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::*;
use crate::{MemoryStorage, Spooled as _};

fn spool(folder: &Path, key: u8) -> Arc<Spool> {
    let key = Arc::new(SealingKey::new(&[key; SealingKey::LENGTH]));
    let spool = Spool::open(folder, key, Chance::seeded(1)).expect("the folder is ours");
    Arc::new(spool.with_inline_limit(1_000))
}

fn key(uid: u32) -> MessageKey {
    MessageKey::Imap {
        uidvalidity: 1,
        uid,
    }
}

/// A keeper of one message.
fn single(spool: &Arc<Spool>) -> Keeper {
    Keeper::new(spool, [key(1)], None)
}

/// Takes one message in, given in pieces of odd sizes.
async fn take_in(keeper: &mut Keeper, uid: u32, octets: &[u8]) -> Result<(), IntakeError> {
    keeper.begin(&key(uid), None).await?;
    for piece in octets.chunks(7_001) {
        keeper.chunk(piece).await?;
    }
    keeper.end().await
}

fn spool_of_batches(folder: &Path, messages: usize) -> Arc<Spool> {
    let key = Arc::new(SealingKey::new(&[1; SealingKey::LENGTH]));
    let spool = Spool::open(folder, key, Chance::seeded(1)).expect("the folder is ours");
    Arc::new(spool.with_batches_of(messages))
}

/// Keeps one message.
async fn keep(keeper: &mut Keeper, octets: &[u8]) -> Kept {
    take_in(keeper, 1, octets).await.expect("it is taken in");
    let mut taken = keeper.finish().await.expect("it is durable");
    match taken.remove(0).fetched {
        Fetched::Kept {
            kept, description, ..
        } => {
            assert_eq!(description.size, octets.len() as u64);
            kept
        }
        _ => panic!("it was kept"),
    }
}

async fn read(spool: &Spool, kept: &Kept) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut stream = spool.message(kept.clone()).open().await?;
    stream.read_to_end(&mut octets).await?;
    Ok(octets)
}

fn large(length: usize) -> Vec<u8> {
    let mut octets = vec![0; length];
    Chance::seeded(9).fill(&mut octets);
    octets
}

fn file(folder: &Path, kept: &Kept) -> PathBuf {
    match kept {
        Kept::File { name, .. } => folder.join(name),
        Kept::Inline(_) => panic!("it is in a file"),
    }
}

#[tokio::test]
async fn every_length_comes_back_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool(folder.path(), 1);
    for length in [0, 1, 1_000, 1_001, 65_535, 65_536, 65_537, 131_072, 300_000] {
        let octets = large(length);
        let mut keeper = single(&spool);
        let kept = keep(&mut keeper, &octets).await;
        assert_eq!(matches!(kept, Kept::Inline(_)), length <= 1_000);
        assert_eq!(read(&spool, &kept).await.expect("it is kept"), octets);
    }
}

#[tokio::test]
async fn a_file_is_named_by_its_content_and_shows_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool(folder.path(), 1);
    let octets = b"a secret that repeats ".repeat(200);
    let kept = keep(&mut single(&spool), &octets).await;
    let again = keep(&mut single(&spool), &octets).await;
    assert_eq!(kept, again);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &octets);
    let path = file(folder.path(), &kept);
    assert!(path.ends_with(hexadecimal(digest.as_ref())));
    let sealed = std::fs::read(&path).expect("the file");
    assert!(!sealed.windows(8).any(|window| window == b"a secret"));
    let mode = std::fs::metadata(&path)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn no_damage_goes_unnoticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool(folder.path(), 1);
    let kept = keep(&mut single(&spool), &large(200_000)).await;
    let path = file(folder.path(), &kept);
    let sealed = std::fs::read(&path).expect("the file");
    let damaged = async |octets: &[u8]| {
        std::fs::write(&path, octets).expect("ours");
        read(&spool, &kept).await.is_err()
    };
    for at in (0..sealed.len())
        .step_by(4_999)
        .chain([0, 8, sealed.len() - 1])
    {
        let mut turned = sealed.clone();
        turned[at] ^= 1;
        assert!(damaged(&turned).await, "octet {at}");
    }
    for length in [0, 10, 24, 65_000, 65_597, sealed.len() - 1] {
        assert!(damaged(&sealed[..length]).await, "cut to {length}");
    }
    let chunk = seal::SEALED_CHUNK;
    let (head, rest) = sealed.split_at(seal::HEAD);
    let swapped = [
        head,
        &rest[chunk..2 * chunk],
        &rest[..chunk],
        &rest[2 * chunk..],
    ]
    .concat();
    assert!(damaged(&swapped).await, "chunks were swapped");
    assert!(!damaged(&sealed).await, "the file itself is sound");
}

#[tokio::test]
async fn a_file_under_another_name_or_with_another_key_does_not_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mine = spool(folder.path(), 1);
    let kept = keep(&mut single(&mine), &large(5_000)).await;
    assert!(read(&spool(folder.path(), 2), &kept).await.is_err());
    let renamed = Kept::File {
        name: "b".repeat(64),
        size: 5_000,
    };
    std::fs::rename(file(folder.path(), &kept), file(folder.path(), &renamed)).expect("ours");
    assert!(read(&mine, &renamed).await.is_err());
}

#[tokio::test]
async fn a_file_is_removed_when_nothing_refers_to_it_and_not_while_it_is_pinned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool(folder.path(), 1);
    let storage = MemoryStorage::new();
    let later = Timestamp::MAX;
    let mut keeper = single(&spool);
    let kept = keep(&mut keeper, &large(5_000)).await;
    let path = file(folder.path(), &kept);
    let names = spool.names().expect("the folder can be listed");
    assert_eq!(names.len(), 1);
    let removed = spool
        .remove_unreferenced(names.clone(), (&storage, later))
        .await;
    assert_eq!(
        removed.expect("it is swept"),
        0,
        "its event is about to be stored"
    );
    drop(keeper);
    let young = spool.remove_unreferenced(names.clone(), (&storage, Timestamp::MIN));
    assert_eq!(
        young.await.expect("it is swept"),
        0,
        "another process may need it"
    );
    let removed = spool.remove_unreferenced(names, (&storage, later)).await;
    assert_eq!(removed.expect("it is swept"), 1);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_message_that_does_not_end_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool(folder.path(), 1);
    let mut keeper = single(&spool);
    keeper.begin(&key(1), Some(9_000)).await.expect("it begins");
    keeper.chunk(&large(4_000)).await.expect("it goes on");
    drop(keeper);
    let entries = std::fs::read_dir(folder.path()).expect("the folder");
    assert_eq!(entries.count(), 0);
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_says_so_and_is_tried_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = folder.path().join("spool");
    let spool = spool(&inner, 1);
    std::fs::remove_dir(&inner).expect("ours");
    let mut keeper = single(&spool);
    keeper
        .begin(&key(1), Some(9_000))
        .await
        .expect_err("there is no folder");
    let failure = keeper.failure().expect("it is ours");
    assert_eq!(failure.code(), "spool_unusable");
    assert!(failure.next().is_retry());
    assert!(failure.to_string().contains("unfinished"), "{failure}");
}

fn uids(batch: &[Taken]) -> Vec<u32> {
    let uids = batch.iter().filter_map(|taken| match &taken.key {
        MessageKey::Imap { uid, .. } => Some(*uid),
        MessageKey::Pop3 { .. } | MessageKey::Graph { .. } => None,
    });
    uids.collect()
}

#[tokio::test]
async fn full_batches_go_on_in_the_order_of_arrival_however_the_messages_come() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool_of_batches(folder.path(), 2);
    let (next, mut batches) = mpsc::channel(5);
    let mut keeper = Keeper::new(&spool, (1..=6).map(key), Some(next));
    for uid in [2, 3] {
        take_in(&mut keeper, uid, b"x").await.expect("it is kept");
    }
    assert!(batches.try_recv().is_err(), "the first has not come");
    assert_eq!(keeper.missing(), [key(1), key(4), key(5), key(6)]);
    keeper.gone(&key(1)).await.expect("it is noted");
    let first = batches.try_recv().expect("a full batch");
    assert_eq!(uids(&first), [1, 2, 3]);
    assert!(matches!(first[0].fetched, Fetched::Gone));
    take_in(&mut keeper, 5, b"x").await.expect("it is kept");
    keeper.refused(key(4));
    take_in(&mut keeper, 6, b"x").await.expect("it is kept");
    let second = batches.try_recv().expect("a full batch");
    assert_eq!(uids(&second), [4, 5, 6]);
    assert!(matches!(second[0].fetched, Fetched::Refused));
    assert!(keeper.missing().is_empty());
    assert!(keeper.finish().await.expect("nothing is left").is_empty());
    assert!(batches.recv().await.is_none(), "there is no more");
}

#[tokio::test]
async fn what_cannot_be_stored_ends_the_intake() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spool = spool_of_batches(folder.path(), 1);
    let (next, batches) = mpsc::channel(1);
    let mut keeper = Keeper::new(&spool, [key(1), key(2)], Some(next));
    drop(batches);
    let refused = take_in(&mut keeper, 1, b"x").await;
    refused.expect_err("nobody stores it");
    assert!(keeper.failure().is_none(), "the spool is in order");
}
