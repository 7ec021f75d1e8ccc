//! What every storage of app passwords obeys.

use std::net::IpAddr;

use gatepost_host::{Chance, Clock};
use jiff::{SignedDuration, Timestamp};

use super::{
    AppPassword, AppPasswords, Cost, LastUse, Maker, PasswordError, PasswordId, Use, Wanted,
};
use crate::{Protocol, Protocols};

/// Makes, reads, uses and revokes app passwords in an empty storage.
///
/// # Panics
/// When the storage does not obey.
pub async fn passwords_contract(passwords: &dyn AppPasswords) {
    let first = passwords.edition().await.expect("it can be read");
    let (clock, chance) = (Clock::starting_at(Timestamp::UNIX_EPOCH), Chance::seeded(5));
    let maker = Maker {
        passwords,
        clock: &clock,
        chance: &chance,
        cost: Cost {
            memory: 64,
            passes: 1,
        },
    };
    let wanted = Wanted {
        name: Some("pr\u{fc}nter 3".to_owned()),
        login: Some("printer3".to_owned()),
        protocols: [Protocol::Smtp, Protocol::Pop3]
            .into_iter()
            .collect::<Protocols>(),
        networks: vec!["192.168.7.0/24".parse().expect("a network")],
        senders: vec!["sales@contoso.com".to_owned()],
        expires: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24)),
        ..Wanted::of("Support@contoso.com")
    };
    let (made, _) = maker.generate(wanted.clone()).await.expect("it is made");
    let (other, _) = maker
        .generate(Wanted::of("ada@contoso.com"))
        .await
        .expect("it is made");
    let (edition, all) = passwords.all().await.expect("they can be read");
    assert!(edition > first, "an edition for each change");
    assert_same(&all[0], &other);
    assert_same(&all[1], &made);
    let taken = maker.generate(wanted).await.expect_err("the name is taken");
    let PasswordError::NameTaken { id, mailbox, .. } = taken else {
        panic!("{taken}");
    };
    assert_eq!(
        (id, mailbox.as_str()),
        (made.id.clone(), "support@contoso.com")
    );
    let same_login = Wanted {
        login: Some("printer3".to_owned()),
        ..Wanted::of("zoe@contoso.com")
    };
    let taken = maker.generate(same_login).await;
    let taken = taken.expect_err("the login leads elsewhere");
    assert!(
        matches!(&taken, PasswordError::LoginTaken { mailbox, .. } if mailbox == "support@contoso.com"),
        "{taken}"
    );
    assert_eq!(passwords.edition().await.expect("it can be read"), edition);
    let early = used(&made.id, 10);
    let late = used(&made.id, 20);
    let gone = used(&PasswordId::new("gone"), 30);
    passwords
        .used(&[late.clone(), gone])
        .await
        .expect("recorded");
    passwords.used(&[early]).await.expect("recorded");
    let (same, all) = passwords.all().await.expect("they can be read");
    assert_eq!(all[1].last_use, Some(late.last), "the later one stays");
    assert_eq!(same, edition, "uses are no changes");
    takes_over(passwords, &maker).await;
    assert!(passwords.revoke(&made.id).await.expect("revoked"));
    assert!(!passwords.revoke(&made.id).await.expect("revoked before"));
    let (last, all) = passwords.all().await.expect("they can be read");
    assert!(last > edition);
    assert_eq!(all.len(), 1);
    assert_same(&all[0], &other);
}

async fn takes_over(passwords: &dyn AppPasswords, maker: &Maker<'_>) {
    let (edition, before) = passwords.all().await.expect("they can be read");
    let again = Wanted::of("bob@contoso.com");
    let taken_over = maker.take_over(again.clone(), &"old".into()).await;
    let taken_over = taken_over.expect("it is made");
    let same = maker.take_over(again.clone(), &"old".into()).await;
    assert_same(&same.expect("it is there"), &taken_over);
    let another = maker.take_over(again, &"new".into()).await;
    let another = another.expect("it is made");
    assert_ne!(another.id, taken_over.id);
    let (later, all) = passwords.all().await.expect("they can be read");
    assert!(
        later > edition && all.len() == before.len() + 2,
        "one for each password"
    );
    for id in [taken_over.id, another.id] {
        assert!(passwords.revoke(&id).await.expect("revoked"));
    }
}

fn used(id: &PasswordId, second: i64) -> Use {
    Use {
        id: id.clone(),
        last: LastUse {
            at: Timestamp::from_second(second).expect("a time"),
            address: IpAddr::from([192, 168, 7, 9]),
            protocol: Protocol::Smtp,
        },
    }
}

fn assert_same(stored: &AppPassword, made: &AppPassword) {
    assert_eq!(stored.verifier.expose(), made.verifier.expose());
    assert_eq!(format!("{stored:?}"), format!("{made:?}"));
}
