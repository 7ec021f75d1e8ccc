//! A point in time with the zone that somebody gave it.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::super::letter::wrong;
use super::super::refusal::Refusal;
use super::super::zones;

/// A time as a clock on the wall shows it (`dateTimeTimeZone`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) local: DateTime,
    pub(super) zone: Zone,
}

/// A zone by the name that somebody chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) rules: TimeZone,
}

impl Zone {
    pub(super) fn named(name: &str) -> Result<Self, Refusal> {
        Ok(Self {
            rules: zones::find(name)?,
            name: name.to_owned(),
        })
    }
}

impl Moment {
    /// Reads `{"dateTime": …, "timeZone": …}`; without a zone it is in UTC.
    pub(super) fn read(name: &str, value: &Value) -> Result<Self, Refusal> {
        let text = value["dateTime"].as_str().ok_or_else(|| wrong(name))?;
        let zone = Zone::named(value["timeZone"].as_str().unwrap_or("UTC"))?;
        // With an offset it says which moment it is, and the zone only how to show it.
        if let Ok(at) = text.parse::<Timestamp>() {
            let local = at.to_zoned(zone.rules.clone()).datetime();
            return Ok(Self { local, zone });
        }
        let local = text.parse().map_err(|_| wrong(name))?;
        Ok(Self { local, zone })
    }

    /// When it is. A time that a change of clocks leaves out is an hour later, one that happens
    /// twice is the first.
    pub(super) fn timestamp(&self) -> Timestamp {
        let zoned = self.zone.rules.to_ambiguous_zoned(self.local).compatible();
        zoned.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    }

    /// The same time of the day so many days and hours later.
    pub(super) fn later(&self, by: Span) -> Self {
        Self {
            local: self.local.saturating_add(by),
            zone: self.zone.clone(),
        }
    }

    /// As it is shown in another zone.
    pub(super) fn shown(&self, zone: &Zone) -> Value {
        let local = self.timestamp().to_zoned(zone.rules.clone()).datetime();
        in_words(local, &zone.name)
    }

    /// As it is, whatever the zone is called: a whole day is the same day everywhere.
    pub(super) fn shown_as_day(&self, zone: &Zone) -> Value {
        in_words(self.local, &zone.name)
    }
}

/// Seven digits of a second and no offset.
fn in_words(local: DateTime, zone: &str) -> Value {
    let tenths = local.subsec_nanosecond() / 100;
    let text = format!("{}.{tenths:07}", local.strftime("%Y-%m-%dT%H:%M:%S"));
    json!({"dateTime": text, "timeZone": zone})
}
