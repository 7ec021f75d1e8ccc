//! Drafts, attachments, calendars and contacts.

use serde_json::{Value, json};

use super::super::calendar::{Answering, NewEvent, ZonedTime};
use super::super::contacts::Contact;
use super::super::drafts::{Audience, DraftFate, FollowUpStatus, MailBody};
use super::server::{Answer, Server};
use super::{asked, code};
use crate::{Address, MailError};

fn body(server: &Server, at: usize) -> Value {
    serde_json::from_slice(&server.seen()[at].body).expect("JSON")
}

fn eve() -> Address {
    Address {
        name: Some("Eve".into()),
        address: "eve@fabrikam.com".into(),
    }
}

#[tokio::test]
async fn the_fate_of_a_draft_is_found_by_its_id() {
    let url = "GET /messages/D?$select=id,isDraft";
    let script = [
        (url, Answer::json(r#"{"id":"D","isDraft":true}"#)),
        (url, Answer::json(r#"{"id":"D","isDraft":false}"#)),
        (url, Answer::refusal(404, "ErrorItemNotFound")),
        (url, Answer::refusal(403, "ErrorAccessDenied")),
    ];
    let ((fates, denied), _) = asked(&script, |graph, _| async move {
        let mut fates = Vec::new();
        for _ in 0..3 {
            fates.push(graph.draft_fate("D").await.expect("it is found out"));
        }
        (fates, graph.draft_fate("D").await)
    })
    .await;
    assert_eq!(fates, [DraftFate::Unsent, DraftFate::Sent, DraftFate::Gone]);
    assert_eq!(code(&denied), "graph_access_denied");
}

#[tokio::test]
async fn messages_are_answered_passed_on_and_marked() {
    let script = [
        ("POST /messages/M/replyAll", Answer::empty(202)),
        ("POST /messages/M/forward", Answer::empty(202)),
        (
            "POST /messages/M/createReply",
            Answer::json(r#"{"id":"R"}"#),
        ),
        ("PATCH /messages/M", Answer::json("{}")),
        ("PATCH /messages/M", Answer::json("{}")),
    ];
    let (done, server) = asked(&script, |graph, _| async move {
        graph.reply("M", "Thanks.", Audience::Everybody).await?;
        graph.forward("M", "See below.", &[eve()]).await?;
        assert_eq!(graph.begin_reply("M", Audience::Sender).await?, "R");
        graph.categorize("M", &["Red".to_owned()]).await?;
        graph.follow_up("M", FollowUpStatus::Complete).await
    })
    .await;
    done.expect("all is done");
    assert_eq!(body(&server, 0), json!({"comment": "Thanks."}));
    let to = json!([{"emailAddress": {"name": "Eve", "address": "eve@fabrikam.com"}}]);
    assert_eq!(body(&server, 1)["toRecipients"], to);
    assert_eq!(body(&server, 3), json!({"categories": ["Red"]}));
    assert_eq!(
        body(&server, 4),
        json!({"flag": {"flagStatus": "complete"}})
    );
}

#[tokio::test]
async fn attachments_are_listed_and_streamed() {
    let entry = r##"{"@odata.type":"#microsoft.graph.fileAttachment","id":"A","name":"a.pdf","contentType":"application/pdf","size":9}"##;
    let script = [
        (
            "GET /messages/M/attachments?",
            Answer::json(&format!("{{\"value\":[{entry}]}}")),
        ),
        (
            "GET /messages/M/attachments/A/$value",
            Answer::json("%PDF octets"),
        ),
    ];
    let (octets, _) = asked(&script, |graph, _| async move {
        let found = graph.attachments("M").await?;
        let mut download = graph.download("M", &found[0].id).await?;
        let mut octets = Vec::new();
        while let Some(chunk) = download.chunk().await? {
            octets.extend_from_slice(&chunk);
        }
        Ok::<_, MailError>(octets)
    })
    .await;
    assert_eq!(octets.expect("it comes"), b"%PDF octets");
}

#[tokio::test]
async fn a_calendar_is_looked_at_in_a_zone() {
    let event = r#"{"id":"E","subject":"Review","start":{"dateTime":"2026-11-26T09:00:00.0000000","timeZone":"Europe/Berlin"},"attendees":[{"emailAddress":{"name":"Eve","address":"eve@fabrikam.com"}}],"type":"occurrence","new":1}"#;
    let script = [
        (
            "GET /calendarView?",
            Answer::json(&format!("{{\"value\":[{event}]}}")),
        ),
        ("POST /events", Answer::json(r#"{"id":"N"}"#)),
        ("POST /events/N/tentativelyAccept", Answer::empty(202)),
        ("POST /events/N/cancel", Answer::empty(202)),
        ("DELETE /events/N", Answer::empty(204)),
    ];
    let at = |text: &str| ZonedTime {
        date_time: text.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
    };
    let new = NewEvent {
        subject: "Lunch".into(),
        body: MailBody::Text("Soup.".into()),
        start: at("2026-11-26T12:00:00"),
        end: at("2026-11-26T13:00:00"),
        location: Some("Canteen".into()),
        attendees: vec![eve()],
    };
    let (events, server) = asked(&script, |graph, _| async move {
        let range = ("2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z");
        let range = (
            range.0.parse().expect("a time"),
            range.1.parse().expect("a time"),
        );
        let events = graph
            .calendar_view(None, range, "Europe/Berlin\"\r\n")
            .await?;
        let id = graph.create_event(None, &new).await?;
        graph.respond(&id, Answering::Tentatively, "").await?;
        graph.cancel_event(&id, "No soup.").await?;
        graph.delete_event(&id).await?;
        Ok::<_, MailError>(events)
    })
    .await;
    let events = events.expect("all is done");
    let start = events[0].start.as_ref().expect("it begins");
    assert_eq!(start.to_minute(), "2026-11-26 09:00");
    let seen = server.seen();
    assert!(
        seen[0]
            .question
            .contains("startDateTime=2026-11-25T23:00:00Z&endDateTime=2026-11-26T23:00:00Z")
    );
    let head = seen[0].head.to_lowercase();
    assert!(
        head.contains("prefer: outlook.timezone=\"europe/berlin\"\r\n"),
        "{head}"
    );
    assert_eq!(body(&server, 1)["location"]["displayName"], "Canteen");
    assert_eq!(body(&server, 1)["start"]["timeZone"], "Europe/Berlin");
    assert_eq!(body(&server, 3), json!({"comment": "No soup."}));
}

#[tokio::test]
async fn contacts_are_found_by_any_part_of_them() {
    let all = r#"{"value":[{"id":"2","displayName":"Zoë","emailAddresses":[{"address":"zoe@fabrikam.com"}]},{"id":"1","displayName":"ada","companyName":"Fabrikam"},{"id":"3","displayName":"Bob"}]}"#;
    let script = [
        ("GET /contacts?", Answer::json(all)),
        ("POST /contacts", Answer::json(r#"{"id":"4"}"#)),
        ("PATCH /contacts/4", Answer::json("{}")),
        ("DELETE /contacts/4", Answer::empty(204)),
    ];
    let new = Contact {
        id: Some("never written".into()),
        given_name: Some("Eve".into()),
        ..Contact::default()
    };
    let (found, server) = asked(&script, |graph, _| async move {
        let found = graph.contacts(Some("FABRIKAM")).await?;
        let id = graph
            .create_contact(&Contact {
                id: None,
                ..new.clone()
            })
            .await?;
        graph.update_contact(&id, &new).await?;
        graph.delete_contact(&id).await?;
        Ok::<_, MailError>(found)
    })
    .await;
    let found = found.expect("all is done");
    let names: Vec<_> = found
        .iter()
        .map(|one| one.display_name.as_deref())
        .collect();
    assert_eq!(names, [Some("ada"), Some("Zoë")]);
    assert_eq!(body(&server, 2), json!({"givenName": "Eve"}));
}
