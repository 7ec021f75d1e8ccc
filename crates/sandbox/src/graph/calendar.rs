//! Calendars and events (<https://learn.microsoft.com/graph/api/resources/calendar>).

mod agenda;
mod calendars;
mod events;
mod invitation;
mod meetings;
mod moment;
mod recurrence;
mod shape;
mod view;

use axum::http::Method;
use serde_json::{Map, Value};

use super::access::{Need, Owner};
use super::answer::Outcome;
use super::call::Call;
use super::incoming::Incoming;
use super::refusal::Refusal;
use crate::mailboxes::Mailbox;
pub(crate) use agenda::Agendas;
use moment::Zone;

/// A request for the calendars of a mailbox that is open to it.
#[derive(Clone, Copy)]
struct Desk<'a> {
    call: &'a Call,
    owner: &'a Owner,
    mailbox: &'a Mailbox,
    /// The zone in which times are shown.
    zone: &'a Zone,
}

/// What is asked of the calendars of a mailbox.
pub(super) async fn follow(
    call: &Call,
    owner: &Owner,
    (words, names): (&[&str], &[String]),
    incoming: Incoming,
) -> Outcome {
    let need = match call.method {
        Method::GET => Need::ReadCalendars,
        _ => Need::WriteCalendars,
    };
    let mailbox = owner.open(call, need)?;
    let zone = Zone::named(call.preferences.zone.as_deref().unwrap_or("UTC"))?;
    let given = match call.method {
        Method::POST | Method::PATCH => incoming.object(&call.graph.clock).await?,
        _ => Map::new(),
    };
    let desk = Desk {
        call,
        owner,
        mailbox: &mailbox,
        zone: &zone,
    };
    desk.follow((words, names), &given)
}

impl Desk<'_> {
    fn follow(self, (words, names): (&[&str], &[String]), given: &Map<String, Value>) -> Outcome {
        let (calendar, words, names) = match words {
            ["calendars", _, rest @ ..] => (Some(self.calendar(&names[1])?), rest, &names[2..]),
            ["calendar", rest @ ..] => (Some(agenda::USUAL), rest, &names[1..]),
            _ => (None, words, names),
        };
        match (&self.call.method, words, calendar) {
            (&Method::GET, ["calendars"], None) => self.list_calendars(),
            (&Method::POST, ["calendars"], None) => self.make_calendar(given),
            (&Method::GET, [], Some(calendar)) => self.show_calendar(calendar),
            (&Method::PATCH, [], Some(calendar)) => self.change_calendar(calendar, given),
            (&Method::DELETE, [], Some(calendar)) => self.remove_calendar(calendar),
            (&Method::GET, ["calendarview"], calendar) => self.view(calendar),
            (&Method::GET, ["events"], calendar) => self.list_events(calendar),
            (&Method::POST, ["events"], calendar) => {
                self.make_event(calendar.unwrap_or(agenda::USUAL), given)
            }
            (_, ["events", _, rest @ ..], _) => self.event(&names[1], rest, given),
            (_, ["calendars" | "calendarview" | "events"] | [], _) => {
                Err(Refusal::method(self.call.method.as_str()))
            }
            (_, [other, ..], _) => Err(Refusal::segment(other)),
        }
    }

    fn event(self, id: &str, words: &[&str], given: &Map<String, Value>) -> Outcome {
        let named = self.named(id)?;
        match (&self.call.method, words) {
            (&Method::GET, []) => self.show_event(named),
            (&Method::PATCH, []) => self.change_event(named, given),
            (&Method::DELETE, []) => self.remove_event(named),
            (&Method::GET, ["instances"]) => self.instances(named),
            (&Method::POST, ["accept"]) => self.respond(named, "accepted", given),
            (&Method::POST, ["tentativelyaccept"]) => {
                self.respond(named, "tentativelyAccepted", given)
            }
            (&Method::POST, ["decline"]) => self.respond(named, "declined", given),
            (&Method::POST, ["cancel"]) => self.cancel(named, given),
            (_, [] | ["instances" | "accept" | "tentativelyaccept" | "decline" | "cancel"]) => {
                Err(Refusal::method(self.call.method.as_str()))
            }
            (_, [other, ..]) => Err(Refusal::segment(other)),
        }
    }
}
