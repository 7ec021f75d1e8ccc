//! What is made on first use, what is refused, and in which words. Nothing is ever destroyed.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use gatepost_fault::{Exit, Fault as _};
use gatepost_host::SecretSource;
use gatepost_mailroom::{
    Accepted, Cursors as _, Deliveries as _, DeliveryState, Fate, Holder, LeftBy, Outbox as _,
    Settlement, SubmissionId, SubmissionState, Term,
};
use gatepost_oauth::{GrantStoreError, Grants};
use gatepost_store::{Access, KeySource, StateFolder, Store, StoreError};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::samples::{
    advance, arrival, at, credential, fixture, open, reopen, sign_in, submission, watch,
};

fn files(folder: &TempDir) -> StateFolder {
    StateFolder::new(folder.path().join("state"))
}

fn mode(path: &Path) -> u32 {
    let metadata = std::fs::metadata(path).expect("it is there");
    metadata.permissions().mode() & 0o777
}

/// Changes the database behind the store's back.
async fn tamper(folder: &TempDir, sql: &'static str) {
    let url = format!("sqlite:{}", files(folder).database().display());
    let mut db = SqliteConnection::connect(&url).await.expect("a database");
    sqlx::query(sql)
        .execute(&mut db)
        .await
        .expect("a statement");
    db.close().await.expect("a connection");
}

/// What a statement answers.
async fn ask(folder: &TempDir, sql: &'static str) -> String {
    let url = format!("sqlite:{}", files(folder).database().display());
    let mut db = SqliteConnection::connect(&url).await.expect("a database");
    let answer = sqlx::query_scalar(sql).fetch_one(&mut db).await;
    db.close().await.expect("a connection");
    answer.expect("one row")
}

/// A state folder with one sign-in in it, and nobody using it.
async fn used() -> TempDir {
    let fixture = fixture().await;
    sign_in(&fixture.store, "a", "one").await;
    fixture.store.close().await;
    fixture.folder
}

/// Asserts that the store opens and still has its sign-in.
async fn assert_whole(folder: &TempDir, key: KeySource) {
    let store = open(folder, key, Access::Beside).await.expect("it opens");
    let state = Grants::load(&store, &credential("a")).await;
    assert!(state.expect("a store").is_some());
    store.close().await;
}

fn key_file(folder: &TempDir, content: &[u8]) -> (PathBuf, KeySource) {
    let path = folder.path().join("elsewhere.key");
    std::fs::write(&path, content).expect("a writable folder");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
    let source = KeySource::Elsewhere(SecretSource::File(path.clone()));
    (path, source)
}

#[tokio::test]
async fn everything_that_is_made_is_private() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = files(&folder);
    std::fs::create_dir(state.path()).expect("a writable folder");
    std::fs::set_permissions(state.path(), Permissions::from_mode(0o755)).expect("ours");
    let store = open(&folder, KeySource::StateFolder, Access::Serve).await;
    let store = store.expect("it opens");
    sign_in(&store, "a", "one").await;
    assert_eq!(mode(state.path()), 0o700);
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(state.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen.push(path);
    }
    seen.sort();
    let wal = |suffix: &str| PathBuf::from(format!("{}{suffix}", state.database().display()));
    let made = [
        state.database(),
        wal("-shm"),
        wal("-wal"),
        state.key(),
        state.lock(),
    ];
    assert_eq!(seen, made);
}

#[tokio::test]
async fn a_folder_that_all_share_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = files(&folder);
    std::fs::create_dir(state.path()).expect("a writable folder");
    std::fs::set_permissions(state.path(), Permissions::from_mode(0o1777)).expect("ours");
    let error = reopen(&folder).await.expect_err("it is one like /tmp");
    assert_eq!(error.code(), "state_folder_shared");
    assert_eq!(mode(state.path()), 0o777);
    let left = std::fs::read_dir(state.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing was made in it");
}

