//! How fast a mailbox may send: a pure machine that is told what happens and says how much may
//! begin. What the limits are is data; that they are lower than that, it learns from refusals,
//! and forgets again after an hour.

use std::collections::VecDeque;
use std::time::Duration;

use gatepost_host::Chance;
use jiff::{SignedDuration, Timestamp};

use crate::Traffic;

/// How fast a mailbox may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// Messages that begin within a minute.
    pub messages_per_minute: u32,
    /// Sessions at the same time.
    pub connections: u32,
    /// Recipients within 24 hours.
    pub recipients_per_day: u64,
    /// Recipients of a message. One with more goes to so many at a time.
    pub recipients_per_message: u32,
}

impl Default for SendLimits {
    /// Those of Exchange Online
    /// (<https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission>).
    fn default() -> Self {
        Self {
            messages_per_minute: 30,
            connections: 3,
            recipients_per_day: 10_000,
            recipients_per_message: 500,
        }
    }
}

/// What an attempt tells of the mailbox, whatever became of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lesson {
    /// The mailbox sends.
    Works,
    /// It does, but to no more recipients at a time than this.
    Room(u32),
    /// Nothing about the mailbox.
    Nothing,
    /// There are too many sessions.
    TooManyConnections,
    /// It sends too much in a minute.
    TooManyMessages,
    /// It sends to too many recipients in a day.
    TooManyRecipients,
    /// It does not work at present.
    Trouble,
    /// Somebody must act before it works.
    Blocked,
    /// Not before this time has passed.
    Pause(Duration),
}

impl Lesson {
    /// How long the mailbox waits at least.
    pub(super) fn wait(&self) -> Duration {
        match self {
            Self::Works | Self::Room(_) | Self::Nothing => Duration::ZERO,
            Self::TooManyConnections | Self::Trouble => Duration::from_secs(5),
            Self::TooManyMessages => MINUTE,
            Self::TooManyRecipients | Self::Blocked => SLOW,
            Self::Pause(pause) => (*pause).min(DAY),
        }
    }
}

/// How much may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many messages, but no more sessions at the same time than this.
    Free { messages: usize, sessions: usize },
    /// Nothing before this time.
    Until(Timestamp),
}

/// What a mailbox may at present.
#[derive(Debug)]
pub(super) struct Lane {
    limits: SendLimits,
    chance: Chance,
    /// What is believed at present, and until when.
    connections: Learnt,
    messages: Learnt,
    room: Learnt,
    recipients: Option<(u64, Timestamp)>,
    /// When messages of the last minute began.
    begun: VecDeque<Timestamp>,
    /// Recipients of the last 24 hours, and when.
    sent_to: VecDeque<(Timestamp, u64)>,
    closed_until: Option<Timestamp>,
    /// Failures of the mailbox in a row.
    failures: u32,
}

/// A limit that may be lower than it is said to be.
#[derive(Debug, Clone, Copy)]
struct Learnt {
    limit: u32,
    lowered: Option<(u32, Timestamp)>,
}

impl Learnt {
    fn new(limit: u32) -> Self {
        Self {
            limit: limit.max(1),
            lowered: None,
        }
    }

    fn at(&mut self, now: Timestamp) -> u32 {
        match self.lowered {
            Some((limit, until)) if until > now && until <= later(now, REMEMBERED) => limit,
            _ => {
                self.lowered = None;
                self.limit
            }
        }
    }

    fn lower(&mut self, to: u32, now: Timestamp) {
        let to = to.min(self.at(now)).max(1);
        self.lowered = Some((to, later(now, REMEMBERED)));
    }
}

