//! Events with others: inviting, answering, calling off.

use axum::http::StatusCode;
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Outcome};
use super::super::drafts::fresh;
use super::super::letter::Piece;
use super::super::refusal::Refusal;
use super::super::send::{correspondent, property};
use super::Desk;
use super::agenda::{Event, Named, USUAL};
use super::invitation::{Method, write};
use crate::mailboxes::{Correspondent, Kept, Leaving};

impl Desk<'_> {
    /// Everybody who is to take part is written to; who has a calendar in the tenant finds it there.
    pub(super) fn invite(self, event: &Event) -> Result<(), Refusal> {
        self.invite_these(event, &event.attendees())
    }

    fn invite_these(self, event: &Event, attendees: &[String]) -> Result<(), Refusal> {
        if attendees.is_empty() {
            return Ok(());
        }
        for address in attendees {
            let own = address.eq_ignore_ascii_case(&self.owner.address);
            if !own && self.call.graph.mailboxes.open(address).is_ok() {
                self.enter(address, event);
            }
        }
        self.tell(attendees, event, Method::Request, event.subject())
    }

    /// Tells those who take part what has changed
    /// (<https://learn.microsoft.com/graph/api/event-update>): who is asked to come now is
    /// invited, for who is not asked any more it is called off, and everybody else is told if it
    /// concerns them.
    pub(super) fn announce(
        self,
        (before, after): (&Event, &Event),
        day: Option<Date>,
        given: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        if !after.is_organizer {
            return Ok(());
        }
        let (old, new) = (before.attendees(), after.attendees());
        let is_among =
            |all: &[String], one: &String| all.iter().any(|other| other.eq_ignore_ascii_case(one));
        let (known, come): (Vec<String>, Vec<String>) =
            new.into_iter().partition(|one| is_among(&old, one));
        let gone = old.into_iter().filter(|one| !is_among(&known, one));
        let gone: Vec<String> = gone.collect();
        self.invite_these(after, &come)?;
        if !gone.is_empty() {
            let subject = format!("Canceled: {}", before.subject());
            for address in &gone {
                self.call_off_for(address, after, (None, &subject));
            }
            self.tell(&gone, before, Method::Cancel, &subject)?;
        }
        let concerns = given.keys().any(|name| !OWN.contains(&name.as_str()));
        if known.is_empty() || !concerns {
            return Ok(());
        }
        for address in &known {
            self.bring_up_to_date(address, (before, after), day);
        }
        let mut shown = after.clone();
        if let Some(day) = day {
            let on = after.on(day);
            (shown.start, shown.end, shown.fields) = (on.start, on.end, on.fields);
        }
        let subject = shown.subject().to_owned();
        self.tell(&known, &shown, Method::Request, &subject)
    }

    /// Writes a change into the calendar of somebody who takes part, but for what is their own.
    fn bring_up_to_date(self, address: &str, (before, after): (&Event, &Event), day: Option<Date>) {
        let at = self.call.at;
        self.call.graph.agendas.with(address, |agenda| {
            let theirs = agenda.shared(&after.uid);
            let Some((_, theirs)) = theirs.filter(|(_, one)| !one.is_organizer) else {
                return;
            };
            if let Some(day) = day {
                theirs.exceptions.insert(day, after.on(day));
            } else {
                let mut fields = after.fields.clone();
                for own in OWN.iter().filter(|own| **own != "attendees") {
                    fields.remove(*own);
                    if let Some(value) = theirs.fields.get(*own) {
                        fields.insert((*own).to_owned(), value.clone());
                    }
                }
                theirs.fields = fields;
                theirs.start.clone_from(&after.start);
                theirs.end.clone_from(&after.end);
                theirs.recurrence.clone_from(&after.recurrence);
                theirs.exceptions.clone_from(&after.exceptions);
                if after.is_at_another_time(before) {
                    theirs.response = "notResponded";
                    theirs.responded_at = None;
                }
            }
            theirs.modified_at = at;
            theirs.revision += 1;
        });
    }

    /// Puts an event into the calendar of somebody who is invited.
    fn enter(self, address: &str, event: &Event) {
        let invited = Event {
            calendar: USUAL,
            is_organizer: false,
            response: "notResponded",
            ..event.clone()
        };
        self.call.graph.agendas.with(address, |agenda| {
            let number = agenda.next_number();
            agenda.events.insert(number, invited);
        });
    }

    /// `POST …/accept`, `…/tentativelyAccept` and `…/decline`.
    pub(super) fn respond(
        self,
        named: Named,
        response: &'static str,
        given: &Map<String, Value>,
    ) -> Outcome {
        let at = self.call.at;
        let event = self.agenda(|agenda| {
            let event = agenda
                .events
                .get_mut(&named.number)
                .ok_or_else(Refusal::item_not_found)?;
            if event.is_organizer {
                return Err(Refusal::bad(
                    "ErrorInvalidRequest",
                    "You can't respond to this meeting because you're the meeting organizer.",
                ));
            }
            event.response = response;
            event.responded_at = Some(at);
            event.revision += 1;
            Ok(event.clone())
        })?;
        if response == "declined" {
            self.take_out(named);
        }
        if property(given, "sendResponse").and_then(Value::as_bool) != Some(false) {
            self.answer(&event, response)?;
        }
        Ok(Answer::empty(StatusCode::ACCEPTED))
    }

    fn answer(self, event: &Event, response: &str) -> Result<(), Refusal> {
        let (at, me) = (self.call.at, &self.owner.address);
        self.call
            .graph
            .agendas
            .with(&event.organizer.address, |agenda| {
                if let Some((_, theirs)) = agenda.shared(&event.uid) {
                    theirs.note_answer(me, response, at);
                }
            });
        let word = match response {
            "accepted" => "Accepted",
            "declined" => "Declined",
            _ => "Tentative",
        };
        let subject = format!("{word}: {}", event.subject());
        let organizer = [event.organizer.address.clone()];
        self.tell(&organizer, event, Method::Reply(response), &subject)
    }

    /// `POST …/cancel`.
    pub(super) fn cancel(self, named: Named, given: &Map<String, Value>) -> Outcome {
        let comment = property(given, "comment").and_then(Value::as_str);
        self.call_off(named, comment.unwrap_or_default())?;
        Ok(Answer::empty(StatusCode::ACCEPTED))
    }

    /// Everybody who was to take part is told that it does not take place.
    pub(super) fn call_off(self, named: Named, comment: &str) -> Result<(), Refusal> {
        let event = self.agenda(|agenda| agenda.events.get(&named.number).cloned());
        let mut event = event.ok_or_else(Refusal::item_not_found)?;
        if !event.is_organizer {
            return Err(Refusal::bad(
                "ErrorInvalidRequest",
                "Your request can't be completed. You need to be an organizer to cancel a meeting.",
            ));
        }
        self.take_out(named);
        let attendees = event.attendees();
        if attendees.is_empty() {
            return Ok(());
        }
        let subject = format!("Canceled: {}", event.subject());
        for address in &attendees {
            self.call_off_for(address, &event, (named.day, &subject));
        }
        if let Some(day) = named.day {
            let on = event.on(day);
            (event.start, event.end) = (on.start, on.end);
        }
        if !comment.is_empty() {
            event.fields.insert(
                "body".to_owned(),
                json!({"contentType": "text", "content": comment}),
            );
        }
        self.tell(&attendees, &event, Method::Cancel, &subject)
    }

    /// Calls an event, or a day of it, off in the calendar of somebody who was to take part.
    fn call_off_for(self, address: &str, event: &Event, (day, subject): (Option<Date>, &str)) {
        self.call.graph.agendas.with(address, |agenda| {
            let theirs = agenda.shared(&event.uid);
            let Some((_, theirs)) = theirs.filter(|(_, one)| !one.is_organizer) else {
                return;
            };
            match day {
                None => {
                    theirs.is_cancelled = true;
                    theirs.fields.insert("subject".to_owned(), json!(subject));
                }
                Some(day) => {
                    theirs.removed.insert(day);
                }
            }
            theirs.revision += 1;
        });
    }

    /// Writes to others about an event.
    fn tell(
        self,
        to: &[String],
        event: &Event,
        method: Method<'_>,
        subject: &str,
    ) -> Result<(), Refusal> {
        let mut letter = fresh(self.call, self.owner);
        letter.to = to
            .iter()
            .map(|address| Correspondent {
                name: address.clone(),
                address: address.clone(),
            })
            .collect();
        subject.clone_into(&mut letter.subject);
        let body = event
            .fields
            .get("body")
            .and_then(|body| body["content"].as_str());
        body.unwrap_or_default().clone_into(&mut letter.body.1);
        let me = correspondent(self.owner);
        letter
            .pieces
            .push(Piece::Part(write(event, method, &me).into()));
        let leaving = Leaving {
            raw: letter.write(&self.call.graph.chance),
            recipients: to.to_vec(),
            on_behalf: None,
            kept: Kept::InSentItems,
        };
        self.call
            .graph
            .mailboxes
            .leave(self.mailbox, leaving, self.call.at)?;
        Ok(())
    }
}

/// What everybody has for themselves: a change of it is told to nobody. Of those who take part
/// only the ones whom it concerns are told.
const OWN: &[&str] = &[
    "attendees",
    "categories",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "showAs",
    "sensitivity",
];
