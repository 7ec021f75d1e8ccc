//! Events as JSON (<https://learn.microsoft.com/graph/api/resources/event>).

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::filter::{Kind as PropertyKind, Property};
use super::super::ids::{self, Kind};
use super::super::items::{Form, Listing};
use super::super::shape::time;
use super::Desk;
use super::agenda::{Event, Named};

impl Desk<'_> {
    /// The id of an event, or of one day of a series.
    pub(super) fn id(self, named: Named) -> String {
        match named.day {
            None => ids::write(Kind::Event, self.mailbox, named.number),
            Some(day) => {
                let number = (named.number << DAY_BITS) | day_number(day);
                ids::write(Kind::Occurrence, self.mailbox, number)
            }
        }
    }

    /// An event, or one day of a series.
    pub(super) fn event_shape(self, named: Named, event: &Event) -> Value {
        let day = named.day.map(|day| event.on(day));
        let (start, end, fields) = match &day {
            Some(day) => (&day.start, &day.end, &day.fields),
            None => (&event.start, &event.end, &event.fields),
        };
        let kind = match named.day {
            Some(day) if event.exceptions.contains_key(&day) => "exception",
            Some(_) => "occurrence",
            None if event.recurrence.is_some() => "seriesMaster",
            None => "singleInstance",
        };
        let shown = |moment: &super::moment::Moment| {
            if event.is_all_day() {
                moment.shown_as_day(self.zone)
            } else {
                moment.shown(self.zone)
            }
        };
        let change = format!("DwAAABYAAAD{:08x}{:08x}", named.number, event.revision);
        let id = self.id(named);
        let master = named.day.map(|_| self.id(Named { day: None, ..named }));
        let mut shape = Map::new();
        for (name, value) in [
            ("@odata.etag", json!(format!("W/\"{change}\""))),
            ("id", json!(id)),
            ("createdDateTime", time(event.created_at)),
            ("lastModifiedDateTime", time(event.modified_at)),
            ("changeKey", json!(change)),
            ("originalStartTimeZone", json!(event.start.zone.name)),
            ("originalEndTimeZone", json!(event.end.zone.name)),
            ("iCalUId", json!(event.uid)),
            ("isCancelled", json!(event.is_cancelled)),
            ("isOrganizer", json!(event.is_organizer)),
            ("isDraft", json!(false)),
            ("seriesMasterId", json!(master)),
            ("type", json!(kind)),
            (
                "webLink",
                json!(format!(
                    "https://outlook.office365.com/owa/?itemid={id}&exvsurl=1&path=/calendar/item"
                )),
            ),
            ("onlineMeeting", Value::Null),
            ("onlineMeetingUrl", Value::Null),
            ("start", shown(start)),
            ("end", shown(end)),
            (
                "organizer",
                json!({"emailAddress": {"name": event.organizer.name, "address": event.organizer.address}}),
            ),
            (
                "responseStatus",
                json!({
                    "response": event.response,
                    "time": event.responded_at.map_or("0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
                }),
            ),
            ("hasAttachments", json!(false)),
        ] {
            shape.insert(name.to_owned(), value);
        }
        for (name, form) in FORMS {
            let value = fields.get(*name).filter(|value| !value.is_null());
            let value = value.cloned().unwrap_or_else(|| absent(name, *form));
            shape.insert((*name).to_owned(), value);
        }
        let preview = fields.get("body").and_then(|body| body["content"].as_str());
        let preview: String = preview.unwrap_or_default().chars().take(255).collect();
        shape.insert("bodyPreview".to_owned(), json!(preview));
        if named.day.is_some() {
            shape.insert("recurrence".to_owned(), Value::Null);
        }
        if let Some(day) = named.day {
            shape.insert("originalStart".to_owned(), original(event, day));
        }
        Value::Object(shape)
    }
}

/// When a day of a series would have been without an exception.
fn original(event: &Event, day: Date) -> Value {
    let mut without = event.clone();
    without.exceptions.clear();
    time(without.on(day).start.timestamp())
}

/// Days since the year 1, of which there are less than 2^22.
pub(super) fn day_number(day: Date) -> u64 {
    let since = day.duration_since(Date::MIN).as_hours() / 24;
    since.unsigned_abs()
}

/// The bits of an occurrence's number that say which day it is.
pub(super) const DAY_BITS: u32 = 24;

fn absent(name: &str, form: Form) -> Value {
    match (name, form) {
        ("subject", _) => json!(""),
        ("body", _) => json!({"contentType": "html", "content": ""}),
        ("location", _) => {
            json!({"displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {}, "coordinates": {}})
        }
        ("importance" | "sensitivity", _) => json!("normal"),
        ("showAs", _) => json!("busy"),
        ("onlineMeetingProvider", _) => json!("unknown"),
        ("reminderMinutesBeforeStart", _) => json!(15),
        ("isReminderOn" | "responseRequested" | "allowNewTimeProposals", _) => json!(true),
        (_, Form::Truth) => json!(false),
        (_, Form::Texts | Form::Objects) => json!([]),
        _ => Value::Null,
    }
}

/// The properties that whoever writes an event may set, beside start and end.
pub(super) const FORMS: &[(&str, Form)] = &[
    ("subject", Form::Text),
    ("body", Form::Object),
    ("importance", Form::OneOf(&["low", "normal", "high"])),
    (
        "sensitivity",
        Form::OneOf(&["normal", "personal", "private", "confidential"]),
    ),
    (
        "showAs",
        Form::OneOf(&[
            "free",
            "tentative",
            "busy",
            "oof",
            "workingElsewhere",
            "unknown",
        ]),
    ),
    ("isAllDay", Form::Truth),
    ("isReminderOn", Form::Truth),
    ("reminderMinutesBeforeStart", Form::Number),
    ("responseRequested", Form::Truth),
    ("allowNewTimeProposals", Form::Truth),
    ("hideAttendees", Form::Truth),
    ("isOnlineMeeting", Form::Truth),
    ("onlineMeetingProvider", Form::Text),
    ("categories", Form::Texts),
    ("location", Form::Object),
    ("locations", Form::Objects),
    ("attendees", Form::Objects),
    ("recurrence", Form::Object),
    ("transactionId", Form::Text),
];

/// The properties that are only read, or read elsewhere.
pub(super) const READ_ONLY: &[&str] = &[
    "start",
    "end",
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "originalStart",
    "iCalUId",
    "isCancelled",
    "isOrganizer",
    "isDraft",
    "seriesMasterId",
    "type",
    "webLink",
    "onlineMeeting",
    "onlineMeetingUrl",
    "organizer",
    "responseStatus",
    "hasAttachments",
    "bodyPreview",
];

pub(super) const LISTING: Listing = Listing {
    name: "events",
    of: "event",
    properties: &[
        ("start/dateTime", PropertyKind::Text),
        ("end/dateTime", PropertyKind::Text),
        ("subject", PropertyKind::Text),
        ("isAllDay", PropertyKind::Truth),
        ("isCancelled", PropertyKind::Truth),
        ("isOrganizer", PropertyKind::Truth),
        ("type", PropertyKind::Text),
        ("showAs", PropertyKind::Text),
        ("importance", PropertyKind::Text),
        ("sensitivity", PropertyKind::Text),
        ("iCalUId", PropertyKind::Text),
        ("seriesMasterId", PropertyKind::Text),
        ("organizer/emailAddress/address", PropertyKind::Text),
        ("categories", PropertyKind::List),
        ("createdDateTime", PropertyKind::Time),
        ("lastModifiedDateTime", PropertyKind::Time),
    ] as &[Property],
};
