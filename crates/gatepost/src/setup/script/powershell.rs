//! The set-up in PowerShell. Requests to Microsoft Graph are written as such: they are the same
//! in every version of the module, and can be looked up.

use super::{Lines, Setup, Tools, exchange, reasons, scopes};
use crate::setup::permission::Resource;
use crate::setup::quoting::{ascii_json, powershell as quoted};

/// The whole script.
pub(super) fn script(setup: &Setup<'_>, tools: &Tools) -> String {
    let mut lines = Lines(setup.head(
        "Run it in PowerShell (5.1 or 7) as a Cloud Application Administrator who is an Exchange \
         Administrator too; it asks you to sign in twice.",
    ));
    begin(setup, tools, &mut lines);
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
            "{} = (Invoke-MgGraphRequest -Method GET -Uri 'v1.0/servicePrincipals?$filter=appId eq \
             ''{}''&$select=id,appRoles,oauth2PermissionScopes').value[0]",
            variable(resource),
            resource.app_id()
        ));
    }
    roles(setup, &mut lines);
    people(setup, &mut lines);
    exchange::write(setup, tools, &mut lines);
    lines.0
}

fn begin(setup: &Setup<'_>, tools: &Tools, lines: &mut Lines) {
    lines.step(reasons::STOP);
    lines.run("$ErrorActionPreference = 'Stop'");
    lines.step("The two modules that talk to Entra ID and to Exchange.");
    lines.run(
        "foreach ($module in 'Microsoft.Graph.Authentication', 'ExchangeOnlineManagement') {\n    \
         if (-not (Get-Module -ListAvailable -Name $module)) {\n        \
         Install-Module -Name $module -Scope CurrentUser\n    }\n}",
    );
    lines.step(
        "Sign in to Entra ID: to make the app, to give it application permissions, and to let \
         people use it.",
    );
    let tenant = &setup.needs.settings.tenant;
    let home = if tenant.is_shared() {
        String::new()
    } else {
        format!(" -TenantId {}", quoted(tenant.as_str()))
    };
    lines.run(&format!(
        "Connect-MgGraph -Environment {}{home} -NoWelcome -Scopes 'Application.ReadWrite.All', \
         'AppRoleAssignment.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All', \
         'User.ReadBasic.All'",
        tools.graph
    ));
}

fn application(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::application(setup.app_id));
    lines.run(&format!("$clientId = {}", quoted(setup.client_id())));
    lines.run(&format!(
        "$wanted = {}",
        quoted(&ascii_json(&setup.application()))
    ));
    lines.run(
        "$app = (Invoke-MgGraphRequest -Method GET -Uri \"v1.0/applications?`$filter=appId eq \
         '$clientId'\").value | Select-Object -First 1\n\
         if (-not $app) {",
    );
    match setup.app_id {
        Some(_) => lines.run(
            "    throw ('The tenant has no app with the client id ' + $clientId + ': compare what \
             --app-id was given')",
        ),
        None => new_application(setup, lines),
    }
    lines.run("}");
    if setup.is_of_another_app() {
        warn_of_client_id(setup, "", lines);
    }
    asked_for(lines);
}

fn warn_of_client_id(setup: &Setup<'_>, indent: &str, lines: &mut Lines) {
    lines.run(&format!(
        "{indent}Write-Warning ('Write client_id = \"' + $clientId + '\" into [registration.' + \
         {} + '].')",
        quoted(setup.needs.name)
    ));
}

fn new_application(setup: &Setup<'_>, lines: &mut Lines) {
    lines.run(&format!(
        "    $named = @((Invoke-MgGraphRequest -Method GET -Uri '{}').value | Where-Object {{ $_ \
         }})\n    \
         if ($named) {{\n        \
         throw ('The app \"' + {} + '\" is there already, with the client id ' + (($named | \
         ForEach-Object {{ $_.appId }}) -join ', ') + ': if it is yours, write that into \
         [registration.' + {} + '] and make this script again, or make it with --app-id and that \
         id; otherwise give the registration another name')\n    \
         }}",
        setup.apps_of_the_title(),
        quoted(&setup.title()),
        quoted(setup.needs.name)
    ));
    lines.run(
        "    $app = Invoke-MgGraphRequest -Method POST -Uri 'v1.0/applications' -Body $wanted \
         -ContentType 'application/json'\n    \
         $clientId = $app.appId",
    );
    warn_of_client_id(setup, "    ", lines);
}

