//! How many requests an app may send for a mailbox
//! (<https://learn.microsoft.com/graph/throttling-limits>).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Counts the requests of each app for each mailbox.
#[derive(Debug)]
pub(crate) struct Rate {
    most: usize,
    /// When each of the last ten minutes came.
    asked: Mutex<BTreeMap<String, VecDeque<Timestamp>>>,
}

impl Rate {
    /// So many in ten minutes.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            most,
            asked: Mutex::default(),
        }
    }

    /// Counts a request that comes `now`. One that is too many is not counted, and may come again
    /// after the time that is answered.
    pub(super) fn count(&self, lane: &str, now: Timestamp) -> Result<(), Duration> {
        if self.most == usize::MAX {
            return Ok(());
        }
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = all.entry(lane.to_owned()).or_default();
        while let Some(first) = asked.front() {
            let age = now.duration_since(*first);
            if age < WINDOW {
                break;
            }
            asked.pop_front();
        }
        if asked.len() < self.most {
            asked.push_back(now);
            return Ok(());
        }
        let age = asked.front().map(|first| now.duration_since(*first));
        let left = WINDOW.saturating_sub(age.unwrap_or_default());
        Err(Duration::try_from(left).unwrap_or_default())
    }
}

const WINDOW: SignedDuration = SignedDuration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_in_ten_minutes_waits_until_the_first_is_so_old() {
        let rate = Rate::of(2);
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).expect("a time");
        let count = |seconds| rate.count("app/ada", at(seconds));
        assert_eq!((count(0), count(100)), (Ok(()), Ok(())));
        assert_eq!(count(150), Err(Duration::from_secs(450)));
        assert_eq!(rate.count("app/bob", at(150)), Ok(()));
        assert_eq!(count(600), Ok(()));
        assert_eq!(count(601), Err(Duration::from_secs(99)));
    }
}
