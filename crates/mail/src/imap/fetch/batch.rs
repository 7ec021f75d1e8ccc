//! Which messages are asked for together.

use std::collections::{BTreeSet, VecDeque};

/// Messages that are asked for in one command.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) size: usize,
    /// Those of them that have not come.
    pub(super) wanted: BTreeSet<u32>,
    /// Whether it is a second try.
    pub(super) again: bool,
}

impl Batch {
    pub(super) fn one(uid: u32) -> Self {
        Self {
            size: 1,
            wanted: BTreeSet::from([uid]),
            again: true,
        }
    }
}

/// Servers answer in the order of the folder, so only ascending UIDs share a command.
pub(super) fn batches(uids: &[u32], most: usize) -> VecDeque<Batch> {
    uids.chunk_by(|a, b| a < b)
        .flat_map(|ascending| ascending.chunks(most))
        .map(|uids| Batch {
            size: uids.len(),
            wanted: uids.iter().copied().collect(),
            again: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascending_uids_share_a_command() {
        let batches = batches(&[1, 2, 5, 4, 9, 9], 2);
        let sets: Vec<Vec<u32>> = batches
            .into_iter()
            .map(|batch| batch.wanted.into_iter().collect())
            .collect();
        assert_eq!(sets, [vec![1, 2], vec![5], vec![4, 9], vec![9]]);
    }
}