fn asked_for(lines: &mut Lines) {
    lines.step(reasons::ASKS_FOR);
    lines.run(
        "$asked = ConvertFrom-Json $wanted\n\
         $required = @($app.requiredResourceAccess)\n\
         foreach ($resource in $asked.requiredResourceAccess) {\n    \
         $there = $required | Where-Object { $_.resourceAppId -eq $resource.resourceAppId }\n    \
         if ($there) {\n        \
         $ids = @($there.resourceAccess | ForEach-Object { $_.id })\n        \
         $there.resourceAccess = @($there.resourceAccess) + @($resource.resourceAccess | \
         Where-Object { $ids -notcontains $_.id })\n    \
         } else {\n        \
         $required += $resource\n    \
         }\n\
         }\n\
         $changes = @{ requiredResourceAccess = @($required | Where-Object { $_ }) }\n\
         if ($asked.isFallbackPublicClient) { $changes['isFallbackPublicClient'] = $true }\n\
         foreach ($place in 'publicClient', 'web') {\n    \
         if ($asked.$place) {\n        \
         $uris = @($app.$place.redirectUris) + @($asked.$place.redirectUris)\n        \
         $changes[$place] = @{ redirectUris = @($uris | Where-Object { $_ } | Select-Object \
         -Unique) }\n    \
         }\n\
         }\n\
         $body = ConvertTo-Json -Depth 10 $changes\n\
         Invoke-MgGraphRequest -Method PATCH -Uri \"v1.0/applications/$($app.id)\" -Body $body \
         -ContentType 'application/json'",
    );
}

fn proof(setup: &Setup<'_>, lines: &mut Lines) {
    if let Some((id, entry)) = setup.key_credential() {
        lines.step(reasons::CERTIFICATE);
        lines.run(&format!(
            "$certificate = ConvertFrom-Json {}\n\
             $read = Invoke-MgGraphRequest -Method GET -Uri \
             \"v1.0/applications/$($app.id)?`$select=keyCredentials\" -OutputType Json\n\
             $keys = @((ConvertFrom-Json $read).keyCredentials)\n\
             if (-not ($keys | Where-Object {{ $_.keyId -eq {} -or $_.customKeyIdentifier -eq \
             $certificate.customKeyIdentifier }})) {{\n    \
             $body = ConvertTo-Json -Depth 10 @{{ keyCredentials = @($keys | Where-Object {{ $_ }}) \
             + $certificate }}\n    \
             Invoke-MgGraphRequest -Method PATCH -Uri \"v1.0/applications/$($app.id)\" -Body $body \
             -ContentType 'application/json'\n}}",
            quoted(&ascii_json(&entry)),
            quoted(&id)
        ));
    }
    if let Some((why, entry)) = setup.trusted_issuer() {
        lines.step(why);
        lines.run(&format!(
            "# Invoke-MgGraphRequest -Method POST -Uri \
             \"v1.0/applications/$($app.id)/federatedIdentityCredentials\" -Body {} -ContentType \
             'application/json'",
            quoted(&ascii_json(&entry))
        ));
    }
    if setup.has_secret() {
        lines.step(
            "The client secret. Microsoft shows it once: put it where the configuration says, \
             readable by nobody else, and clear the screen.",
        );
        lines.run(&format!(
            "if (-not $app.passwordCredentials) {{\n    \
             $secret = Invoke-MgGraphRequest -Method POST -Uri \
             \"v1.0/applications/$($app.id)/addPassword\" -Body {} -ContentType \
             'application/json'\n    \
             Write-Host $secret.secretText\n}}",
            quoted(&ascii_json(&super::bash::secret_body(setup)))
        ));
    }
}

fn identity(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::IDENTITY);
    lines.run(&format!(
        "$clientId = {}",
        quoted(&setup.needs.settings.client_id)
    ));
    lines.run(&format!(
        "$principal = (Invoke-MgGraphRequest -Method GET -Uri \"v1.0/servicePrincipals?`$filter=\
         appId eq '$clientId'\").value | Select-Object -First 1\n\
         if (-not $principal) {{\n    \
         throw ('The tenant has no managed identity with the application id ' + $clientId + ': \
         write that of the identity as client_id into [registration.' + {} + '] and make this \
         script again')\n\
         }}\n\
         $enterprise = $principal.id",
        quoted(setup.needs.name)
    ));
}

