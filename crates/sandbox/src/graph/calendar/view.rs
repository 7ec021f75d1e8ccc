//! What happens between two points in time
//! (<https://learn.microsoft.com/graph/api/calendar-list-calendarview>).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::Value;

use super::super::answer::Outcome;
use super::super::items::page;
use super::super::refusal::Refusal;
use super::Desk;
use super::agenda::{Event, Named};
use super::shape::LISTING;

/// A span of time; its end is not part of it.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Desk<'_> {
    /// `GET …/calendarView`.
    pub(super) fn view(self, calendar: Option<u64>) -> Outcome {
        let window = self.window()?;
        let all = self.agenda(|agenda| {
            let events = agenda.events.iter();
            let events = events
                .filter(|(_, event)| calendar.is_none_or(|calendar| calendar == event.calendar));
            events
                .flat_map(|(number, event)| self.seen(*number, event, window))
                .collect()
        });
        self.in_order(all)
    }

    /// `GET …/events/{id}/instances`.
    pub(super) fn instances(self, named: Named) -> Outcome {
        let window = self.window()?;
        let all = self.agenda(|agenda| {
            let event = agenda.events.get(&named.number);
            event.map(|event| self.seen(named.number, event, window))
        });
        self.in_order(all.ok_or_else(Refusal::item_not_found)?)
    }

    fn in_order(self, mut all: Vec<(Timestamp, Value)>) -> Outcome {
        all.sort_by_key(|(start, _)| *start);
        let all = all.into_iter().map(|(_, shape)| shape).collect();
        page(self.call, self.owner, LISTING, all)
    }

    fn seen(self, number: u64, event: &Event, window: Window) -> Vec<(Timestamp, Value)> {
        let within = |start: Timestamp, end: Timestamp| {
            start < window.end && (end > window.start || (start == end && start == window.start))
        };
        let Some(rule) = &event.recurrence else {
            let (start, end) = (event.start.timestamp(), event.end.timestamp());
            let named = Named { number, day: None };
            let seen = within(start, end).then(|| (start, self.event_shape(named, event)));
            return seen.into_iter().collect();
        };
        // Zones are less than two days apart.
        let last = window
            .end
            .to_zoned(TimeZone::UTC)
            .date()
            .saturating_add(2.days());
        let mut seen = Vec::new();
        for day in rule.days(last) {
            if event.removed.contains(&day) {
                continue;
            }
            let on = event.on(day);
            let (start, end) = (on.start.timestamp(), on.end.timestamp());
            if within(start, end) {
                let named = Named {
                    number,
                    day: Some(day),
                };
                seen.push((start, self.event_shape(named, event)));
            }
        }
        seen
    }

    fn window(self) -> Result<Window, Refusal> {
        let time = |name: &str| self.call.options.get(name);
        let (Some(start), Some(end)) = (time("startdatetime"), time("enddatetime")) else {
            return Err(Refusal::bad(
                "ErrorInvalidParameter",
                "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.",
            ));
        };
        let read = |text: &str| {
            // Without an offset it is in UTC, whatever zone is preferred.
            let local = || {
                let local: jiff::civil::DateTime = text.parse().ok()?;
                Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
            };
            text.parse().ok().or_else(local).ok_or_else(|| {
                Refusal::bad(
                    "ErrorInvalidParameter",
                    format!("The value '{text}' of a parameter is invalid."),
                )
            })
        };
        let (start, end): (Timestamp, Timestamp) = (read(start)?, read(end)?);
        if end < start {
            return Err(Refusal::bad(
                "ErrorInvalidParameter",
                "End date must be after start date.",
            ));
        }
        if end.duration_since(start) > LONGEST {
            return Err(Refusal::bad(
                "ErrorCalendarViewRangeTooBig",
                "Your request exceeds the maximum number of days (1825).",
            ));
        }
        Ok(Window { start, end })
    }
}

/// Five years.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 1825);
