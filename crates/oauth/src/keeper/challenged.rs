//! What servers want the tokens of one audience to carry: the newest word counts. Servers that
//! contradict each other are not obeyed for ever.

use std::time::Duration;

use jiff::Timestamp;

use super::pause::Pause;
use crate::Challenge;

/// The challenge of one audience, and how often another one took its place.
#[derive(Debug)]
pub(super) struct Challenged {
    challenge: Challenge,
    /// Which one it is, of all that there ever were.
    number: u64,
    /// From the first of those that are counted, for as long as they are.
    span: Pause,
    count: u32,
}

/// What is to be done about a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The token was asked for with it already, as far as we can do.
    Again,
    /// Another token is to be asked for, with it.
    Anew,
    /// It is one too many: nothing is asked for meanwhile.
    TooOften {
        /// How many they were, with it.
        times: u32,
        /// For how long nothing is asked for.
        wait: Duration,
    },
}

impl Challenged {
    /// The first challenge.
    pub(super) fn first(challenge: Challenge, now: Timestamp) -> Self {
        Self {
            challenge,
            number: 1,
            span: Pause::new(now, SPAN),
            count: 1,
        }
    }

    /// The challenge that counts.
    pub(super) fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// Which one counts, of all that there ever were: a token that was asked for with an older one
    /// lacks what the newest wants.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Takes the newest challenge in the place of the one before.
    pub(super) fn hear(&mut self, challenge: &Challenge, now: Timestamp) -> Heard {
        if self.challenge == *challenge {
            return Heard::Again;
        }
        self.challenge = challenge.clone();
        self.number = self.number.saturating_add(1);
        let left = self.span.left(now);
        if left.is_none() {
            self.span = Pause::new(now, SPAN);
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        match left {
            Some(wait) if self.count > MOST => Heard::TooOften {
                times: self.count,
                wait,
            },
            _ => Heard::Anew,
        }
    }

    /// Counts from the beginning: somebody signed in, or the app is another one.
    pub(super) fn forgive(&mut self) {
        self.count = 0;
    }
}

/// A revocation, an authentication context, a place: nobody honestly wants more in turn.
const MOST: u32 = 4;
/// Challenges that are further apart are new stories. Also how long it stays quiet at most.
const SPAN: Duration = Duration::from_mins(15);

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn challenge(context: u32) -> Challenge {
        let json = format!(r#"{{"access_token":{{"acrs":{{"value":"c{context}"}}}}}}"#);
        Challenge::of_json(&json).expect("a challenge")
    }

    #[test]
    fn a_few_challenges_are_heeded_in_a_span_and_no_more() {
        let start = Timestamp::UNIX_EPOCH;
        let at = |minutes| start + SignedDuration::from_mins(minutes);
        let mut challenged = Challenged::first(challenge(1), start);
        assert_eq!(challenged.hear(&challenge(1), at(1)), Heard::Again);
        for (minute, context) in [(1, 2), (2, 1), (3, 2)] {
            assert_eq!(
                challenged.hear(&challenge(context), at(minute)),
                Heard::Anew
            );
        }
        let wait = Duration::from_mins(11);
        let too_often = Heard::TooOften { times: 5, wait };
        assert_eq!(challenged.hear(&challenge(1), at(4)), too_often);
        assert_eq!(*challenged.challenge(), challenge(1), "the newest counts");
        challenged.forgive();
        let heard = challenged.hear(&challenge(2), at(5));
        assert_eq!(heard, Heard::Anew, "it is counted from the beginning");
        for (minute, context) in [(6, 1), (7, 2), (8, 1)] {
            let heard = challenged.hear(&challenge(context), at(minute));
            assert_eq!(heard, Heard::Anew);
        }
        let wait = Duration::from_mins(6);
        let too_often = Heard::TooOften { times: 5, wait };
        assert_eq!(challenged.hear(&challenge(2), at(9)), too_often);
        assert_eq!(challenged.hear(&challenge(3), at(15)), Heard::Anew);
        for hour in 1..50 {
            let heard = challenged.hear(&challenge(hour % 2), at(i64::from(hour) * 60));
            assert_eq!(heard, Heard::Anew, "once an hour is no storm");
        }
    }
}
