//! Recipes that read: what they fetch is what was delivered.

use crate::document::Recipe;
use crate::message::{TRACE, awkward, unix, without};
use crate::stand::{Failure, Stand};

#[test]
fn curl_reads_a_message() -> Result<(), Failure> {
    let stand = Stand::new(&[("curl", "curl")])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    let recipe = Recipe::of("curl")?;
    let read = Recipe {
        commands: recipe.commands[..1].to_vec(),
        ..recipe
    };
    stand.follow(&read)?;
    assert_eq!(unix(&stand.read("fetched.eml")?), awkward()[0]);
    Ok(())
}

#[test]
fn fetchmail_fetches_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[("fetchmail", "fetchmail"), ("python3", "python3")])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    stand.follow(&Recipe::of("fetchmail")?)?;
    let fetched = stand.read_all("fetched")?;
    assert_same(fetched.iter().map(|octets| without(TRACE, octets)));
    Ok(())
}

#[test]
fn getmail_fetches_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[("getmail", "getmail6")])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    let mut recipe = Recipe::of("getmail6")?;
    if rustix::process::geteuid().is_root() {
        // It delivers to no Maildir of root's.
        for (_, content) in &mut recipe.files {
            *content = content.replace("type = Maildir", "type = Maildir\nuser = nobody");
        }
        stand.run("mkdir -p Mail/cur Mail/new Mail/tmp; chmod 755 .; chown -R nobody Mail")?;
    }
    stand.follow(&recipe)?;
    let fetched = stand.read_all("Mail/new")?;
    let added = &["Return-Path", "X-getmail-retrieved-from-mailbox"];
    assert_same(fetched.iter().map(|octets| without(added, octets)));
    Ok(())
}

#[test]
fn mbsync_fetches_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[
        ("mbsync", "isync"),
        ("libkdexoauth2.so", "libsasl2-modules-kdexoauth2"),
    ])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    stand.follow(&Recipe::of("mbsync")?)?;
    let fetched = stand.read_all("Mail/INBOX/new")?;
    assert_same(fetched.iter().map(|octets| without(&["X-TUID"], octets)));
    Ok(())
}

#[test]
fn neomutt_shows_and_copies_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[("neomutt", "neomutt"), ("script", "bsdutils")])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    stand.write(&Recipe::of("neomutt")?)?;
    // It wants a terminal and somebody who types.
    stand.run(
        "script -qec \"neomutt -e 'set confirmappend=no confirmcreate=no' \
         -e 'push \\\"<tag-pattern>~A<enter><tag-prefix><copy-message>~/copies<enter><quit>\\\"'\" \
         /dev/null",
    )?;
    let copied = stand.read_all("copies/new")?;
    assert_same(
        copied
            .iter()
            .map(|octets| without(&["Content-Length", "Lines"], octets)),
    );
    Ok(())
}

#[test]
fn perl_reads_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[
        ("Mail/IMAPClient.pm", "libmail-imapclient-perl"),
        ("IO/Socket/SSL.pm", "libio-socket-ssl-perl"),
    ])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    stand.follow(&Recipe::of("perl")?)?;
    assert_eq!(unix(&stand.read("fetched.eml")?), awkward().concat());
    Ok(())
}

#[test]
fn python_reads_everything() -> Result<(), Failure> {
    let stand = Stand::new(&[("python3", "python3")])?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    let mut recipe = Recipe::of("python")?;
    recipe.commands = vec!["python3 read.py > fetched.eml".to_owned()];
    stand.follow(&recipe)?;
    assert_eq!(unix(&stand.read("fetched.eml")?), awkward().concat());
    Ok(())
}

/// Whether the messages are the awkward ones, in any order, each once.
fn assert_same(messages: impl IntoIterator<Item = Vec<u8>>) {
    let messages: Vec<_> = messages.into_iter().map(|octets| unix(&octets)).collect();
    assert_eq!(messages.len(), awkward().len());
    for message in awkward() {
        let subject = String::from_utf8_lossy(&message[..120]).into_owned();
        assert!(messages.contains(&message), "missing or changed: {subject}");
    }
}
