//! What other gateways left behind.

use gatepost_gateway::admission::{
    AppPasswords as _, Cost, Legacies as _, Legacy, Maker, PasswordError, Wanted,
};
use gatepost_host::{Chance, Clock};
use secrecy::{ExposeSecret as _, SecretString};

use crate::samples::fixture;

pub(crate) fn legacy(mailbox: &str, sealed: &str) -> Legacy {
    Legacy {
        mailbox: mailbox.to_owned(),
        form: "emailproxy/1".to_owned(),
        sealed: SecretString::from(sealed),
    }
}

#[tokio::test]
async fn what_waits_is_kept_replaced_and_forgotten() {
    let fixture = fixture().await;
    let store = &fixture.store;
    for (mailbox, sealed) in [("b@x.y", "one"), ("a@x.y", "two"), ("b@x.y", "three")] {
        let kept = store.keep(&legacy(mailbox, sealed)).await;
        kept.expect("the store works");
    }
    let waiting = store.waiting().await.expect("the store works");
    assert_eq!(waiting, ["a@x.y", "b@x.y"]);
    let found = store.legacy("b@x.y").await.expect("the store works");
    let found = found.expect("it waits");
    assert_eq!(found.sealed.expose_secret(), "three");
    assert_eq!(found.form, "emailproxy/1");
    assert!(store.forget("b@x.y").await.expect("the store works"));
    assert!(!store.forget("b@x.y").await.expect("the store works"));
    let gone = store.legacy("b@x.y").await.expect("the store works");
    assert!(gone.is_none());
}

#[tokio::test]
async fn what_became_an_app_password_waits_no_more_and_revoking_that_is_the_end_of_it() {
    let fixture = fixture().await;
    let store = &fixture.store;
    for mailbox in ["a@x.y", "b@x.y"] {
        let kept = store.keep(&legacy(mailbox, "sealed")).await;
        kept.expect("the store works");
    }
    let (clock, chance) = (Clock::system(), Chance::seeded(3));
    let maker = Maker {
        passwords: store,
        clock: &clock,
        chance: &chance,
        cost: Cost {
            memory: 64,
            passes: 1,
        },
    };
    let other = Wanted {
        name: Some("a".to_owned()),
        ..Wanted::of("b@x.y")
    };
    maker.generate(other).await.expect("it is made");
    // One that is not stored leaves what waits where it is.
    let taken = Wanted {
        name: Some("a".to_owned()),
        ..Wanted::of("a@x.y")
    };
    let refused = maker.take_over(taken, &"old".into()).await;
    let refused = refused.expect_err("the name is taken");
    assert!(matches!(refused, PasswordError::NameTaken { .. }));
    let waiting = store.waiting().await.expect("the store works");
    assert_eq!(waiting, ["a@x.y", "b@x.y"]);
    let made = maker.take_over(Wanted::of("a@x.y"), &"old".into()).await;
    let made = made.expect("it is made");
    let waiting = store.waiting().await.expect("the store works");
    assert_eq!(waiting, ["b@x.y"], "another app password forgets nothing");
    let again = maker.take_over(Wanted::of("a@x.y"), &"old".into()).await;
    assert_eq!(again.expect("it is there").id, made.id);
    let (_, all) = store.all().await.expect("the store works");
    assert_eq!(all.len(), 2);
    assert!(store.revoke(&made.id).await.expect("the store works"));
    let gone = store.legacy("a@x.y").await.expect("the store works");
    assert!(gone.is_none());
}
