//! Where Gatepost's own events go: to sinks that exist, and only kinds that there are.

use std::collections::BTreeSet;

use gatepost_mailroom::EventType;

use super::Check;
use crate::config::checked::EventSettings;
use crate::config::raw::{Placed, RawConfig};

pub(super) fn check(raw: &RawConfig, check: &mut Check<'_>) -> Option<EventSettings> {
    let events = raw.events.as_ref()?;
    if events.sinks.is_empty() {
        let sentence = "`sinks` names no sink; name one of [sink.…], or leave [events] away";
        check.report(&events.sinks, "config_wrong_value", sentence);
    }
    Some(EventSettings {
        sinks: check.sinks(&events.sinks, raw),
        kinds: match &events.kinds {
            None => EventType::OWN.into(),
            Some(kinds) => self::kinds(kinds, check),
        },
    })
}

fn kinds(raw: &Placed<Vec<Placed<String>>>, check: &mut Check<'_>) -> BTreeSet<EventType> {
    if raw.is_empty() {
        let sentence = "`kinds` names no kind; leave it away for all of them";
        check.report(raw, "config_wrong_value", sentence);
    }
    let mut kinds = BTreeSet::new();
    for name in raw.iter() {
        let kind = EventType::OWN
            .into_iter()
            .find(|kind| kind.as_str() == name.as_str());
        if kind.is_none() {
            let known = EventType::OWN.map(EventType::as_str);
            check.unknown(name, "event of Gatepost's own named", known);
        }
        kinds.extend(kind);
    }
    kinds
}