fn principal(lines: &mut Lines) {
    lines.step(reasons::PRINCIPAL);
    lines.run(
        "$principal = (Invoke-MgGraphRequest -Method GET -Uri \"v1.0/servicePrincipals?`$filter=\
         appId eq '$clientId'\").value | Select-Object -First 1\n\
         if (-not $principal) {\n    \
         $principal = Invoke-MgGraphRequest -Method POST -Uri 'v1.0/servicePrincipals' -Body \
         (ConvertTo-Json @{ appId = $clientId }) -ContentType 'application/json'\n\
         }\n\
         $enterprise = $principal.id",
    );
}

fn roles(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(reasons::HELD);
    lines.run(
        "$held = @((Invoke-MgGraphRequest -Method GET -Uri \"v1.0/servicePrincipals/$enterprise/\
         appRoleAssignments\").value)\n\
         $needed = @()",
    );
    for role in setup.needs.roles() {
        let resource = variable(role.resource);
        lines.step(&reasons::role(role));
        lines.run(&format!(
            "$role = ({resource}.appRoles | Where-Object {{ $_.value -eq {} }}).id\n\
             $needed += $role\n\
             if (-not ($held | Where-Object {{ $_.appRoleId -eq $role }})) {{\n    \
             Invoke-MgGraphRequest -Method POST -Uri \
             \"v1.0/servicePrincipals/$enterprise/appRoleAssignments\" -Body (ConvertTo-Json @{{ \
             principalId = $enterprise; resourceId = {resource}.id; appRoleId = $role }}) \
             -ContentType 'application/json' | Out-Null\n}}",
            quoted(role.name)
        ));
    }
    lines.step(reasons::UNNEEDED);
    lines.run(
        "foreach ($grant in $held | Where-Object { $_ -and $needed -notcontains $_.appRoleId }) {\n    \
         Write-Warning (\"The app holds a permission that this configuration does not need: \" + \
         $grant.resourceDisplayName + ' ' + $grant.appRoleId)\n}",
    );
}

fn people(setup: &Setup<'_>, lines: &mut Lines) {
    for (person, asked) in setup.needs.people() {
        lines.step(&reasons::person(person));
        lines.run(&format!(
            "$person = Invoke-MgGraphRequest -Method GET -Uri ('v1.0/users/' + \
             [uri]::EscapeDataString({}))\n\
             $grants = @((Invoke-MgGraphRequest -Method GET -Uri \
             \"v1.0/servicePrincipals/$enterprise/oauth2PermissionGrants\").value)",
            quoted(person)
        ));
        for (resource, scopes) in scopes(&asked) {
            let variable = variable(resource);
            lines.run(&format!(
                "$there = $grants | Where-Object {{ $_.principalId -eq $person.id -and \
                 $_.resourceId -eq {variable}.id }} | Select-Object -First 1\n\
                 $scopes = {} -split ' '\n\
                 if (-not $there) {{\n    \
                 Invoke-MgGraphRequest -Method POST -Uri 'v1.0/oauth2PermissionGrants' -Body \
                 (ConvertTo-Json @{{ clientId = $enterprise; consentType = 'Principal'; principalId \
                 = $person.id; resourceId = {variable}.id; scope = $scopes -join ' ' }}) \
                 -ContentType 'application/json' | Out-Null\n\
                 }} elseif ($scopes | Where-Object {{ ($there.scope -split ' ') -notcontains $_ }}) \
                 {{\n    \
                 $both = @($there.scope -split ' ') + $scopes | Where-Object {{ $_ }} | \
                 Select-Object -Unique\n    \
                 Invoke-MgGraphRequest -Method PATCH -Uri \
                 \"v1.0/oauth2PermissionGrants/$($there.id)\" -Body (ConvertTo-Json @{{ scope = \
                 $both -join ' ' }}) -ContentType 'application/json' | Out-Null\n}}",
                quoted(&scopes)
            ));
        }
    }
}

fn variable(resource: Resource) -> &'static str {
    match resource {
        Resource::Exchange => "$exchange",
        Resource::Graph => "$graph",
    }
}
