//! What is done to a message at a real server once its sinks have it.

use crate::stand::{ADA, Failure, Stand, message};

#[test]
fn messages_are_marked_moved_and_deleted() -> Result<(), Failure> {
    let stand = Stand::new(WATCHES)?;
    for folder in ["Marked", "Moved", "Deleted", "Done"] {
        stand.dovecot.create_folder(ADA, folder)?;
    }
    let mut serve = stand.program.start(&["serve"])?;
    for folder in ["Marked", "Moved", "Deleted"] {
        stand.dovecot.deliver(ADA, folder, &message(folder))?;
        assert_eq!(stand.subjects(&mut serve, 1)?, [folder]);
    }
    let wanted = [
        "messages=1 unseen=0",
        "messages=0 unseen=0",
        "messages=0 unseen=0",
        "messages=1 unseen=1",
    ];
    let mut last = String::new();
    for _ in 0..MOST_LOOKS {
        last.clear();
        for folder in ["Marked", "Moved", "Deleted", "Done"] {
            last += &status(&stand, folder)?;
        }
        if last
            .lines()
            .zip(wanted)
            .all(|(line, counts)| line.ends_with(counts))
        {
            assert!(serve.stop(), "{}", stand.program.log());
            return Ok(());
        }
    }
    Err(format!("{last}\n{}", stand.program.log()).into())
}

fn status(stand: &Stand, folder: &str) -> Result<String, Failure> {
    let counts = "messages unseen";
    let asked = ["-f", "flow", "mailbox", "status", "-u", ADA, counts, folder];
    Ok(stand.dovecot.doveadm(&asked)?)
}

const WATCHES: &str = "\
[sink.screen]
kind = \"stream\"

[[watch]]
mailbox = \"ada@contoso.com\"
folder = \"Marked\"
from = \"beginning\"
sinks = [\"screen\"]
after = \"mark_read\"
poll = \"1s\"

[[watch]]
mailbox = \"ada@contoso.com\"
folder = \"Moved\"
from = \"beginning\"
sinks = [\"screen\"]
after = { move_to = \"Done\" }
poll = \"1s\"

[[watch]]
mailbox = \"ada@contoso.com\"
folder = \"Deleted\"
from = \"beginning\"
sinks = [\"screen\"]
after = \"delete\"
poll = \"1s\"
";
const MOST_LOOKS: usize = 1_000;
