//! What can be wrong with the state folder: nothing in it is changed by any of it.

use sqlx::{Connection as _, SqliteConnection};

use crate::stand::{SUPPORT, Stand};

#[test]
fn a_database_of_a_newer_version() {
    let stand = used();
    with_database(&stand, async |db| {
        let newer = "INSERT INTO migrations (version) VALUES (9999)";
        sqlx::query(newer)
            .execute(db)
            .await
            .expect("our own database");
    });
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(64, &["gatepost.db", "newer version", "9999"]);
}

#[test]
fn a_database_that_somebody_holds() {
    let stand = used();
    with_database(&stand, async |db| {
        sqlx::query("BEGIN EXCLUSIVE")
            .execute(db)
            .await
            .expect("our own database");
        let ran = stand.run(&["deliveries", "discard", "1"]);
        ran.assert_fails(75, &["gatepost.db", "locked"]);
    });
}

#[test]
fn a_locked_database_is_told_once_for_all_who_wait_for_it() {
    let stand = used();
    let watches = ["INBOX", "Archive", "Drafts"].map(|folder| {
        format!("[[watch]]\nmailbox = \"{SUPPORT}\"\nfolder = \"{folder}\"\nsinks = [\"out\", \"copies\"]\n")
    });
    stand.configure(&format!(
        "[sink.out]\nkind = \"stream\"\n[sink.copies]\nkind = \"maildir\"\npath = \"copies\"\n{}",
        watches.concat()
    ));
    let serve = stand.serve();
    let wait_for = |what: &str, holds: &dyn Fn(&[serde_json::Value]) -> bool| {
        let came = (0..20_000).any(|_| holds(&stand.listed(&["mailboxes"])));
        assert!(came, "{what}: {}", stand.log());
    };
    let is_watch = |row: &&serde_json::Value| row["folder"].is_string();
    wait_for("all are watched", &|rows| {
        rows.iter()
            .filter(is_watch)
            .all(|row| row["state"] == "watching")
    });
    with_database(&stand, async |db| {
        let begun = sqlx::query("BEGIN EXCLUSIVE").execute(db).await;
        begun.expect("our own database");
        // Each watch has something to store now.
        stand.fault("drop-idle,times=3");
        for _ in 0..2 {
            stand.deliver(SUPPORT, "hello");
        }
        wait_for("somebody waits", &|rows| {
            rows.iter()
                .any(|row| row["last_error"]["code"] == "store_locked")
        });
    });
    wait_for("it works again", &|_| {
        stand.log().contains("can be used again")
    });
    assert_eq!(serve.stop(), 0);
    let told = |words: &str| stand.log().matches(words).count();
    assert_eq!(told("is locked by another process"), 1, "{}", stand.log());
    assert_eq!(told("can be used again"), 1, "{}", stand.log());
}

#[test]
fn a_database_that_is_none() {
    let stand = used();
    let text = "this is no database ".repeat(1_000);
    std::fs::write(stand.path("state/gatepost.db"), &text).expect("our own file");
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(64, &["gatepost.db", "backup"]);
    let left = std::fs::read_to_string(stand.path("state/gatepost.db")).expect("it is left alone");
    assert_eq!(left, text);
}

#[test]
fn a_key_that_is_gone_or_another_one() {
    let stand = used();
    std::fs::rename(stand.path("state/gatepost.key"), stand.path("away")).expect("our own file");
    stand
        .run(&["token", SUPPORT])
        .assert_fails(64, &["gatepost.key", "missing"]);
    stand.write_private(
        "state/gatepost.key",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    stand
        .run(&["token", SUPPORT])
        .assert_fails(64, &["gatepost.key", "not the one"]);
    std::fs::rename(stand.path("away"), stand.path("state/gatepost.key")).expect("our own file");
    stand.printed(&["token", SUPPORT]);
}

/// A stand whose state folder has been used.
fn used() -> Stand {
    let stand = Stand::new();
    stand.printed(&["token", SUPPORT]);
    stand
}

/// Does this with the database of a stand.
pub(crate) fn with_database(stand: &Stand, work: impl AsyncFnOnce(&mut SqliteConnection)) {
    let url = format!("sqlite://{}", stand.path("state/gatepost.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut db = SqliteConnection::connect(&url)
            .await
            .expect("our own database");
        work(&mut db).await;
        db.close().await.expect("our own database");
    });
}