#[tokio::test]
async fn a_serve_waits_for_the_verb_that_brings_the_schema_up_to_date() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = files(&folder);
    std::fs::create_dir(state.path()).expect("a writable folder");
    let held = File::create(state.lock()).expect("a writable folder");
    held.lock().expect("nobody else has it");
    let serve = open(&folder, KeySource::StateFolder, Access::Serve);
    let verb_ends = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    let (store, ()) = tokio::join!(serve, verb_ends);
    store.expect("it waited");
}

#[tokio::test]
async fn the_key_may_come_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_, raw) = key_file(&folder, &[42; 32]);
    let program = "printf KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=";
    let words = ["sh", "-c", program].map(str::to_owned);
    let command = KeySource::Elsewhere(SecretSource::Command(words.to_vec()));
    let store = open(&folder, raw.clone(), Access::Beside).await;
    let store = store.expect("32 octets are a key");
    sign_in(&store, "a", "one").await;
    store.close().await;
    assert_whole(&folder, raw).await;
    assert_whole(&folder, command).await;
    assert!(!files(&folder).key().exists(), "no key file was made");
}

#[tokio::test]
async fn a_wrong_key_is_named_and_destroys_nothing() {
    let folder = used().await;
    let before = std::fs::read(files(&folder).database()).expect("a database");
    let (path, wrong) = key_file(&folder, &[1; 32]);
    let error = open(&folder, wrong, Access::Serve)
        .await
        .expect_err("wrong");
    assert_eq!(error.code(), "sealed_with_other_key");
    assert_eq!(error.exit(), Exit::Configuration);
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    let after = std::fs::read(files(&folder).database()).expect("a database");
    assert!(before == after, "the database was changed");
    assert_whole(&folder, KeySource::StateFolder).await;
}

#[tokio::test]
async fn a_lost_key_is_not_replaced_by_a_new_one() {
    let folder = used().await;
    let state = files(&folder);
    let aside = folder.path().join("aside");
    std::fs::rename(state.key(), &aside).expect("a key file");
    let error = reopen(&folder).await.expect_err("there is no key");
    assert_eq!(error.code(), "sealing_key_missing");
    assert!(!state.key().exists());
    std::fs::rename(&aside, state.key()).expect("the same folder");
    assert_whole(&folder, KeySource::StateFolder).await;
}

#[tokio::test]
async fn a_key_that_is_none_or_that_others_may_read_is_refused() {
    let folder = used().await;
    for content in [&b""[..], b"short", &[b'x'; 31], &[b'x'; 64]] {
        let (_, source) = key_file(&folder, content);
        let error = open(&folder, source, Access::Beside).await;
        assert_eq!(error.expect_err("no key").code(), "sealing_key_malformed");
    }
    let key = files(&folder).key();
    std::fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("ours");
    let metadata = std::fs::metadata(&key).expect("a key file");
    let of_root = std::os::unix::fs::MetadataExt::uid(&metadata) == 0;
    let open_to = if of_root { 0o644 } else { 0o640 };
    std::fs::set_permissions(&key, Permissions::from_mode(open_to)).expect("ours");
    let error = reopen(&folder).await.expect_err("others may read it");
    assert_eq!(error.code(), "file_readable_by_others");
}

#[tokio::test]
async fn a_second_serve_is_refused_with_the_pid_and_a_verb_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let serve = async || open(&folder, KeySource::StateFolder, Access::Serve).await;
    let first = serve().await.expect("nobody else serves");
    let error = serve().await.expect_err("the first one serves");
    assert_eq!(error.code(), "state_folder_in_use");
    let pid = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&pid), "{error}");
    let verb = reopen(&folder).await.expect("a verb may work beside");
    sign_in(&verb, "a", "one").await;
    let state = Grants::load(&first, &credential("a")).await;
    assert!(
        state.expect("a store").is_some(),
        "each sees the other's work"
    );
    first.close().await;
    drop(first);
    serve().await.expect("nobody else serves any more");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_untouched() {
    let folder = used().await;
    let newer = "INSERT INTO migrations (version) VALUES (9999)";
    tamper(&folder, newer).await;
    let before = std::fs::read(files(&folder).database()).expect("a database");
    for access in [Access::Serve, Access::Beside] {
        let error = open(&folder, KeySource::StateFolder, access).await;
        let error = error.expect_err("it is newer");
        assert_eq!(error.code(), "store_newer");
        assert!(error.to_string().contains("9999"), "{error}");
    }
    let after = std::fs::read(files(&folder).database()).expect("a database");
    assert!(before == after, "the database was changed");
}

