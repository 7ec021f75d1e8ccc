use super::script::{against, inbox, keys};
use crate::{Flag, FolderName, Mailbox as _};

const OPEN: &str = "C: A1 SELECT \"INBOX\"
    S: * 9 EXISTS
    S: * OK [UIDVALIDITY 9] ok
    S: A1 OK [READ-WRITE] done\n";

fn open(capabilities: &str) -> String {
    format!("S: * OK [CAPABILITY IMAP4rev1 {capabilities}] ready\n{OPEN}")
}

#[tokio::test(start_paused = true)]
async fn flags_are_put_on_and_taken_off() {
    let script = open("")
        + "C: A2 UID STORE 3:4 +FLAGS.SILENT (\\Seen)
           S: A2 OK done
           C: A3 UID STORE 3:4 -FLAGS.SILENT (\\Flagged urgent)
           S: A3 OK done";
    against(&script, |mut session, _| async move {
        let off = [Flag::Flagged, Flag::Keyword("urgent".to_owned())];
        session
            .mark(&inbox(), &keys(&[3, 4]), &[Flag::Seen], &off)
            .await
            .expect("it works");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_move_is_one_step_where_the_server_can() {
    let script = open("MOVE")
        + "C: A2 UID MOVE 3 \"Archive\"
           S: [COPYUID 55 31 6]
           S: * 1 EXPUNGE
           S: A2 OK done";
    against(&script, |mut session, _| async move {
        let to = FolderName::new("Archive");
        session
            .move_to(&inbox(), &keys(&[3]), &to)
            .await
            .expect("it works");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_move_without_move_copies_and_removes_just_these() {
    let script = open("UIDPLUS")
        + "C: A2 UID COPY 3 \"Archive\"
           S: A2 OK done
           C: A3 UID STORE 3 +FLAGS.SILENT (\\Deleted)
           S: A3 OK done
           C: A4 UID EXPUNGE 3
           S: A4 OK done";
    against(&script, |mut session, _| async move {
        let to = FolderName::new("Archive");
        session
            .move_to(&inbox(), &keys(&[3]), &to)
            .await
            .expect("it works");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn without_uidplus_nobody_elses_message_is_removed() {
    let begin = "C: A2 UID STORE 3 +FLAGS.SILENT (\\Deleted)
           S: A2 OK done
           C: A3 UID SEARCH DELETED NOT UID 3\n";
    let others = "S: * SEARCH 8
           S: A3 OK done";
    let none = "S: * SEARCH
           S: A3 OK done
           C: A4 EXPUNGE
           S: * 1 EXPUNGE
           S: A4 OK done";
    for end in [others, none] {
        let script = open("") + begin + end;
        against(&script, |mut session, _| async move {
            session
                .delete(&inbox(), &keys(&[3]))
                .await
                .expect("it works");
        })
        .await;
    }
}
