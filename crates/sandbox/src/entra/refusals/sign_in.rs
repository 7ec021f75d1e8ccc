//! Refusals that a person sees, or that go back to the app from the sign-in.

use crate::entra::refusal::Refusal;
use crate::tenant::App;

pub(in crate::entra) fn redirect_not_registered(given: &str, app: &App) -> Refusal {
    Refusal::new(
        "invalid_request",
        50011,
        format!(
            "The redirect URI '{given}' specified in the request does not match the redirect URIs \
             configured for the application '{}'. Make sure the redirect URI sent in the request \
             matches one added to your application in the Azure portal. Navigate to \
             https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this \
             error.",
            app.client_id
        ),
    )
}

pub(in crate::entra) fn response_type_unsupported(name: &str) -> Refusal {
    Refusal::new(
        "unsupported_response_type",
        700_054,
        format!("response_type '{name}' is not enabled for the application."),
    )
}

pub(in crate::entra) fn nobody_signed_in() -> Refusal {
    Refusal::new(
        "login_required",
        50058,
        "A silent sign-in request was sent but no user is signed in.",
    )
}

pub(in crate::entra) fn challenge_size() -> Refusal {
    Refusal::new(
        "invalid_request",
        50147,
        "Invalid size of Code_Challenge parameter.",
    )
}

pub(in crate::entra) fn flow_expired() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50089,
        "Flow token expired - Authentication Failed.",
    )
}

pub(in crate::entra) fn person_not_found(upn: &str) -> Refusal {
    Refusal::new(
        "invalid_grant",
        50034,
        format!(
            "The user account {upn} does not exist in the Contoso directory. To sign into this \
             application, the account must be added to the directory."
        ),
    )
}

pub(in crate::entra) fn password_wrong() -> Refusal {
    Refusal::new(
        "invalid_grant",
        50126,
        "Error validating credentials due to invalid username or password.",
    )
}

pub(in crate::entra) fn administrator_needed(app: &App) -> Refusal {
    Refusal::new(
        "access_denied",
        90094,
        format!(
            "An administrator of Contoso has set a policy that prevents you from granting {} the \
             permissions it is requesting. Contact an administrator of Contoso.",
            app.name
        ),
    )
}

pub(in crate::entra) fn consent_declined() -> Refusal {
    Refusal::new(
        "access_denied",
        65004,
        "User declined to consent to access the app.",
    )
}