#[tokio::test]
async fn an_older_database_is_not_changed_under_a_running_serve() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let state = files(&folder);
    std::fs::create_dir(state.path()).expect("a writable folder");
    let lock = File::create(state.lock()).expect("a writable folder");
    std::fs::write(state.lock(), "4711\n").expect("a writable folder");
    lock.try_lock().expect("nobody has it");
    let error = reopen(&folder).await.expect_err("it has no schema yet");
    assert_eq!(error.code(), "store_older");
    assert!(error.to_string().contains("pid 4711"), "{error}");
    drop(lock);
    reopen(&folder).await.expect("nobody serves");
}

#[tokio::test]
async fn what_is_no_database_is_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = files(&folder).database();
    std::fs::create_dir(files(&folder).path()).expect("a writable folder");
    std::fs::write(&path, "this is somebody's letter ".repeat(100)).expect("a writable folder");
    let error = reopen(&folder).await.expect_err("it is a letter");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    let left = std::fs::read_to_string(&path).expect("the letter");
    assert!(left.starts_with("this is somebody's letter"));
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_not_sent_and_keeps_its_recipients() {
    let fixture = fixture().await;
    let store = &fixture.store;
    let term = Term {
        now: at(0),
        until: at(60),
        holder: Holder::Serve,
    };
    for (name, damage, mended) in [
        (
            "2222222222",
            "UPDATE submissions SET mailbox = hex(letter), letter = x'01'",
            "UPDATE submissions SET letter = unhex(mailbox), mailbox = 'ada@contoso.com'",
        ),
        (
            "3333333333",
            "CREATE TABLE kept AS SELECT * FROM submission_messages;
             DELETE FROM submission_messages",
            "INSERT INTO submission_messages SELECT * FROM kept; DROP TABLE kept",
        ),
        (
            "4444444444",
            "UPDATE submissions SET octets = 4 WHERE id = '4444444444'",
            "UPDATE submissions SET octets = 5 WHERE id = '4444444444'",
        ),
    ] {
        let id = SubmissionId::parse(name).expect("a name");
        let new = submission(id.clone(), at(0));
        let accepted = store.accept(new.clone()).await.expect("a store");
        assert_eq!(accepted, Accepted::New);
        tamper(&fixture.folder, damage).await;
        let claimed = store.claim_one(&id, term).await.expect("a store");
        assert!(claimed.whole.is_empty(), "{claimed:?}");
        let [damaged] = &claimed.damaged[..] else {
            panic!("{name}: {claimed:?}");
        };
        assert_eq!(damaged.code, "store_row_damaged");
        assert!(!damaged.may_have_been_sent);
        assert_eq!(damaged.letter.is_some(), name != "2222222222");
        assert_eq!(damaged.recipients.len(), 2, "{name}");
        let end = Settlement {
            lease: damaged.lease.clone(),
            recipients: damaged.recipients.clone(),
            fate: Fate::Dead {
                reason: damaged.reason.clone(),
            },
            code: Some(damaged.code),
            mailbox_waits_until: None,
            reports: Vec::new(),
            bounce: None,
        };
        let ended = store.conclude(vec![end], at(1)).await.expect("a store");
        assert_eq!(ended, [true]);
        tamper(&fixture.folder, mended).await;
        let seen = store.submission(&id).await.expect("a store");
        let seen = seen.expect("it is there");
        assert_eq!(seen.state, SubmissionState::Dead, "{name}");
        assert_eq!(seen.recipients.len(), 2, "{name}");
        assert!(seen.reason.is_some_and(|why| why.contains("submissions")));
        let retried = store.retry_sending(std::slice::from_ref(&id), at(0)).await;
        assert_eq!(retried.expect("a store"), 1);
        let mut due = store.claim_one(&id, term).await.expect("a store");
        let due = due.whole.pop().expect("it is whole");
        assert_eq!(due.message, new.message);
        assert_eq!(due.recipients.len(), 2);
        tamper(&fixture.folder, "DELETE FROM submissions").await;
    }
}

