use gatepost_host::Tasks;

use super::*;
use crate::ClientAddress;
use crate::admission::MemoryPasswords;

mod lockouts;
mod rules;

const CHEAP: Cost = Cost {
    memory: 64,
    passes: 1,
};

struct Stand {
    gatekeeper: Gatekeeper,
    passwords: Arc<MemoryPasswords>,
    clock: Clock,
}

impl Stand {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(inheritance: Option<Arc<dyn Inheritance>>) -> Self {
        let passwords = Arc::new(MemoryPasswords::default());
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
        let printer = Opens {
            mailbox: "support@contoso.com".to_owned(),
            senders: vec!["sales@contoso.com".to_owned()],
        };
        let logins = Logins::new()
            .with_mailboxes(["support@contoso.com", "ada@contoso.com"])
            .with_login("printer3", printer);
        let gatekeeper = Gatekeeper::new(Gatehouse {
            passwords: passwords.clone(),
            inheritance,
            rules: Rules {
                logins,
                lockout: Lockout::default(),
            },
            clock: clock.clone(),
            chance: Chance::seeded(1),
            cost: CHEAP,
        });
        Self {
            gatekeeper,
            passwords,
            clock,
        }
    }

    async fn make(&self, wanted: Wanted) -> (PasswordId, SecretString) {
        let chance = Chance::system();
        let maker = Maker {
            passwords: &*self.passwords,
            clock: &self.clock,
            chance: &chance,
            cost: CHEAP,
        };
        let (made, password) = maker.generate(wanted).await.expect("it is made");
        self.gatekeeper.look().await.expect("memory can be read");
        (made.id, password)
    }

    async fn try_from(
        &self,
        address: &str,
        (name, password): (&str, &SecretString),
    ) -> Result<Guest, Turned> {
        let login = Login {
            protocol: Protocol::Imap,
            name: name.to_owned(),
            password: password.clone(),
            from: ClientAddress::Known(address.parse().expect("an address")),
        };
        self.gatekeeper.admit(&login).await
    }
}

const ADA: &str = "ada@contoso.com";
const HERE: &str = "192.0.2.7";

#[tokio::test(start_paused = true)]
async fn a_login_with_its_password_comes_in_and_no_other_does() {
    let stand = Stand::new();
    let (id, password) = stand.make(Wanted::of("support@contoso.com")).await;
    let wrong = SecretString::from("wrong");
    for name in ["Support@Contoso.com", "PRINTER3"] {
        let guest = stand
            .try_from(HERE, (name, &password))
            .await
            .expect("it is right");
        assert_eq!(guest.password, Some(id.clone()));
        assert_eq!(guest.mailbox, "support@contoso.com");
        let turned = stand
            .try_from(HERE, (name, &wrong))
            .await
            .expect_err("wrong");
        assert_eq!(turned, Turned::WrongPassword);
    }
    let guest = stand
        .try_from(HERE, ("printer3", &password))
        .await
        .expect("right");
    assert_eq!(guest.senders, ["sales@contoso.com"]);
    let turned = stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect_err("another mailbox's");
    assert_eq!(turned, Turned::NoAppPassword);
    let turned = stand
        .try_from(HERE, ("nobody", &password))
        .await
        .expect_err("nobody");
    assert_eq!(turned, Turned::UnknownLogin);
}

