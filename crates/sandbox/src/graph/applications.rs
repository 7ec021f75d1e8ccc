//! A registration as its own app sees it: when its secrets end
//! (<https://learn.microsoft.com/graph/api/application-get>).

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::refusal::Refusal;
use crate::tenant::{App, Principal};

/// `applications(appId='…')`.
pub(super) fn show(call: &Call, client_id: &str) -> Outcome {
    if !may_read(&call.principal) {
        return Err(Refusal::directory_denied());
    }
    let directory = call.graph.tenant.directory();
    let app = directory.app(client_id);
    let app = app.ok_or_else(|| Refusal::resource_not_found(client_id))?;
    Ok(Answer::json(shown(app)))
}

fn may_read(principal: &Principal) -> bool {
    match principal {
        Principal::App { roles, .. } => roles.contains(PERMISSION),
        Principal::Person { scopes, .. } => scopes.contains(PERMISSION),
    }
}

fn shown(app: &App) -> Value {
    let secrets = app.secrets.iter().map(|secret| {
        json!({
            "displayName": app.name,
            "endDateTime": secret.expires_at().to_string(),
            "hint": secret.hint(),
            "secretText": null,
        })
    });
    json!({
        "id": app.object_id,
        "appId": app.client_id,
        "displayName": app.name,
        "passwordCredentials": secrets.collect::<Vec<_>>(),
    })
}

/// What reading any registration needs.
const PERMISSION: &str = "Application.Read.All";