/// Nobody can settle it, and its neighbours are sent all the same.
#[tokio::test]
async fn a_message_without_a_name_is_left_out_and_keeps_no_other_back() {
    let fixture = fixture().await;
    let store = &fixture.store;
    let term = Term {
        now: at(0),
        until: at(60),
        holder: Holder::Serve,
    };
    for name in ["2222222222", "3333333333", "4444444444"] {
        let id = SubmissionId::parse(name).expect("a name");
        let accepted = store.accept(submission(id, at(0))).await;
        assert_eq!(accepted.expect("a store"), Accepted::New);
    }
    // The oldest, so that it is looked for first.
    let nameless = "UPDATE submissions SET id = 'nobody' WHERE id = '2222222222'";
    tamper(&fixture.folder, nameless).await;
    let claimed = store.claim_for("ada@contoso.com", term, 10).await;
    let claimed = claimed.expect("the others are claimed");
    let names = claimed.whole.iter().map(|due| due.lease.id.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["3333333333", "4444444444"]);
    assert!(claimed.damaged.is_empty(), "{claimed:?}");

    // The next program takes it over, and is told of it once more.
    let recovered = store.recover(LeftBy::FormerServe, at(1)).await;
    assert_eq!(recovered.expect("it starts").queued, 3);
    let term = Term {
        now: at(2),
        until: at(62),
        holder: Holder::Serve,
    };
    let again = store.claim_for("ada@contoso.com", term, 10).await;
    assert_eq!(again.expect("the others are claimed").whole.len(), 2);

    let unknown = "UPDATE submissions SET state = 'unknown', due_at = min(1, position - 1)";
    tamper(&fixture.folder, unknown).await;
    // One is looked for at a time. The nameless is seen once, and is due no more.
    for found in [0, 1, 1] {
        let looked_for = store.unknown_due("ada@contoso.com", at(60), 1).await;
        let looked_for = looked_for.expect("the others are looked for");
        assert_eq!(looked_for.whole.len(), found, "{looked_for:?}");
        let next = store.next_due_of("ada@contoso.com").await;
        assert!(
            next.expect("a store")
                .is_some_and(|at| at > jiff::Timestamp::UNIX_EPOCH)
        );
    }
}

#[tokio::test]
async fn a_damaged_row_names_itself_and_holds_up_no_other() {
    let fixture = fixture().await;
    let inbox = watch("INBOX");
    let events = (1..=3).map(|uid| arrival(&inbox, uid, &["a"])).collect();
    let advanced = fixture.store.advance(advance(&inbox, (None, 3), events));
    advanced.await.expect("the first step");
    fixture.store.close().await;
    // Another process has nothing of it in memory.
    let store = &reopen(&fixture.folder).await.expect("it opens");
    let first = "UPDATE contents SET message = sealed WHERE event = 1";
    tamper(&fixture.folder, first).await;
    let due = crate::deliveries::claim(store, 0, 10).await;
    let sequences: Vec<_> = due.iter().map(|due| due.event.sequence).collect();
    assert_eq!(sequences, [Some(2), Some(3)]);
    let buried = store.show(1).await.expect("a store").expect("it is there");
    assert_eq!(buried.state, DeliveryState::Dead);
    let reason = buried.reason.expect("it says why");
    let id = arrival(&inbox, 1, &[]).event.id;
    let place = format!("table contents, column message, row {id}");
    assert!(reason.contains(&place), "{reason}");

    let second = "UPDATE contents SET sealed = x'01' WHERE event = 2";
    tamper(&fixture.folder, second).await;
    let error = store.show(2).await.expect_err("it is damaged");
    assert!(error.to_string().contains("column sealed"), "{error}");
    assert_eq!(
        crate::deliveries::states(store).await.len(),
        2,
        "the others"
    );

    tamper(&fixture.folder, "UPDATE watches SET cursor_state = NULL").await;
    let error = store
        .advance(advance(&inbox, (Some(3), 4), Vec::new()))
        .await;
    let error = error.expect_err("half a cursor");
    assert_eq!(error.code(), "store_row_damaged");
    assert!(error.to_string().contains("table watches"), "{error}");
}

