//! How long a receiver asks to be left alone (RFC 9110 §10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// What `Retry-After` asks for: a number of seconds, also with a fraction as some send it, or a
/// date.
pub(super) fn wanted(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = if let Ok(seconds) = text.parse() {
        Duration::try_from_secs_f64(seconds).ok()?
    } else {
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(asked.min(LONGEST))
}

/// Nobody is taken at their word for longer.
const LONGEST: Duration = Duration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Option<Duration> {
        let now = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().expect("a header value"));
        wanted(&headers, now)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(of("120"), Some(Duration::from_mins(2)));
        assert_eq!(of("1.5"), Some(Duration::from_millis(1500)));
        let date = of("Sun, 22 Nov 2026 10:01:00 GMT");
        assert_eq!(date, Some(Duration::from_mins(1)));
        assert_eq!(of("Sun, 22 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_ignored_and_more_than_a_day_is_a_day() {
        for text in ["soon", "-1", "NaN", "1e400", ""] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(of("99999999"), Some(LONGEST));
    }
}
