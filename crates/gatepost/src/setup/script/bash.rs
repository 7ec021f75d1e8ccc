//! The set-up in Bash: requests to Microsoft Graph by `az rest` or `curl`, their answers read with
//! `jq`, and the half that only Exchange knows handed to PowerShell.

use serde_json::{Value, json};
use url::Url;

use super::{Lines, Setup, Tools, exchange, reasons, scopes};
use crate::setup::permission::Resource;
use crate::setup::quoting::{ascii_json, shell as quoted};

/// What asks Microsoft Graph.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asks {
    /// `az`, which signs in by itself.
    Az(Tools),
    /// `curl`, with a token from `$GRAPH_TOKEN`. A cloud that is none of Microsoft's has no
    /// PowerShell.
    Curl(Option<Tools>),
}

impl Asks {
    /// What PowerShell is told of the cloud.
    fn tools(self) -> Option<Tools> {
        match self {
            Self::Az(tools) => Some(tools),
            Self::Curl(tools) => tools,
        }
    }
}

/// The whole script.
pub(super) fn script(setup: &Setup<'_>, asks: Asks) -> String {
    let how = match asks {
        Asks::Az(_) => {
            "Run it with bash; it needs az, jq and pwsh. Sign in as a Cloud Application \
             Administrator who is an Exchange Administrator too."
        }
        Asks::Curl(_) => {
            "Run it with bash; it needs curl, jq and pwsh, and in GRAPH_TOKEN an access token \
             for Microsoft Graph with Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All, \
             DelegatedPermissionGrant.ReadWrite.All and User.ReadBasic.All."
        }
    };
    let mut lines = Lines("#!/usr/bin/env bash\n".to_owned() + &setup.head(how));
    lines.step(reasons::STOP);
    lines.run("set -euo pipefail");
    lines.step("Nothing is begun that cannot be ended.");
    let asker = match asks {
        Asks::Az(_) => "az",
        Asks::Curl(_) => "curl",
    };
    let shell = if asks.tools().is_some() { " pwsh" } else { "" };
    lines.run(&format!(
        "for tool in {asker} jq{shell}; do\n    \
         command -v \"$tool\" >/dev/null || {{ printf '%s is missing: install it first\\n' \"$tool\" \
         >&2; exit 69; }}\n\
         done"
    ));
    asking(setup, asks, &mut lines);
    if setup.needs.is_of_machine() {
        identity(setup, &mut lines);
    } else {
        application(setup, &mut lines);
        proof(setup, &mut lines);
        principal(&mut lines);
    }
    for resource in setup.resources() {
        lines.step(&reasons::resource(resource));
        lines.run(&format!(
            "{}=\"$(graph GET '/v1.0/servicePrincipals?$filter=appId%20eq%20%27{}%27&$select=id,\
             appRoles,oauth2PermissionScopes' | jq -e '.value[0]')\"",
            variable(resource),
            resource.app_id()
        ));
    }
    roles(setup, &mut lines);
    people(setup, &mut lines);
    match asks.tools() {
        Some(tools) => handed_over(setup, &tools, &mut lines),
        None => lines.step(
            "Mailboxes are opened to the app by the own means of this cloud: PowerShell knows \
             those of Microsoft only.",
        ),
    }
    lines.0
}

/// The function `graph METHOD PATH [BODY]`.
fn asking(setup: &Setup<'_>, asks: Asks, lines: &mut Lines) {
    let settings = setup.needs.settings;
    let address = settings.graph().map_or("", Url::as_str);
    lines.step("Microsoft Graph of this cloud.");
    lines.run(&format!(
        "graph_address={}",
        quoted(address.strip_suffix('/').unwrap_or(address))
    ));
    match asks {
        Asks::Az(tools) => {
            lines.step("Sign in. The tenant needs no Azure subscription.");
            lines.run(&format!("az cloud set --name {}", tools.az));
            let home = if settings.tenant.is_shared() {
                String::new()
            } else {
                format!(" --tenant {}", quoted(settings.tenant.as_str()))
            };
            lines.run(&format!(
                "az login{home} --allow-no-subscriptions --output none"
            ));
            lines.step("graph METHOD PATH [BODY]: one request, its answer on standard output.");
            lines.run(
                "graph() {\n    \
                 local body=()\n    \
                 if [ $# -gt 2 ]; then body=(--headers 'Content-Type=application/json' --body \
                 \"$3\"); fi\n    \
                 az rest --method \"$1\" --url \"$graph_address$2\" --resource \"$graph_address\" \
                 \"${body[@]+\"${body[@]}\"}\"\n}",
            );
        }
        Asks::Curl(_) => {
            lines.run(": \"${GRAPH_TOKEN:?holds no access token for Microsoft Graph}\"");
            lines.step(
                "graph METHOD PATH [BODY]: one request, its answer on standard output. The token \
                 goes by a file descriptor: arguments can be seen by everybody.",
            );
            lines.run(
                "graph() {\n    \
                 local body=()\n    \
                 if [ $# -gt 2 ]; then body=(--header 'Content-Type: application/json' --data \
                 \"$3\"); fi\n    \
                 curl --silent --show-error --fail-with-body --request \"$1\" \\\n        \
                 --config <(printf 'header = \"Authorization: Bearer %s\"\\n' \"$GRAPH_TOKEN\") \\\n        \
                 \"${body[@]+\"${body[@]}\"}\" \"$graph_address$2\"\n}",
            );
        }
    }
}

