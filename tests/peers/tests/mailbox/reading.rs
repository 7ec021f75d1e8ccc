//! Signing in, folders, lists.

use gatepost_fault::Fault;
use gatepost_mail::imap::Security;
use gatepost_mail::{Flag, FolderName, Opener, Query};
use gatepost_peers::IdentityEndpoint;

use crate::stand::{ADA, Failure, Stand, arrivals, everything, message};

#[tokio::test(flavor = "multi_thread")]
async fn both_ports_open_the_mailbox() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let token = stand.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    for security in [Security::ImplicitTls, Security::StartTls] {
        let mut mailbox = stand.opener(ADA, &token, security)?.open().await?;
        assert_eq!(mailbox.list(&FolderName::inbox(), &everything()).await?, []);
        mailbox.close().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_said_to_be_one() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let expired = stand.identity.expired_token(IdentityEndpoint::CLIENT_ID)?;
    let others = stand
        .identity
        .delegated_token(IdentityEndpoint::CLIENT_ID, "bob@contoso.com")?;
    for token in [expired, others] {
        let refused = stand
            .opener(ADA, &token, Security::ImplicitTls)?
            .open()
            .await;
        let error = refused.err().ok_or("the sign-in should be refused")?;
        assert_eq!(error.code(), "imap_sign_in_refused", "{error}");
        assert!(
            !error.to_string().contains(&token),
            "the token must not be shown"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_have_the_names_people_gave_them() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let names = [
        "Archiv & Co",
        "Kunden",
        "Kunden/Überblick",
        "日本語",
        "Twin",
        "twin",
    ];
    for name in names {
        stand.dovecot.create_folder(ADA, name)?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let listed: Vec<String> = mailbox
        .folders()
        .await?
        .into_iter()
        .map(|folder| folder.name.to_string())
        .collect();
    for name in names.iter().chain(&["INBOX"]) {
        assert!(
            listed.iter().any(|listed| listed == name),
            "{name} is not in {listed:?}"
        );
    }
    stand
        .dovecot
        .deliver(ADA, "Kunden/Überblick", &message("one"))?;
    let folder = FolderName::new("Kunden/Überblick");
    assert_eq!(mailbox.list(&folder, &everything()).await?.len(), 1);
    // The case of letters counts, but for INBOX (RFC 3501 §5.1).
    stand.dovecot.deliver(ADA, "twin", &message("two"))?;
    for (name, messages) in [("Twin", 0), ("twin", 1)] {
        let listed = mailbox.list(&FolderName::new(name), &everything()).await?;
        assert_eq!(listed.len(), messages, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_named() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut mailbox = stand.open(ADA).await?;
    let missing = mailbox
        .list(&FolderName::new("Nowhere"), &everything())
        .await;
    let error = missing.err().ok_or("the folder should be missing")?;
    assert!(error.to_string().contains("Nowhere"), "{error}");
    assert!(!error.is_disconnected(), "the session goes on");
    assert_eq!(mailbox.list(&FolderName::inbox(), &everything()).await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_newest_first_and_leave_no_mark() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for subject in ["one", "two", "three"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
        // A list sees what Dovecot has numbered: one delivery, one look, so that the order is set.
        stand
            .dovecot
            .doveadm(&["mailbox", "status", "-u", ADA, "messages", "INBOX"])?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let listed = mailbox
        .list(
            &inbox,
            &Query {
                top: 2,
                ..everything()
            },
        )
        .await?;
    let subjects: Vec<_> = listed
        .iter()
        .filter_map(|summary| summary.envelope.subject.as_deref())
        .collect();
    assert_eq!(subjects, ["three", "two"]);
    assert_eq!(listed[0].envelope.from[0].address, "grace@example.com");
    let again = mailbox
        .list(
            &inbox,
            &Query {
                unread: true,
                ..everything()
            },
        )
        .await?;
    assert_eq!(again.len(), 3);
    assert!(
        again
            .iter()
            .all(|summary| !summary.flags.contains(&Flag::Seen))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_what_fits() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for subject in ["invoice", "Rechnung für März", "greetings"] {
        stand.dovecot.deliver(ADA, "INBOX", &message(subject))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    for (subject, hits) in [("invoice", 1), ("März", 1), ("nothing", 0), ("\"\\ (", 0)] {
        let query = Query {
            subject: Some(subject.to_owned()),
            ..everything()
        };
        let found = mailbox.list(&FolderName::inbox(), &query).await?;
        assert_eq!(found.len(), hits, "{subject}");
    }
    let from = Query {
        from: Some("grace@".to_owned()),
        ..everything()
    };
    assert_eq!(mailbox.list(&FolderName::inbox(), &from).await?.len(), 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_in_pages_and_once() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for number in 0..25 {
        stand
            .dovecot
            .deliver(ADA, "INBOX", &message(&format!("message-{number}")))?;
    }
    let mut mailbox = stand.open(ADA).await?;
    let inbox = FolderName::inbox();
    let (all, cursor) = arrivals(mailbox.as_mut(), &inbox, None, 25).await?;
    let (none, cursor) = arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 0).await?;
    assert_eq!(none, []);
    stand.dovecot.deliver(ADA, "INBOX", &message("one more"))?;
    let (one, _) = arrivals(mailbox.as_mut(), &inbox, Some(&cursor), 1).await?;
    assert!(!all.contains(&one[0]));
    Ok(())
}
