//! Events: making, changing and removing them.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Outcome};
use super::super::ids::{self, Kind};
use super::super::items::{page, take_over};
use super::super::refusal::Refusal;
use super::super::send::correspondent;
use super::super::shape::picked;
use super::Desk;
use super::agenda::{Agenda, Event, Exception, Named, USUAL};
use super::moment::Moment;
use super::recurrence::Recurrence;
use super::shape::{DAY_BITS, FORMS, LISTING, READ_ONLY};
use crate::mailboxes::Correspondent;

impl Desk<'_> {
    /// The event, or the day of a series, that an id names.
    pub(super) fn named(self, id: &str) -> Result<Named, Refusal> {
        let named = match ids::read(id, self.mailbox)? {
            (Kind::Event, number) => Named { number, day: None },
            (Kind::Occurrence, number) => {
                let day = i32::try_from(number & ((1 << DAY_BITS) - 1)).ok();
                let day = day.and_then(|day| Date::MIN.checked_add(day.days()).ok());
                Named {
                    number: number >> DAY_BITS,
                    day: Some(day.ok_or_else(Refusal::id_malformed)?),
                }
            }
            _ => return Err(Refusal::id_malformed()),
        };
        let is_there = self.agenda(|agenda| {
            let event = agenda.events.get(&named.number);
            event.is_some_and(|event| match (named.day, &event.recurrence) {
                (None, _) => true,
                (Some(day), Some(rule)) => {
                    !event.removed.contains(&day) && rule.days(day).contains(&day)
                }
                (Some(_), None) => false,
            })
        });
        is_there
            .then_some(named)
            .ok_or_else(Refusal::item_not_found)
    }

    pub(super) fn list_events(self, calendar: Option<u64>) -> Outcome {
        let all = self.agenda(|agenda| {
            let events = agenda.events.iter();
            let events = events
                .filter(|(_, event)| calendar.is_none_or(|calendar| calendar == event.calendar));
            let named = |number: &u64| Named {
                number: *number,
                day: None,
            };
            events
                .map(|(number, event)| self.event_shape(named(number), event))
                .collect()
        });
        page(self.call, self.owner, LISTING, all)
    }

    pub(super) fn show_event(self, named: Named) -> Outcome {
        let shape = self.shown(named)?;
        picked(shape, &self.call.options, "event").map(Answer::json)
    }

    pub(super) fn shown(self, named: Named) -> Result<Value, Refusal> {
        let shape = self.agenda(|agenda| {
            let event = agenda.events.get(&named.number)?;
            Some(self.event_shape(named, event))
        });
        shape.ok_or_else(Refusal::item_not_found)
    }

    pub(super) fn make_event(self, calendar: u64, given: &Map<String, Value>) -> Outcome {
        let uid = self.call.graph.chance.uuid();
        let organizer = correspondent(self.owner);
        let mut event = Event::read(given, (organizer, &uid), self.call.at)?;
        event.calendar = calendar;
        let number = self.agenda(|agenda| {
            let number = agenda.next_number();
            agenda.events.insert(number, event.clone());
            number
        });
        self.invite(&event)?;
        let named = Named { number, day: None };
        Ok(Answer::created(self.shown(named)?))
    }

    pub(super) fn change_event(self, named: Named, given: &Map<String, Value>) -> Outcome {
        let (before, after) = self.agenda(|agenda| {
            let known = |agenda: &Agenda| agenda.events.get(&named.number).cloned();
            let before = known(agenda);
            match named.day {
                Some(day) => self.change_day(agenda, (named.number, day), given)?,
                None => self.change_whole(agenda, named.number, given)?,
            }
            let both = before.zip(known(agenda));
            both.ok_or_else(Refusal::item_not_found)
        })?;
        self.announce((&before, &after), named.day, given)?;
        self.show_event(named)
    }

    fn change_whole(
        self,
        agenda: &mut Agenda,
        number: u64,
        given: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let event = agenda
            .events
            .get_mut(&number)
            .ok_or_else(Refusal::item_not_found)?;
        let mut changed = event.clone();
        if let Some(start) = given.get("start") {
            changed.start = Moment::read("start", start)?;
        }
        if let Some(end) = given.get("end") {
            changed.end = Moment::read("end", end)?;
        }
        take_over(&mut changed.fields, given, FORMS, (READ_ONLY, "event"))?;
        changed.recurrence = recurrence(&changed.fields)?;
        check(&changed.start, &changed.end, &changed.fields)?;
        changed.carry_answers(event);
        changed.modified_at = self.call.at;
        changed.revision += 1;
        *event = changed;
        Ok(())
    }

    fn change_day(
        self,
        agenda: &mut Agenda,
        (number, day): (u64, Date),
        given: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let event = agenda
            .events
            .get_mut(&number)
            .ok_or_else(Refusal::item_not_found)?;
        let mut changed: Exception = event.on(day);
        if let Some(start) = given.get("start") {
            changed.start = Moment::read("start", start)?;
        }
        if let Some(end) = given.get("end") {
            changed.end = Moment::read("end", end)?;
        }
        take_over(&mut changed.fields, given, FORMS, (READ_ONLY, "event"))?;
        check(&changed.start, &changed.end, &changed.fields)?;
        event.exceptions.insert(day, changed);
        event.modified_at = self.call.at;
        event.revision += 1;
        Ok(())
    }

    /// Whoever called others together calls it off with it.
    pub(super) fn remove_event(self, named: Named) -> Outcome {
        let is_meeting = self.agenda(|agenda| {
            let event = agenda.events.get(&named.number);
            event.is_some_and(|event| event.is_organizer && !event.attendees().is_empty())
        });
        if is_meeting {
            self.call_off(named, "")?;
        } else {
            self.take_out(named);
        }
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    /// Takes an event, or one day of a series, out of the calendar.
    pub(super) fn take_out(self, named: Named) {
        self.agenda(|agenda| match named.day {
            None => {
                agenda.events.remove(&named.number);
            }
            Some(day) => {
                if let Some(event) = agenda.events.get_mut(&named.number) {
                    event.removed.insert(day);
                    event.exceptions.remove(&day);
                    event.revision += 1;
                }
            }
        });
    }
}

