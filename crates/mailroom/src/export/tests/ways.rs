//! Another way leads to the mailbox, between two runs or within one.

use gatepost_mail::Protocol;

use super::*;

/// What Graph calls the message with that UID.
pub(super) fn graph_key(uid: u32) -> MessageKey {
    MessageKey::Graph {
        id: format!("AAk{uid}"),
    }
}

pub(super) fn number(key: &MessageKey) -> u32 {
    let MessageKey::Graph { id } = key else {
        unreachable!("nothing is read by POP3")
    };
    id[3..].parse().expect("it is one of ours")
}

/// Closes IMAP when it is time, and refuses what is asked by the wrong way.
pub(super) fn check(
    server: &mut Server,
    by_graph: bool,
    key: &MessageKey,
) -> Result<(), MailError> {
    if server
        .graph_after
        .is_some_and(|most| server.fetched >= most)
    {
        server.by_graph = true;
    }
    if server.by_graph && !by_graph {
        return Err(MailError::SwitchedOff {
            protocol: Protocol::Imap,
            host: "mail.test".to_owned(),
            mailbox: MAILBOX.to_owned(),
            said: "IMAP is disabled".to_owned(),
        });
    }
    if by_graph != matches!(key, MessageKey::Graph { .. }) {
        return Err(MailError::ForeignKey {
            mailbox: MAILBOX.to_owned(),
            message: key.to_string(),
            transport: "graph",
        });
    }
    Ok(())
}

fn counts(proof: &Proof) -> Vec<(u64, u64, u64, u64)> {
    let folders = proof.folders.iter();
    let counts = folders.map(|one| (one.on_server, one.exported, one.earlier, one.gone));
    counts.collect()
}

#[tokio::test(start_paused = true)]
async fn an_export_whose_way_is_closed_in_the_middle_goes_on_by_another() {
    for format in Format::ALL {
        for after in 0..10 {
            let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
            server.lock().expect("no test panics with it").graph_after = Some(after);
            let proof = export(&server, folder.path(), *format).run(&Quiet).await;
            let proof = proof.expect("it goes on");
            assert!(proof.complete, "{proof:?}");
            assert_eq!(
                counts(&proof),
                [(3, 3, 0, 0), (0, 0, 0, 0), (7, 7, 0, 0)],
                "{format:?} {after}"
            );
            if *format != Format::Mbox {
                let files = files_in(folder.path());
                assert_eq!(files.len(), 10, "none twice: {after}");
                let found: BTreeSet<_> = files.into_values().collect();
                assert_eq!(found, messages_of(&server));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_by_another_way_was_exported_earlier() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    let export = export(&server, folder.path(), Format::Maildir);
    export.run(&Quiet).await.expect("it works");
    server.lock().expect("no test panics with it").by_graph = true;
    let proof = export.run(&Quiet).await.expect("it works by Graph");
    assert!(proof.complete, "{proof:?}");
    assert_eq!(counts(&proof), [(3, 0, 3, 0), (0, 0, 0, 0), (7, 0, 7, 0)]);
    assert_eq!(files_in(folder.path()).len(), 10);
}
