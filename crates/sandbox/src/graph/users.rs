//! People and the accounts of shared mailboxes, as far as mail programs look
//! (<https://learn.microsoft.com/graph/api/user-get>).

use axum::http::Method;
use serde_json::json;

use super::access::Owner;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::refusal::Refusal;
use super::shape::picked;
use crate::tenant::Principal;

/// `/me` or `/users/{id}`.
pub(super) fn show(call: &Call, owner: &Owner) -> Outcome {
    if call.method != Method::GET {
        return Err(Refusal::method(call.method.as_str()));
    }
    let permitted = match &call.principal {
        Principal::App { roles, .. } => ["User.Read.All", "Directory.Read.All"]
            .iter()
            .any(|name| roles.contains(*name)),
        Principal::Person { scopes, .. } => {
            scopes.contains("User.Read.All") || (owner.is_self && scopes.contains("User.Read"))
        }
    };
    if !permitted {
        return Err(Refusal::directory_denied());
    }
    let (given, surname) = match owner.name.rsplit_once(' ') {
        Some((given, surname)) => (Some(given), Some(surname)),
        None => (None, None),
    };
    let shape = json!({
        "@odata.context": format!("{}/$metadata#users/$entity", call.base),
        "id": owner.oid,
        "displayName": owner.name,
        "givenName": given,
        "surname": surname,
        "mail": owner.has_mailbox().then_some(&owner.address),
        "userPrincipalName": owner.address,
        "businessPhones": [],
        "jobTitle": null,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
    });
    picked(shape, &call.options, "user").map(Answer::json)
}