fn application(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::application(setup.app_id));
    lines.run(&format!("client_id={}", quoted(setup.client_id())));
    lines.run(&format!(
        "wanted={}",
        quoted(&ascii_json(&setup.application()))
    ));
    lines.run(
        "app=\"$(graph GET \"/v1.0/applications?\\$filter=appId%20eq%20%27$client_id%27\" | jq \
         '.value[0]')\"\n\
         if [ \"$app\" = null ]; then",
    );
    match setup.app_id {
        Some(_) => lines.run(
            "    printf 'the tenant has no app with the client id %s: compare what --app-id was \
             given\\n' \"$client_id\" >&2\n    \
             exit 65",
        ),
        None => new_application(setup, lines),
    }
    lines.run("fi");
    if setup.is_of_another_app() {
        warn_of_client_id(setup, "", lines);
    }
    lines.run("application=\"$(jq -er .id <<<\"$app\")\"");
    asked_for(lines);
}

fn warn_of_client_id(setup: &Setup<'_>, indent: &str, lines: &mut Lines) {
    lines.run(&format!(
        "{indent}printf 'write client_id = \"%s\" into [registration.%s]\\n' \"$client_id\" {} >&2",
        quoted(setup.needs.name)
    ));
}

fn new_application(setup: &Setup<'_>, lines: &mut Lines) {
    lines.run(&format!(
        "    named=\"$(graph GET {} | jq -r '[.value[].appId] | join(\", \")')\"\n    \
         if [ -n \"$named\" ]; then\n        \
         printf 'the app \"%s\" is there already, with the client id %s: if it is yours, write that \
         into [registration.%s] and make this script again, or make it with --app-id and that id; \
         otherwise give the registration another name\\n' {} \"$named\" {} >&2\n        \
         exit 65\n    \
         fi",
        quoted(&format!("/{}", setup.apps_of_the_title())),
        quoted(&setup.title()),
        quoted(setup.needs.name)
    ));
    lines.run(
        "    app=\"$(graph POST /v1.0/applications \"$wanted\")\"\n    \
         client_id=\"$(jq -er .appId <<<\"$app\")\"",
    );
    warn_of_client_id(setup, "    ", lines);
}

fn asked_for(lines: &mut Lines) {
    lines.step(reasons::ASKS_FOR);
    lines.run(
        "required=\"$(jq --argjson wanted \"$wanted\" '. as $app | $wanted\n    \
         | with_entries(select(.key == \"isFallbackPublicClient\"))\n    \
         + with_entries(select(.key == \"publicClient\" or .key == \"web\")\n      \
         | .value = { redirectUris: (($app[.key].redirectUris // []) + .value.redirectUris | \
         unique) })\n    \
         + { requiredResourceAccess: (($app.requiredResourceAccess // []) + \
         $wanted.requiredResourceAccess\n      \
         | group_by(.resourceAppId)\n      \
         | map({ resourceAppId: .[0].resourceAppId,\n              \
         resourceAccess: (map(.resourceAccess) | add | unique_by(.id)) })) }' <<<\"$app\")\"\n\
         graph PATCH \"/v1.0/applications/$application\" \"$required\" >/dev/null",
    );
}