impl Lane {
    /// A lane with these limits, in which this was transmitted lately.
    pub(super) fn new(limits: SendLimits, lately: &[Traffic], chance: Chance) -> Self {
        let sent_to = lately.iter().map(|minute| (minute.at, minute.recipients));
        let begun = lately.iter().flat_map(|minute| {
            let messages = usize::try_from(minute.messages).unwrap_or_default();
            std::iter::repeat_n(minute.at, messages.min(MOST_REMEMBERED))
        });
        Self {
            limits,
            chance,
            connections: Learnt::new(limits.connections),
            messages: Learnt::new(limits.messages_per_minute),
            room: Learnt::new(limits.recipients_per_message),
            recipients: None,
            begun: begun.collect(),
            sent_to: sent_to.collect(),
            closed_until: None,
            failures: 0,
        }
    }

    /// How much may begin at `now`.
    pub(super) fn room(&mut self, now: Timestamp) -> Room {
        self.forget(now);
        if let Some(until) = self.closed_until {
            return Room::Until(until);
        }
        let most = self.messages.at(now) as usize;
        if self.begun.len() >= most {
            let oldest = self.begun[self.begun.len() - most];
            return Room::Until(later(oldest, MINUTE));
        }
        let limit = self.recipients_a_day(now);
        if self.sent_to() >= limit {
            let oldest = self.sent_to.front().map_or(now, |(at, _)| *at);
            let again = self.recipients.map_or(Timestamp::MAX, |(_, until)| until);
            return Room::Until(later(oldest, DAY).min(again));
        }
        Room::Free {
            messages: most - self.begun.len(),
            sessions: self.connections.at(now) as usize,
        }
    }

    /// To how many recipients a message goes at a time: no more than are left of the day, and one
    /// at least.
    pub(super) fn recipients_at_a_time(&mut self, now: Timestamp) -> usize {
        let left = self.recipients_a_day(now).saturating_sub(self.sent_to());
        let left = usize::try_from(left).unwrap_or(usize::MAX).max(1);
        left.min(self.room.at(now) as usize)
    }

    /// To how many it went within a day.
    fn sent_to(&self) -> u64 {
        self.sent_to.iter().map(|(_, count)| count).sum()
    }

    /// A message begins.
    pub(super) fn begins(&mut self, now: Timestamp) {
        self.forget(now);
        self.begun.push_back(now);
    }

    /// A message was transmitted to so many. One that was not counts nowhere.
    pub(super) fn departed(&mut self, recipients: usize, now: Timestamp) {
        self.forget(now);
        match self.sent_to.back_mut() {
            // One entry a minute is exact enough for a day.
            Some((at, count)) if later(*at, MINUTE) > now => *count += recipients as u64,
            _ => self.sent_to.push_back((now, recipients as u64)),
        }
    }

    /// An attempt has ended while `sessions` were open, its own included.
    pub(super) fn learns(&mut self, lesson: &Lesson, sessions: usize, now: Timestamp) {
        match lesson {
            Lesson::Works => self.failures = 0,
            Lesson::Room(recipients) => {
                self.failures = 0;
                self.room.lower(*recipients, now);
            }
            Lesson::Nothing => {}
            Lesson::TooManyConnections => {
                let fewer = u32::try_from(sessions.saturating_sub(1)).unwrap_or(u32::MAX);
                self.connections.lower(fewer, now);
                self.close(lesson.wait(), now);
            }
            Lesson::TooManyMessages => {
                let fewer = self.begun.len().saturating_sub(1);
                self.messages
                    .lower(u32::try_from(fewer).unwrap_or(u32::MAX), now);
                self.close(lesson.wait(), now);
            }
            Lesson::TooManyRecipients => {
                self.recipients = Some((self.sent_to().max(1), later(now, REMEMBERED)));
                self.close(lesson.wait(), now);
            }
            Lesson::Trouble => {
                self.failures = self.failures.saturating_add(1);
                let doublings = (self.failures - 1).min(10);
                let wait = SECOND.saturating_mul(1 << doublings).min(LONGEST);
                self.close(wait, now);
            }
            Lesson::Blocked | Lesson::Pause(_) => self.close(lesson.wait(), now),
        }
    }

