//! The line of the log at the end of a session that was somebody's.

use std::io;

use jiff::{SignedDuration, Timestamp};

use super::Place;
use super::conversation::Bye;
use crate::admission::Guest;
use crate::relay::Ended;

/// Whose session it was.
#[derive(Debug)]
pub(super) struct Whose {
    login: String,
    mailbox: String,
    /// Whether a password let it in, and not its network.
    by_password: bool,
    since: Timestamp,
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum Why {
    /// The client or the server was through.
    Closed,
    /// A connection broke.
    Broken(io::Error),
    /// Nobody said anything for too long.
    Idle,
    /// What let the guest in does not hold any more.
    Revoked,
    /// The program stops.
    Stopped,
    /// The door is gone.
    DoorGone,
    /// It was somebody's no more, and sent too much for a stranger.
    TooMuch,
}

impl Whose {
    /// The session of `guest`, from `now` on.
    pub(super) fn of(guest: &Guest, now: Timestamp) -> Self {
        Self {
            login: guest.login.clone(),
            mailbox: guest.mailbox.clone(),
            by_password: guest.password.is_some(),
            since: now,
        }
    }

    /// Says that it is over, how many octets came from the client and went to it, and of a door
    /// that takes messages itself, how many it accepted.
    pub(super) fn tell(
        &self,
        place: Place<'_>,
        (up, down): (u64, u64),
        accepted: Option<u64>,
        why: &Why,
    ) {
        tell_of!(
            info,
            place,
            self,
            up,
            down,
            accepted,
            lasted = %lasted(self.since, place.gateway.clock.now()),
            "the session ended: {}",
            self.words(why)
        );
    }

    fn words(&self, why: &Why) -> String {
        match why {
            Why::Closed => "closed".to_owned(),
            Why::Broken(error) => format!("the connection broke: {error}"),
            Why::Idle => "silent for too long".to_owned(),
            Why::Revoked if self.by_password => {
                "its app password was revoked or is over, or its login opens something else"
                    .to_owned()
            }
            Why::Revoked => {
                "its network is not let in any more, or sends for another mailbox".to_owned()
            }
            Why::Stopped => "gatepost is being stopped".to_owned(),
            Why::DoorGone => "its door is gone from the configuration".to_owned(),
            Why::TooMuch => "it sent too much without a login".to_owned(),
        }
    }
}

impl From<Ended> for Why {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::Closed,
            Ended::Broken(error) => error.into(),
            Ended::Idle => Self::Idle,
            Ended::Revoked => Self::Revoked,
            Ended::Stopped => Self::Stopped,
            Ended::DoorGone => Self::DoorGone,
        }
    }
}

impl From<Bye> for Why {
    fn from(bye: Bye) -> Self {
        match bye {
            Bye::TooSlow => Self::Idle,
            Bye::Revoked => Self::Revoked,
            Bye::Stopping => Self::Stopped,
            Bye::DoorGone => Self::DoorGone,
            Bye::TooMuch => Self::TooMuch,
            // Said at the door, before there is a session.
            Bye::Crowded | Bye::Unprotected => Self::Closed,
        }
    }
}

/// Whoever goes without a word has gone.
impl From<io::Error> for Why {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Closed
        } else {
            Self::Broken(error)
        }
    }
}

/// As people read it, such as `3m 5s 120ms`.
fn lasted(since: Timestamp, now: Timestamp) -> String {
    let lasted = now.duration_since(since).max(SignedDuration::ZERO);
    let milliseconds = i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_millisecond() {
        let begin = Timestamp::UNIX_EPOCH;
        let after = |nanoseconds| {
            let now = Timestamp::from_nanosecond(nanoseconds).expect("a time");
            lasted(begin, now)
        };
        assert_eq!(after(185_120_999_999), "3m 5s 120ms");
        assert_eq!(after(0), "0s");
        // A clock that was set back.
        assert_eq!(after(-5), "0s");
    }
}
