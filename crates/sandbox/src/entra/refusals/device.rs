//! Refusals of a sign-in on another device.

use crate::entra::refusal::Refusal;
use crate::tenant::SessionRefused;

pub(in crate::entra) fn authorization_pending() -> Refusal {
    Refusal::new(
        "authorization_pending",
        70016,
        "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
    )
}

pub(in crate::entra) fn slow_down() -> Refusal {
    Refusal::new(
        "slow_down",
        70016,
        "OAuth 2.0 device flow error. Authorization is pending. Poll less often.",
    )
}

pub(in crate::entra) fn authorization_declined() -> Refusal {
    Refusal::new(
        "authorization_declined",
        65004,
        "User declined to consent to access the app.",
    )
}

/// A device code, or the code a person enters, that leads nowhere.
pub(in crate::entra) fn device_code_refused(why: SessionRefused) -> Refusal {
    match why {
        SessionRefused::Expired { .. } => Refusal::new(
            "expired_token",
            70019,
            "Verification code expired. Have the user retry the sign-in.",
        ),
        SessionRefused::Unknown | SessionRefused::Used | SessionRefused::Revoked { .. } => {
            Refusal::new(
                "bad_verification_code",
                70018,
                "Invalid verification code due to User typing in wrong user code for device code \
                 flow.",
            )
        }
    }
}
