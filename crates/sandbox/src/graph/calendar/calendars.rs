//! Calendars themselves.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Outcome};
use super::super::filter::Kind as PropertyKind;
use super::super::ids::{self, Kind};
use super::super::items::{Listing, page};
use super::super::letter::wrong;
use super::super::refusal::Refusal;
use super::super::shape::picked;
use super::Desk;
use super::agenda::{Agenda, Calendar, USUAL};

impl Desk<'_> {
    /// Does something with the calendars.
    pub(super) fn agenda<T>(self, act: impl FnOnce(&mut Agenda) -> T) -> T {
        self.call.graph.agendas.with(&self.owner.address, act)
    }

    /// The calendar that an id names.
    pub(super) fn calendar(self, id: &str) -> Result<u64, Refusal> {
        let (Kind::Calendar, number) = ids::read(id, self.mailbox)? else {
            return Err(Refusal::id_malformed());
        };
        let is_there = self.agenda(|agenda| agenda.calendars.contains_key(&number));
        is_there
            .then_some(number)
            .ok_or_else(Refusal::item_not_found)
    }

    pub(super) fn list_calendars(self) -> Outcome {
        let all = self.agenda(|agenda| {
            let all = agenda.calendars.iter();
            all.map(|(number, calendar)| self.calendar_shape(*number, calendar))
                .collect()
        });
        let listing = Listing {
            name: "calendars",
            of: "calendar",
            properties: &[("name", PropertyKind::Text)],
        };
        page(self.call, self.owner, listing, all)
    }

    pub(super) fn show_calendar(self, number: u64) -> Outcome {
        let shape = self.agenda(|agenda| {
            let calendar = agenda.calendars.get(&number)?;
            Some(self.calendar_shape(number, calendar))
        });
        let shape = shape.ok_or_else(Refusal::item_not_found)?;
        picked(shape, &self.call.options, "calendar").map(Answer::json)
    }

    pub(super) fn make_calendar(self, given: &Map<String, Value>) -> Outcome {
        let name = given
            .get("name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("name"))?.to_owned();
        let color = given
            .get("color")
            .and_then(Value::as_str)
            .unwrap_or("auto")
            .to_owned();
        self.agenda(|agenda| {
            let taken = |known: &Calendar| known.name.to_lowercase() == name.to_lowercase();
            if agenda.calendars.values().any(taken) {
                return Err(Refusal::new(
                    StatusCode::CONFLICT,
                    "ErrorFolderExists",
                    "A folder with the specified name already exists.",
                ));
            }
            let number = agenda.next_number();
            let calendar = Calendar {
                name,
                color,
                revision: 1,
            };
            let shape = self.calendar_shape(number, &calendar);
            agenda.calendars.insert(number, calendar);
            Ok(Answer::created(shape))
        })
    }

    pub(super) fn change_calendar(self, number: u64, given: &Map<String, Value>) -> Outcome {
        self.agenda(|agenda| {
            let calendar = agenda.calendars.get_mut(&number);
            let calendar = calendar.ok_or_else(Refusal::item_not_found)?;
            for (name, value) in given {
                match (name.as_str(), value.as_str()) {
                    ("name", Some(text)) if !text.is_empty() => text.clone_into(&mut calendar.name),
                    ("color", Some(text)) => text.clone_into(&mut calendar.color),
                    _ => return Err(wrong(name)),
                }
            }
            calendar.revision += 1;
            Ok(Answer::json(self.calendar_shape(number, calendar)))
        })
    }

    pub(super) fn remove_calendar(self, number: u64) -> Outcome {
        if number == USUAL {
            return Err(Refusal::bad(
                "ErrorCannotDeleteObject",
                "The default calendar cannot be deleted.",
            ));
        }
        self.agenda(|agenda| {
            agenda.calendars.remove(&number);
            agenda.events.retain(|_, event| event.calendar != number);
        });
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    fn calendar_shape(self, number: u64, calendar: &Calendar) -> Value {
        json!({
            "id": ids::write(Kind::Calendar, self.mailbox, number),
            "name": calendar.name,
            "color": calendar.color,
            "hexColor": "",
            "isDefaultCalendar": number == USUAL,
            "changeKey": format!("CAAA{number:08x}{:08x}", calendar.revision),
            "canShare": true,
            "canViewPrivateItems": true,
            "canEdit": true,
            "allowedOnlineMeetingProviders": ["teamsForBusiness"],
            "defaultOnlineMeetingProvider": "teamsForBusiness",
            "isTallyingResponses": number == USUAL,
            "isRemovable": number != USUAL,
            "owner": {"name": self.owner.name, "address": self.owner.address},
        })
    }
}
