//! The verbs that look: token, folders, messages, read.

use base64::Engine as _;
use gatepost_peers::{IdentityEndpoint, corpus};
use serde_json::Value;

use crate::stand::{ADA, Failure, Stand, message};

#[test]
fn a_token_is_printed_as_other_programs_want_it() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let raw = String::from_utf8(stand.printed(&["token", ADA])?)?;
    assert_eq!(raw.trim().split('.').count(), 3, "a JSON Web Token");
    let sasl = String::from_utf8(stand.printed(&["token", ADA, "--format", "xoauth2"])?)?;
    let sasl = base64::engine::general_purpose::STANDARD.decode(sasl.trim())?;
    assert!(sasl.starts_with(format!("user={ADA}\x01auth=Bearer ").as_bytes()));
    assert_eq!(
        stand.identity.tokens_issued(),
        1,
        "the second came from the store"
    );
    Ok(())
}

#[test]
fn a_wrong_secret_is_answered_with_microsofts_number() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let secret = stand.program.folder().join("client.secret");
    std::fs::write(&secret, "guessed")?;
    let output = stand.program.run(&["token", ADA])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("AADSTS7000215"), "{said}");
    assert!(!said.contains("guessed"), "the secret must not be shown");
    assert!(!output.status.success());
    Ok(())
}

#[test]
fn the_newest_messages_of_any_mailbox_are_listed() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let bob = "bob@contoso.com";
    for number in 0..12 {
        stand
            .dovecot
            .deliver(bob, "INBOX", &message(&format!("number-{number}")))?;
        // One look after each, so that Dovecot numbers them in this order.
        stand
            .dovecot
            .doveadm(&["mailbox", "status", "-u", bob, "messages", "INBOX"])?;
    }
    let listed = stand.listed(&["messages", bob, "--as-app", "peers"])?;
    let subjects: Vec<_> = listed
        .iter()
        .filter_map(|row| row.pointer("/envelope/subject").and_then(Value::as_str))
        .collect();
    let expected: Vec<String> = (2..12)
        .rev()
        .map(|number| format!("number-{number}"))
        .collect();
    assert_eq!(subjects, expected);
    Ok(())
}

#[test]
fn folders_are_listed() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    stand.dovecot.create_folder(ADA, "Kunden/Überblick")?;
    let listed = stand.listed(&["folders", ADA])?;
    assert!(
        listed.iter().any(|row| row["name"] == "Kunden/Überblick"),
        "{listed:?}"
    );
    Ok(())
}

#[test]
fn odd_messages_are_read_and_never_harm_the_terminal() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    for specimen in corpus() {
        stand.dovecot.deliver(ADA, "INBOX", &specimen.octets)?;
    }
    let listed = stand.listed(&["messages", ADA, "--top", "1000"])?;
    assert_eq!(listed.len(), corpus().len());
    for row in listed {
        let uid = row
            .pointer("/key/uid")
            .ok_or("a UID is listed")?
            .to_string();
        let text = stand.printed(&["read", ADA, &uid])?;
        let harmful = |octet: &u8| octet.is_ascii_control() && !matches!(octet, b'\n' | b'\t');
        assert!(
            !text.iter().any(harmful),
            "{uid}: {}",
            String::from_utf8_lossy(&text)
        );
    }
    Ok(())
}

#[test]
fn a_message_is_written_octet_by_octet() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let octets = b"Subject: caf\xe9\r\n\r\n\x00\x01\xff\r\n.\r\n";
    stand.dovecot.deliver(ADA, "INBOX", octets)?;
    // Dovecot serves a zero octet as 0x80: IMAP has none (RFC 9051 §4.3.1).
    let served: Vec<u8> = octets
        .iter()
        .map(|o| if *o == 0 { 0x80 } else { *o })
        .collect();
    assert_eq!(stand.printed(&["read", ADA, "--raw"])?, served);
    Ok(())
}

#[test]
fn an_unknown_server_certificate_is_refused() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let other = IdentityEndpoint::start()?;
    let file = stand.program.folder().join("gatepost.toml");
    let text = std::fs::read_to_string(&file)?;
    let (ours, theirs) = (
        stand.identity.authority().certificate_file(),
        other.authority().certificate_file(),
    );
    std::fs::write(
        &file,
        text.replace(&*ours.to_string_lossy(), &theirs.to_string_lossy()),
    )?;
    let output = stand.program.run(&["messages", ADA])?;
    assert!(!output.status.success());
    assert_eq!(stand.identity.tokens_issued(), 0);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ca_file"), "{said}");
    Ok(())
}
