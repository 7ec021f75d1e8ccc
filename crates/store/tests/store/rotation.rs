//! Another key for everything: all of it or nothing, whenever it is cut off.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_fault::Fault as _;
use gatepost_gateway::admission::{AppPasswords, Legacies as _};
use gatepost_host::{Chance, Clock, SealingKey, SecretSource, environment, files};
use gatepost_mailroom::{
    Accepted, Cursors as _, Deliveries, DeliveryFilter, Holder, Kept, LeftBy, Outbox as _, Settled,
    Spool, Spooled as _, SubmissionId, Term,
};
use gatepost_oauth::Grants;
use gatepost_store::{
    Access, KeyPlace, KeySource, Opening, Rotated, StateFolder, Store, StoreError, rotate_key,
};
use secrecy::ExposeSecret as _;
use tokio::io::AsyncReadExt as _;

use crate::crash::seed;
use crate::legacies::legacy;
use crate::samples::{
    advance, app_password, arrival, at, credential, open_at, sign_in, sink, submission, watch,
};

#[tokio::test]
async fn everything_opens_with_the_new_key_and_nothing_with_the_old() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let key_file = state(folder.path()).key();
    let old = std::fs::read(&key_file).expect("it was made");
    let rotated = rotate(folder.path(), KeySource::StateFolder, None).await;
    let rotated = rotated.expect("nobody uses it");
    // A sign-in, two events, one message, one reason; a message on its way out, its standing, its
    // octets; an app password; what another gateway left behind.
    assert_eq!((rotated.rows, rotated.files, rotated.damaged), (10, 1, 0));
    assert_eq!(rotated.place, KeyPlace::File(key_file.clone()));
    assert_ne!(std::fs::read(&key_file).expect("it is there"), old);
    assert_whole(folder.path(), KeySource::StateFolder).await;
    let id = key_of(&old).seal("", b"");
    for file in all_files(folder.path()) {
        let content = std::fs::read(&file).expect("our own file");
        let found = content.windows(9).any(|octets| octets == &id[..9]);
        assert!(!found, "the old key sealed something in {}", file.display());
    }
}

#[tokio::test]
async fn a_key_from_elsewhere_is_replaced_where_it_is_or_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    // The key moves out of the state folder.
    let own = folder.path().join("own.key");
    std::fs::rename(state(folder.path()).key(), &own).expect("our own file");
    let in_file = KeySource::Elsewhere(SecretSource::File(own.clone()));
    let rotated = rotate(folder.path(), in_file.clone(), None).await;
    let rotated = rotated.expect("the file is ours");
    assert_eq!(rotated.place, KeyPlace::File(own.clone()));
    assert_whole(folder.path(), in_file).await;

    let printed = |file: &Path| {
        let words = ["cat".to_owned(), file.display().to_string()];
        KeySource::Elsewhere(SecretSource::Command(words.to_vec()))
    };
    let error = rotate(folder.path(), printed(&own), None).await;
    assert_eq!(code(error), "sealing_key_needed");
    let error = rotate(folder.path(), printed(&own), Some(&own)).await;
    assert_eq!(code(error), "sealing_key_unchanged");
    let new = folder.path().join("new.key");
    files::create_private(&new, STANDARD.encode([9; 32]).as_bytes()).expect("a writable folder");
    let rotated = rotate(folder.path(), printed(&own), Some(&new)).await;
    let place = rotated.expect("there is a new key").place;
    assert_eq!(place, KeyPlace::ToBePut("the program cat".to_owned()));
    let error = open_at(folder.path(), printed(&own), Access::Serve).await;
    assert_eq!(code(error), "sealed_with_other_key");
    assert_whole(folder.path(), printed(&new)).await;
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let serve = open_at(folder.path(), KeySource::StateFolder, Access::Serve).await;
    let error = rotate(folder.path(), KeySource::StateFolder, None).await;
    assert_eq!(code(error), "state_folder_in_use");
    serve.expect("it was there first").close().await;
    assert_whole(folder.path(), KeySource::StateFolder).await;
}

#[tokio::test]
async fn who_opened_the_store_before_stores_nothing_with_the_old_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let beside = open_at(folder.path(), KeySource::StateFolder, Access::Beside).await;
    let beside = beside.expect("it is there");
    rotate(folder.path(), KeySource::StateFolder, None)
        .await
        .expect("no serve uses it");
    let stored = beside.remove(&credential("a")).await;
    let error = stored.expect_err("its key is the old one");
    assert_eq!(error.code(), "sealing_key_changed");
    assert!(error.next().is_retry());
    beside.close().await;
    assert_whole(folder.path(), KeySource::StateFolder).await;
}