fn proof(setup: &Setup<'_>, lines: &mut Lines) {
    if let Some((id, entry)) = setup.key_credential() {
        lines.step(reasons::CERTIFICATE);
        lines.run(&format!(
            "certificate={}\n\
             keys=\"$(graph GET \"/v1.0/applications/$application?\\$select=keyCredentials\" | jq \
             '.keyCredentials // []')\"\n\
             if ! jq -e --arg id {} --argjson new \"$certificate\" 'any(.[]; .keyId == $id or \
             .customKeyIdentifier == $new.customKeyIdentifier)' <<<\"$keys\" >/dev/null; then\n    \
             graph PATCH \"/v1.0/applications/$application\" \\\n        \
             \"$(jq --argjson new \"$certificate\" '{{ keyCredentials: (. + [$new]) }}' \
             <<<\"$keys\")\" >/dev/null\n\
             fi",
            quoted(&ascii_json(&entry)),
            quoted(&id)
        ));
    }
    if let Some((why, entry)) = setup.trusted_issuer() {
        lines.step(why);
        lines.run(&format!(
            "# graph POST \"/v1.0/applications/$application/federatedIdentityCredentials\" {}",
            quoted(&ascii_json(&entry))
        ));
    }
    if !setup.has_secret() {
        return;
    }
    let body = quoted(&ascii_json(&secret_body(setup)));
    let added = format!(
        "secret=\"$(graph POST \"/v1.0/applications/$application/addPassword\" {body} | jq -er .secretText)\""
    );
    if let Some(file) = setup.kept_secret() {
        let file = quoted(&file.to_string_lossy());
        lines.step(
            "The client secret, which Microsoft shows once: into the file that the configuration \
             names, readable by nobody else. One that is there stays. The file comes first: a secret \
             that could not be kept is not made.",
        );
        lines.run(&format!(
            "if [ ! -e {file} ]; then\n    \
             (umask 077; set -C; : >{file})\n    \
             trap {} EXIT\n    \
             {added}\n    \
             printf '%s\\n' \"$secret\" >{file}\n    \
             trap - EXIT\n\
             fi",
            quoted(&format!("rm -f -- {file}"))
        ));
    } else {
        lines.step(
            "The client secret, which Microsoft shows once: put it where the configuration says, \
             and clear the screen.",
        );
        lines.run(&format!(
            "if jq -e '.passwordCredentials // [] | length == 0' <<<\"$app\" >/dev/null; then\n    \
             {added}\n    \
             printf 'the client secret: %s\\n' \"$secret\"\n\
             fi"
        ));
    }
}

/// The body of the request for a client secret.
pub(super) fn secret_body(setup: &Setup<'_>) -> Value {
    json!({ "passwordCredential": { "displayName": setup.title() } })
}

fn identity(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::IDENTITY);
    lines.run(&format!(
        "client_id={}",
        quoted(&setup.needs.settings.client_id)
    ));
    lines.run(&format!(
        "enterprise=\"$(graph GET \"/v1.0/servicePrincipals?\\$filter=appId%20eq%20%27$client_id%27\" \
         | jq -r '.value[0].id // empty')\"\n\
         if [ -z \"$enterprise\" ]; then\n    \
         printf 'the tenant has no managed identity with the application id %s: write that of the \
         identity as client_id into [registration.%s] and make this script again\\n' \
         \"$client_id\" {} >&2\n    \
         exit 65\n\
         fi",
        quoted(setup.needs.name)
    ));
}

fn principal(lines: &mut Lines) {
    lines.step(reasons::PRINCIPAL);
    lines.run(
        "enterprise=\"$(graph GET \"/v1.0/servicePrincipals?\\$filter=appId%20eq%20%27$client_id%27\" \
         | jq -r '.value[0].id // empty')\"\n\
         if [ -z \"$enterprise\" ]; then\n    \
         enterprise=\"$(graph POST /v1.0/servicePrincipals \"$(jq -n --arg id \"$client_id\" '{ \
         appId: $id }')\" | jq -er .id)\"\n\
         fi",
    );
}

fn roles(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::HELD);
    lines.run(
        "held=\"$(graph GET \"/v1.0/servicePrincipals/$enterprise/appRoleAssignments\" | jq \
         '.value // []')\"\n\
         needed='[]'",
    );
    for role in setup.needs.roles() {
        let resource = variable(role.resource);
        lines.step(&reasons::role(role));
        lines.run(&format!(
            "role=\"$(jq -er --arg name {} '.appRoles[] | select(.value == $name) | .id' \
             <<<\"${resource}\")\"\n\
             needed=\"$(jq --arg role \"$role\" '. + [$role]' <<<\"$needed\")\"\n\
             if ! jq -e --arg role \"$role\" 'any(.[]; .appRoleId == $role)' <<<\"$held\" >/dev/null; \
             then\n    \
             graph POST \"/v1.0/servicePrincipals/$enterprise/appRoleAssignments\" \\\n        \
             \"$(jq --arg principal \"$enterprise\" --arg role \"$role\" '{{ principalId: $principal, \
             resourceId: .id, appRoleId: $role }}' <<<\"${resource}\")\" >/dev/null\n\
             fi",
            quoted(role.name)
        ));
    }
    lines.step(reasons::UNNEEDED);
    lines.run(
        "jq -r --argjson needed \"$needed\" '.[] | select(.appRoleId as $id | $needed | index($id) \
         | not)\n    \
         | \"warning: the app holds a permission that this configuration does not need: \
         \\(.resourceDisplayName) \\(.appRoleId)\"' <<<\"$held\" >&2",
    );
}

