//! The recipients of a message on its way out.

use jiff::Timestamp;

/// One recipient, and what became of the message for him.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addressee {
    /// The address.
    pub address: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: RecipientFate,
    /// When it was transmitted to him, the oldest first: each time by which he may have it. One at
    /// whose end the server refused it counts as none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub departures: Vec<Timestamp>,
}

impl Addressee {
    /// A recipient to whom nothing was sent yet.
    pub fn new(address: String) -> Self {
        Self {
            address,
            fate: RecipientFate::Open,
            departures: Vec::new(),
        }
    }

    /// Lets it be sent to him again, unless he has it, or may have it and it was decided that this
    /// must do.
    pub fn reopen(&mut self) {
        if !matches!(
            self.fate,
            RecipientFate::Taken | RecipientFate::Dropped { .. }
        ) {
            self.fate = RecipientFate::Open;
        }
    }

    /// How many of `now` the server has refused for good, and had not `before`.
    pub fn newly_refused(before: &[Self], now: &[Self]) -> usize {
        let refused = |all: &[Self]| {
            let refused = |one: &&Self| matches!(one.fate, RecipientFate::Refused { .. });
            all.iter().filter(refused).count()
        };
        refused(now).saturating_sub(refused(before))
    }

    /// It is about to be transmitted to him.
    pub(crate) fn departs(&mut self, now: Timestamp) {
        if self.departures.len() >= MOST_DEPARTURES {
            self.departures.remove(0);
        }
        self.departures.push(now);
    }

    /// Whether so many departures are known that there may have been more.
    pub(crate) fn may_have_departed_before(&self) -> bool {
        self.departures.len() >= MOST_DEPARTURES
    }
}

/// What became of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum RecipientFate {
    /// It is still to be sent, or is being sent.
    Open,
    /// It is still to be sent to him, once others had it: an envelope has room for so many.
    Waiting,
    /// The server refused the recipient for now.
    Deferred {
        /// Why.
        reason: String,
    },
    /// The server has taken it for him.
    Taken,
    /// The server refused the recipient for good.
    Refused {
        /// Why.
        reason: String,
    },
    /// It may have been sent to him, and is not sent again: a person, or the policy for what is
    /// unknown, decided so.
    Dropped {
        /// Why nobody knows, and who decided.
        reason: String,
    },
}

impl RecipientFate {
    /// Whether it is still to be sent to him.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Waiting | Self::Deferred { .. })
    }
}

/// Departures that are remembered of one recipient. There is more than one only where answers are
/// lost again and again.
const MOST_DEPARTURES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// What was decided of those who may have it holds also when the others get another try.
    #[test]
    fn who_has_it_or_may_have_it_is_not_opened_again() {
        let reason = || "it said so".to_owned();
        for (fate, opened) in [
            (RecipientFate::Open, true),
            (RecipientFate::Waiting, true),
            (RecipientFate::Deferred { reason: reason() }, true),
            (RecipientFate::Refused { reason: reason() }, true),
            (RecipientFate::Taken, false),
            (RecipientFate::Dropped { reason: reason() }, false),
        ] {
            let mut one = Addressee::new("bob@example.com".to_owned());
            one.fate = fate.clone();
            one.reopen();
            assert_eq!(one.fate == RecipientFate::Open, opened, "{fate:?}");
        }
    }

    #[test]
    fn a_recipient_is_read_as_he_is_written_and_as_earlier_versions_wrote_him() {
        let mut one = Addressee::new("bob@example.com".to_owned());
        one.fate = RecipientFate::Dropped {
            reason: "a person decided so".to_owned(),
        };
        one.departs(Timestamp::UNIX_EPOCH);
        let written = serde_json::to_string(&one).expect("it is written");
        assert_eq!(
            written,
            r#"{"address":"bob@example.com","fate":"dropped","reason":"a person decided so","departures":["1970-01-01T00:00:00Z"]}"#
        );
        assert_eq!(serde_json::from_str(&written).ok(), Some(one));
        let before = r#"{"address":"bob@example.com","fate":"open"}"#;
        let read = Addressee::new("bob@example.com".to_owned());
        assert_eq!(serde_json::from_str(before).ok(), Some(read));
    }
}
