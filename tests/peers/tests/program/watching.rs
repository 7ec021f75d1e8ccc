//! `gatepost serve` through what happens to a server.

use std::fs;

use crate::stand::{
    ADA, Failure, Stand, TO_A_MAILDIR, TO_STANDARD_OUTPUT, message, until_it_holds,
};

#[test]
fn every_message_is_told_once_and_in_order() -> Result<(), Failure> {
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    for subject in ["one", "two"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
        stand
            .dovecot
            .doveadm(&["mailbox", "status", "-u", ADA, "messages", "INBOX"])?;
    }
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 2)?, ["one", "two"]);
    for subject in ["three", "four", "five"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
        assert_eq!(stand.subjects(&mut serve, 1)?, [subject]);
    }
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

#[test]
fn a_restart_of_the_server_loses_nothing() -> Result<(), Failure> {
    let mut stand = Stand::new(TO_STANDARD_OUTPUT)?;
    stand.dovecot.deliver(ADA, "INBOX", &message("before"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["before"]);
    stand.dovecot.stop();
    stand.dovecot.deliver(ADA, "INBOX", &message("meanwhile"))?;
    stand.dovecot.restart()?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["meanwhile"]);
    stand.dovecot.deliver(ADA, "INBOX", &message("after"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["after"]);
    Ok(())
}

#[test]
fn a_renumbered_folder_is_no_flood() -> Result<(), Failure> {
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    for subject in ["one", "two", "three"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut serve = stand.program.start(&["serve"])?;
    let mut told = stand.subjects(&mut serve, 3)?;
    told.sort_unstable();
    assert_eq!(told, ["one", "three", "two"]);
    stand.dovecot.renumber_folder(ADA, "INBOX")?;
    stand.dovecot.deliver(ADA, "INBOX", &message("four"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["four"]);
    Ok(())
}

#[test]
fn a_mailbox_that_is_read_by_other_means_loses_nothing_and_repeats_nothing() -> Result<(), Failure>
{
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    for subject in ["one", "two"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 2)?, ["one", "two"]);
    assert!(serve.stop(), "{}", stand.program.log());

    for (from, to, subject) in [("imap", "pop3", "three"), ("pop3", "imap", "four")] {
        let file = stand.program.folder().join("gatepost.toml");
        let before = fs::read_to_string(&file)?;
        let read = |by: &str| format!("read = \"{by}\"");
        fs::write(&file, before.replace(&read(from), &read(to)))?;
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
        let mut serve = stand.program.start(&["serve"])?;
        assert_eq!(stand.subjects(&mut serve, 1)?, [subject], "and no other");
        assert!(serve.stop(), "{}", stand.program.log());
    }
    Ok(())
}

#[test]
fn a_mailbox_is_watched_over_pop3() -> Result<(), Failure> {
    let rest =
        TO_STANDARD_OUTPUT.replace("\"INBOX\"", "\"INBOX\"\npoll = \"1s\"\nafter = \"delete\"");
    let stand = Stand::with(&rest, "pop3")?;
    for subject in ["one", "two"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
        stand
            .dovecot
            .doveadm(&["mailbox", "status", "-u", ADA, "messages", "INBOX"])?;
    }
    let listed = stand.listed(&["messages", ADA])?;
    assert_eq!(listed[0]["envelope"]["subject"], "two", "the newest first");
    let uidl = listed[1]["key"]["uidl"].as_str().ok_or("no UIDL")?;
    let read = String::from_utf8(stand.printed(&["read", ADA, uidl])?)?;
    assert!(read.ends_with("\n\none\n"), "{read}");
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 2)?, ["one", "two"]);
    stand.dovecot.deliver(ADA, "INBOX", &message("three"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["three"]);
    // What the server knows by another name before it is deleted stays.
    until_empty(&stand)?;
    stand.dovecot.renumber_folder(ADA, "INBOX")?;
    stand.dovecot.deliver(ADA, "INBOX", &message("four"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["four"]);
    until_empty(&stand)?;
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

fn until_empty(stand: &Stand) -> Result<(), Failure> {
    while !stand.listed(&["messages", ADA])?.is_empty() {
        std::thread::yield_now();
    }
    Ok(())
}

#[test]
fn a_recreated_folder_is_watched_on() -> Result<(), Failure> {
    // Dovecot 2.3 says `* NO` and then nothing any more to whoever idles in a folder that was
    // removed. That NO is enough to look again: nobody waits for the next look, which would be
    // in five minutes.
    let stand = Stand::new(&TO_STANDARD_OUTPUT.replace("\"INBOX\"", "\"Projects\""))?;
    stand.dovecot.create_folder(ADA, "Projects")?;
    stand.dovecot.deliver(ADA, "Projects", &message("old"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["old"]);
    stand.dovecot.recreate_folder(ADA, "Projects")?;
    stand.dovecot.deliver(ADA, "Projects", &message("new"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["new"]);
    // The new folder is watched as the old one was.
    stand.dovecot.deliver(ADA, "Projects", &message("newer"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["newer"]);
    Ok(())
}

#[test]
fn what_arrives_between_two_runs_is_told_by_the_second() -> Result<(), Failure> {
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    stand.dovecot.deliver(ADA, "INBOX", &message("first run"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["first run"]);
    assert!(serve.stop(), "{}", stand.program.log());
    stand
        .dovecot
        .deliver(ADA, "INBOX", &message("second run"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["second run"]);
    Ok(())
}

#[test]
fn ten_thousand_messages_reach_a_maildir() -> Result<(), Failure> {
    const MESSAGES: usize = 10_000;
    let stand = Stand::new(TO_A_MAILDIR)?;
    for number in 0..MESSAGES {
        stand
            .dovecot
            .deliver(ADA, "INBOX", &message(&format!("number-{number}")))?;
    }
    let mut serve = stand.program.start(&["serve"])?;
    stand.subjects(&mut serve, MESSAGES)?;
    // Standard output has them all; the Maildir may be behind.
    let new = stand.program.folder().join("Mail/new");
    until_it_holds(&new, MESSAGES)?;
    assert!(serve.stop(), "{}", stand.program.log());
    let mut arrived: Vec<Vec<u8>> = fs::read_dir(&new)?
        .map(|entry| fs::read(entry?.path()))
        .collect::<Result<_, _>>()?;
    let mut expected: Vec<Vec<u8>> = (0..MESSAGES)
        .map(|number| message(&format!("number-{number}")))
        .collect();
    arrived.sort_unstable();
    expected.sort_unstable();
    assert!(
        arrived == expected,
        "{} files, each message once",
        arrived.len()
    );
    Ok(())
}
