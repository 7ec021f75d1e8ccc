//! Exports of a mailbox in memory, with everything that can interrupt them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatepost_mail::{
    Arrival, Changes, Cursor, Flag, Folder, Intake, Mailbox, Pull, Query, Summary, Woke,
};

use super::*;

mod progress;
mod ways;

/// A server with one mailbox.
#[derive(Debug, Default)]
struct Server {
    uidvalidity: u32,
    folders: BTreeMap<String, Vec<(u32, Vec<u8>)>>,
    /// These UIDs are refused.
    poison: BTreeSet<u32>,
    /// These UIDs vanish before they are fetched.
    vanishing: BTreeSet<u32>,
    /// After so many messages the connection ends, each time.
    cut_after: Option<usize>,
    /// After so many messages in all every folder is renumbered.
    renumbered_after: Option<usize>,
    /// It says no sizes.
    sizeless: bool,
    /// Whether no server noted when messages came.
    undated: bool,
    /// Whether it is read by Graph now; IMAP is switched off then.
    by_graph: bool,
    /// After so many messages in all it is.
    graph_after: Option<usize>,
    fetched: usize,
}

type Shared = Arc<Mutex<Server>>;

#[derive(Debug)]
struct Door(Shared);

#[async_trait]
impl Opener for Door {
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let by_graph = self.0.lock().expect("no test panics with it").by_graph;
        Ok(Box::new(Session(Arc::clone(&self.0), by_graph)))
    }
}

/// By IMAP, or by Graph.
struct Session(Shared, bool);

#[async_trait]
impl Mailbox for Session {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        let server = self.0.lock().expect("no test panics with it");
        let folder = |name: &String| Folder {
            name: FolderName::new(name.clone()),
            special_use: None,
            selectable: true,
            messages: None,
            unread: None,
        };
        Ok(server.folders.keys().map(folder).collect())
    }

    async fn list(&mut self, _: &FolderName, _: &Query) -> Result<Vec<Summary>, MailError> {
        unreachable!("an export does not list")
    }

    async fn changes(&mut self, folder: &FolderName, _: Pull<'_>) -> Result<Changes, MailError> {
        let server = self.0.lock().expect("no test panics with it");
        let arrival = |(uid, raw): &(u32, Vec<u8>)| Arrival {
            key: if self.1 {
                ways::graph_key(*uid)
            } else {
                MessageKey::Imap {
                    uidvalidity: server.uidvalidity,
                    uid: *uid,
                }
            },
            received_at: came_at(*uid).filter(|_| !server.undated),
            written_at: came_at(*uid).filter(|_| server.undated),
            size_hint: u64::try_from(raw.len()).ok().filter(|_| !server.sizeless),
            flags: vec![Flag::Seen, Flag::Flagged],
        };
        Ok(Changes::Since {
            arrivals: server.folders[folder.as_str()]
                .iter()
                .map(arrival)
                .collect(),
            next: Cursor {
                transport: "test".to_owned(),
                version: 1,
                state: String::new(),
            },
            more: false,
        })
    }

    async fn present(&mut self, _: &FolderName) -> Result<Cursor, MailError> {
        unreachable!("an export asks for no cursor")
    }

    async fn wait(&mut self, _: Timestamp) -> Result<Woke, MailError> {
        unreachable!("an export does not wait")
    }

    async fn fetch(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        let mut refused = None;
        for (at, key) in keys.iter().enumerate() {
            let (raw, cut) = {
                let mut server = self.0.lock().expect("no test panics with it");
                ways::check(&mut server, self.1, key)?;
                let (uidvalidity, uid) = match key {
                    MessageKey::Imap { uidvalidity, uid } => (*uidvalidity, *uid),
                    other => (server.uidvalidity, ways::number(other)),
                };
                let (uidvalidity, uid) = (&uidvalidity, &uid);
                if server
                    .renumbered_after
                    .is_some_and(|most| server.fetched >= most)
                {
                    server.renumbered_after = None;
                    server.uidvalidity += 1;
                }
                if server.poison.contains(uid) {
                    refused = refused.or(Some(*uid));
                    continue;
                }
                server.fetched += 1;
                let gone = server.vanishing.contains(uid) || *uidvalidity != server.uidvalidity;
                let messages = &server.folders[folder.as_str()];
                let found = messages.iter().find(|(number, _)| number == uid);
                let raw = found.filter(|_| !gone).map(|(_, raw)| raw.clone());
                (raw, server.cut_after.is_some_and(|most| at >= most))
            };
            let Some(raw) = raw else {
                intake.gone(key).await.map_err(intake_error)?;
                continue;
            };
            intake.begin(key, None).await.map_err(intake_error)?;
            let (one, two) = raw.split_at(raw.len() / 2);
            intake.chunk(one).await.map_err(intake_error)?;
            if cut {
                return Err(MailError::Disconnected {
                    host: "mail.test".to_owned(),
                    mailbox: MAILBOX.to_owned(),
                    reason: "the cable is cut".to_owned(),
                });
            }
            intake.chunk(two).await.map_err(intake_error)?;
            intake.end().await.map_err(intake_error)?;
        }
        match refused {
            Some(uid) => Err(MailError::MessageRefused {
                mailbox: MAILBOX.to_owned(),
                folder: folder.to_string(),
                message: format!("UID {uid}"),
                said: "NO".to_owned(),
            }),
            None => Ok(()),
        }
    }

    async fn mark(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &[Flag],
        _: &[Flag],
    ) -> Result<(), MailError> {
        unreachable!("an export changes nothing")
    }

    async fn move_to(
        &mut self,
        _: &FolderName,
        _: &[MessageKey],
        _: &FolderName,
    ) -> Result<(), MailError> {
        unreachable!("an export changes nothing")
    }

    async fn delete(&mut self, _: &FolderName, _: &[MessageKey]) -> Result<(), MailError> {
        unreachable!("an export changes nothing")
    }

    async fn close(&mut self) {}
}

