//! Who is in: by which app password, under which name, and what it opened for them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Opens, PasswordId};

/// Counts a guest among those who are in, for as long as it is kept.
#[derive(Debug, Clone, Default)]
pub struct Presence(Arc<()>);

/// Everybody who came in by a password and may still be there. As many as there are app passwords
/// and names by which each of them was shown.
#[derive(Debug, Default)]
pub(super) struct Guests {
    present: BTreeMap<PasswordId, BTreeMap<String, Present>>,
    /// How many had to leave with their password, of the last [`REMEMBERED`] that did not stay.
    left: VecDeque<(PasswordId, usize)>,
}

/// Those who came by one password under one name.
#[derive(Debug)]
struct Present {
    opened: Opens,
    revoked: CancellationToken,
    presence: Presence,
}

impl Guests {
    /// Somebody comes in, for whom the name opens this. What it gets is cancelled when it has to
    /// leave.
    pub(super) fn enter(
        &mut self,
        id: &PasswordId,
        (name, opened): (&str, Opens),
    ) -> (CancellationToken, Presence) {
        let by_name = self.present.entry(id.clone()).or_default();
        if let Some(present) = by_name.get_mut(name)
            && opened.grants(&present.opened)
        {
            present.opened = opened;
            return (present.revoked.clone(), present.presence.clone());
        }
        let (revoked, presence) = (CancellationToken::new(), Presence::default());
        let present = Present {
            opened,
            revoked: revoked.clone(),
            presence: presence.clone(),
        };
        if let Some(before) = by_name.insert(name.to_owned(), present) {
            before.revoked.cancel();
        }
        (revoked, presence)
    }

    /// Whoever came by a password that does not stay has to leave.
    pub(super) fn keep_passwords(&mut self, stays: impl Fn(&PasswordId) -> bool) {
        let left = &mut self.left;
        self.present.retain(|id, by_name| {
            let stays = stays(id);
            if !stays {
                let leaving = by_name.values().map(Present::count).sum();
                for one in by_name.values() {
                    one.revoked.cancel();
                }
                left.push_back((id.clone(), leaving));
                if left.len() > REMEMBERED {
                    left.pop_front();
                }
            }
            stays
        });
    }

    /// How many had to leave when this password did not stay, as far as that is remembered.
    pub(super) fn left_with(&self, id: &PasswordId) -> usize {
        let of_it = self.left.iter().filter(|(left, _)| left == id);
        of_it.map(|(_, count)| count).sum()
    }

    /// Whoever came under a name for which `opens` does not say what it said then has to leave.
    pub(super) fn keep_names(&mut self, opens: impl Fn(&str) -> Option<Opens>) {
        self.present.retain(|_, by_name| {
            by_name.retain(|name, one| {
                let stays = opens(name).is_some_and(|now| now.grants(&one.opened));
                if !stays {
                    one.revoked.cancel();
                }
                stays
            });
            !by_name.is_empty()
        });
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
}

impl Present {
    /// How many there are, without our own mark.
    fn count(&self) -> usize {
        Arc::strong_count(&self.presence.0).saturating_sub(1)
    }
}

/// Passwords that are asked about were revoked just now.
const REMEMBERED: usize = 64;
