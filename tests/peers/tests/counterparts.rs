//! The counterparts themselves: what other tests rely on, seen through a socket.

use std::net::TcpStream;

use gatepost_peers::{Dovecot, IdentityEndpoint, RawImap};

type Failure = Box<dyn std::error::Error>;

#[test]
fn an_app_only_token_opens_any_mailbox_and_finds_what_was_delivered() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: one\r\n\r\nhello\r\n")?;
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;

    let mut ada = RawImap::connect(&identity, &dovecot)?;
    assert!(
        ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"),
        "{}",
        dovecot.log()
    );
    assert!(ada.command("EXAMINE INBOX")?.contains("* 1 EXISTS"));

    let mut bob = RawImap::connect(&identity, &dovecot)?;
    assert!(bob.sign_in("bob@contoso.com", &token)?.starts_with("a OK"));
    assert!(bob.command("EXAMINE INBOX")?.contains("* 0 EXISTS"));
    Ok(())
}

#[test]
fn a_delegated_token_opens_its_own_mailbox_only() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.delegated_token(IdentityEndpoint::CLIENT_ID, "ada@contoso.com")?;

    let mut ada = RawImap::connect(&identity, &dovecot)?;
    assert!(
        ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"),
        "{}",
        dovecot.log()
    );
    let mut bob = RawImap::connect(&identity, &dovecot)?;
    let answer = bob.sign_in("bob@contoso.com", &token)?;
    assert!(!answer.starts_with("a OK"), "{}", dovecot.log());
    Ok(())
}

#[test]
fn an_expired_token_is_refused() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.expired_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = RawImap::connect(&identity, &dovecot)?;
    assert!(!ada.sign_in("ada@contoso.com", &token)?.starts_with("a OK"));
    assert!(dovecot.log().contains("expired"), "{}", dovecot.log());
    Ok(())
}

#[test]
fn idle_is_told_of_a_delivery() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = RawImap::connect(&identity, &dovecot)?;
    ada.sign_in("ada@contoso.com", &token)?;
    ada.command("EXAMINE INBOX")?;
    ada.idle()?;
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: now\r\n\r\n")?;
    // A slow machine is told "Still here" before.
    while ada.line()?.trim_end() != "* 1 EXISTS" {}
    Ok(())
}

#[test]
fn recreating_and_renumbering_change_uidvalidity() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let ada = "ada@contoso.com";
    dovecot.create_folder(ada, "Kunden/Überblick")?;
    dovecot.deliver(ada, "Kunden/Überblick", b"Subject: one\r\n\r\n")?;
    let state = |folder: &str| {
        dovecot.doveadm(&[
            "mailbox",
            "status",
            "-u",
            ada,
            "messages uidvalidity",
            folder,
        ])
    };
    let before = state("Kunden/Überblick")?;
    dovecot.renumber_folder(ada, "Kunden/Überblick")?;
    let renumbered = state("Kunden/Überblick")?;
    assert_ne!(before, renumbered);
    assert!(renumbered.contains("messages=1"), "{renumbered}");
    dovecot.recreate_folder(ada, "Kunden/Überblick")?;
    let recreated = state("Kunden/Überblick")?;
    assert!(recreated.contains("messages=0"), "{recreated}");
    assert_ne!(renumbered, recreated);
    Ok(())
}

#[test]
fn a_restart_keeps_ports_and_mail() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let mut dovecot = Dovecot::start(&identity)?;
    dovecot.deliver("ada@contoso.com", "INBOX", b"Subject: one\r\n\r\n")?;
    let ports = (dovecot.imap(), dovecot.imaps());
    dovecot.restart()?;
    assert_eq!(ports, (dovecot.imap(), dovecot.imaps()));
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let mut ada = RawImap::connect(&identity, &dovecot)?;
    ada.sign_in("ada@contoso.com", &token)?;
    assert!(ada.command("EXAMINE INBOX")?.contains("* 1 EXISTS"));
    Ok(())
}

#[test]
fn nothing_listens_after_the_drop() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let address = dovecot.imap();
    drop(dovecot);
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}