#[tokio::test]
async fn what_was_damaged_before_stays_and_hides_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let name = spooled(folder.path());
    let mut content = std::fs::read(&name).expect("it was written");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&name, content).expect("our own file");
    let rotated = rotate(folder.path(), KeySource::StateFolder, None).await;
    let rotated = rotated.expect("one file is no reason");
    assert_eq!((rotated.rows, rotated.files, rotated.damaged), (10, 0, 1));
    let copies = all_files(folder.path());
    assert!(
        !copies
            .iter()
            .any(|file| file.to_string_lossy().contains("resealed"))
    );
}

#[tokio::test]
async fn cut_off_anywhere_it_leaves_a_store_that_opens() {
    if let Some(folder) = environment::path(CHILD) {
        return rotate_until_killed(&folder).await;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let chance = Chance::seeded(seed());
    for _ in 0..KILLS {
        kill_after(folder.path(), 1 + chance.below(40), &chance);
        assert_whole(folder.path(), KeySource::StateFolder).await;
    }
}

/// Each step that a power cut can separate from the next, by hand.
#[tokio::test]
async fn a_new_key_that_did_not_come_to_its_place_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fill(folder.path()).await;
    let key = state(folder.path()).key();
    let next = key.with_file_name("gatepost.key.next");
    let old = std::fs::read(&key).expect("it was made");
    // Cut off before the database went over: the new key and the copies count for nothing.
    files::create_private(&next, STANDARD.encode([9; 32]).as_bytes()).expect("a writable folder");
    let copy = PathBuf::from(format!("{}.resealed", spooled(folder.path()).display()));
    let other = SealingKey::new(&[9; 32]);
    std::fs::write(&copy, sealed_file(&other, b"half")).expect("a writable folder");
    assert_whole(folder.path(), KeySource::StateFolder).await;
    assert!(!copy.exists());
    // Cut off right after it.
    rotate(folder.path(), KeySource::StateFolder, None)
        .await
        .expect("what was left is no obstacle");
    std::fs::rename(&key, &next).expect("our own file");
    files::create_private(&key, &old).expect("a writable folder");
    assert_whole(folder.path(), KeySource::StateFolder).await;
    assert!(!next.exists(), "it is in its place");
}

/// Rotates until it is killed, and says so each time.
async fn rotate_until_killed(folder: &Path) {
    loop {
        let rotated = rotate(folder, KeySource::StateFolder, None).await;
        let rotated = rotated.expect("it works after every kill");
        let mut out = std::io::stdout().lock();
        writeln!(out, "rotated {}", rotated.rows).expect("somebody reads");
    }
}

/// Starts the child and kills it some time after it said something for the first time.
fn kill_after(folder: &Path, spins: u64, chance: &Chance) {
    let program = std::env::current_exe().expect("this test is a program");
    let name = "rotation::cut_off_anywhere_it_leaves_a_store_that_opens";
    let mut child = Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the test starts again");
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines();
    for line in lines.by_ref() {
        if line.expect("text").starts_with("rotated") {
            break;
        }
    }
    // Not a wait for anything, but another moment each time: it is killed wherever it is.
    let mut scratch = vec![0; 64 * 1024];
    for _ in 0..spins {
        chance.fill(&mut scratch);
    }
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}

/// A new store with everything in it that is sealed.
async fn fill(folder: &Path) {
    let store = open_at(folder, KeySource::StateFolder, Access::Serve).await;
    let store = store.expect("a new store opens");
    sign_in(&store, "a", REFRESH).await;
    let kept = store.keep(&legacy(MAILBOX, REFRESH)).await;
    kept.expect("the store works");
    let inbox = watch("INBOX");
    let mut large = arrival(&inbox, 2, &["slow"]);
    large.message = Some(Kept::File {
        name: NAME.to_owned(),
        size: LARGE as u64,
    });
    let step = advance(
        &inbox,
        (None, 1),
        vec![arrival(&inbox, 1, &["tickets"]), large],
    );
    store.advance(step).await.expect("the first step");
    let due = store.claim_due(&sink("tickets"), at(0), at(60), 1).await;
    let lease = due.expect("a store").remove(0).lease;
    let retry = Settled::RetryAt {
        at: at(100),
        reason: REASON.to_owned(),
    };
    let settled = store.settle(vec![(lease, retry)], Vec::new(), at(1));
    settled.await.expect("it is claimed");
    let id = SubmissionId::parse(SUBMISSION).expect("a name");
    let accepted = store.accept(submission(id, at(0))).await;
    assert_eq!(accepted.expect("a store"), Accepted::New);
    let added = store.add(&app_password("a verifier")).await;
    added.expect("a store");
    files::make_private_folder(&state(folder).spool()).expect("a writable folder");
    let file = sealed_file(&store.key(), &vec![b'x'; LARGE]);
    std::fs::write(spooled(folder), file).expect("a writable folder");
    store.close().await;
}