    /// A person says that it is to be tried at once.
    pub(super) fn opens(&mut self) {
        self.closed_until = None;
        self.failures = 0;
    }

    /// When it is open again; `None` if it is not closed.
    pub(super) fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }

    fn recipients_a_day(&mut self, now: Timestamp) -> u64 {
        match self.recipients {
            Some((limit, until)) if until > now && until <= later(now, REMEMBERED) => {
                limit.min(self.limits.recipients_per_day)
            }
            _ => {
                self.recipients = None;
                self.limits.recipients_per_day.max(1)
            }
        }
    }

    /// A tenth comes on top by chance: mailboxes that were refused together do not come
    /// back together. What is open later already stays so.
    fn close(&mut self, wait: Duration, now: Timestamp) {
        let until = later(now, wait + self.chance.up_to(wait / 10));
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// What is over, and what a clock wrote that was ahead. Nothing is added before, so what is
    /// over stands first, and what is ahead last.
    fn forget(&mut self, now: Timestamp) {
        let (minute_ago, day_ago) = (earlier(now, MINUTE), earlier(now, DAY));
        let ahead = later(now, MINUTE);
        while self.begun.pop_front_if(|at| *at <= minute_ago).is_some() {}
        while self.begun.pop_back_if(|at| *at > ahead).is_some() {}
        while self
            .sent_to
            .pop_front_if(|(at, _)| *at <= day_ago)
            .is_some()
        {}
        while self.sent_to.pop_back_if(|(at, _)| *at > ahead).is_some() {}
        let believed = later(now, DAY + DAY / 10);
        self.closed_until = self
            .closed_until
            .filter(|until| *until > now && *until <= believed);
    }
}

