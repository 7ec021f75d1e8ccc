use super::*;

const ADA: &str = "ada@contoso.com";

fn tenant() -> (Mailboxes, Arc<Mailbox>) {
    let mailboxes = Mailboxes::new();
    let mailbox = mailboxes
        .add(ADA, MailboxKind::User)
        .expect("a new address");
    (mailboxes, mailbox)
}

fn deliver(mailboxes: &Mailboxes, raw: &'static str) -> Filed {
    mailboxes
        .deliver(ADA, raw, Timestamp::UNIX_EPOCH)
        .expect("the mailbox is there")
}

#[test]
fn mail_is_delivered_unread_under_rising_uids() {
    let (mailboxes, mailbox) = tenant();
    let changes = mailbox.watch();
    let first = deliver(&mailboxes, "one");
    let second = mailboxes.deliver("ADA@Contoso.com", "two", Timestamp::UNIX_EPOCH);
    assert_eq!(second.expect("addresses have no case").uid, first.uid + 1);
    assert!(changes.has_changed().expect("the mailbox lives"));
    let state = mailbox.state(mailbox.inbox()).expect("the inbox is there");
    assert_eq!((state.messages, state.unseen, state.uidnext), (2, 2, 3));
}

#[test]
fn an_unknown_address_is_refused_by_name() {
    let (mailboxes, _) = tenant();
    let refused = mailboxes.deliver("eve@contoso.com", "x", Timestamp::UNIX_EPOCH);
    assert!(
        refused
            .expect_err("nobody is there")
            .to_string()
            .contains("eve@contoso.com")
    );
    assert!(
        mailboxes
            .add("Ada@contoso.com", MailboxKind::Shared)
            .is_err()
    );
}

#[test]
fn folder_names_have_no_case_and_keep_their_spelling() {
    let (_, mailbox) = tenant();
    let made = mailbox.create("Projects/Alpha").expect("a new name");
    assert_eq!(mailbox.find("projects/ALPHA"), Ok(made));
    assert_eq!(mailbox.find("inbox"), Ok(mailbox.inbox()));
    assert!(
        mailbox.create("PROJECTS").is_err(),
        "the level above was made as well"
    );
    let names: Vec<String> = mailbox
        .folders()
        .iter()
        .map(|folder| folder.path.to_string())
        .collect();
    assert!(names.contains(&"Projects/Alpha".to_owned()), "{names:?}");
    let parent = mailbox
        .folders()
        .into_iter()
        .find(|folder| folder.path.as_str() == "Projects");
    assert!(parent.expect("it was listed").has_children);
}

#[test]
fn renaming_takes_everything_below_along() {
    let (_, mailbox) = tenant();
    let deep = mailbox.create("a/b/c").expect("a new name");
    mailbox.rename("A", "z").expect("a good name");
    assert_eq!(mailbox.find("z/b/c"), Ok(deep));
    assert!(mailbox.find("a/b/c").is_err());
    assert!(
        mailbox.rename("z", "z/b").is_err(),
        "a folder cannot be below itself"
    );
}

#[test]
fn what_belongs_to_exchange_stays() {
    let (_, mailbox) = tenant();
    assert!(matches!(
        mailbox.delete("Inbox"),
        Err(MailboxError::FolderReserved { .. })
    ));
    assert!(matches!(
        mailbox.create("files"),
        Err(MailboxError::FolderReserved { .. })
    ));
    mailbox.create("a/b").expect("a new name");
    assert!(matches!(
        mailbox.delete("a"),
        Err(MailboxError::FolderNotEmpty { .. })
    ));
    for bad in ["", "/", "a//b", "a\u{7}b"] {
        assert!(mailbox.create(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_folder_made_again_has_other_uids() {
    let (_, mailbox) = tenant();
    let validity = |id| mailbox.state(id).expect("it is there").uidvalidity;
    let before = validity(mailbox.create("x").expect("a new name"));
    mailbox.delete("x").expect("it is empty");
    assert_ne!(
        before,
        validity(mailbox.create("x").expect("the name is free"))
    );
}

#[test]
fn moved_messages_keep_their_identity_and_copies_do_not() {
    let (mailboxes, mailbox) = tenant();
    let inbox = mailbox.inbox();
    let archive = mailbox.find("Archive").expect("it is usual");
    let uid = deliver(&mailboxes, "one").uid;
    let id = mailbox.message(inbox, uid).expect("it was delivered").id;
    let copied = mailbox
        .copy(inbox, &[uid, 99], archive)
        .expect("both are there");
    let moved = mailbox
        .relocate(inbox, &[uid], archive)
        .expect("both are there");
    assert_eq!((copied.len(), moved.len()), (1, 1));
    assert_eq!(mailbox.message(inbox, uid), None);
    let there = |filed: &[(u32, Filed)]| mailbox.message(archive, filed[0].1.uid).expect("filed");
    assert_eq!(there(&moved).id, id);
    assert_ne!(there(&copied).id, id);
}

#[test]
fn changes_name_each_message_once() {
    let (mailboxes, mailbox) = tenant();
    let inbox = mailbox.inbox();
    let state = mailbox.state(inbox).expect("it is there");
    let since = |version| mailbox.changes(inbox, state.uidvalidity, version);
    assert_eq!(since(state.version), Some(Changes::Nothing));
    let (one, two) = (deliver(&mailboxes, "1").uid, deliver(&mailboxes, "2").uid);
    let seen = Flags::from(Flag::Seen);
    mailbox.edit_flags(inbox, &[one, two], FlagEdit::Add(seen));
    mailbox.edit_flags(inbox, &[two], FlagEdit::Add(seen));
    mailbox.remove(inbox, &[one]);
    let Some(Changes::Delta(delta)) = since(state.version) else {
        panic!("no delta")
    };
    assert_eq!(
        (delta.present, delta.vanished),
        (vec![(two, seen)], vec![one])
    );
    assert_eq!(since(delta.version), Some(Changes::Nothing));
}

#[test]
fn a_bumped_folder_is_new_to_everybody() {
    let (mailboxes, mailbox) = tenant();
    let inbox = mailbox.inbox();
    let (gone, kept) = (deliver(&mailboxes, "1").uid, deliver(&mailboxes, "2").uid);
    mailbox.remove(inbox, &[gone]);
    let before = mailbox.state(inbox).expect("it is there");
    let after = mailbox.bump_uidvalidity("INBOX").expect("it is there");
    assert!(after.uidvalidity > before.uidvalidity);
    assert_eq!(
        mailbox.changes(inbox, before.uidvalidity, before.version),
        None
    );
    assert_ne!(mailbox.messages(inbox)[0].uid, kept);
}

#[test]
fn ten_thousand_messages_are_told_in_order_of_what_happened() {
    let (mailboxes, mailbox) = tenant();
    let inbox = mailbox.inbox();
    let mut version = mailbox.state(inbox).expect("it is there").version;
    let uidvalidity = mailbox.state(inbox).expect("it is there").uidvalidity;
    for _ in 0..10_000 {
        let uid = deliver(&mailboxes, "x").uid;
        let Some(Changes::Delta(delta)) = mailbox.changes(inbox, uidvalidity, version) else {
            panic!("no delta")
        };
        assert_eq!(delta.present, [(uid, Flags::NONE)]);
        version = delta.version;
    }
    assert_eq!(
        mailbox
            .changes(inbox, uidvalidity, 0)
            .map(|c| matches!(c, Changes::Delta(_))),
        Some(true)
    );
}