fn intake_error(reason: gatepost_mail::IntakeError) -> MailError {
    MailError::Intake {
        mailbox: MAILBOX.to_owned(),
        reason,
    }
}

/// Says nothing.
struct Quiet;

impl Progress for Quiet {
    fn planned(&self, _: &Estimate) {}
    fn fetched(&self, _: u64, _: Option<u64>) {}
    fn waits(&self, _: &MailError, _: Duration) {}
}

fn raw(number: u32) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\nFrom here\r\nto {number}\r\n.\r\n").into_bytes()
}

fn server() -> Shared {
    let messages = |from: u32, to: u32| (from..to).map(|uid| (uid, raw(uid))).collect();
    Arc::new(Mutex::new(Server {
        uidvalidity: 1,
        folders: BTreeMap::from([
            ("INBOX".to_owned(), messages(1, 8)),
            ("A/../cur".to_owned(), messages(11, 14)),
            ("Empty".to_owned(), Vec::new()),
        ]),
        ..Server::default()
    }))
}

fn export(server: &Shared, to: &Path, format: Format) -> Export {
    Export {
        mailbox: MAILBOX.to_owned(),
        opener: Arc::new(Door(Arc::clone(server))),
        to: to.to_owned(),
        format,
        folders: Vec::new(),
        since: None,
        verification: Verification::Hashes,
        clock: Clock::starting_at(Timestamp::from_second(1_700_000_000).expect("it is a time")),
    }
}

/// Every file below a folder with its octets, but for what the export writes about itself.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if !name.starts_with("gatepost-export.") {
                found.insert(path.clone(), std::fs::read(&path).expect("it is a file"));
            }
        }
    }
    found
}

