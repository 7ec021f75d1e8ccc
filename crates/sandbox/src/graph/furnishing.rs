//! Appointments and contacts for a demonstration.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::{ToSpan as _, tz::TimeZone};
use serde_json::{Value, json};

use super::calendar::Agendas;
use super::contacts::AddressBooks;
use super::refusal::Refusal;
use crate::tenant::USER;

/// Gives Ada a calendar of the weeks around `now`, and people whom she writes to.
pub(crate) fn furnish(agendas: &Agendas, books: &AddressBooks, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let furnished = appointments(today)
        .iter()
        .try_for_each(|given| agendas.enter(USER, given, now))
        .and_then(|()| {
            cards()
                .iter()
                .try_for_each(|given| books.enter(USER, given, now))
        });
    if let Err(Refusal { message, .. }) = furnished {
        tracing::warn!(message, "the sandbox could not furnish a calendar");
    }
}

fn appointments(today: Date) -> Vec<Value> {
    let monday = today.saturating_sub(i32::from(today.weekday().to_monday_zero_offset()).days());
    let at = |day: Date, hour: i8, minute: i8| {
        let time = Time::constant(hour, minute, 0, 0);
        json!({"dateTime": day.to_datetime(time).to_string(), "timeZone": "W. Europe Standard Time"})
    };
    let thursday = monday.saturating_add(3.days());
    let tomorrow = today.tomorrow().unwrap_or(today);
    let after = tomorrow.tomorrow().unwrap_or(tomorrow);
    vec![
        json!({
            "subject": "Open tickets",
            "start": at(monday, 9, 0), "end": at(monday, 9, 30),
            "location": {"displayName": "Room 3"},
            "recurrence": {
                "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
                "range": {"type": "noEnd", "startDate": monday.to_string()},
            },
        }),
        json!({
            "subject": "Delivery 4711: call with the carrier",
            "start": at(thursday, 14, 0), "end": at(thursday, 14, 45),
            "categories": ["Red category"],
        }),
        json!({
            "subject": "Stocktaking", "isAllDay": true, "showAs": "workingElsewhere",
            "start": at(tomorrow, 0, 0), "end": at(after, 0, 0),
        }),
    ]
}

fn cards() -> Vec<Value> {
    let card = |given: &str, surname: &str, address: &str, company: &str| {
        json!({
            "givenName": given, "surname": surname, "companyName": company,
            "emailAddresses": [{"name": format!("{given} {surname}"), "address": address}],
        })
    };
    vec![
        card("Luca", "Ferrari", "luca.ferrari@litware.example", "Litware"),
        card("Noor", "Haddad", "noor@northwind.example", "Northwind"),
    ]
}
