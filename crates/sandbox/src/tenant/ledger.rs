//! A bounded book of what was handed out under a random name.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Entries by name; the oldest give way when there are too many.
pub(super) struct Ledger<T> {
    entries: BTreeMap<String, T>,
    order: VecDeque<String>,
    most: usize,
}

impl<T> Ledger<T> {
    pub(super) fn holding(most: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            most,
        }
    }

    pub(super) fn enter(&mut self, name: &str, entry: T) {
        while self.order.len() >= self.most {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
        self.order.push_back(name.to_owned());
        self.entries.insert(name.to_owned(), entry);
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.entries.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.entries.get_mut(name)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Shows how many there are: their names are secrets.
impl<T> fmt::Debug for Ledger<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        let mut ledger = Ledger::holding(2);
        for name in ["a", "b", "c"] {
            ledger.enter(name, ());
        }
        assert_eq!(ledger.len(), 2);
        assert!(ledger.get("a").is_none() && ledger.get("c").is_some());
    }
}
