//! What is in the calendars of a mailbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::letter::wrong;
use super::super::refusal::Refusal;
use super::moment::Moment;
use super::recurrence::Recurrence;
use crate::mailboxes::Correspondent;

/// The calendars of every mailbox.
#[derive(Debug, Default)]
pub(crate) struct Agendas(Mutex<BTreeMap<String, Agenda>>);

/// The calendars of one mailbox.
#[derive(Debug)]
pub(super) struct Agenda {
    pub(super) calendars: BTreeMap<u64, Calendar>,
    pub(super) events: BTreeMap<u64, Event>,
    last: u64,
}

/// A calendar.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    pub(super) name: String,
    pub(super) color: String,
    pub(super) revision: u64,
}

/// An event, or a series of them.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) calendar: u64,
    /// The same in the calendars of all who take part.
    pub(super) uid: String,
    pub(super) start: Moment,
    pub(super) end: Moment,
    /// The other properties, as they were given.
    pub(super) fields: Map<String, Value>,
    pub(super) recurrence: Option<Recurrence>,
    /// Days of a series on which it is otherwise.
    pub(super) exceptions: BTreeMap<Date, Exception>,
    /// Days of a series on which it is not.
    pub(super) removed: BTreeSet<Date>,
    pub(super) organizer: Correspondent,
    pub(super) is_organizer: bool,
    pub(super) is_cancelled: bool,
    /// `organizer`, `notResponded`, `accepted`, `tentativelyAccepted` or `declined`.
    pub(super) response: &'static str,
    pub(super) responded_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) revision: u64,
}

/// How an event of a series is on one day.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) start: Moment,
    pub(super) end: Moment,
    pub(super) fields: Map<String, Value>,
}

/// Which event, and of a series which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) number: u64,
    pub(super) day: Option<Date>,
}

impl Agendas {
    /// Does something with the calendars of a mailbox.
    pub(super) fn with<T>(&self, address: &str, act: impl FnOnce(&mut Agenda) -> T) -> T {
        let mut agendas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(agendas.entry(address.to_lowercase()).or_default())
    }
}

impl Agendas {
    /// Enters an event of its own into the usual calendar of a mailbox.
    pub(in crate::graph) fn enter(
        &self,
        address: &str,
        given: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let given = given.as_object().ok_or_else(|| wrong("event"))?;
        let organizer = Correspondent {
            name: address.to_owned(),
            address: address.to_owned(),
        };
        self.with(address, |agenda| {
            let number = agenda.next_number();
            let event = Event::read(given, (organizer, &number.to_string()), now)?;
            agenda.events.insert(number, event);
            Ok(())
        })
    }
}

/// One calendar, which cannot be removed.
impl Default for Agenda {
    fn default() -> Self {
        let usual = Calendar {
            name: "Calendar".to_owned(),
            color: "auto".to_owned(),
            revision: 1,
        };
        Self {
            calendars: BTreeMap::from([(USUAL, usual)]),
            events: BTreeMap::new(),
            last: USUAL,
        }
    }
}

impl Agenda {
    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// The event that the others who take part know by this name.
    pub(super) fn shared(&mut self, uid: &str) -> Option<(&u64, &mut Event)> {
        self.events.iter_mut().find(|(_, event)| event.uid == uid)
    }
}

impl Event {
    /// Whom it was sent to.
    pub(super) fn attendees(&self) -> Vec<String> {
        let all = self.fields.get("attendees").and_then(Value::as_array);
        let all = all.into_iter().flatten();
        all.filter_map(address).map(str::to_owned).collect()
    }

    /// Notes what one of them answered.
    pub(super) fn note_answer(&mut self, address: &str, response: &str, at: Timestamp) {
        let all = self
            .fields
            .get_mut("attendees")
            .and_then(Value::as_array_mut);
        for one in all.into_iter().flatten() {
            let known = self::address(one);
            if known.is_some_and(|known| known.eq_ignore_ascii_case(address)) {
                one["status"] = json!({"response": response, "time": at.to_string()});
            }
        }
        self.revision += 1;
    }

    /// Takes over what everybody answered `before`, unless it is at another time now: then
    /// nobody has answered yet.
    pub(super) fn carry_answers(&mut self, before: &Self) {
        let is_same_time = !self.is_at_another_time(before);
        let known = before.fields.get("attendees").and_then(Value::as_array);
        let all = self
            .fields
            .get_mut("attendees")
            .and_then(Value::as_array_mut);
        for one in all.into_iter().flatten() {
            let address = address(one).map(str::to_lowercase);
            let mut answered = known.into_iter().flatten().filter(|_| is_same_time);
            let answered = answered.find(|other| {
                address.is_some() && self::address(other).map(str::to_lowercase) == address
            });
            let status = answered.map(|other| other["status"].clone());
            one["status"] = status
                .filter(Value::is_object)
                .unwrap_or_else(|| json!({"response": "none", "time": "0001-01-01T00:00:00Z"}));
        }
    }

    /// Whether it takes place at another time than it did.
    pub(super) fn is_at_another_time(&self, before: &Self) -> bool {
        self.start.timestamp() != before.start.timestamp()
            || self.end.timestamp() != before.end.timestamp()
            || self.fields.get("recurrence") != before.fields.get("recurrence")
    }

    /// The day that a series has there, as it is on that day.
    pub(super) fn on(&self, day: Date) -> Exception {
        self.exceptions.get(&day).cloned().unwrap_or_else(|| {
            let length = self.end.local.since(self.start.local).unwrap_or_default();
            let start = Moment {
                local: day.to_datetime(self.start.local.time()),
                zone: self.start.zone.clone(),
            };
            Exception {
                end: Moment {
                    zone: self.end.zone.clone(),
                    ..start.later(length)
                },
                start,
                fields: self.fields.clone(),
            }
        })
    }

    pub(super) fn subject(&self) -> &str {
        self.fields
            .get("subject")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn is_all_day(&self) -> bool {
        self.fields
            .get("isAllDay")
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}

/// The address of somebody who takes part.
fn address(attendee: &Value) -> Option<&str> {
    attendee.pointer("/emailAddress/address")?.as_str()
}

/// The number of the calendar that every mailbox has.
pub(super) const USUAL: u64 = 1;
