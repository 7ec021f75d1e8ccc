//! Time zones by the names that Windows and IANA give them
//! (<https://learn.microsoft.com/graph/api/resources/datetimetimezone>).

use gatepost_host::time_zone;
use jiff::tz::TimeZone;

use super::refusal::Refusal;

/// The zone of this name.
pub(super) fn find(name: &str) -> Result<TimeZone, Refusal> {
    time_zone(name).ok_or_else(|| {
        Refusal::bad(
            "TimeZoneNotSupportedException",
            format!("A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'."),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_is_none_is_refused() {
        assert!(find("W. Europe Standard Time").is_ok());
        let refused = find("Mars Standard Time").map_err(|refusal| refusal.code);
        assert_eq!(refused.err(), Some("TimeZoneNotSupportedException"));
    }
}
