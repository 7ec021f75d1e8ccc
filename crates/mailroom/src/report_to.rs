//! Where the mailroom's own events go.

use std::collections::BTreeSet;

use crate::{EventType, SinkName};

/// The sinks that are told of the mailroom's own events, which are all but `mail.received`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportTo {
    sinks: Vec<SinkName>,
    kinds: BTreeSet<EventType>,
}

impl ReportTo {
    /// Every own event goes to `sinks`.
    pub fn everything(sinks: Vec<SinkName>) -> Self {
        Self::only(sinks, EventType::OWN)
    }

    /// Own events of these kinds go to `sinks`, and others nowhere.
    pub fn only(sinks: Vec<SinkName>, kinds: impl IntoIterator<Item = EventType>) -> Self {
        Self {
            sinks,
            kinds: kinds.into_iter().collect(),
        }
    }

    /// Where an event of this kind goes.
    pub fn sinks(&self, kind: EventType) -> &[SinkName] {
        if self.kinds.contains(&kind) {
            &self.sinks
        } else {
            &[]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_asked_for_goes_nowhere() {
        let ops = vec![SinkName("ops".to_owned())];
        let report_to = ReportTo::only(ops.clone(), [EventType::DeliveryDeadLettered]);
        assert_eq!(report_to.sinks(EventType::DeliveryDeadLettered), ops);
        assert!(report_to.sinks(EventType::MailboxStalled).is_empty());
        let everything = ReportTo::everything(ops.clone());
        assert!(
            EventType::OWN
                .iter()
                .all(|kind| everything.sinks(*kind) == ops)
        );
    }
}
