//! Events in messages (RFC 5545).

use jiff::tz::TimeZone;

use super::agenda::Event;
use super::moment::Moment;
use crate::mailboxes::Correspondent;

/// What a message says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method<'a> {
    Request,
    /// With what was answered, in Graph's word.
    Reply(&'a str),
    Cancel,
}

/// A part of MIME with its header.
pub(super) fn write(event: &Event, method: Method<'_>, sender: &Correspondent) -> String {
    let (name, status) = match method {
        Method::Request => ("REQUEST", "CONFIRMED"),
        Method::Reply(_) => ("REPLY", "CONFIRMED"),
        Method::Cancel => ("CANCEL", "CANCELLED"),
    };
    let mut lines = vec![
        format!("Content-Type: text/calendar; charset=utf-8; method={name}"),
        "Content-Transfer-Encoding: 8bit".to_owned(),
        String::new(),
        "BEGIN:VCALENDAR".to_owned(),
        format!("METHOD:{name}"),
        "PRODID:Microsoft Exchange Server 2010".to_owned(),
        "VERSION:2.0".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!(
            "ORGANIZER;CN={}:mailto:{}",
            quoted(&event.organizer.name),
            event.organizer.address
        ),
        format!("UID:{}", event.uid),
        format!("SUMMARY:{}", escaped(event.subject())),
        format!("DTSTART:{}", utc(&event.start)),
        format!("DTEND:{}", utc(&event.end)),
        format!("STATUS:{status}"),
        format!("SEQUENCE:{}", event.revision),
    ];
    match method {
        Method::Reply(response) => {
            let answer = match response {
                "accepted" => "ACCEPTED",
                "declined" => "DECLINED",
                _ => "TENTATIVE",
            };
            lines.push(format!(
                "ATTENDEE;PARTSTAT={answer}:mailto:{}",
                sender.address
            ));
        }
        Method::Request | Method::Cancel => {
            let all = event.attendees().into_iter();
            lines.extend(
                all.map(|one| format!("ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{one}")),
            );
        }
    }
    lines.extend(["END:VEVENT", "END:VCALENDAR"].map(str::to_owned));
    lines.join("\r\n") + "\r\n"
}

fn utc(moment: &Moment) -> String {
    let at = moment.timestamp().to_zoned(TimeZone::UTC);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// RFC 5545 §3.3.11.
fn escaped(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace(';', "\\;")
        .replace(',', "\\,");
    text.replace('\r', "").replace('\n', "\\n")
}

/// RFC 5545 §3.2: no quotes within quotes.
fn quoted(text: &str) -> String {
    let sound: String = text
        .chars()
        .filter(|one| !one.is_control() && *one != '"')
        .collect();
    format!("\"{sound}\"")
}
