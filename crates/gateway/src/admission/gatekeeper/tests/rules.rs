//! Rules that change while guests are in.

use tokio_util::sync::CancellationToken;

use super::*;

/// These login names, and no others.
fn rules(logins: Logins) -> Rules {
    Rules {
        logins,
        lockout: Lockout::default(),
    }
}

#[tokio::test(start_paused = true)]
async fn other_rules_end_the_sessions_that_they_would_not_let_in() {
    let stand = Stand::new();
    let (_, password) = stand.make(Wanted::of("support@contoso.com")).await;
    let (_, of_ada) = stand.make(Wanted::of(ADA)).await;
    let kiosk = Wanted {
        login: Some("kiosk".to_owned()),
        ..Wanted::of(ADA)
    };
    let (_, of_kiosk) = stand.make(kiosk).await;
    let own_senders = Wanted {
        senders: vec!["desk@contoso.com".to_owned()],
        ..Wanted::of("support@contoso.com")
    };
    let (_, of_desk) = stand.make(own_senders).await;
    let enter = async |name: &str, password: &SecretString| {
        let guest = stand.try_from(HERE, (name, password)).await;
        guest.expect("it is right").revoked
    };
    let by_address = enter("support@contoso.com", &password).await;
    let by_name = enter("printer3", &password).await;
    let desk = enter("printer3", &of_desk).await;
    let ada = enter(ADA, &of_ada).await;
    let kiosk = enter("kiosk", &of_kiosk).await;
    let named = |mailbox: &str, senders: &[&str]| Opens {
        mailbox: mailbox.to_owned(),
        senders: senders.iter().map(|&one| one.to_owned()).collect(),
    };
    let ended =
        || [&by_address, &by_name, &desk, &ada, &kiosk].map(CancellationToken::is_cancelled);
    let both = Logins::new().with_mailboxes(["support@contoso.com", ADA]);
    // More than before is no reason to end anything.
    let more = named(
        "support@contoso.com",
        &["sales@contoso.com", "x@contoso.com"],
    );
    stand
        .gatekeeper
        .go_by(rules(both.clone().with_login("printer3", more)));
    assert_eq!(ended(), [false; 5]);
    // Its sender is gone, which the one with senders of its own does not need.
    let less = named("support@contoso.com", &["x@contoso.com"]);
    stand
        .gatekeeper
        .go_by(rules(both.clone().with_login("printer3", less)));
    assert_eq!(ended(), [false, true, false, false, false]);
    // The name leads elsewhere.
    let elsewhere = named(ADA, &[ADA]);
    stand
        .gatekeeper
        .go_by(rules(both.with_login("printer3", elsewhere)));
    assert_eq!(ended(), [false, true, true, false, false]);
    // A mailbox is gone, and with it every name that opened it.
    let only = Logins::new().with_mailboxes(["support@contoso.com"]);
    stand.gatekeeper.go_by(rules(only));
    assert_eq!(ended(), [false, true, true, true, true]);
    let turned = stand.try_from(HERE, (ADA, &of_ada)).await;
    assert_eq!(turned.expect_err("gone"), Turned::UnknownLogin);
}
