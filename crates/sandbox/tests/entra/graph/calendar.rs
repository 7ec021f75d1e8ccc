//! Calendars and events.

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{ADA, Client, Told, told};

const JUN: &str = "/users/jun.tanaka@contoso.com";

fn at(time: &str, zone: &str) -> Value {
    json!({"dateTime": time, "timeZone": zone})
}

fn event(subject: &str, start: &str, end: &str) -> Value {
    let zone = "W. Europe Standard Time";
    json!({"subject": subject, "start": at(start, zone), "end": at(end, zone)})
}

async fn make(client: &Client, given: Value) -> Told {
    let made = client.post(&format!("{ADA}/events"), given).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made
}

async fn view(client: &Client, of: &str, start: &str, end: &str, zone: &str) -> Told {
    let path = format!("{of}/calendarView?startDateTime={start}&endDateTime={end}&$top=50");
    let request = client.request(Method::GET, &path);
    told(request.header("Prefer", format!("outlook.timezone=\"{zone}\""))).await
}

#[tokio::test]
async fn an_event_is_shown_in_the_zone_that_is_preferred() {
    let client = Client::app().await;
    let made = make(
        &client,
        event("Review", "2026-07-01T10:00:00", "2026-07-01T11:30:00"),
    )
    .await;
    assert_eq!(
        made.text("/start/dateTime"),
        "2026-07-01T08:00:00.0000000",
        "in UTC"
    );
    assert_eq!(
        made.text("/originalStartTimeZone"),
        "W. Europe Standard Time"
    );
    assert_eq!(
        (made.text("/type"), made.text("/showAs")),
        ("singleInstance", "busy")
    );
    for (zone, start) in [
        ("Tokyo Standard Time", "2026-07-01T17:00:00.0000000"),
        ("America/New_York", "2026-07-01T04:00:00.0000000"),
    ] {
        let seen = view(
            &client,
            ADA,
            "2026-07-01T00:00:00Z",
            "2026-07-02T00:00:00Z",
            zone,
        )
        .await;
        assert_eq!(seen.text("/value/0/start/dateTime"), start);
        assert_eq!(seen.text("/value/0/start/timeZone"), zone);
        assert_eq!(
            seen.header("preference-applied"),
            format!("outlook.timezone=\"{zone}\"")
        );
    }
    let unknown = view(
        &client,
        ADA,
        "2026-07-01",
        "2026-07-02",
        "Mars Standard Time",
    )
    .await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code()),
        (400, "TimeZoneNotSupportedException")
    );
    let outside = view(
        &client,
        ADA,
        "2026-07-01T09:30:00Z",
        "2026-07-02T00:00:00Z",
        "UTC",
    )
    .await;
    assert!(outside.values().is_empty(), "it was over then");
}

