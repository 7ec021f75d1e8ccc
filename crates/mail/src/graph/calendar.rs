//! Calendars and what stands in them (<https://learn.microsoft.com/graph/api/resources/event>).

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::client::Graph;
use super::drafts::MailBody;
use crate::{Address, MailError};

/// A calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Calendar {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whether it is the one that is meant where none is named.
    #[serde(default)]
    pub is_default_calendar: bool,
    /// Whether it may be changed.
    #[serde(default)]
    pub can_edit: bool,
}

/// A time as a clock in some zone shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ZonedTime {
    /// Such as `2026-11-26T09:00:00.0000000`.
    pub date_time: String,
    /// The zone, as Windows or IANA names it.
    pub time_zone: String,
}

impl ZonedTime {
    /// The date and the time of day, to the minute; all of it where it is none of Graph's.
    pub fn to_minute(&self) -> String {
        let time: Result<jiff::civil::DateTime, _> = self.date_time.parse();
        match time {
            Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
            Err(_) => self.date_time.clone(),
        }
    }
}

/// Something that stands in a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarEvent {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When it begins.
    pub start: Option<ZonedTime>,
    /// When it ends.
    pub end: Option<ZonedTime>,
    /// Where.
    pub location: Option<Location>,
    /// Whether it lasts whole days.
    #[serde(default)]
    pub is_all_day: bool,
    /// Whether it was called off.
    #[serde(default)]
    pub is_cancelled: bool,
    /// Whether the mailbox called it.
    #[serde(default)]
    pub is_organizer: bool,
    /// How the time is shown to others, such as `busy`.
    pub show_as: Option<String>,
    /// `singleInstance`, `occurrence`, `exception` or `seriesMaster`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The series that it belongs to.
    pub series_master_id: Option<String>,
    /// Who called it.
    pub organizer: Option<Attendee>,
    /// Who is asked to come.
    #[serde(default)]
    pub attendees: Vec<Attendee>,
    /// What the mailbox answered.
    pub response_status: Option<ResponseStatus>,
    /// Where it is met over the network.
    pub online_meeting_url: Option<String>,
    /// The beginning of its text.
    pub body_preview: Option<String>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Its name.
    pub display_name: Option<String>,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attendee {
    /// Who.
    pub email_address: Option<Person>,
    /// What they answered.
    pub status: Option<ResponseStatus>,
}

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name.
    pub name: Option<String>,
    /// The address.
    pub address: Option<String>,
}

/// An answer to an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseStatus {
    /// Such as `accepted`.
    pub response: Option<String>,
}

/// An event to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What it is about.
    pub subject: String,
    /// The text.
    pub body: MailBody,
    /// When it begins.
    pub start: ZonedTime,
    /// When it ends.
    pub end: ZonedTime,
    /// Where.
    pub location: Option<String>,
    /// Who is asked to come.
    pub attendees: Vec<Address>,
}

/// What is to be otherwise in an event. What is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventChange {
    /// What it is about.
    pub subject: Option<String>,
    /// The text.
    pub body: Option<MailBody>,
    /// When it begins.
    pub start: Option<ZonedTime>,
    /// When it ends.
    pub end: Option<ZonedTime>,
    /// Where.
    pub location: Option<String>,
    /// Everybody who is asked to come: who is not named any more is told that it is off for them.
    pub attendees: Option<Vec<Address>>,
}

/// An answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Yes.
    Accept,
    /// Perhaps.
    Tentatively,
    /// No.
    Decline,
}

impl Graph {
    /// The calendars of the mailbox.
    pub async fn calendars(&self) -> Result<Vec<Calendar>, MailError> {
        let address = self.at(&["calendars"]).with("$top", "100");
        self.pages(Call::get(address.url(), "list calendars"), MOST)
            .await
    }

    /// Everything between two times in a calendar, the default one if none is named: series are
    /// told apart into their occurrences. Times are shown in `zone`, which Windows or IANA names.
    pub async fn calendar_view(
        &self,
        calendar: Option<&str>,
        (from, to): (Timestamp, Timestamp),
        zone: &str,
    ) -> Result<Vec<CalendarEvent>, MailError> {
        let address = match calendar {
            Some(id) => self.at(&["calendars", id, "calendarView"]),
            None => self.at(&["calendarView"]),
        };
        let address = address
            .with("startDateTime", &from.to_string())
            .with("endDateTime", &to.to_string())
            .with("$orderby", "start/dateTime")
            .with("$select", FIELDS)
            .with("$top", "100");
        let call = Call::get(address.url(), "list events").preferring(in_zone(zone));
        self.pages(call, MOST).await
    }

