//! How many connections there are, and from where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::neighbourhood::neighbourhood;

/// The connections of a door. Clones count the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection that is counted, until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    crowd: Crowd,
    address: Option<IpAddr>,
}

impl Crowd {
    /// Counts one more, unless there are as many as there may be.
    pub(super) fn enter(&self, most: usize) -> Option<Counted> {
        let mut counts = self.counts();
        if counts.all >= most {
            return None;
        }
        counts.all += 1;
        Some(Counted {
            crowd: self.clone(),
            address: None,
        })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// It is from this address; answers whether there may be another from there.
    pub(super) fn is_from(&mut self, address: IpAddr, most: usize) -> bool {
        let address = neighbourhood(address);
        let mut counts = self.crowd.counts();
        let count = counts.by_address.entry(address).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        self.address = Some(address);
        true
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        counts.all -= 1;
        let Some(address) = self.address else {
            return;
        };
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_there_may_be_in_all_and_from_one_place() {
        let crowd = Crowd::default();
        let address = |text: &str| text.parse::<IpAddr>().expect("a literal address");
        let mut first = crowd.enter(3).expect("there is room");
        assert!(first.is_from(address("2001:db8::1"), 1));
        let mut second = crowd.enter(3).expect("there is room");
        assert!(
            !second.is_from(address("2001:db8::2"), 1),
            "the same network"
        );
        assert!(second.is_from(address("2001:db8:0:1::2"), 1));
        let third = crowd.enter(3).expect("there is room");
        assert!(crowd.enter(3).is_none());
        drop((first, third));
        let mut fourth = crowd.enter(3).expect("there is room again");
        assert!(fourth.is_from(address("2001:db8::3"), 1));
        drop((second, fourth));
        assert_eq!(crowd.counts().all, 0);
        assert!(crowd.counts().by_address.is_empty(), "nothing is kept");
    }
}
