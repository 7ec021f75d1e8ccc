//! `gatepost calendar MAILBOX`: what stands in a calendar between two times.

use gatepost_host::Clock;
use gatepost_mail::graph::{CalendarEvent, ZonedTime};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen::Form;
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration, session};

/// What `calendar` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// From this time on: 2026-11-26, 2026-11-26T09:00, 2026-11-26T08:00:00Z, yesterday, today,
    /// tomorrow, 2d (two days from now), -7d (seven days ago); today if it is left away.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until this time; seven days later if it is left away.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The time zone of what is written and of what is shown, such as Europe/Berlin; the one of
    /// this machine if it is left away.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// The calendar of this name; the default one if it is left away.
    #[arg(long, value_name = "NAME")]
    calendar: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// Lists the events by Microsoft Graph, whatever the mailbox is read by.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let zone = zone(arguments.tz.as_deref()).map_err(|reason| wrong("--tz", reason))?;
    let range = range(arguments, &zone, Clock::system().now())?;
    let name = zone.iana_name().unwrap_or(UTC).to_owned();
    let events = session::asking_graph((config, settings), &mailbox, async |graph| {
        let id = match &arguments.calendar {
            None => None,
            Some(wanted) => {
                let calendars = graph.calendars().await?;
                let found = calendars.into_iter().find(|one| one.name == *wanted);
                let found = found.ok_or_else(|| {
                    let address = graph.mailbox();
                    wrong(
                        "--calendar",
                        format!("{address} has no calendar `{wanted}`"),
                    )
                })?;
                Some(found.id)
            }
        };
        let events = graph.calendar_view(id.as_deref(), range, &name).await;
        Ok(events?)
    })?;
    arguments.form.list(
        &events,
        ["FROM", "TO", "", "SUBJECT", "WHERE", "BY"],
        |event| {
            [
                shown(event, event.start.as_ref()),
                shown(event, event.end.as_ref()),
                mark(event).to_owned(),
                event.subject.clone().unwrap_or_default(),
                place(event),
                organizer(event),
            ]
        },
    )
}

/// The zone of that name, or the one of this machine. The error is a sentence.
fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    let Some(name) = name else {
        let system = TimeZone::system();
        // One that has no name cannot be named to Graph.
        let is_named = system.iana_name().is_some();
        return Ok(if is_named { system } else { TimeZone::UTC });
    };
    TimeZone::get(name).map_err(|_| {
        format!(
            "`{name}` is no time zone; write a name of the IANA list, such as Europe/Berlin, \
             America/New_York or UTC"
        )
    })
}

fn range(
    arguments: &Arguments,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), UsageError> {
    let read = |argument: &str, text: &str| {
        time(text, zone, now).ok_or_else(|| {
            let reason = format!(
                "`{text}` is no time; write 2026-11-26, 2026-11-26T09:00, 2026-11-26T08:00:00Z, \
                 today, tomorrow, 2d or -7d"
            );
            wrong(argument, reason)
        })
    };
    let from = if let Some(text) = &arguments.from {
        read("--from", text)?
    } else {
        let today = now.to_zoned(zone.clone()).date();
        midnight(today, zone).unwrap_or(now)
    };
    let to = if let Some(text) = &arguments.to {
        read("--to", text)?
    } else {
        let week = from.to_zoned(zone.clone()).checked_add(Span::new().days(7));
        week.map_or(Timestamp::MAX, |week| week.timestamp())
    };
    if to <= from {
        let reason = "it is not behind --from, so there is nothing between them".to_owned();
        return Err(wrong("--to", reason));
    }
    Ok((from, to))
}

fn time(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let here = now.to_zoned(zone.clone());
    let day = match text {
        "yesterday" => Some(here.date().yesterday().ok()?),
        "today" => Some(here.date()),
        "tomorrow" => Some(here.date().tomorrow().ok()?),
        _ => None,
    };
    if let Some(day) = day {
        return midnight(day, zone);
    }
    if let Ok(span) = text.parse::<Span>() {
        return Some(here.checked_add(span).ok()?.timestamp());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Ok(date) = text.parse::<Date>()
        && !text.contains(['T', 't', ' '])
    {
        return midnight(date, zone);
    }
    let time = text.parse::<DateTime>().ok()?;
    Some(time.to_zoned(zone.clone()).ok()?.timestamp())
}

fn midnight(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(date.to_zoned(zone.clone()).ok()?.timestamp())
}

fn wrong(argument: &str, reason: String) -> UsageError {
    UsageError::Argument {
        argument: argument.to_owned(),
        reason,
    }
}

/// The day alone of what lasts whole days.
fn shown(event: &CalendarEvent, at: Option<&ZonedTime>) -> String {
    let shown = at.map(ZonedTime::to_minute).unwrap_or_default();
    match shown.split_once(' ') {
        Some((day, _)) if event.is_all_day => day.to_owned(),
        _ => shown,
    }
}

fn mark(event: &CalendarEvent) -> &'static str {
    let answer = event.response_status.as_ref();
    let answer = answer.and_then(|answer| answer.response.as_deref());
    match answer {
        _ if event.is_cancelled => "cancelled",
        Some("notResponded") => "unanswered",
        Some("tentativelyAccepted") => "tentative",
        Some("declined") => "declined",
        _ => "",
    }
}

fn place(event: &CalendarEvent) -> String {
    let place = event.location.as_ref();
    let place = place.and_then(|place| place.display_name.clone());
    place.unwrap_or_default()
}

fn organizer(event: &CalendarEvent) -> String {
    let organizer = event.organizer.as_ref();
    let person = organizer.and_then(|organizer| organizer.email_address.as_ref());
    let name = person.and_then(|person| person.name.clone().or_else(|| person.address.clone()));
    name.unwrap_or_default()
}

const UTC: &str = "UTC";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a literal timestamp")
    }

    #[test]
    fn a_time_is_one_of_the_zone_unless_it_says_otherwise() {
        let berlin = zone(Some("europe/berlin")).expect("it is on the list");
        let now = at("2026-11-26T23:30:00Z");
        for (text, wanted) in [
            ("2026-11-26", "2026-11-25T23:00:00Z"),
            ("2026-11-26T09:00", "2026-11-26T08:00:00Z"),
            ("2026-07-26T09:00:30", "2026-07-26T07:00:30Z"),
            ("2026-11-26T09:00:00Z", "2026-11-26T09:00:00Z"),
            ("2026-11-26T09:00:00+05:00", "2026-11-26T04:00:00Z"),
            // It is half past midnight of the next day there.
            ("yesterday", "2026-11-25T23:00:00Z"),
            ("today", "2026-11-26T23:00:00Z"),
            ("tomorrow", "2026-11-27T23:00:00Z"),
            ("2d", "2026-11-28T23:30:00Z"),
            ("-7d", "2026-11-19T23:30:00Z"),
            ("90min", "2026-11-27T01:00:00Z"),
        ] {
            assert_eq!(time(text, &berlin, now), Some(at(wanted)), "{text}");
        }
        for text in ["", "the day after", "2026-13-01", "9:00", "d"] {
            assert_eq!(time(text, &berlin, now), None, "{text}");
        }
    }

    #[test]
    fn a_zone_that_is_none_is_called_so() {
        for name in [
            "Europe/Atlantis",
            "",
            "../../etc/passwd",
            "W. Europe Standard Time",
        ] {
            let refused = zone(Some(name)).expect_err(name);
            assert!(refused.contains("is no time zone"), "{refused}");
        }
    }
}
