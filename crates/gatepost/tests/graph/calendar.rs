//! Events that are called, moved, answered and called off, as both sides see them.

use gatepost_mail::Address;
use gatepost_mail::graph::{
    Answering, CalendarEvent, EventChange, Graph, MailBody, NewEvent, ZonedTime,
};

use crate::stand::{ADA, JUN, Stand};

fn at(time: &str) -> ZonedTime {
    ZonedTime {
        date_time: format!("2027-03-01T{time}:00"),
        time_zone: "Europe/Berlin".to_owned(),
    }
}

fn people(all: &[&str]) -> Vec<Address> {
    let all = all.iter().map(|one| Address {
        name: None,
        address: (*one).to_owned(),
    });
    all.collect()
}

fn lunch(attendees: &[&str]) -> NewEvent {
    NewEvent {
        subject: "Lunch".to_owned(),
        body: MailBody::Text("Soup.".to_owned()),
        start: at("12:00"),
        end: at("13:00"),
        location: Some("Canteen".to_owned()),
        attendees: people(attendees),
    }
}

/// What stands in a calendar on that day.
async fn day(graph: &Graph) -> Vec<CalendarEvent> {
    let range = ("2027-02-28T23:00:00Z", "2027-03-01T23:00:00Z");
    let time = |text: &str| text.parse().expect("a time");
    let range = (time(range.0), time(range.1));
    let events = graph.calendar_view(None, range, "Europe/Berlin").await;
    events.expect("it is shown")
}

fn response(event: &CalendarEvent) -> &str {
    let status = event.response_status.as_ref();
    status
        .and_then(|status| status.response.as_deref())
        .unwrap_or_default()
}

fn answered(event: &CalendarEvent) -> &str {
    let status = event.attendees[0].status.as_ref();
    status
        .and_then(|status| status.response.as_deref())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_made_changed_and_deleted() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let calendars = ada.calendars().await.expect("there is one");
    let usual = calendars.iter().find(|one| one.is_default_calendar);
    let usual = usual.expect("one is the usual");
    let id = ada.create_event(Some(&usual.id), &lunch(&[])).await;
    let id = id.expect("it is made");
    let change = EventChange {
        subject: Some("Late lunch".to_owned()),
        start: Some(at("13:30")),
        end: Some(at("14:00")),
        ..EventChange::default()
    };
    ada.update_event(&id, &change).await.expect("it is changed");
    let event = ada.event(&id, "Europe/Berlin").await.expect("it is there");
    assert_eq!(event.subject.as_deref(), Some("Late lunch"));
    assert_eq!(
        event.start.expect("it begins").to_minute(),
        "2027-03-01 13:30"
    );
    let place = event.location.and_then(|place| place.display_name);
    assert_eq!(place.as_deref(), Some("Canteen"), "it stays");
    assert_eq!(day(&ada).await.len(), 1);
    ada.delete_event(&id).await.expect("it goes");
    assert!(day(&ada).await.is_empty());
    ada.delete_event(&id).await.expect_err("it is gone");
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_answered_moved_and_called_off() {
    let stand = Stand::new().await;
    let (ada, jun) = (stand.graph(ADA), stand.graph(JUN));
    let id = ada.create_event(None, &lunch(&[JUN])).await;
    let id = id.expect("it is made");
    let theirs = day(&jun).await.remove(0);
    assert!(!theirs.is_organizer && response(&theirs) == "notResponded");
    for (answer, word) in [
        (Answering::Tentatively, "tentativelyAccepted"),
        (Answering::Accept, "accepted"),
    ] {
        jun.respond(&theirs.id, answer, "")
            .await
            .expect("it is answered");
        assert_eq!(response(&day(&jun).await[0]), word);
        assert_eq!(answered(&day(&ada).await[0]), word);
    }
    ada.respond(&id, Answering::Accept, "")
        .await
        .expect_err("it is her own");
    jun.cancel_event(&theirs.id, "")
        .await
        .expect_err("it is not theirs");

    let moved = EventChange {
        start: Some(at("15:00")),
        end: Some(at("16:00")),
        ..EventChange::default()
    };
    ada.update_event(&id, &moved).await.expect("it is moved");
    let theirs = day(&jun).await.remove(0);
    let start = theirs.start.as_ref().expect("it begins").to_minute();
    assert_eq!(start, "2027-03-01 15:00");
    assert_eq!(response(&theirs), "notResponded", "it is another time");

    ada.cancel_event(&id, "No soup.").await.expect("it is off");
    assert!(day(&ada).await.is_empty());
    assert!(day(&jun).await[0].is_cancelled);
    let letter = stand.folder(JUN, "Inbox").pop().expect("it is told");
    let text = String::from_utf8_lossy(&letter.raw).into_owned();
    assert!(text.contains("Subject: Canceled: Lunch"), "{text}");
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_has_it_no_more_and_who_is_dropped_is_told() {
    let stand = Stand::new().await;
    let (ada, jun) = (stand.graph(ADA), stand.graph(JUN));
    let id = ada.create_event(None, &lunch(&[JUN])).await;
    let id = id.expect("it is made");
    let theirs = day(&jun).await.remove(0);
    jun.respond(&theirs.id, Answering::Decline, "Not hungry.")
        .await
        .expect("it is declined");
    assert!(day(&jun).await.is_empty());
    assert_eq!(answered(&day(&ada).await[0]), "declined");
    let others = EventChange {
        attendees: Some(people(&["support@contoso.com"])),
        ..EventChange::default()
    };
    ada.update_event(&id, &others).await.expect("it is changed");
    let support = stand.graph("support@contoso.com");
    assert_eq!(day(&support).await.len(), 1);
    ada.delete_event(&id).await.expect("it goes");
    assert!(day(&support).await[0].is_cancelled, "they are told");
    stand.sandbox.end().await;
}