fn earlier(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_sub(time).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);
/// How often it is tried whether somebody has acted.
const SLOW: Duration = Duration::from_mins(5);
/// The longest wait after failures.
const LONGEST: Duration = Duration::from_mins(5);
/// How long a lower limit is believed.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Messages of one minute before the start that are remembered.
const MOST_REMEMBERED: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time in this century")
    }

    fn lane() -> Lane {
        Lane::new(SendLimits::default(), &[], Chance::seeded(1))
    }

    fn free(messages: usize, sessions: usize) -> Room {
        Room::Free { messages, sessions }
    }

    #[test]
    fn thirty_messages_begin_within_a_minute() {
        let mut lane = lane();
        for number in 0..30 {
            let left = usize::try_from(30 - number).expect("positive");
            assert_eq!(lane.room(at(number)), free(left, 3));
            lane.begins(at(number));
        }
        assert_eq!(lane.room(at(30)), Room::Until(at(60)));
        assert_eq!(lane.room(at(60)), free(1, 3));
        assert_eq!(lane.room(at(75)), free(16, 3));
    }

    #[test]
    fn what_was_sent_before_the_start_counts() {
        let minute = |at, messages, recipients| Traffic {
            at,
            messages,
            recipients,
        };
        let lately = [minute(at(-80_000), 1, 9_000), minute(at(-10), 30, 30)];
        let mut lane = Lane::new(SendLimits::default(), &lately, Chance::seeded(1));
        assert_eq!(lane.room(at(0)), Room::Until(at(50)));
        lane.begins(at(50));
        lane.departed(1_000, at(50));
        assert_eq!(
            lane.room(at(120)),
            Room::Until(at(6_400)),
            "10,030 in a day"
        );
        assert_eq!(lane.room(at(6_400)), free(30, 3));
    }

    #[test]
    fn limits_are_learnt_from_refusals_and_forgotten_in_an_hour() {
        let mut lane = lane();
        lane.learns(&Lesson::TooManyConnections, 2, at(0));
        let Room::Until(open) = lane.room(at(1)) else {
            panic!("it waits a little")
        };
        assert!(open >= at(5) && open <= at(6));
        assert_eq!(lane.room(at(6)), free(30, 1));
        lane.learns(&Lesson::TooManyConnections, 1, at(6));
        assert_eq!(lane.room(at(20)), free(30, 1), "one is always left");
        assert_eq!(lane.room(at(3_700)), free(30, 3));
        for _ in 0..10 {
            lane.begins(at(3_700));
        }
        lane.learns(&Lesson::TooManyMessages, 1, at(3_701));
        assert!(matches!(lane.room(at(3_760)), Room::Until(_)));
        assert_eq!(lane.room(at(3_800)), free(9, 3));
        assert_eq!(lane.room(at(7_400)), free(30, 3));
    }

    #[test]
    fn trouble_is_waited_out_longer_each_time_and_a_person_ends_it() {
        let mut lane = lane();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..12 {
            lane.learns(&Lesson::Trouble, 1, now);
            let Room::Until(open) = lane.room(now) else {
                panic!("it is closed")
            };
            waits.push(open.duration_since(now).as_secs());
            now = open;
            assert!(matches!(lane.room(now), Room::Free { .. }));
        }
        assert!(
            waits.is_sorted_by(|one, next| one <= next || *next >= 300),
            "{waits:?}"
        );
        assert!(waits[0] <= 1 && waits[11] >= 300 && waits[11] <= 330);
        lane.learns(&Lesson::Works, 1, now);
        lane.learns(&Lesson::Trouble, 1, now);
        assert!(lane.closed_until() <= Some(later(now, 2 * SECOND)));
        lane.learns(&Lesson::Blocked, 1, now);
        assert!(lane.closed_until() >= Some(later(now, SLOW)));
        lane.opens();
        assert!(matches!(lane.room(now), Room::Free { .. }));
    }

    #[test]
    fn a_message_goes_to_as_many_at_a_time_as_the_server_takes() {
        let mut lane = lane();
        assert_eq!(lane.recipients_at_a_time(at(0)), 500);
        lane.learns(&Lesson::Room(100), 1, at(0));
        assert_eq!(lane.room(at(1)), free(30, 3), "it goes on at once");
        assert_eq!(lane.recipients_at_a_time(at(1)), 100);
        lane.learns(&Lesson::Room(0), 1, at(2));
        assert_eq!(lane.recipients_at_a_time(at(3)), 1, "somebody always has");
        assert_eq!(lane.recipients_at_a_time(at(3_700)), 500);
    }

    #[test]
    fn a_turn_takes_no_more_than_is_left_of_the_day() {
        let mut lane = lane();
        lane.departed(9_900, at(0));
        assert_eq!(lane.room(at(120)), free(30, 3));
        assert_eq!(lane.recipients_at_a_time(at(120)), 100);
        lane.departed(100, at(120));
        assert_eq!(lane.recipients_at_a_time(at(121)), 1, "never nobody");
    }

    #[test]
    fn what_the_server_asks_for_is_the_least() {
        let mut lane = lane();
        lane.learns(&Lesson::Pause(Duration::from_secs(90)), 1, at(0));
        let Room::Until(open) = lane.room(at(1)) else {
            panic!("it is closed")
        };
        assert!(open >= at(90) && open <= at(99));
        // A clock that is set back makes no wait longer than a day.
        assert!(matches!(lane.room(at(-200_000)), Room::Free { .. }));
    }

    #[test]
    fn a_day_that_is_full_is_tried_again_now_and_then() {
        let mut lane = lane();
        lane.begins(at(0));
        lane.departed(500, at(0));
        lane.learns(&Lesson::TooManyRecipients, 1, at(1));
        assert!(matches!(lane.room(at(200)), Room::Until(_)));
        assert_eq!(lane.room(at(400)), Room::Until(at(3_601)), "500 are enough");
        assert!(matches!(lane.room(at(3_601)), Room::Free { .. }));
    }
}
