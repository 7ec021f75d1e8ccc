//! A disk that is really full: one clear sentence, nothing lost, and it goes on by itself when
//! there is room again.

use std::fs;
use std::path::Path;
use std::process::Command;

use gatepost_peers::Running;

use crate::outbox::{BOB, Post};
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
    assert_eq!(
        unfinished(disk.folder())?,
        0,
        "nothing half written is left"
    );
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

/// What is not durable is refused, and nothing of it is left; what was accepted is sent.
#[test]
fn a_message_is_refused_that_a_full_disk_cannot_keep() -> Result<(), Failure> {
    let post = Post::new("")?;
    let program = &post.program;
    let (serve, disk) = program.start_on(("state", 8), &["serve"])?;
    program.logged(&["gatepost serves"])?;
    // Only beside `serve` the disk is seen.
    let beside = |arguments: &[&str]| {
        let mut nsenter = Command::new("nsenter");
        if !rustix::process::geteuid().is_root() {
            nsenter.args(["--user", "--preserve-credentials"]);
        }
        let gatepost = program.command();
        nsenter
            .args(["--mount", "--target", &serve.id().to_string()])
            .arg(gatepost.get_program())
            .args(gatepost.get_args())
            .args(arguments)
            .output()
    };
    let letter = program.folder().join("letter.txt");
    let attached = letter.display().to_string();
    let send = |subject: &str| {
        let arguments = ["send", ADA, "--to", BOB, "--subject", subject];
        beside(&[&arguments[..], &["--text", "x", "--attach", &attached]].concat())
    };
    // Into the database, until even what it has in reserve is used up; and into the spool.
    for (octets, most) in [(50_000, 100), (1_000_000, 1)] {
        fs::write(&letter, vec![b'x'; octets])?;
        disk.fill()?;
        let mut refused = None;
        let mut accepted = 0;
        while refused.is_none() && accepted < most {
            let output = send(&format!("filling {octets}"))?;
            if output.status.success() {
                accepted += 1;
            } else {
                refused = Some(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        let refused = refused.ok_or_else(|| format!("{accepted} of {octets} octets were kept"))?;
        assert!(refused.contains("gatepost explain disk_full"), "{refused}");
        assert!(!refused.contains("panicked"), "{refused}");
        disk.free()?;
        fs::write(&letter, "fits")?;
        let subject = format!("afterwards {octets}");
        let output = send(&subject)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let list = beside(&["outbox", "list", "--json", "--top", "500"])?;
        let list: serde_json::Value = serde_json::from_slice(&list.stdout)?;
        let listed = list.as_array().ok_or("a list")?;
        let filling = format!("filling {octets}");
        let kept = listed.iter().filter(|one| one["subject"] == filling);
        assert_eq!(kept.count(), accepted, "what was refused is not listed");
        assert_eq!(
            unfinished(&disk.folder().join("spool"))?,
            0,
            "nothing half written is left"
        );
    }
    let arrived = post.arrived_with("afterwards 1000000")?;
    assert!(!arrived.is_empty());
    assert!(serve.stop(), "{}", program.log());
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

fn unfinished(spool: &Path) -> Result<usize, Failure> {
    let mut unfinished = 0;
    for entry in fs::read_dir(spool)? {
        let name = entry?.file_name();
        unfinished += usize::from(name.to_string_lossy().ends_with(".unfinished"));
    }
    Ok(unfinished)
}