fn people(setup: &Setup<'_>, lines: &mut Lines) {
    for (person, asked) in setup.needs.people() {
        lines.step(&reasons::person(person));
        let path: String = url::form_urlencoded::byte_serialize(person.as_bytes()).collect();
        lines.run(&format!(
            "person=\"$(graph GET {} | jq -er .id)\"\n\
             grants=\"$(graph GET \"/v1.0/servicePrincipals/$enterprise/oauth2PermissionGrants\" | jq \
             '.value // []')\"",
            quoted(&format!("/v1.0/users/{path}"))
        ));
        for (resource, scopes) in scopes(&asked) {
            let variable = variable(resource);
            lines.run(&format!(
                "grant=\"$(jq --arg client \"$enterprise\" --arg person \"$person\" --arg scope {} '{{ \
                 clientId: $client, consentType: \"Principal\", principalId: $person, resourceId: \
                 .id, scope: $scope }}' <<<\"${variable}\")\"\n\
                 there=\"$(jq --argjson new \"$grant\" 'map(select(.principalId == \
                 $new.principalId and .resourceId == $new.resourceId))[0]' <<<\"$grants\")\"\n\
                 if [ \"$there\" = null ]; then\n    \
                 graph POST /v1.0/oauth2PermissionGrants \"$grant\" >/dev/null\n\
                 elif ! jq -e --argjson there \"$there\" '(.scope | split(\" \")) - ($there.scope | \
                 split(\" \")) == []' <<<\"$grant\" >/dev/null; then\n    \
                 graph PATCH \"/v1.0/oauth2PermissionGrants/$(jq -er .id <<<\"$there\")\" \\\n        \
                 \"$(jq --argjson there \"$there\" '{{ scope: ([.scope, $there.scope | \
                 split(\" \")[] | select(. != \"\")] | unique | join(\" \")) }}' <<<\"$grant\")\" \
                 >/dev/null\n\
                 fi",
                quoted(&scopes)
            ));
        }
    }
}

/// Exchange's half, for PowerShell. Between a quoted delimiter Bash changes nothing.
fn handed_over(setup: &Setup<'_>, tools: &Tools, lines: &mut Lines) {
    let mut inner = Lines::default();
    inner.run("$ErrorActionPreference = 'Stop'");
    inner.run("$clientId = $env:GATEPOST_CLIENT_ID");
    inner.run("$enterprise = $env:GATEPOST_ENTERPRISE_OBJECT_ID");
    inner.run(
        "if (-not (Get-Module -ListAvailable -Name 'ExchangeOnlineManagement')) {\n    \
         Install-Module -Name 'ExchangeOnlineManagement' -Scope CurrentUser\n}",
    );
    exchange::write(setup, tools, &mut inner);
    lines.step(
        "Mailbox permissions are Exchange's, which neither Microsoft Graph nor az can grant: \
         PowerShell does the other half.",
    );
    lines.run(&format!(
        "exchange_script=\"$(mktemp -d)/exchange.ps1\"\n\
         cat >\"$exchange_script\" <<'{DELIMITER}'\n{}{DELIMITER}",
        inner.0
    ));
    lines.run(
        "GATEPOST_CLIENT_ID=\"$client_id\" GATEPOST_ENTERPRISE_OBJECT_ID=\"$enterprise\" \\\n    \
         pwsh -NoProfile -File \"$exchange_script\"\n\
         rm -r \"$(dirname \"$exchange_script\")\"",
    );
}

fn variable(resource: Resource) -> &'static str {
    match resource {
        Resource::Exchange => "exchange",
        Resource::Graph => "microsoft_graph",
    }
}

/// No line of ours is this one: comments begin with `#`, and texts stand inside lines.
const DELIMITER: &str = "GATEPOST_EXCHANGE";
