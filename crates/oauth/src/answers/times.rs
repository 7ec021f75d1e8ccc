//! The two ways HTTP writes a time.

use std::time::Duration;

use jiff::Timestamp;

use super::LONGEST_WAIT;

/// Reads `Retry-After`: seconds, which Microsoft also sends with a fraction, or an HTTP date
/// (RFC 9110 §10.2.3). No wait is longer than an hour.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let digits = value
        .bytes()
        .all(|octet| octet.is_ascii_digit() || octet == b'.');
    let wait = if digits {
        Duration::try_from_secs_f64(value.parse().ok()?).unwrap_or(LONGEST_WAIT)
    } else {
        let at = http_date(value)?;
        Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_WAIT))
}

/// Reads an HTTP date in the form everybody sends (RFC 9110 §5.6.7, IMF-fixdate).
pub fn http_date(value: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(value.trim())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
    }

    #[test]
    fn seconds_fractions_and_dates_are_read() {
        let read = |value| retry_after(value, now());
        assert_eq!(read("3"), Some(Duration::from_secs(3)));
        assert_eq!(read("2.128"), Some(Duration::from_millis(2128)));
        assert_eq!(
            read("Sun, 22 Nov 2026 10:00:30 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(read("Sun, 22 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(LONGEST_WAIT));
        for nonsense in ["", ".", "-1", "soon", "1e3", "NaN", "inf"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics_or_waits_for_ever(value in ".{0,40}") {
            if let Some(wait) = retry_after(&value, now()) {
                proptest::prop_assert!(wait <= LONGEST_WAIT);
            }
        }
    }
}
