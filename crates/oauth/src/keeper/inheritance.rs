//! A sign-in that is stored under a name of before: where the tenant was `organizations`, and now
//! stands in the registration as the first sign-in told it, nobody has to sign in again. Entra binds
//! a refresh token to the person and the client, not to the endpoint that gave it.

use super::Keeper;
use super::keepsake::Keepsake;
use crate::{CredentialId, Generation, GrantState, GrantStoreError};

impl Keeper {
    /// Moves what is stored under a name of before to the present one, if it is of the tenant that
    /// stands in the registration now, and gives it. It is stored here before it goes there: a crash
    /// between the two leaves it in both places, and the present name is the one that is read.
    pub(super) async fn inherit(
        &self,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        for former in &self.formerly {
            if let Some(inherited) = self.inherit_from(former).await? {
                return Ok(Some(inherited));
            }
        }
        Ok(None)
    }

    async fn inherit_from(
        &self,
        former: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        let (id, grants) = (&self.credential.id, &self.around.grants);
        let mut inherited: Option<(GrantState, Generation)> = None;
        let mut seen = None;
        loop {
            let (state, generation) = match grants.load(former).await {
                Ok(Some(stored)) => stored,
                // Of one that cannot be opened those are told who go by that name.
                Ok(None) | Err(GrantStoreError::Unsealable { .. }) => break,
                Err(other) => return Err(other),
            };
            if seen == Some(generation) {
                match grants.remove(former).await {
                    Ok(()) => {
                        tracing::info!(credential = %id, "the sign-in of {former} was taken over");
                    }
                    // It is read no more; signing out removes it, too.
                    Err(error) => {
                        tracing::warn!(credential = %id, "{former} is still stored as well: {error}");
                    }
                }
                break;
            }
            if !self.is_of_our_tenant(former, &state) {
                break;
            }
            let ours = inherited.as_ref().map(|(_, ours)| *ours);
            match grants.replace(id, ours, &state).await {
                Ok(ours) => inherited = Some((state, ours)),
                // Another process was faster, and goes on from there.
                Err(GrantStoreError::Stale { .. }) => return grants.load(id).await,
                Err(other) => return Err(other),
            }
            // Once more: somebody may have renewed it there meanwhile.
            seen = Some(generation);
        }
        Ok(inherited)
    }

    fn is_of_our_tenant(&self, former: &CredentialId, state: &GrantState) -> bool {
        let Ok(Keepsake {
            tenant: Some(tenant),
            ..
        }) = Keepsake::read(former, state)
        else {
            return false;
        };
        tenant.eq_ignore_ascii_case(self.registration().tenant.as_str())
    }
}
