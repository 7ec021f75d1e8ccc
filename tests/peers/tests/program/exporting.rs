//! `gatepost export` from Dovecot.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gatepost_peers::{Dovecot, corpus, large_message};
use serde_json::Value;

use crate::stand::{ADA, Failure, Stand, until_it_holds};

#[test]
fn every_message_is_exported_octet_for_octet_over_imap_and_over_pop3() -> Result<(), Failure> {
    for read in ["imap", "pop3"] {
        let stand = Stand::with("", read)?;
        let mut sent: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for specimen in corpus() {
            stand.dovecot.deliver(ADA, "INBOX", &specimen.octets)?;
            let served = match read {
                "imap" => Dovecot::serves(&specimen.octets),
                _ => with_line_end(specimen.octets),
            };
            *sent.entry(served).or_default() += 1;
        }
        let proof = export(&stand, &["--verify"])?;
        assert_eq!(proof["complete"], true, "{proof}");
        let cur = stand.program.folder().join("Export/INBOX/cur");
        assert!(held_by(&cur)? == sent, "the same messages over {read}");
        let again = export(&stand, &[])?;
        assert_eq!(again["folders"][0]["exported"], 0, "{again}");
    }
    Ok(())
}

#[test]
fn an_export_that_is_killed_again_and_again_ends_with_every_message_once() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let mut sent: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for number in 0..MESSAGES {
        let message = large_message(20_000 + number);
        stand.dovecot.deliver(ADA, "INBOX", &message)?;
        sent.insert(message, 1);
    }
    let folder = stand.program.folder().join("Export/INBOX");
    let mut waited_for = stand
        .program
        .start(&["export", ADA, "--to", "Export", "--json"])?;
    while !folder.join("cur").exists() && waited_for.is_alive() {
        std::thread::yield_now();
    }
    waited_for.kill();
    // Killed while it writes the files of the first batch, and after that of a later one.
    for (part, files) in [("tmp", 3), ("tmp", 300), ("cur", 20), ("cur", 513)] {
        let running = stand
            .program
            .start(&["export", ADA, "--to", "Export", "--json"])?;
        until_it_holds(&folder.join(part), files)?;
        running.kill();
    }
    let proof = export(&stand, &["--verify"])?;
    assert_eq!(proof["complete"], true, "{proof}");
    assert!(held_by(&folder.join("cur"))? == sent, "each once");
    assert_eq!(fs::read_dir(folder.join("tmp"))?.count(), 0);
    Ok(())
}

/// Over POP3 the last line of a message has an end, whether it was sent with one or not (RFC 1939
/// §3).
fn with_line_end(mut message: Vec<u8>) -> Vec<u8> {
    if !message.ends_with(b"\r\n") {
        message.extend_from_slice(b"\r\n");
    }
    message
}

/// Exports Ada's mailbox; answers the proof.
fn export(stand: &Stand, more: &[&str]) -> Result<Value, Failure> {
    let arguments = ["export", ADA, "--to", "Export", "--json"];
    let printed = stand.printed(&[&arguments, more].concat())?;
    Ok(serde_json::from_slice(&printed)?)
}

/// What the files of a folder hold, and how often.
fn held_by(folder: &Path) -> Result<BTreeMap<Vec<u8>, usize>, Failure> {
    let mut held: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        *held.entry(fs::read(entry?.path())?).or_default() += 1;
    }
    Ok(held)
}

const MESSAGES: usize = 1_200;