#[tokio::test]
async fn a_view_needs_both_of_its_ends() {
    let client = Client::app().await;
    for (query, code) in [
        ("", "ErrorInvalidParameter"),
        (
            "?startDateTime=2026-01-01T00:00:00Z",
            "ErrorInvalidParameter",
        ),
        (
            "?startDateTime=soon&endDateTime=2026-01-01T00:00:00Z",
            "ErrorInvalidParameter",
        ),
        (
            "?startDateTime=2026-01-02T00:00:00Z&endDateTime=2026-01-01T00:00:00Z",
            "ErrorInvalidParameter",
        ),
        (
            "?startDateTime=2020-01-01T00:00:00Z&endDateTime=2026-01-01T00:00:00Z",
            "ErrorCalendarViewRangeTooBig",
        ),
    ] {
        let refused = client.get(&format!("{ADA}/calendarView{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (400, code),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_series_keeps_its_hour_through_a_change_of_clocks() {
    let client = Client::app().await;
    let mut weekly = event("Weekly", "2026-03-16T09:00:00", "2026-03-16T09:30:00");
    weekly["recurrence"] = json!({
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
        "range": {"type": "numbered", "startDate": "2026-03-16", "numberOfOccurrences": 4},
    });
    let made = make(&client, weekly).await;
    assert_eq!(made.text("/type"), "seriesMaster");
    let spring = async || {
        view(
            &client,
            ADA,
            "2026-03-01T00:00:00Z",
            "2026-05-01T00:00:00Z",
            "UTC",
        )
        .await
    };
    let seen = spring().await;
    let starts: Vec<&str> = seen
        .values()
        .iter()
        .filter_map(|one| one["start"]["dateTime"].as_str())
        .collect();
    assert_eq!(
        starts,
        [
            "2026-03-16T08:00:00.0000000",
            "2026-03-23T08:00:00.0000000",
            "2026-03-30T07:00:00.0000000",
            "2026-04-06T07:00:00.0000000",
        ]
    );
    assert_eq!(seen.text("/value/1/type"), "occurrence");
    assert_eq!(seen.text("/value/1/seriesMasterId"), made.text("/id"));
    let day = format!("{ADA}/events/{}", seen.text("/value/1/id"));
    let moved = client.patch(&day, json!({"subject": "Elsewhere"})).await;
    assert_eq!(
        (moved.text("/type"), moved.text("/subject")),
        ("exception", "Elsewhere")
    );
    let other = format!("{ADA}/events/{}", seen.text("/value/2/id"));
    assert_eq!(client.delete(&other).await.status, 204);
    assert_eq!(client.get(&other).await.status, 404);
    assert_eq!(
        spring().await.each("subject"),
        ["Weekly", "Elsewhere", "Weekly"]
    );
    let listed = client.get(&format!("{ADA}/events")).await;
    assert_eq!(listed.values().len(), 1, "a series is one event");
    let path = format!(
        "{ADA}/events/{}/instances?startDateTime=2026-03-20&endDateTime=2026-03-25",
        made.text("/id")
    );
    assert_eq!(client.get(&path).await.each("subject"), ["Elsewhere"]);
}

#[tokio::test]
async fn whole_days_are_the_same_days_everywhere() {
    let client = Client::app().await;
    let mut day = event("Holiday", "2026-05-01T00:00:00", "2026-05-02T00:00:00");
    day["isAllDay"] = json!(true);
    make(&client, day.clone()).await;
    let seen = view(
        &client,
        ADA,
        "2026-05-01T00:00:00Z",
        "2026-05-02T00:00:00Z",
        "Tokyo Standard Time",
    )
    .await;
    assert_eq!(
        seen.text("/value/0/start/dateTime"),
        "2026-05-01T00:00:00.0000000"
    );
    day["start"] = at("2026-05-01T10:00:00", "UTC");
    let refused = client.post(&format!("{ADA}/events"), day).await;
    assert_eq!(refused.code(), "ErrorPropertyValidationFailure");
    let backwards = event("x", "2026-05-02T10:00:00", "2026-05-02T09:00:00");
    assert_eq!(
        client
            .post(&format!("{ADA}/events"), backwards)
            .await
            .status,
        400
    );
    let nowhere = json!({"subject": "x", "start": at("2026-05-01T10:00:00", "Mars"), "end": at("2026-05-01T11:00:00", "UTC")});
    let refused = client.post(&format!("{ADA}/events"), nowhere).await;
    assert_eq!(refused.code(), "TimeZoneNotSupportedException");
}

#[tokio::test]
async fn who_is_invited_finds_it_and_answers() {
    let client = Client::app().await;
    let mut meeting = event("Plans", "2026-06-01T10:00:00", "2026-06-01T11:00:00");
    meeting["attendees"] = json!([
        {"type": "required", "emailAddress": {"name": "Jun", "address": "jun.tanaka@contoso.com"}},
    ]);
    let made = make(&client, meeting).await;
    let invited = client.get(&format!("{JUN}/events")).await;
    assert_eq!(invited.text("/value/0/iCalUId"), made.text("/iCalUId"));
    assert_eq!(invited.body["value"][0]["isOrganizer"], false);
    assert_eq!(
        invited.text("/value/0/organizer/emailAddress/address"),
        "ada.berg@contoso.com"
    );
    let mail = client
        .get(&format!(
            "{JUN}/mailFolders/inbox/messages?$expand=attachments"
        ))
        .await;
    assert_eq!(mail.text("/value/0/subject"), "Plans");
    assert_eq!(
        mail.text("/value/0/attachments/0/contentType"),
        "text/calendar"
    );
    let theirs = format!("{JUN}/events/{}", invited.text("/value/0/id"));
    let own = format!("{ADA}/events/{}", made.text("/id"));
    let refused = client.post(&format!("{own}/accept"), json!({})).await;
    assert_eq!(refused.status, 400, "one's own meeting");
    let accepted = client
        .post(
            &format!("{theirs}/accept"),
            json!({"comment": "yes", "sendResponse": true}),
        )
        .await;
    assert_eq!(
        (accepted.status.as_u16(), &accepted.body),
        (202, &Value::Null)
    );
    assert_eq!(
        client.get(&theirs).await.text("/responseStatus/response"),
        "accepted"
    );
    assert_eq!(
        client.get(&own).await.text("/attendees/0/status/response"),
        "accepted"
    );
    let answer = client
        .get(&format!("{ADA}/mailFolders/inbox/messages"))
        .await;
    assert_eq!(answer.text("/value/0/subject"), "Accepted: Plans");
    assert_eq!(
        client
            .post(&format!("{theirs}/cancel"), json!({}))
            .await
            .status,
        400
    );
    assert_eq!(
        client
            .post(&format!("{own}/cancel"), json!({"Comment": "no"}))
            .await
            .status,
        202
    );
    assert_eq!(client.get(&own).await.status, 404);
    let called_off = client.get(&theirs).await;
    assert_eq!(
        (&called_off.body["isCancelled"], called_off.text("/subject")),
        (&json!(true), "Canceled: Plans")
    );
    assert_eq!(
        client
            .post(&format!("{theirs}/decline"), json!({"sendResponse": false}))
            .await
            .status,
        202
    );
    assert_eq!(client.get(&theirs).await.status, 404);
}

#[tokio::test]
async fn who_takes_part_is_told_what_changes() {
    let client = Client::app().await;
    let at = |name: &str| json!({"type": "required", "emailAddress": {"name": name, "address": format!("{name}@contoso.com")}});
    let mut meeting = event("Plans", "2026-06-01T10:00:00", "2026-06-01T11:00:00");
    meeting["attendees"] = json!([at("jun.tanaka")]);
    let made = make(&client, meeting).await;
    let own = format!("{ADA}/events/{}", made.text("/id"));
    let invited = client.get(&format!("{JUN}/events")).await;
    let theirs = format!("{JUN}/events/{}", invited.text("/value/0/id"));
    let accepted = client.post(&format!("{theirs}/accept"), json!({})).await;
    assert_eq!(accepted.status, 202);
    let private = json!({"categories": ["Red"], "reminderMinutesBeforeStart": 5});
    client.patch(&theirs, private).await;
    let letters = async || {
        let inbox = client
            .get(&format!("{JUN}/mailFolders/inbox/messages"))
            .await;
        let letters = inbox.body["value"].as_array().expect("a list").iter();
        let mut subjects: Vec<String> = letters.map(|one| one["subject"].to_string()).collect();
        subjects.sort_unstable();
        subjects
    };

    // What is one's own is told to nobody.
    client.patch(&own, json!({"categories": ["Blue"]})).await;
    assert_eq!(letters().await.len(), 1);
    let moved = json!({
        "subject": "Better plans",
        "start": {"dateTime": "2026-06-02T10:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2026-06-02T11:00:00", "timeZone": "UTC"},
    });
    assert_eq!(client.patch(&own, moved).await.status, 200);
    let seen = client.get(&theirs).await;
    assert_eq!(seen.text("/subject"), "Better plans");
    assert!(seen.text("/start/dateTime").starts_with("2026-06-02T10"));
    assert_eq!(seen.text("/categories/0"), "Red");
    assert_eq!(seen.text("/responseStatus/response"), "notResponded");
    let answers = client.get(&own).await;
    assert_eq!(answers.text("/attendees/0/status/response"), "none");
    assert_eq!(letters().await, ["\"Better plans\"", "\"Plans\""]);

    // Only those whom it concerns are told who comes and who does not.
    let others = json!({"attendees": [at("support")]});
    assert_eq!(client.patch(&own, others).await.status, 200);
    let seen = client.get(&theirs).await;
    assert_eq!(seen.body["isCancelled"], true);
    assert_eq!(letters().await.len(), 3);
    let support = client.get("/users/support@contoso.com/events").await;
    assert_eq!(support.text("/value/0/subject"), "Better plans");
}

#[tokio::test]
async fn there_are_several_calendars() {
    let client = Client::app().await;
    let made = client
        .post(&format!("{ADA}/calendars"), json!({"name": "Trips"}))
        .await;
    assert_eq!(
        (made.status.as_u16(), &made.body["isDefaultCalendar"]),
        (201, &json!(false))
    );
    let trips = format!("{ADA}/calendars/{}", made.text("/id"));
    let trip = event("Lisbon", "2026-08-01T10:00:00", "2026-08-01T11:00:00");
    assert_eq!(
        client.post(&format!("{trips}/events"), trip).await.status,
        201
    );
    make(
        &client,
        event("Work", "2026-08-01T12:00:00", "2026-08-01T13:00:00"),
    )
    .await;
    let (start, end) = ("2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z");
    assert_eq!(
        view(&client, ADA, start, end, "UTC").await.each("subject"),
        ["Lisbon", "Work"]
    );
    assert_eq!(
        view(&client, &trips, start, end, "UTC")
            .await
            .each("subject"),
        ["Lisbon"]
    );
    let usual = format!("{ADA}/calendar");
    assert_eq!(
        view(&client, &usual, start, end, "UTC")
            .await
            .each("subject"),
        ["Work"]
    );
    assert_eq!(
        client.get(&format!("{ADA}/calendars")).await.each("name"),
        ["Calendar", "Trips"]
    );
    let filtered = client
        .get(&format!(
            "{ADA}/events?$filter=startswith(subject,'Lis')&$select=subject"
        ))
        .await;
    assert_eq!(filtered.each("subject"), ["Lisbon"]);
    assert_eq!(client.delete(&trips).await.status, 204);
    assert_eq!(
        view(&client, ADA, start, end, "UTC").await.each("subject"),
        ["Work"]
    );
    assert_eq!(client.delete(&usual).await.status, 400);
}

#[tokio::test]
async fn calendars_have_permissions_of_their_own() {
    let mut client = Client::ada(&["Mail.ReadWrite", "Calendars.Read"]).await;
    assert_eq!(client.get("/me/events").await.status, 200);
    let made = client.post(
        "/me/events",
        event("x", "2026-01-01T10:00:00", "2026-01-01T11:00:00"),
    );
    assert_eq!(made.await.code(), "ErrorAccessDenied");
    client.become_ada(&["Mail.ReadWrite"]);
    assert_eq!(client.get("/me/calendarView?startDateTime=2026-01-01T00:00:00Z&endDateTime=2026-01-02T00:00:00Z").await.status, 403);
    assert_eq!(client.get("/me/contacts").await.status, 403);
}

#[tokio::test]
async fn a_demonstration_has_appointments_and_contacts() {
    let client = Client::in_demonstration().await;
    let events = client.get(&format!("{ADA}/events?$orderby=subject")).await;
    assert_eq!(
        events.each("subject"),
        [
            "Delivery 4711: call with the carrier",
            "Open tickets",
            "Stocktaking"
        ]
    );
    let contacts = client.get(&format!("{ADA}/contacts")).await;
    assert_eq!(contacts.each("surname"), ["Ferrari", "Haddad"]);
}
