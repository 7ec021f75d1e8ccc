//! Who checks a person's password: Microsoft, or a server of the person's own domain.

use serde::Deserialize;
use url::Url;

use crate::answers::Reply;
use crate::form::By;
use crate::{Form, Registration};

/// The question, which needs no proof of anybody.
pub(super) fn question(registration: &Registration, person: &str) -> Form {
    let mut url: Url = registration.cloud.login.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(["common", "userrealm", person]);
    }
    Form::going(url, By::Get).plain("api-version", "1.0")
}

/// The domain of a person whom another server signs in. An answer that says nothing of it counts
/// as Microsoft's own, as 404 does.
pub(super) fn federated(reply: &Reply) -> Option<String> {
    let realm: Realm = serde_json::from_slice(&reply.body).ok()?;
    let is_federated = realm.account_type.eq_ignore_ascii_case("federated");
    (reply.status == 200 && is_federated).then(|| crate::answers::one_line(&realm.domain_name))
}

#[derive(Deserialize)]
struct Realm {
    account_type: String,
    #[serde(default)]
    domain_name: String,
}
