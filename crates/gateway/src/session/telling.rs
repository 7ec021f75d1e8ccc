//! The lines of the log about somebody's session.

use super::Place;
use crate::admission::Guest;

/// One line at this level: the place, whose session it is, and what else there is to say.
macro_rules! tell_of {
    ($level:ident, $place:expr, $whose:expr, $($more:tt)+) => {
        tracing::$level!(
            door = $place.door.name,
            protocol = %$place.door.protocol,
            client = %$place.from,
            login = $whose.login,
            mailbox = $whose.mailbox,
            $($more)+
        )
    };
}

/// Says that somebody is in by a password.
pub(super) fn signed_in(place: Place<'_>, guest: &Guest) {
    tell_of!(info, place, guest, "signed in");
}

/// Says that a device is in by its network.
pub(super) fn signed_in_without_login(place: Place<'_>, guest: &Guest) {
    tell_of!(info, place, guest, "signed in without a login");
}
