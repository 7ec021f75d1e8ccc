//! What was told of credentials.

use std::collections::BTreeMap;

use super::{Fresh, at, sink};
use crate::{
    CredentialData, DeliveryFilter, Event, EventData, EventId, EventType, NewEvent, Settled,
};

pub(super) const SENTENCES: usize = 4;

pub(super) async fn sentence(number: usize, fresh: Fresh) {
    match number {
        0 => a_notice_is_an_event_with_its_deliveries(fresh).await,
        1 => it_is_told_once_even_when_its_event_is_forgotten(fresh).await,
        2 => a_failure_stands_until_its_end_is_told(fresh).await,
        _ => what_was_told_last_is_kept_by_a_clock_that_is_years_ahead(fresh).await,
    }
}

async fn a_notice_is_an_event_with_its_deliveries(fresh: Fresh) {
    let told = notice(EventType::CredentialExpiring, "30");
    assert!(tell(&fresh, "app", told.clone()).await);
    let filter = DeliveryFilter {
        limit: 10,
        ..DeliveryFilter::default()
    };
    let listed = fresh.deliveries.list(&filter).await.expect("it lists");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].event, told.event);
    assert_eq!(listed[0].sink, sink());
}

async fn it_is_told_once_even_when_its_event_is_forgotten(fresh: Fresh) {
    let told = notice(EventType::CredentialExpiring, "30");
    assert!(tell(&fresh, "app", told.clone()).await);
    assert!(!tell(&fresh, "app", told.clone()).await);
    let deliveries = &fresh.deliveries;
    let claimed = deliveries.claim_due(&sink(), at(0), at(60), 1).await;
    let lease = claimed.expect("it is due")[0].lease;
    let settled = deliveries.settle(vec![(lease, Settled::Done)], Vec::new(), at(1));
    settled.await.expect("it is claimed");
    deliveries.forget(at(100), 10).await.expect("it is settled");
    assert!(!tell(&fresh, "app", told).await);
    assert!(tell(&fresh, "app", notice(EventType::CredentialExpiring, "14")).await);
}

async fn a_failure_stands_until_its_end_is_told(fresh: Fresh) {
    let failed = |what| notice(EventType::CredentialFailed, what);
    let one = failed("one").event.id;
    let two = failed("two").event.id;
    tell(&fresh, "app", failed("one")).await;
    tell(&fresh, "ada", failed("two")).await;
    tell(&fresh, "ada", notice(EventType::CredentialExpiring, "7")).await;
    let both = BTreeMap::from([("ada".to_owned(), two), ("app".to_owned(), one.clone())]);
    assert_eq!(fresh.notices.failures().await.expect("it lists"), both);
    tell(&fresh, "ada", notice(EventType::CredentialRecovered, "two")).await;
    let app = BTreeMap::from([("app".to_owned(), one)]);
    assert_eq!(fresh.notices.failures().await.expect("it lists"), app);
    tell(&fresh, "ada", failed("three")).await;
    let failures = fresh.notices.failures().await.expect("it lists");
    assert_eq!(failures["ada"], failed("three").event.id);
}

async fn what_was_told_last_is_kept_by_a_clock_that_is_years_ahead(fresh: Fresh) {
    let ends = || notice(EventType::CredentialExpiring, "30");
    let failed = notice(EventType::CredentialFailed, "one");
    assert!(tell(&fresh, "app", ends()).await);
    assert!(tell(&fresh, "app", failed.clone()).await);
    let years = at(5 * 365 * 86_400);
    let other = notice(EventType::CredentialExpiring, "another");
    let told = fresh.notices.tell("ada", other, years).await;
    assert!(told.expect("it is stored"));
    assert!(!tell(&fresh, "app", ends()).await, "it was told");
    let failures = fresh.notices.failures().await.expect("it lists");
    assert_eq!(failures.get("app"), Some(&failed.event.id));
}

async fn tell(fresh: &Fresh, credential: &str, notice: NewEvent) -> bool {
    let told = fresh.notices.tell(credential, notice, at(0)).await;
    told.expect("it is stored")
}

fn notice(kind: EventType, what: &str) -> NewEvent {
    let data = CredentialData {
        registration: "contoso".to_owned(),
        grant: "client_credentials".to_owned(),
        person: None,
        reason: what.to_owned(),
        code: None,
        part: None,
        expires_at: None,
        days_left: None,
        mailboxes: Vec::new(),
        mailbox_count: 0,
    };
    NewEvent {
        event: Event {
            id: EventId::of_credential("app", kind, what),
            schema: Event::SCHEMA,
            kind,
            timestamp: at(0),
            mailbox: String::new(),
            folder: None,
            sequence: None,
            data: EventData::Credential(Box::new(data)),
        },
        message: None,
        fingerprint: None,
        sinks: vec![sink()],
        post_action: false,
    }
}
