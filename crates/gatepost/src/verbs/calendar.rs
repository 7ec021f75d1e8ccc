//! `gatepost calendar MAILBOX`: what stands in a calendar between two times.

use gatepost_host::{Clock, time_zone};
use gatepost_mail::graph::{CalendarEvent, ZonedTime};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};

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
    /// tomorrow, 2d (two days from now), -7d (seven days ago); today if it is left away. One that
    /// happens twice when clocks are put back is the first; one with its offset says which it is
    /// (2026-10-25T02:30:00+01:00).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// Until this time; seven days later if it is left away.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The time zone of what is written and of what is shown, such as Europe/Berlin or "W. Europe
    /// Standard Time"; the one of this machine if it is left away.
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
                let found = calendars.iter().find(|one| one.name == *wanted);
                let found = found.ok_or_else(|| {
                    let address = graph.mailbox();
                    let names = calendars.iter().map(|one| format!("`{}`", one.name));
                    let names = names.collect::<Vec<_>>().join(", ");
                    wrong(
                        "--calendar",
                        format!("{address} has no calendar `{wanted}`; it has {names}"),
                    )
                })?;
                Some(found.id.clone())
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
    time_zone(name).ok_or_else(|| {
        format!(
            "`{name}` is no time zone; write a name of the IANA list, such as Europe/Berlin, \
             America/New_York or UTC, or one of Windows, such as `W. Europe Standard Time`"
        )
    })
}

fn range(
    arguments: &Arguments,
    zone: &TimeZone,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), UsageError> {
    let read = |argument: &str, text: &str| {
        let at = time(text, zone, now).map_err(|gap| wrong(argument, gap))?;
        at.ok_or_else(|| {
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
    if to.duration_since(from) > SignedDuration::from_hours(24 * MOST_DAYS) {
        let reason = format!(
            "it is more than {MOST_DAYS} days behind --from, and Microsoft Graph shows no more at \
             once"
        );
        return Err(wrong("--to", reason));
    }
    Ok((from, to))
}

/// The time that is written; `None` if none is. The error is a sentence on a time that no clock of
/// the zone shows.
fn time(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Option<Timestamp>, String> {
    if let Some(at) = time_apart_from_clocks(text, zone, now) {
        return Ok(Some(at));
    }
    let Ok(time) = text.parse::<DateTime>() else {
        return Ok(None);
    };
    let ambiguous = zone.to_ambiguous_timestamp(time);
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        return Err(gap(text, time, zone));
    }
    // Of two the first.
    Ok(ambiguous.compatible().ok())
}

/// One that is what it is whatever the clocks of the zone do.
fn time_apart_from_clocks(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let here = now.to_zoned(zone.clone());
    match text {
        "yesterday" => return midnight(here.date().yesterday().ok()?, zone),
        "today" => return midnight(here.date(), zone),
        "tomorrow" => return midnight(here.date().tomorrow().ok()?, zone),
        _ => {}
    }
    if let Ok(span) = text.parse::<Span>() {
        return Some(here.checked_add(span).ok()?.timestamp());
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let date = text.parse::<Date>().ok()?;
    let is_alone = !text.contains(['T', 't', ' ']);
    is_alone.then(|| midnight(date, zone)).flatten()
}

/// What is said of a time that clocks leave out.
fn gap(text: &str, time: DateTime, zone: &TimeZone) -> String {
    let name = zone.iana_name().unwrap_or(UTC);
    let missing = format!("`{text}` does not exist in {name}");
    let ambiguous = zone.to_ambiguous_timestamp(time);
    let before = ambiguous.earlier().ok();
    let change = before.and_then(|before| zone.following(before).next());
    let Some(change) = change else {
        return missing;
    };
    let after = zone.to_datetime(change.timestamp());
    let last = change.timestamp().checked_sub(Span::new().nanoseconds(1));
    let Ok(last) = last else {
        return missing;
    };
    let offset = zone.to_offset(last);
    let until = offset.to_datetime(change.timestamp());
    let minute_before = until.saturating_sub(Span::new().minutes(1));
    let shown = |at: DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
    format!(
        "{missing}: clocks go from {} to {} there; the nearest times are {} and {}",
        shown(until),
        shown(after),
        shown(minute_before),
        shown(after)
    )
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
/// The longest calendar view; `ErrorCalendarViewRangeTooBig` answers a longer one.
const MOST_DAYS: i64 = 1_825;

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
            assert_eq!(time(text, &berlin, now), Ok(Some(at(wanted))), "{text}");
        }
        for text in ["", "the day after", "2026-13-01", "9:00", "d"] {
            assert_eq!(time(text, &berlin, now), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_time_that_no_clock_shows_is_told_with_the_times_beside_it() {
        let now = at("2026-11-26T23:30:00Z");
        for (name, text, words) in [
            (
                "Europe/Berlin",
                "2026-03-29T02:30",
                "from 2026-03-29T02:00 to 2026-03-29T03:00 there; the nearest times are 2026-03-29T01:59 and 2026-03-29T03:00",
            ),
            (
                "W. Europe Standard Time",
                "2026-03-29T02:00",
                "does not exist in Europe/Berlin: clocks go from 2026-03-29T02:00",
            ),
            // Half an hour is left out there, and a whole day once.
            (
                "Australia/Lord_Howe",
                "2026-10-04T02:15",
                "from 2026-10-04T02:00 to 2026-10-04T02:30",
            ),
            (
                "Pacific/Apia",
                "2011-12-30T12:00",
                "from 2011-12-30T00:00 to 2011-12-31T00:00",
            ),
        ] {
            let zone = zone(Some(name)).expect("it is on the list");
            let gap = time(text, &zone, now).expect_err("no clock shows it");
            assert!(
                gap.contains(&format!("`{text}` does not exist in")),
                "{gap}"
            );
            assert!(gap.contains(words), "{gap}");
        }
        let berlin = zone(Some("Europe/Berlin")).expect("it is on the list");
        for (text, wanted) in [
            ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            ("2026-03-29T03:00", "2026-03-29T01:00:00Z"),
            // It happens twice, and the first is meant unless it says otherwise.
            ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(time(text, &berlin, now), Ok(Some(at(wanted))), "{text}");
        }
        // Midnight was left out there: the day began an hour later.
        let havana = zone(Some("America/Havana")).expect("it is on the list");
        let first = time("2026-03-08", &havana, now);
        assert_eq!(first, Ok(Some(at("2026-03-08T05:00:00Z"))));
    }

    #[test]
    fn a_zone_that_is_none_is_called_so() {
        for name in [
            "Europe/Atlantis",
            "",
            "../../etc/passwd",
            "Mars Standard Time",
        ] {
            let refused = zone(Some(name)).expect_err(name);
            assert!(refused.contains("is no time zone"), "{refused}");
        }
    }
}