fn messages_of(server: &Shared) -> BTreeSet<Vec<u8>> {
    let server = server.lock().expect("no test panics with it");
    let all = server.folders.values().flatten();
    all.map(|(_, raw)| raw.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_message_is_there_octet_for_octet_and_a_second_run_fetches_nothing() {
    for format in [Format::Maildir, Format::Eml] {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        let export = export(&server, folder.path(), format);
        let proof = export.run(&Quiet).await.expect("it works");
        assert!(proof.complete && proof.hashes_compared, "{proof:?}");
        let counts: Vec<_> = proof
            .folders
            .iter()
            .map(|f| (f.on_server, f.exported))
            .collect();
        assert_eq!(counts, [(3, 3), (0, 0), (7, 7)]);
        let files = files_in(folder.path());
        assert_eq!(files.len(), 10);
        assert_eq!(
            files.into_values().collect::<BTreeSet<_>>(),
            messages_of(&server)
        );

        let before = server.lock().expect("no test panics with it").fetched;
        let again = export.run(&Quiet).await.expect("it works again");
        assert!(again.complete);
        assert_eq!(again.folders.iter().map(|f| f.earlier).sum::<u64>(), 10);
        assert_eq!(
            server.lock().expect("no test panics with it").fetched,
            before
        );
        assert_eq!(files_in(folder.path()).len(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_maildir_shows_the_flags_and_an_mbox_marks_lines() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    export(&server, folder.path(), Format::Maildir)
        .run(&Quiet)
        .await
        .expect("it works");
    let cur = folder.path().join("INBOX/cur");
    for path in files_in(&cur).into_keys() {
        let name = path.to_string_lossy().into_owned();
        assert!(
            name.contains(".gatepost,S=") && name.ends_with(":2,FS"),
            "{name}"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let proof = export(&server, folder.path(), Format::Mbox)
        .run(&Quiet)
        .await;
    assert!(proof.expect("it works").complete);
    let mbox = std::fs::read_to_string(folder.path().join("INBOX.mbox")).expect("it is there");
    assert!(mbox.starts_with(
        "From MAILER-DAEMON Thu Jan  1 00:16:40 1970\nSubject: 1\n\n>From here\nto 1\n.\n\nFrom "
    ));
    assert_eq!(
        mbox.lines()
            .filter(|line| line.starts_with("From "))
            .count(),
        7
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_again_and_again_costs_nothing() {
    for format in Format::ALL {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        server.lock().expect("no test panics with it").cut_after = Some(2);
        let proof = export(&server, folder.path(), *format).run(&Quiet).await;
        assert!(proof.expect("it works").complete);
        let smooth = tempfile::tempdir().expect("a folder");
        server.lock().expect("no test panics with it").cut_after = None;
        export(&server, smooth.path(), *format)
            .run(&Quiet)
            .await
            .expect("it works");
        let inside = |folder: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
            let files = files_in(folder).into_iter();
            files
                .map(|(path, octets)| {
                    (
                        path.strip_prefix(folder).expect("it is below").to_owned(),
                        octets,
                    )
                })
                .collect()
        };
        assert_eq!(inside(folder.path()), inside(smooth.path()), "{format:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_works_is_given_up_and_what_was_exported_stays() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    server.lock().expect("no test panics with it").cut_after = Some(0);
    let export = export(&server, folder.path(), Format::Eml);
    let error = export.run(&Quiet).await.expect_err("nothing comes");
    assert_eq!(error.code(), "mailbox_disconnected");
    server.lock().expect("no test panics with it").cut_after = None;
    assert!(export.run(&Quiet).await.expect("it works now").complete);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_had_is_said_and_tried_again_by_the_next_run() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    {
        let mut server = server.lock().expect("no test panics with it");
        server.poison = BTreeSet::from([3, 5]);
        server.vanishing = BTreeSet::from([6]);
    }
    let export = export(&server, folder.path(), Format::Maildir);
    let proof = export.run(&Quiet).await.expect("the others are exported");
    let inbox = proof
        .folders
        .iter()
        .find(|one| one.folder.as_str() == "INBOX");
    let inbox = inbox.expect("it is a folder");
    assert!(!proof.complete);
    assert_eq!((inbox.exported, inbox.gone), (4, 1));
    let skipped: Vec<_> = inbox
        .skipped
        .iter()
        .map(|one| one.message.as_str())
        .collect();
    assert_eq!(skipped, ["imap:1:3", "imap:1:5"]);
    assert!(
        inbox.skipped[0].why.contains("does not hand out"),
        "{inbox:?}"
    );

    server
        .lock()
        .expect("no test panics with it")
        .poison
        .clear();
    let proof = export.run(&Quiet).await.expect("it works");
    assert!(proof.complete);
    assert_eq!(files_in(folder.path()).len(), 9);
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_behind_is_cleared_away() {
    for format in Format::ALL {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        let export = export(&server, folder.path(), *format);
        export.run(&Quiet).await.expect("it works");
        let whole = files_in(folder.path());
        // The last lines are lost, and the very last is torn: their files are there already.
        let manifest = folder.path().join("gatepost-export.ndjson");
        let text = std::fs::read_to_string(&manifest).expect("it is there");
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines.len() - 4;
        let torn = format!("{}\n{}", lines[..cut].join("\n"), &lines[cut][..20]);
        std::fs::write(&manifest, torn).expect("it can be written");
        if *format == Format::Maildir {
            // Meanwhile somebody read a message whose line was lost.
            let last = whole
                .keys()
                .find(|path| path.to_string_lossy().contains("/7000."));
            let last = last.expect("UID 7 is in a file");
            let name = last.to_string_lossy().replace(":2,FS", ":2,F");
            std::fs::rename(last, name).expect("it can be renamed");
        }
        let proof = export.run(&Quiet).await.expect("it goes on");
        assert!(proof.complete);
        assert_eq!(proof.folders.iter().map(|one| one.exported).sum::<u64>(), 4);
        assert_eq!(files_in(folder.path()), whole, "{format:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renumbered_folder_is_not_exported_twice() {
    for format in Format::ALL {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        let export = export(&server, folder.path(), *format);
        let first = export.run(&Quiet).await.expect("it works");
        let before = files_in(folder.path());
        server.lock().expect("no test panics with it").uidvalidity = 2;
        let proof = export.run(&Quiet).await.expect("it works");
        assert!(proof.complete);
        let octets = |proof: &Proof| proof.folders.iter().map(|one| one.octets).sum::<u64>();
        assert_eq!(octets(&proof), octets(&first));
        assert_eq!(files_in(folder.path()), before);
    }
}

#[tokio::test(start_paused = true)]
async fn damage_is_found_and_another_export_is_not_touched() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    let mut export = export(&server, folder.path(), Format::Eml);
    export.run(&Quiet).await.expect("it works");
    let file = files_in(folder.path()).into_keys().next().expect("a file");
    let mut octets = std::fs::read(&file).expect("it is there");
    octets[0] ^= 1;
    std::fs::write(&file, octets).expect("it can be written");
    let proof = export.run(&Quiet).await.expect("it works");
    assert!(!proof.complete);
    assert_eq!(proof.damaged.len(), 1, "{proof:?}");
    let proof = export.run(&Quiet).await.expect("it is fetched again");
    assert!(proof.complete);
    assert_eq!(
        files_in(folder.path())
            .into_values()
            .collect::<BTreeSet<_>>(),
        messages_of(&server)
    );

    export.mailbox = "other@contoso.com".to_owned();
    let error = export.run(&Quiet).await.expect_err("it is another mailbox");
    assert_eq!(error.code(), "export_of_another");
    export.mailbox = MAILBOX.to_owned();
    export.folders = vec![FolderName::new("Nowhere")];
    let error = export.run(&Quiet).await.expect_err("there is none");
    assert_eq!(error.code(), "folder_missing");
    let manifest = folder.path().join("gatepost-export.ndjson");
    std::fs::write(&manifest, "{}\n").expect("it can be written");
    let error = export.run(&Quiet).await.expect_err("it is damaged");
    assert_eq!(error.code(), "export_manifest_damaged");
    assert!(error.to_string().contains("line 1 of"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_is_fetched_again_and_what_cannot_be_is_said() {
    for format in Format::ALL {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        let export = export(&server, folder.path(), *format);
        export.run(&Quiet).await.expect("it works");
        let whole = files_in(folder.path());
        let of_inbox = |path: &&PathBuf| path.to_string_lossy().contains("INBOX");
        let file = whole.keys().rfind(of_inbox).expect("INBOX has files");
        let half = whole[file].len() / 2;
        std::fs::write(file, &whole[file][..half]).expect("it can be written");
        let proof = export.run(&Quiet).await.expect("it works");
        assert!(proof.complete, "{proof:?}");
        assert_eq!(files_in(folder.path()), whole, "{format:?}");

        std::fs::remove_file(file).expect("it is there");
        let inbox = "INBOX".to_owned();
        server
            .lock()
            .expect("no test panics with it")
            .folders
            .insert(inbox, Vec::new());
        let proof = export.run(&Quiet).await.expect("it works");
        assert!(!proof.complete);
        assert!(proof.damaged[0].contains("it is lost"), "{proof:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn files_that_nobody_knows_of_are_left_alone() {
    let server = server();
    for format in Format::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let mbox = folder.path().join("INBOX.mbox");
        std::fs::write(&mbox, "precious").expect("it can be written");
        let error = export(&server, folder.path(), *format).run(&Quiet).await;
        let error = error.expect_err("somebody else's file is there");
        assert_eq!(error.code(), "export_folder_not_empty");
        assert_eq!(std::fs::read(&mbox).expect("it is there"), b"precious");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_moved_by_hand_stays() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    let export = export(&server, folder.path(), Format::Maildir);
    export.run(&Quiet).await.expect("it works");
    let (inbox, other) = ("INBOX/cur", "Empty/cur");
    let entry = std::fs::read_dir(folder.path().join(inbox))
        .expect("it is there")
        .next();
    let name = entry.expect("a file").expect("it can be read").file_name();
    let moved = folder.path().join(other).join(&name);
    std::fs::rename(folder.path().join(inbox).join(&name), &moved).expect("it can be moved");
    assert!(export.run(&Quiet).await.expect("it works").complete);
    assert!(moved.exists());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_renumbered_meanwhile_is_exported_whole_and_once() {
    for format in Format::ALL {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        server
            .lock()
            .expect("no test panics with it")
            .renumbered_after = Some(4);
        let proof = export(&server, folder.path(), *format).run(&Quiet).await;
        let proof = proof.expect("it works");
        assert!(proof.complete, "{proof:?}");
        if *format != Format::Mbox {
            let files = files_in(folder.path());
            assert_eq!(files.len(), 10);
            assert_eq!(
                files.into_values().collect::<BTreeSet<_>>(),
                messages_of(&server)
            );
        }
    }
}

/// Where no server noted when they came, it is their own date that counts.
#[tokio::test(start_paused = true)]
async fn only_what_is_wanted_is_fetched() {
    for undated in [false, true] {
        let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
        server.lock().expect("nobody panicked").undated = undated;
        let mut export = export(&server, folder.path(), Format::Eml);
        export.folders = vec![FolderName::inbox(), FolderName::inbox()];
        export.since = Timestamp::from_second(5_000).ok();
        let proof = export.run(&Quiet).await.expect("it works");
        assert_eq!(proof.folders.len(), 1);
        assert_eq!(
            (proof.folders[0].on_server, proof.folders[0].exported),
            (3, 3)
        );
    }
}

fn came_at(uid: u32) -> Option<Timestamp> {
    Timestamp::from_second(i64::from(uid) * 1_000).ok()
}

const MAILBOX: &str = "ada@contoso.com";