/// Opens the store, and everything in it.
async fn assert_whole(folder: &Path, key: KeySource) {
    let store = open_at(folder, key, Access::Serve).await;
    let store = store.expect("it opens");
    let loaded = Grants::load(&store, &credential("a")).await;
    let (state, _) = loaded.expect("it opens").expect("somebody signed in");
    assert_eq!(state.secret.expose_secret(), REFRESH.as_bytes());
    let legacy = store.legacy(MAILBOX).await.expect("it opens");
    let legacy = legacy.expect("it waits");
    assert_eq!(legacy.sealed.expose_secret(), REFRESH);
    let filter = DeliveryFilter {
        limit: 10,
        ..DeliveryFilter::default()
    };
    let listed = Deliveries::list(&store, &filter).await.expect("it lists");
    assert_eq!(listed.len(), 2);
    let reasons = listed.iter().filter_map(|one| one.reason.as_deref());
    assert_eq!(reasons.collect::<Vec<_>>(), [REASON]);
    let spool = spool(&store, folder);
    for name in ["tickets", "slow"] {
        // Each look is later than the claim of the one before.
        let claimed = store.claim_due(&sink(name), at(200), at(200), 1).await;
        let due = claimed.expect("a store").remove(0);
        let kept = due.message.expect("both have one");
        let mut octets = Vec::new();
        let mut stream = spool.message(kept).open().await.expect("it is there");
        stream.read_to_end(&mut octets).await.expect("it opens");
        let expected = if name == "slow" {
            vec![b'x'; LARGE]
        } else {
            b"hello".to_vec()
        };
        assert!(octets == expected, "the message to {name}");
    }
    let id = SubmissionId::parse(SUBMISSION).expect("a name");
    let term = Term {
        now: at(200),
        until: at(200),
        holder: Holder::Serve,
    };
    let recovered = store.recover(LeftBy::FormerServe, at(200)).await;
    recovered.expect("a store");
    let mut due = store.claim_one(&id, term).await.expect("a store");
    let (due, sent) = (due.whole.pop().expect("it waits"), submission(id, at(0)));
    assert_eq!(due.message, sent.message);
    assert_eq!(due.recipients[1].address, sent.recipients[1]);
    let (_, passwords) = AppPasswords::all(&store).await.expect("a store");
    assert_eq!(passwords[0].verifier.expose(), "a verifier");
    store.close().await;
}

fn spool(store: &Store, folder: &Path) -> Spool {
    let spool = Spool::open(&state(folder).spool(), store.key(), Chance::system());
    spool.expect("the folder is ours")
}

async fn rotate(folder: &Path, key: KeySource, new: Option<&Path>) -> Result<Rotated, StoreError> {
    let opening = Opening {
        folder: state(folder),
        key,
        access: Access::Serve,
        clock: &Clock::system(),
        chance: &Chance::system(),
    };
    rotate_key(opening, new).await
}

fn code<T>(result: Result<T, StoreError>) -> &'static str {
    result.err().map_or("no error", |error| error.code())
}

fn state(folder: &Path) -> StateFolder {
    StateFolder::new(folder.join("state"))
}

fn spooled(folder: &Path) -> PathBuf {
    state(folder).spool().join(NAME)
}

fn key_of(text: &[u8]) -> Arc<SealingKey> {
    let octets = STANDARD.decode(text.trim_ascii()).expect("base64");
    let octets = octets.try_into().expect("32 octets");
    Arc::new(SealingKey::new(&octets))
}

/// A file of the spool, as the spool writes it.
fn sealed_file(key: &SealingKey, clear: &[u8]) -> Vec<u8> {
    let id = "07".repeat(16);
    let mut file = [b"GPSPOOL1".as_slice(), &[7; 16]].concat();
    let chunks: Vec<&[u8]> = clear.chunks(64 * 1024).collect();
    for (number, chunk) in chunks.iter().enumerate() {
        file.extend(key.seal(&format!("spool/{id}/{number}"), chunk));
    }
    let end = format!("spool/{id}/end/{NAME}/{}", chunks.len());
    file.extend(key.seal(&end, &(clear.len() as u64).to_be_bytes()));
    file
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(path);
        }
    }
    files
}

const CHILD: &str = "GATEPOST_ROTATE_IN";
const KILLS: u64 = 30;
const REFRESH: &str = "a refresh token";
const MAILBOX: &str = "scanner@contoso.com";
const REASON: &str = "the program said no";
const NAME: &str = "5555555555555555555555555555555555555555555555555555555555555555";
/// Three chunks, the last not full.
const LARGE: usize = 150_000;
const SUBMISSION: &str = "2222222222";