    /// One event, its times in `zone`.
    pub async fn event(&self, id: &str, zone: &str) -> Result<CalendarEvent, MailError> {
        let address = self.at(&["events", id]).with("$select", FIELDS);
        let call = Call::get(address.url(), "show an event");
        self.object(call.preferring(in_zone(zone))).await
    }

    /// Makes an event, and invites who is to come; answers its id.
    pub async fn create_event(
        &self,
        calendar: Option<&str>,
        event: &NewEvent,
    ) -> Result<String, MailError> {
        let address = match calendar {
            Some(id) => self.at(&["calendars", id, "events"]),
            None => self.at(&["events"]),
        };
        let call = Call::new(Method::POST, address.url(), "make an event");
        self.made(call.with(&event.json())).await
    }

    /// Changes an event that the mailbox called, and tells whom it concerns.
    pub async fn update_event(&self, event: &str, change: &EventChange) -> Result<(), MailError> {
        let url = self.at(&["events", event]).url();
        let call = Call::new(Method::PATCH, url, "change an event");
        self.done(call.with(&change.json())).await
    }

    /// Answers an invitation, and tells the organizer.
    pub async fn respond(
        &self,
        event: &str,
        answer: Answering,
        comment: &str,
    ) -> Result<(), MailError> {
        let act = match answer {
            Answering::Accept => "accept",
            Answering::Tentatively => "tentativelyAccept",
            Answering::Decline => "decline",
        };
        let url = self.at(&["events", event, act]).url();
        let call = Call::new(Method::POST, url, "answer an invitation");
        let body = json!({ "comment": comment, "sendResponse": true });
        self.done(call.with(&body)).await
    }

    /// Calls an event off that the mailbox called, and tells everybody.
    pub async fn cancel_event(&self, event: &str, comment: &str) -> Result<(), MailError> {
        let url = self.at(&["events", event, "cancel"]).url();
        let call = Call::new(Method::POST, url, "call an event off");
        self.done(call.with(&json!({ "comment": comment }))).await
    }

    /// Takes an event out of the calendar.
    pub async fn delete_event(&self, event: &str) -> Result<(), MailError> {
        let url = self.at(&["events", event]).url();
        self.done(Call::new(Method::DELETE, url, "delete an event"))
            .await
    }
}

impl NewEvent {
    fn json(&self) -> Value {
        let all = EventChange {
            subject: Some(self.subject.clone()),
            body: Some(self.body.clone()),
            start: Some(self.start.clone()),
            end: Some(self.end.clone()),
            location: self.location.clone(),
            attendees: Some(self.attendees.clone()),
        };
        all.json()
    }
}

impl EventChange {
    fn json(&self) -> Value {
        let attendees = self.attendees.as_ref().map(|people| {
            let attendees = people.iter().map(|person| {
                json!({
                    "type": "required",
                    "emailAddress": { "name": person.name, "address": person.address },
                })
            });
            attendees.collect::<Value>()
        });
        let location = self.location.as_ref();
        let fields = [
            ("subject", self.subject.as_ref().map(|one| json!(one))),
            ("body", self.body.as_ref().map(MailBody::json)),
            ("start", self.start.as_ref().map(|one| json!(one))),
            ("end", self.end.as_ref().map(|one| json!(one))),
            (
                "location",
                location.map(|place| json!({ "displayName": place })),
            ),
            ("attendees", attendees),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| {
            let value = value?;
            Some((name.to_owned(), value))
        });
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// The wish for a zone. What could end the text is left out: no zone has it in its name.
fn in_zone(zone: &str) -> String {
    let safe: String = zone
        .chars()
        .filter(|c| !c.is_control() && *c != '"')
        .collect();
    format!("outlook.timezone=\"{safe}\"")
}

const FIELDS: &str = "id,subject,start,end,location,isAllDay,isCancelled,isOrganizer,showAs,type,seriesMasterId,organizer,attendees,responseStatus,onlineMeetingUrl,bodyPreview";
const MOST: usize = 10_000;
