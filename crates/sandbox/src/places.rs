//! How many connections or requests a mailbox bears at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the connections of each mailbox. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    taken: Arc<Mutex<BTreeMap<String, usize>>>,
    most: usize,
}

/// As many as IMAP and POP3 bear.
impl Default for Places {
    fn default() -> Self {
        Self::of(MOST_CONNECTIONS)
    }
}

/// One connection's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    mailbox: String,
}

impl Places {
    /// So many for each mailbox.
    pub(crate) fn of(most: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
        }
    }

    /// Takes a place, if one is free.
    pub(crate) fn take(&self, mailbox: &str) -> Option<Place> {
        let mailbox = mailbox.to_lowercase();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(mailbox.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place {
            places: self.clone(),
            mailbox,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .places
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.mailbox) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.mailbox);
            }
        }
    }
}

/// `MaxConnectionsPerUser` of Set-ImapSettings and Set-PopSettings, by default.
const MOST_CONNECTIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seventeenth_has_to_wait_for_one_to_leave() {
        let places = Places::default();
        let mut taken: Vec<Place> = (0..16)
            .map(|_| places.take("ada@contoso.com").expect("there is room"))
            .collect();
        assert!(places.take("Ada@contoso.com").is_none());
        assert!(places.take("bob@contoso.com").is_some());
        taken.pop();
        assert!(places.take("ada@contoso.com").is_some());
    }
}