#[tokio::test]
async fn a_delivery_whose_content_is_gone_becomes_a_dead_letter() {
    let fixture = fixture().await;
    let inbox = watch("INBOX");
    let events = (1..=2).map(|uid| arrival(&inbox, uid, &["a"])).collect();
    let advanced = fixture.store.advance(advance(&inbox, (None, 2), events));
    advanced.await.expect("the first step");
    fixture.store.close().await;
    let store = &reopen(&fixture.folder).await.expect("it opens");
    tamper(&fixture.folder, "DELETE FROM contents WHERE event = 1").await;
    let due = crate::deliveries::claim(store, 0, 10).await;
    let sequences: Vec<_> = due.iter().map(|due| due.event.sequence).collect();
    assert_eq!(sequences, [Some(2)]);
    let state = "SELECT state FROM deliveries WHERE id = 1";
    assert_eq!(ask(&fixture.folder, state).await, "dead");
}

#[tokio::test]
async fn a_sealed_state_that_was_moved_does_not_open() {
    let folder = used().await;
    let store = reopen(&folder).await.expect("it opens");
    sign_in(&store, "b", "two").await;
    let swap = "UPDATE grants SET sealed = (SELECT sealed FROM grants WHERE credential = 'b')";
    tamper(&folder, swap).await;
    let error = Grants::load(&store, &credential("a")).await;
    let error = error.expect_err("it belongs to b");
    assert!(
        matches!(error, GrantStoreError::Unsealable { .. }),
        "{error}"
    );
    let other = Grants::load(&store, &credential("b")).await;
    assert!(other.expect("its own").is_some());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("state"), "").expect("a writable folder");
    let error = reopen(&folder).await.expect_err("a file stands there");
    assert_eq!(error.code(), "file_unusable");
    assert!(error.to_string().contains("state"), "{error}");
}

#[tokio::test]
async fn many_first_openings_at_once_make_one_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut openings = tokio::task::JoinSet::new();
    let path = folder.path().join("state");
    for _ in 0..8 {
        let folder = StateFolder::new(&path);
        openings.spawn(async move { Store::open(opening(folder)).await });
    }
    let stores = openings.join_all().await;
    for store in &stores {
        let store = store.as_ref().expect("it opens");
        assert_eq!(
            format!("{:?}", store.key()),
            format!("{:?}", stores[0].as_ref().expect("it opens").key())
        );
    }
}

fn opening(folder: StateFolder) -> gatepost_store::Opening<'static> {
    static CLOCK: std::sync::LazyLock<gatepost_host::Clock> =
        std::sync::LazyLock::new(gatepost_host::Clock::system);
    static CHANCE: std::sync::LazyLock<gatepost_host::Chance> =
        std::sync::LazyLock::new(gatepost_host::Chance::system);
    gatepost_store::Opening {
        folder,
        key: KeySource::StateFolder,
        access: Access::Beside,
        clock: &CLOCK,
        chance: &CHANCE,
    }
}