impl Event {
    /// A new event of this organizer in the usual calendar.
    pub(super) fn read(
        given: &Map<String, Value>,
        (organizer, number): (Correspondent, &str),
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let at = |name: &str| Moment::read(name, given.get(name).unwrap_or(&Value::Null));
        let mut fields = Map::new();
        take_over(&mut fields, given, FORMS, (READ_ONLY, "event"))?;
        let attendees = fields.get_mut("attendees").and_then(Value::as_array_mut);
        for one in attendees.into_iter().flatten() {
            one["status"] = json!({"response": "none", "time": "0001-01-01T00:00:00Z"});
        }
        let event = Self {
            calendar: USUAL,
            uid: format!("040000008200E00074C5B7101A82E008{number}"),
            start: at("start")?,
            end: at("end")?,
            recurrence: recurrence(&fields)?,
            fields,
            exceptions: BTreeMap::new(),
            removed: BTreeSet::new(),
            organizer,
            is_organizer: true,
            is_cancelled: false,
            response: "organizer",
            responded_at: None,
            created_at: now,
            modified_at: now,
            revision: 1,
        };
        check(&event.start, &event.end, &event.fields)?;
        Ok(event)
    }
}

fn recurrence(fields: &Map<String, Value>) -> Result<Option<Recurrence>, Refusal> {
    let rule = fields.get("recurrence").filter(|rule| !rule.is_null());
    rule.map(Recurrence::read).transpose()
}

fn check(start: &Moment, end: &Moment, fields: &Map<String, Value>) -> Result<(), Refusal> {
    if end.timestamp() < start.timestamp() {
        return Err(Refusal::bad(
            "ErrorPropertyValidationFailure",
            "At least one property failed validation: the end is before the start.",
        ));
    }
    let is_all_day = fields
        .get("isAllDay")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let at_midnight = |moment: &Moment| moment.local.time() == jiff::civil::Time::midnight();
    if is_all_day && !(at_midnight(start) && at_midnight(end) && start.local < end.local) {
        return Err(Refusal::bad(
            "ErrorPropertyValidationFailure",
            "The Event.Start property for an all-day event needs to be set to midnight.",
        ));
    }
    Ok(())
}
