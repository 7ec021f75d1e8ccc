//! What whoever runs the gateway asks of its gatekeeper.

use super::{Gatekeeper, lock};
use crate::admission::{LockedOut, Pardoned, PasswordId};

impl Gatekeeper {
    /// Who is locked out at present, who is so for longest first.
    pub fn locked_out(&self) -> Vec<LockedOut> {
        lock(&self.0.failures).locked_out(self.0.house.clock.now())
    }

    /// Ends the lockouts of somebody and counts its wrong logins anew; answers which lockouts that
    /// were. Of whom there is none, nothing is forgotten.
    pub fn pardon(&self, whom: &Pardoned) -> Vec<LockedOut> {
        lock(&self.0.failures).pardon(whom, self.0.house.clock.now())
    }

    /// How many sessions ended when this app password was found to be gone, as far as that was
    /// lately.
    pub fn left_with(&self, id: &PasswordId) -> usize {
        lock(&self.0.guests).left_with(id)
    }
}
