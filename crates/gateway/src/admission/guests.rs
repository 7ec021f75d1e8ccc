//! Who is in: by which app password, under which name, and what it opened for them.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::{Opens, PasswordId};

/// Everybody who came in by a password and may still be there. As many as there are app passwords
/// and names by which each of them was shown.
#[derive(Debug, Default)]
pub(super) struct Guests(BTreeMap<PasswordId, BTreeMap<String, Present>>);

/// Those who came by one password under one name.
#[derive(Debug)]
struct Present {
    opened: Opens,
    revoked: CancellationToken,
}

impl Guests {
    /// Somebody comes in, for whom the name opens this. What it gets is cancelled when it has to
    /// leave.
    pub(super) fn enter(
        &mut self,
        id: &PasswordId,
        (name, opened): (&str, Opens),
    ) -> CancellationToken {
        let by_name = self.0.entry(id.clone()).or_default();
        if let Some(present) = by_name.get_mut(name)
            && opened.grants(&present.opened)
        {
            present.opened = opened;
            return present.revoked.clone();
        }
        let revoked = CancellationToken::new();
        let present = Present {
            opened,
            revoked: revoked.clone(),
        };
        if let Some(before) = by_name.insert(name.to_owned(), present) {
            before.revoked.cancel();
        }
        revoked
    }

    /// Whoever came by a password that does not stay has to leave.
    pub(super) fn keep_passwords(&mut self, stays: impl Fn(&PasswordId) -> bool) {
        self.0.retain(|id, by_name| {
            let stays = stays(id);
            if !stays {
                for one in by_name.values() {
                    one.revoked.cancel();
                }
            }
            stays
        });
    }

    /// Whoever came under a name for which `opens` does not say what it said then has to leave.
    pub(super) fn keep_names(&mut self, opens: impl Fn(&str) -> Option<Opens>) {
        self.0.retain(|_, by_name| {
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
        self.0.is_empty()
    }
}
