//! Times as people say and type them.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Unit};

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

/// Where a time lies that is told by its distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// `2d` is two days ago.
    Past,
    /// `2d` is in two days, and what is past is refused.
    Future,
}

/// Reads the time that was given as `argument`, if one was.
pub fn read_argument(
    argument: &str,
    text: Option<&str>,
    now: Timestamp,
    toward: Toward,
) -> Result<Option<Timestamp>, UsageError> {
    let time = text.map(|text| read(text, now, toward)).transpose();
    time.map_err(|reason| UsageError::Argument {
        argument: argument.to_owned(),
        reason,
    })
}

/// Reads a time: a whole timestamp, a date (its midnight here), or how far from now (`2d`,
/// `90min`). The error is a sentence.
pub fn read(text: &str, now: Timestamp, toward: Toward) -> Result<Timestamp, String> {
    let at = absolute(text).or_else(|| {
        let span: Span = text.parse().ok()?;
        let span = match toward {
            Toward::Past => -span.abs(),
            Toward::Future => span,
        };
        let at = now.to_zoned(TimeZone::system()).checked_add(span).ok()?;
        Some(at.timestamp())
    });
    let at = at.ok_or_else(|| {
        format!("`{text}` is no time; write 2027-05-01T08:00:00Z, 2027-05-01, 2d or 90min")
    })?;
    if toward == Toward::Future && at <= now {
        let at = at.round(Unit::Second).unwrap_or(at);
        return Err(format!("{at} is past"));
    }
    Ok(at)
}

fn absolute(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let date: Date = text.parse().ok()?;
    let midnight = date.to_zoned(TimeZone::system()).ok()?;
    Some(midnight.timestamp())
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
    fn what_is_past_is_named_to_the_second() {
        let now = at("2026-11-27T05:38:20.303061804Z");
        let refused = read("-2h", now, Toward::Future).expect_err("it is past");
        assert_eq!(refused, "2026-11-27T03:38:20Z is past");
    }

    #[test]
    fn a_time_is_read_in_every_usual_form() {
        let now = at("2026-11-22T10:00:00Z");
        let past = |text| read(text, now, Toward::Past);
        assert_eq!(past("2026-11-20T08:00:00Z"), Ok(at("2026-11-20T08:00:00Z")));
        assert_eq!(past("90min"), Ok(at("2026-11-22T08:30:00Z")));
        assert_eq!(past("2h"), Ok(at("2026-11-22T08:00:00Z")));
        assert_eq!(past("2h ago"), Ok(at("2026-11-22T08:00:00Z")));
        past("2026-11-20").expect("a date");
        past("yesterday").expect_err("no time");
    }

    #[test]
    fn a_time_to_come_is_never_one_that_has_passed() {
        let now = at("2026-11-22T10:00:00Z");
        let ahead = |text| read(text, now, Toward::Future);
        assert_eq!(ahead("90min"), Ok(at("2026-11-22T11:30:00Z")));
        for text in ["2d", "1w", "400d", "1mo", "1d 2h", "1 week", "2027-01-31"] {
            let at = ahead(text).expect(text);
            assert!(at.duration_since(now).as_hours() >= 24, "{text}: {at}");
        }
        for text in ["2h ago", "-2d", "2026-11-20", "2026-11-22T10:00:00Z", "0s"] {
            let said = ahead(text).expect_err(text);
            assert!(said.ends_with(" is past"), "{said}");
        }
        ahead("30y").expect("far, and yet a time");
        ahead("99999y").expect_err("beyond every calendar");
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
