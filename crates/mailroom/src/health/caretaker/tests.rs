use std::sync::Mutex;

use super::*;
use crate::{ExpiringPart, LastError, MemoryStorage};

/// Credentials that a test changes.
#[derive(Debug, Clone, Default)]
struct Known(Arc<Mutex<Vec<CredentialStatus>>>);

impl Credentials for Known {
    fn statuses(&self) -> Vec<CredentialStatus> {
        self.0.lock().expect("nobody panicked").clone()
    }

    fn report_to(&self, _kind: EventType, _mailboxes: &[String]) -> Vec<SinkName> {
        vec![SinkName("ops".to_owned())]
    }
}

/// A house whose caretaker can be replaced, as at a restart.
struct House {
    known: Known,
    storage: Arc<MemoryStorage>,
    clock: Clock,
}

impl House {
    fn new() -> Self {
        Self {
            known: Known::default(),
            storage: Arc::new(MemoryStorage::new()),
            clock: Clock::starting_at(at("2026-11-22T10:00:00Z")),
        }
    }

    /// A new caretaker looks twice at these credentials.
    async fn looked_at(&self, statuses: Vec<CredentialStatus>) {
        *self.known.0.lock().expect("nobody panicked") = statuses;
        let notices = Arc::<MemoryStorage>::clone(&self.storage);
        let known = Arc::new(self.known.clone());
        let mut caretaker = Caretaker::new(known, notices, Bell::new(), self.clock.clone());
        caretaker.look().await;
        caretaker.look().await;
    }

    /// What was told so far: the kind and the days that were left.
    async fn told(&self) -> Vec<(EventType, Option<i64>)> {
        use crate::Deliveries as _;
        let filter = crate::DeliveryFilter {
            limit: 1000,
            ..Default::default()
        };
        let mut all = self.storage.list(&filter).await.expect("memory works");
        all.reverse();
        all.iter()
            .map(|delivery| match &delivery.event.data {
                EventData::Credential(data) => (delivery.event.kind, data.days_left),
                other => panic!("not about a credential: {other:?}"),
            })
            .collect()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a literal timestamp")
}

fn app(state: CredentialHealth, renewed_at: &str) -> CredentialStatus {
    CredentialStatus {
        credential: "app/client_credentials".to_owned(),
        registration: "contoso".to_owned(),
        grant: "client_credentials".to_owned(),
        person: None,
        state,
        last_error: (state == CredentialHealth::Refused).then(|| LastError {
            code: "secret_expired".to_owned(),
            sentence: "the client secret has expired".to_owned(),
            at: at(renewed_at),
        }),
        renewed_at: Some(at(renewed_at)),
        expires: Vec::new(),
        mailboxes: vec!["support@contoso.com".to_owned()],
    }
}

fn ending(person: &str, end: &str) -> CredentialStatus {
    CredentialStatus {
        credential: format!("app/authorization_code/{person}"),
        person: Some(person.to_owned()),
        expires: vec![Expiry {
            at: at(end),
            part: ExpiringPart::ClientSecret,
            of: "app".to_owned(),
        }],
        mailboxes: vec![person.to_owned()],
        ..app(CredentialHealth::Working, "2026-11-22T09:00:00Z")
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_secret_is_told_at_each_step_once_over_restarts() {
    let house = House::new();
    let end = "2027-01-01T00:00:00Z";
    for _ in 0..45 {
        house
            .looked_at(vec![ending("ada@x", end), ending("bob@x", end)])
            .await;
        house.clock.sleep(Duration::from_hours(24)).await;
    }
    let expected = [30, 14, 7, 1].map(|step| (EventType::CredentialExpiring, Some(step - 1)));
    assert_eq!(house.told().await, expected, "for both people together");
}

#[tokio::test(start_paused = true)]
async fn a_first_look_near_the_end_tells_the_nearest_step_alone() {
    let house = House::new();
    house
        .looked_at(vec![ending("ada@x", "2026-11-27T11:00:00Z")])
        .await;
    let told = house.told().await;
    assert_eq!(told, [(EventType::CredentialExpiring, Some(5))]);
    // A new secret has an end of its own; one that has ended is no warning any more.
    house
        .looked_at(vec![
            ending("ada@x", "2026-12-12T10:00:00Z"),
            ending("bob@x", "2026-11-12T10:00:00Z"),
        ])
        .await;
    assert_eq!(house.told().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_and_its_end_are_told_once_over_restarts() {
    let house = House::new();
    let before = "2026-11-22T09:00:00Z";
    for status in [
        app(CredentialHealth::Working, before),
        app(CredentialHealth::Refused, before),
        // At a restart nobody has asked yet: that proves nothing.
        app(CredentialHealth::Working, before),
        app(CredentialHealth::Refused, before),
        app(CredentialHealth::Waiting, before),
        app(CredentialHealth::Working, "2026-11-22T12:00:00Z"),
        app(CredentialHealth::Working, "2026-11-22T13:00:00Z"),
        app(CredentialHealth::Refused, "2026-11-22T13:00:00Z"),
    ] {
        house.looked_at(vec![status]).await;
    }
    let told = house.told().await;
    let kinds: Vec<_> = told.into_iter().map(|(kind, _)| kind).collect();
    let (failed, recovered) = (EventType::CredentialFailed, EventType::CredentialRecovered);
    assert_eq!(kinds, [failed, recovered, failed]);
}

#[test]
fn ids_are_the_same_on_every_machine_and_day() {
    let ids = |now| {
        let statuses = [
            ending("ada@x", "2026-12-12T10:00:00Z"),
            app(CredentialHealth::Refused, "2026-11-22T09:00:00Z"),
        ];
        let due = due(&statuses, &BTreeMap::new(), at(now));
        due.into_keys().collect::<Vec<_>>()
    };
    let first = ids("2026-11-22T10:00:00Z");
    assert_eq!(first, ids("2026-11-24T10:00:00Z"));
    assert_eq!(first.len(), 2);
}
