//! Lockouts that are seen and lifted.

use super::*;
use crate::admission::{LockedOut, Pardoned};

#[tokio::test(start_paused = true)]
async fn who_is_locked_out_is_named_and_let_in_when_that_is_lifted() {
    let stand = Stand::new();
    let (_, support) = stand.make(Wanted::of("support@contoso.com")).await;
    let wrong = SecretString::from("wrong");
    let err = async |times: u32| {
        for _ in 0..times {
            let turned = stand.try_from(HERE, ("Printer3", &wrong)).await;
            turned.expect_err("it is wrong");
        }
    };
    err(9).await;
    assert_eq!(stand.gatekeeper.locked_out(), []);
    err(1).await;
    let here: IpAddr = HERE.parse().expect("an address");
    let named = |all: Vec<LockedOut>| {
        let all = all.into_iter();
        all.map(|one| (one.address, one.login, one.wrong))
            .collect::<BTreeSet<_>>()
    };
    let printer = Some("printer3".to_owned());
    let each = [
        (None, printer.clone(), 10),
        (Some(here), None, 10),
        (Some(here), printer, 10),
    ];
    assert_eq!(
        named(stand.gatekeeper.locked_out()),
        BTreeSet::from(each.clone())
    );

    let nobody = Pardoned::named("ada@contoso.com");
    assert_eq!(stand.gatekeeper.pardon(&nobody), []);
    let lifted = stand.gatekeeper.pardon(&Pardoned::named("PRINTER3"));
    let [by_name, by_address, by_both] = each;
    assert_eq!(named(lifted), BTreeSet::from([by_name, by_both]));
    // The address is suspect all the same.
    let turned = stand.try_from(HERE, ("printer3", &support)).await;
    let turned = turned.expect_err("others share its address");
    assert!(
        matches!(turned, Turned::AddressLockedOut { .. }),
        "{turned}"
    );
    let lifted = stand.gatekeeper.pardon(&Pardoned::named(HERE));
    assert_eq!(named(lifted), BTreeSet::from([by_address]));
    let guest = stand.try_from(HERE, ("printer3", &support)).await;
    guest.expect("it counts anew");
    err(9).await;
    assert_eq!(stand.gatekeeper.locked_out(), [], "from nothing");
}

#[tokio::test(start_paused = true)]
async fn a_pardon_of_whom_nothing_is_held_against_forgets_nothing() {
    let stand = Stand::new();
    stand.make(Wanted::of("support@contoso.com")).await;
    let wrong = SecretString::from("wrong");
    let err = async |times: u32| {
        for _ in 0..times {
            let turned = stand.try_from(HERE, ("printer3", &wrong)).await;
            turned.expect_err("it is wrong");
        }
    };
    err(9).await;
    for whom in ["printer3", HERE] {
        assert_eq!(
            stand.gatekeeper.pardon(&Pardoned::named(whom)),
            [],
            "{whom}"
        );
    }
    err(1).await;
    assert_eq!(stand.gatekeeper.locked_out().len(), 3, "ten were wrong");
}

#[tokio::test(start_paused = true)]
async fn a_login_name_that_reads_as_an_address_is_pardoned_as_well() {
    let stand = Stand::new();
    stand.make(Wanted::of("support@contoso.com")).await;
    let wrong = SecretString::from("wrong");
    let long = "x".repeat(300);
    for login in ["192.0.2.77", &long] {
        for _ in 0..10 {
            let turned = stand.try_from(HERE, (login, &wrong)).await;
            turned.expect_err("it is wrong");
        }
        let lifted = stand.gatekeeper.pardon(&Pardoned::named(login));
        let of_login = lifted.iter().filter(|one| one.login.is_some());
        assert_eq!(of_login.count(), 2, "{lifted:?}");
        stand.gatekeeper.pardon(&Pardoned::named(HERE));
    }
}

#[test]
fn a_network_is_named_by_any_of_its_addresses_and_as_it_is_listed() {
    let listed: Option<IpAddr> = Some("2001:db8::".parse().expect("an address"));
    for text in ["2001:db8::17", "2001:db8::/64", "2001:db8::"] {
        assert!(Pardoned::named(text).covers(listed, None), "{text}");
    }
    let address: Option<IpAddr> = Some("192.0.2.7".parse().expect("an address"));
    for text in ["::ffff:192.0.2.7", "192.0.2.7"] {
        assert!(Pardoned::named(text).covers(address, None), "{text}");
    }
    // A network of that size is none of IPv6, and no address either.
    assert!(!Pardoned::named("192.0.2.7/64").covers(address, None));
}
