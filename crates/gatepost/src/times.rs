//! Times as people say and type them.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use crate::screen;
use crate::usage::UsageError;

/// A time seen from `now`: `3 min ago`, and the date for what is older than a day.
pub fn seen_from(now: Timestamp, at: Timestamp) -> String {
    let passed = Duration::try_from(now.duration_since(at)).unwrap_or_default();
    if passed < A_MOMENT {
        "just now".to_owned()
    } else if passed < A_DAY {
        format!("{} ago", screen::duration(passed))
    } else {
        at.to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M")
            .to_string()
    }
}

/// A time to come, seen from `now`: `in 3 min`.
pub fn ahead_of(now: Timestamp, at: Timestamp) -> String {
    match Duration::try_from(at.duration_since(now)) {
        Ok(wait) if !wait.is_zero() => format!("in {}", screen::duration(wait)),
        _ => "now".to_owned(),
    }
}

/// Reads a duration, such as `30s` or `5m`. Nothing is no duration. The error is a sentence.
pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|read| Duration::try_from(read).ok())
        .filter(|read| !read.is_zero())
        .ok_or_else(|| {
            format!("`{text}` is no duration; write a number with a unit, such as 30s, 5m or 1h")
        })
}

/// Reads the time that was given as `argument`, if one was.
pub fn read_argument(
    argument: &str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, UsageError> {
    let time = text.map(|text| read(text, now)).transpose();
    time.map_err(|reason| UsageError::Argument {
        argument: argument.to_owned(),
        reason,
    })
}

/// Reads a time: a whole timestamp, a date (its midnight here), or how long ago (`2d`, `90min`).
/// The error is a sentence.
pub fn read(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let zone = TimeZone::system();
    if let Ok(date) = text.parse::<Date>()
        && let Ok(midnight) = date.to_zoned(zone.clone())
    {
        return Ok(midnight.timestamp());
    }
    text.parse::<Span>()
        .ok()
        .and_then(|ago| now.to_zoned(zone).checked_sub(ago.abs()).ok())
        .map(|at| at.timestamp())
        .ok_or_else(|| {
            format!("`{text}` is no time; write 2026-11-22T08:00:00Z, 2026-11-22, 2d or 90min")
        })
}

const A_MOMENT: Duration = Duration::from_secs(2);
const A_DAY: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a literal timestamp")
    }

    #[test]
    fn a_time_is_read_in_every_usual_form() {
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(
            read("2026-11-20T08:00:00Z", now),
            Ok(at("2026-11-20T08:00:00Z"))
        );
        assert_eq!(read("90min", now), Ok(at("2026-11-22T08:30:00Z")));
        assert_eq!(read("2h", now), Ok(at("2026-11-22T08:00:00Z")));
        read("2026-11-20", now).expect("a date");
        read("yesterday", now).expect_err("no time");
    }

    #[test]
    fn what_is_recent_is_told_relatively() {
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(seen_from(now, now), "just now");
        assert_eq!(seen_from(now, at("2026-11-22T09:57:00Z")), "3 min ago");
        assert_eq!(ahead_of(now, at("2026-11-22T10:00:05Z")), "in 5 s");
        assert_eq!(ahead_of(now, at("2026-11-22T09:00:00Z")), "now");
    }
}