#[tokio::test(start_paused = true)]
async fn each_restriction_turns_away_with_its_reason() {
    let stand = Stand::new();
    let only = Wanted {
        name: Some("smtp".to_owned()),
        protocols: [Protocol::Smtp].into_iter().collect(),
        ..Wanted::of(ADA)
    };
    let (_, smtp) = stand.make(only).await;
    let within = Wanted {
        name: Some("inside".to_owned()),
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        senders: vec!["desk@contoso.com".to_owned()],
        ..Wanted::of(ADA)
    };
    let (_, inside) = stand.make(within).await;
    let named = Wanted {
        name: Some("named".to_owned()),
        login: Some("kiosk".to_owned()),
        ..Wanted::of(ADA)
    };
    let (_, kiosk) = stand.make(named).await;
    let soon = stand.clock.now() + jiff::SignedDuration::from_secs(60);
    let ends = Wanted {
        expires: Some(soon),
        ..Wanted::of(ADA)
    };
    let (_, ends) = stand.make(ends).await;
    let turned = stand
        .try_from(HERE, (ADA, &smtp))
        .await
        .expect_err("for smtp");
    assert_eq!(
        turned,
        Turned::WrongProtocol {
            protocol: Protocol::Imap
        }
    );
    let turned = stand
        .try_from(HERE, (ADA, &inside))
        .await
        .expect_err("from inside");
    assert_eq!(turned, Turned::WrongNetwork);
    let guest = stand.try_from("::ffff:10.1.2.3", (ADA, &inside)).await;
    assert_eq!(guest.expect("inside").senders, ["desk@contoso.com"]);
    let turned = stand
        .try_from(HERE, (ADA, &kiosk))
        .await
        .expect_err("for kiosk");
    assert_eq!(turned, Turned::WrongLogin);
    let guest = stand
        .try_from(HERE, ("Kiosk", &kiosk))
        .await
        .expect("its own login");
    assert_eq!(guest.mailbox, ADA);
    let guest = stand
        .try_from(HERE, (ADA, &ends))
        .await
        .expect("not yet over");
    let tasks = Tasks::new();
    let (keeper, stop) = (stand.gatekeeper.clone(), tasks.stop());
    tasks.start("gatekeeper", async move { keeper.run(stop).await });
    guest.revoked.cancelled().await;
    assert!(
        stand.clock.now() >= soon,
        "the session ends with its password"
    );
    let turned = stand.try_from(HERE, (ADA, &ends)).await.expect_err("over");
    assert_eq!(turned, Turned::Expired { at: soon });
    tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_right_password_that_is_not_good_here_is_answered_as_late_as_a_wrong_one() {
    let stand = Stand::new();
    let inside = Wanted {
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        ..Wanted::of(ADA)
    };
    let (_, inside) = stand.make(inside).await;
    let mut waits = Vec::new();
    for (address, password) in [(HERE, &inside), ("198.51.100.9", &"wrong".into())] {
        let failures = Lockout::default().failures;
        let mut waited = Vec::new();
        for _ in 0..failures {
            let before = stand.clock.now();
            let turned = stand.try_from(address, (ADA, password)).await;
            assert!(!turned.expect_err("not here").ends_connection());
            waited.push(stand.clock.now().duration_since(before).as_millis() / 250);
        }
        let turned = stand.try_from(address, (ADA, password)).await;
        assert!(turned.expect_err("locked out").ends_connection());
        waits.push(waited);
    }
    assert!(waits[0][0] >= 1, "{waits:?}");
    assert_eq!(waits[0], waits[1]);
}

#[tokio::test(start_paused = true)]
async fn a_right_password_elsewhere_locks_out_nobody_else() {
    let stand = Stand::new();
    let inside = Wanted {
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        ..Wanted::of(ADA)
    };
    let (_, inside) = stand.make(inside).await;
    for _ in 0..20 {
        let turned = stand.try_from(HERE, (ADA, &inside)).await;
        turned.expect_err("not here");
    }
    let guest = stand.try_from("10.1.2.3", (ADA, &inside)).await;
    guest.expect("it is good there");
    let (_, other) = stand.make(Wanted::of("support@contoso.com")).await;
    let guest = stand.try_from(HERE, ("support@contoso.com", &other)).await;
    guest.expect("another name is not suspect");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_password_ends_its_sessions_and_no_others_and_its_use_is_on_record() {
    let stand = Stand::new();
    let (id, password) = stand.make(Wanted::of(ADA)).await;
    let (other, second) = stand.make(Wanted::of(ADA)).await;
    let tasks = Tasks::new();
    let (keeper, stop) = (stand.gatekeeper.clone(), tasks.stop());
    tasks.start("gatekeeper", async move { keeper.run(stop).await });
    let guest = stand.try_from(HERE, (ADA, &password)).await.expect("right");
    let stays = stand.try_from(HERE, (ADA, &second)).await.expect("right");
    // As another process does it: this one is not told.
    stand.passwords.revoke(&id).await.expect("memory");
    guest.revoked.cancelled().await;
    let turned = stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect_err("revoked");
    assert_eq!(turned, Turned::WrongPassword);
    assert!(!stays.revoked.is_cancelled());
    tasks.end().await;
    let (_, all) = stand.passwords.all().await.expect("memory");
    assert_eq!(all[0].id, other);
    let last = all[0].last_use.as_ref().expect("it was of use");
    assert_eq!(
        (last.address.to_string().as_str(), last.protocol),
        (HERE, Protocol::Imap)
    );
}

#[tokio::test(start_paused = true)]
async fn who_guesses_is_locked_out_and_who_was_proven_there_is_not() {
    let stand = Stand::new();
    let (_, password) = stand.make(Wanted::of(ADA)).await;
    let (_, support) = stand.make(Wanted::of("support@contoso.com")).await;
    stand.try_from(HERE, (ADA, &password)).await.expect("right");
    let wrong = SecretString::from("wrong");
    for _ in 0..10 {
        stand
            .try_from(HERE, ("printer3", &wrong))
            .await
            .expect_err("wrong");
    }
    // The one that guesses, also with the right password.
    let turned = stand
        .try_from(HERE, ("printer3", &support))
        .await
        .expect_err("out");
    assert!(turned.ends_connection(), "{turned}");
    let address = HERE.parse().expect("an address");
    let expected = stand
        .gatekeeper
        .expected(Protocol::Imap, "printer3", address);
    assert_eq!(expected, None, "nobody connects for it");
    // A neighbour that polls, and one that was never seen there.
    stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect("proven before");
    let turned = stand
        .try_from(HERE, ("support@contoso.com", &support))
        .await;
    let turned = turned.expect_err("the address is suspect");
    assert!(
        matches!(turned, Turned::AddressLockedOut { .. }),
        "{turned}"
    );
    // Elsewhere the mailbox is free under its own name.
    let elsewhere = stand
        .try_from("198.51.100.1", ("support@contoso.com", &support))
        .await;
    elsewhere.expect("another address");
    stand.clock.sleep(Duration::from_mins(15)).await;
    stand
        .try_from(HERE, ("printer3", &support))
        .await
        .expect("it is over");
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_looked_at_is_not_locked_out_for_it() {
    let stand = Stand::new();
    let (_, password) = stand.make(Wanted::of(ADA)).await;
    let wrong = SecretString::from("wrong");
    for _ in 0..10 {
        let guess = stand.try_from(HERE, ("printer3", &wrong)).await;
        guess.expect_err("wrong");
    }
    // A neighbour that was never seen there polls with its right password.
    stand.clock.sleep(Duration::from_mins(14)).await;
    for _ in 0..20 {
        let turned = stand.try_from(HERE, (ADA, &password)).await;
        let turned = turned.expect_err("the address is suspect");
        assert!(
            matches!(turned, Turned::AddressLockedOut { .. }),
            "{turned}"
        );
    }
    stand.clock.sleep(Duration::from_mins(2)).await;
    let guest = stand.try_from(HERE, (ADA, &password)).await;
    guest.expect("its address is free again, and it never was wrong");
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_of_a_guesser_cannot_guess_either() {
    let stand = Stand::new();
    let (_, password) = stand.make(Wanted::of(ADA)).await;
    stand.try_from(HERE, (ADA, &password)).await.expect("right");
    let wrong = SecretString::from("wrong");
    for _ in 0..10 {
        stand
            .try_from(HERE, ("printer3", &wrong))
            .await
            .expect_err("wrong");
    }
    for _ in 0..10 {
        stand
            .try_from(HERE, (ADA, &wrong))
            .await
            .expect_err("wrong");
    }
    let turned = stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect_err("it guessed itself");
    assert!(matches!(turned, Turned::LoginLockedOut { .. }), "{turned}");
}

#[tokio::test(start_paused = true)]
async fn those_who_have_to_leave_with_a_password_are_counted() {
    let stand = Stand::new();
    let (id, password) = stand.make(Wanted::of(ADA)).await;
    let (other, _) = stand.make(Wanted::of(ADA)).await;
    let mut guests = Vec::new();
    for _ in 0..3 {
        let guest = stand.try_from(HERE, (ADA, &password)).await;
        guests.push(guest.expect("it is right"));
    }
    // One has left of its own accord.
    guests.pop();
    for id in [&id, &other] {
        assert!(stand.passwords.revoke(id).await.expect("memory"));
    }
    stand.gatekeeper.look().await.expect("memory");
    assert!(guests.iter().all(|guest| guest.revoked.is_cancelled()));
    assert_eq!(stand.gatekeeper.left_with(&id), 2);
    assert_eq!(stand.gatekeeper.left_with(&other), 0);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_others_made_suspect_is_let_in_from_where_it_was_used() {
    let stand = Stand::new();
    let (id, password) = stand.make(Wanted::of(ADA)).await;
    let last = LastUse {
        at: stand.clock.now(),
        address: HERE.parse().expect("an address"),
        protocol: Protocol::Imap,
    };
    stand
        .passwords
        .used(&[Use { id, last }])
        .await
        .expect("memory");
    // Another password makes another edition, with which the use is read.
    stand.make(Wanted::of("support@contoso.com")).await;
    let wrong = SecretString::from("wrong");
    for _ in 0..10 {
        stand
            .try_from("198.51.100.1", (ADA, &wrong))
            .await
            .expect_err("wrong");
    }
    let turned = stand.try_from("198.51.100.2", (ADA, &password)).await;
    let turned = turned.expect_err("the name is suspect");
    assert!(matches!(turned, Turned::LoginLockedOut { .. }), "{turned}");
    stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect("from where it was used");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_wrong_logins_change_nothing_but_counters() {
    let stand = Stand::new();
    let (_, password) = stand.make(Wanted::of(ADA)).await;
    let before = stand.passwords.all().await.expect("memory");
    let wrong = SecretString::from("wrong");
    let mut looked_at = 0_u32;
    for number in 0..100_000_u32 {
        // Few addresses that guess at many names, and one name from many addresses.
        let address = match number % 4 {
            0 => IpAddr::from(number.to_be_bytes()),
            _ => IpAddr::from([
                192,
                0,
                2,
                u8::try_from(number % 7).expect("less than seven"),
            ]),
        };
        let name = match number % 3 {
            0 => ADA.to_owned(),
            _ => format!("user{}@contoso.com", number % 20_000),
        };
        let turned = stand.try_from(&address.to_string(), (&name, &wrong)).await;
        let turned = turned.expect_err("it is wrong");
        looked_at += u32::from(!turned.ends_connection());
    }
    let inside = &stand.gatekeeper.0;
    assert!(lock(&inside.failures).len() <= 3 * super::super::failures::MOST);
    assert!(lock(&inside.guests).is_empty() && lock(&inside.uses).is_empty());
    assert_eq!(format!("{:?}", lock(&inside.proven)), "Proven(0 of them)");
    let after = stand.passwords.all().await.expect("memory");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(looked_at < 30_000, "{looked_at} were looked at");
    let guest = stand
        .try_from("198.51.100.77", ("support@contoso.com", &wrong))
        .await;
    assert_eq!(guest.expect_err("there is none"), Turned::NoAppPassword);
    stand.clock.sleep(Duration::from_mins(16)).await;
    stand
        .try_from(HERE, (ADA, &password))
        .await
        .expect("still its password");
}

#[tokio::test(start_paused = true)]
async fn more_logins_than_can_wait_are_told_to_come_again_and_are_not_counted() {
    let stand = Stand::new();
    let wrong = SecretString::from("wrong");
    let _looks = stand
        .gatekeeper
        .0
        .looks
        .acquire_many(2)
        .await
        .expect("they are open");
    let mut waiting: Vec<_> = (0..WAITING)
        .map(|_| Box::pin(stand.try_from(HERE, (ADA, &wrong))))
        .collect();
    for login in &mut waiting {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(login.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "it waits for a look");
    }
    let turned = stand
        .try_from(HERE, (ADA, &wrong))
        .await
        .expect_err("too many");
    assert_eq!(turned, Turned::Busy);
    assert_eq!(lock(&stand.gatekeeper.0.failures).len(), 0);
    drop(waiting);
    assert_eq!(
        stand.gatekeeper.0.waiting.load(Ordering::Relaxed),
        0,
        "who hangs up makes room"
    );
}

#[derive(Debug)]
struct Chest(Mutex<Option<&'static str>>);

#[async_trait]
impl Inheritance for Chest {
    fn waits_for(&self, mailbox: &str) -> bool {
        mailbox == ADA && lock(&self.0).is_some()
    }

    async fn look(&self) -> Result<(), PasswordError> {
        Ok(())
    }

    async fn open(
        &self,
        _mailbox: &str,
        password: &SecretString,
    ) -> Result<Inherited, PasswordError> {
        use secrecy::ExposeSecret as _;
        let chest = lock(&self.0);
        Ok(match *chest {
            None => Inherited::Nothing,
            Some(key) if key == password.expose_secret() => Inherited::Opened,
            Some(_) => Inherited::OtherPassword,
        })
    }

    async fn settled(&self, _mailbox: &str) -> Result<(), PasswordError> {
        *lock(&self.0) = None;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn two_logins_at_once_make_one_app_password_of_what_was_inherited() {
    let chest = Arc::new(Chest(Mutex::new(Some("old"))));
    let stand = Stand::with(Some(chest.clone()));
    let password = "old".into();
    let (one, other) = tokio::join!(
        stand.try_from(HERE, (ADA, &password)),
        stand.try_from(HERE, (ADA, &password)),
    );
    one.expect("it opens");
    other.expect("it is open");
    let (_, all) = stand.passwords.all().await.expect("memory");
    assert_eq!(all.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_inherited_is_opened_by_its_password_which_becomes_an_app_password() {
    let chest = Arc::new(Chest(Mutex::new(Some("old"))));
    let stand = Stand::with(Some(chest.clone()));
    let turned = stand
        .try_from(HERE, (ADA, &"new".into()))
        .await
        .expect_err("another one");
    assert_eq!(turned, Turned::WrongPassword);
    stand
        .try_from(HERE, (ADA, &"old".into()))
        .await
        .expect("it opens");
    assert!(!chest.waits_for(ADA));
    let (_, all) = stand.passwords.all().await.expect("memory");
    assert_eq!((all.len(), all[0].mailbox.as_str()), (1, ADA));
    stand
        .try_from(HERE, (ADA, &"old".into()))
        .await
        .expect("it is an app password");
}
