//! What other gateways left behind.

use gatepost_gateway::admission::{Legacies as _, Legacy};
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
