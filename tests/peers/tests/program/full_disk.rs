//! A disk that is really full: one clear sentence, nothing lost, and it goes on by itself when
//! there is room again.

use std::fs;

use gatepost_peers::{Running, SmallDisk};

use crate::stand::{
    ADA, Failure, Stand, TO_A_MAILDIR, TO_STANDARD_OUTPUT, message, until_it_holds,
};

#[test]
fn a_full_spool_loses_nothing() -> Result<(), Failure> {
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    // Beyond what is kept in the database.
    let large = padded("large", 1_000_000);
    let (mut serve, disk) = stand.program.start_on(("state/spool", 4), &["serve"])?;
    first(&stand, &mut serve)?;
    disk.fill()?;
    stand.dovecot.deliver(ADA, "INBOX", &large)?;
    let line = stand.program.logged(&["disk_full"])?;
    for word in [
        "WARN",
        ADA,
        "the spool cannot",
        "free space",
        "the next try is in",
    ] {
        assert!(line.contains(word), "{word} is missing in: {line}");
    }
    disk.free()?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["large"]);
    assert_eq!(unfinished(&disk)?, 0, "nothing half written is left");
    Ok(())
}

#[test]
fn a_full_maildir_loses_nothing() -> Result<(), Failure> {
    let stand = Stand::new(TO_A_MAILDIR)?;
    let (mut serve, disk) = stand.program.start_on(("Mail", 2), &["serve"])?;
    first(&stand, &mut serve)?;
    until_it_holds(&disk.folder().join("new"), 1)?;
    disk.fill()?;
    let sent = padded("large", 100_000);
    stand.dovecot.deliver(ADA, "INBOX", &sent)?;
    assert_eq!(
        stand.subjects(&mut serve, 1)?,
        ["large"],
        "the other sink has it"
    );
    stand
        .program
        .logged(&["WARN", "sink=archive", "next_attempt_at"])?;
    disk.free()?;
    until_it_holds(&disk.folder().join("new"), 2)?;
    let mut arrived = Vec::new();
    for entry in fs::read_dir(disk.folder().join("new"))? {
        arrived.push(fs::read(entry?.path())?);
    }
    assert!(
        arrived.contains(&sent),
        "whole, though it did not fit at first"
    );
    Ok(())
}

#[test]
fn a_full_database_loses_nothing() -> Result<(), Failure> {
    const MESSAGES: usize = 20;
    let stand = Stand::new(TO_STANDARD_OUTPUT)?;
    let (mut serve, disk) = stand.program.start_on(("state", 8), &["serve"])?;
    first(&stand, &mut serve)?;
    disk.fill()?;
    // More than the write-ahead log has room for already.
    for number in 0..MESSAGES {
        let sent = padded(&format!("number-{number}"), 100_000);
        stand.dovecot.deliver(ADA, "INBOX", &sent)?;
    }
    let line = stand.program.logged(&["disk_full", "gatepost.db"])?;
    assert!(line.contains("full"), "{line}");
    disk.free()?;
    let mut told = stand.subjects(&mut serve, MESSAGES)?;
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), MESSAGES, "each of them");
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

/// Waits for a first message: from then on the program works, and its disk is there.
fn first(stand: &Stand, serve: &mut Running) -> Result<(), Failure> {
    stand.dovecot.deliver(ADA, "INBOX", &message("first"))?;
    assert_eq!(stand.subjects(serve, 1)?, ["first"]);
    Ok(())
}

fn padded(subject: &str, octets: usize) -> Vec<u8> {
    let mut message = message(subject);
    let line = [&[b'x'; 70][..], b"\r\n"].concat();
    message.extend(line.iter().cycle().take(octets / line.len() * line.len()));
    message
}

fn unfinished(disk: &SmallDisk) -> Result<usize, Failure> {
    let mut unfinished = 0;
    for entry in fs::read_dir(disk.folder())? {
        let name = entry?.file_name();
        unfinished += usize::from(name.to_string_lossy().ends_with(".unfinished"));
    }
    Ok(unfinished)
}
