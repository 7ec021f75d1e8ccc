//! The half of a set-up that only Exchange's PowerShell can do. It takes the enterprise
//! application's object id in `$enterprise`.

use super::{Extent, Lines, Setup, Tools};
use crate::config::{MailboxSettings, SendBy};
use crate::setup::SmtpWay;
use crate::setup::quoting::powershell as quoted;

/// Adds the steps to `lines`.
pub(super) fn write(setup: &Setup<'_>, tools: &Tools, lines: &mut Lines) {
    lines.step("Exchange has its own permissions, and its own PowerShell to grant them.");
    lines.run(&format!(
        "Connect-ExchangeOnline -ExchangeEnvironmentName {} -ShowBanner:$false",
        tools.exchange
    ));
    if setup.needs.by_app().next().is_some() {
        principal(setup, lines);
    }
    for mailbox in &setup.needs.mailboxes {
        opened(setup, mailbox, lines);
    }
    if setup.needs.smtp == SmtpWay::Role && setup.needs.sent_by_app().next().is_some() {
        sending_role(setup, lines);
    }
    if setup.extent == Extent::AccessPolicy {
        access_policy(setup, lines);
    }
    lines.step(
        "Exchange may take up to two hours to heed a new permission; then this is the test: \
         gatepost token MAILBOX, and gatepost messages MAILBOX.",
    );
    lines.run("Write-Host 'Exchange is set up.'");
}

fn principal(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(
        "Exchange knows an app by the object id of its ENTERPRISE APPLICATION. The object id of \
         the app registration is another number, is taken without a complaint, and then no \
         sign-in works.",
    );
    lines.run(
        "if (-not (Get-ServicePrincipal -Identity $enterprise -ErrorAction SilentlyContinue)) {",
    );
    lines.run(&format!(
        "    New-ServicePrincipal -AppId $clientId -ObjectId $enterprise -DisplayName {} | Out-Null",
        quoted(&setup.title())
    ));
    lines.run("}");
}

fn opened(setup: &Setup<'_>, mailbox: &MailboxSettings, lines: &mut Lines) {
    let address = quoted(&mailbox.address);
    let shared = setup
        .needs
        .shared()
        .find(|(shared, _)| shared.address == mailbox.address);
    let trustee = match (mailbox.grant.person(), shared) {
        (None, _) => Some("$enterprise".to_owned()),
        (Some(_), Some((_, person))) => Some(quoted(person)),
        (Some(_), None) => None,
    };
    let owner = if mailbox.grant.person().is_none() {
        "the app"
    } else {
        "the person who signs in"
    };
    let by_graph_alone = !setup.needs.is_opened_by_exchange(mailbox);
    if let Some(trustee) = trustee
        .as_ref()
        .filter(|_| !by_graph_alone || shared.is_some())
    {
        lines.step(&format!(
            "{}: {owner} opens it. IMAP and POP3 know no smaller right than FullAccess.",
            mailbox.address
        ));
        // Outlook would show a shared mailbox to the person without being asked to.
        let mapping = if shared.is_some() {
            " -AutoMapping $false"
        } else {
            ""
        };
        lines.run(&format!(
            "Add-MailboxPermission -Identity {address} -User {trustee} -AccessRights FullAccess\
             {mapping} | Out-Null"
        ));
    } else if trustee.is_some() {
        lines.step(&format!(
            "{}: the app reads it by Microsoft Graph, which asks for no right to the mailbox.",
            mailbox.address
        ));
    } else {
        lines.step(&format!(
            "{}: its owner signs in, so it needs no permission of anybody else.",
            mailbox.address
        ));
    }
    let by_role = mailbox.grant.person().is_none() && setup.needs.smtp == SmtpWay::Role;
    if mailbox.may_send_by(SendBy::Smtp) {
        if let Some(trustee) = trustee.filter(|_| !by_role) {
            lines.why(&format!("{owner} also sends as this mailbox."));
            lines.run(&format!(
                "Add-RecipientPermission -Identity {address} -Trustee {trustee} -AccessRights \
                 SendAs -Confirm:$false | Out-Null"
            ));
        }
        lines.why(
            "SMTP AUTH is off in most organisations; what a mailbox says of itself goes before \
             that. Security defaults in Entra ID switch it off all the same.",
        );
        lines.run(&format!(
            "Set-CASMailbox -Identity {address} -SmtpClientAuthenticationDisabled $false"
        ));
    }
    if setup.needs.is_read_by_imap(mailbox) {
        lines.why("It is read by IMAP, which may be off for it.");
        lines.run(&format!(
            "Set-CASMailbox -Identity {address} -ImapEnabled $true"
        ));
    }
    if setup.needs.is_read_by_pop(mailbox) {
        lines.why("It is read by POP3, which may be off for it.");
        lines.run(&format!(
            "Set-CASMailbox -Identity {address} -PopEnabled $true"
        ));
    }
}

/// RBAC for Applications: the fence around sending.
fn sending_role(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(
        "The app sends by a role in a scope (RBAC for Applications): a group holds the mailboxes \
         that send, the scope is the group's members, and the role counts in the scope only. To \
         let another mailbox send, add it to the group. Nobody needs to see the group.",
    );
    member_group(&setup.named("senders"), setup.needs.sent_by_app(), lines);
    lines.run(
        "$members = \"MemberOfGroup -eq '{0}'\" -f $group.DistinguishedName.Replace(\"'\", \"''\")",
    );
    lines.run("if (-not (Get-ManagementScope -Identity $name -ErrorAction SilentlyContinue)) {");
    lines
        .run("    New-ManagementScope -Name $name -RecipientRestrictionFilter $members | Out-Null");
    lines.run("}");
    lines.run(
        "if (-not (Get-ManagementRoleAssignment -Identity $name -ErrorAction SilentlyContinue)) {",
    );
    lines.run(
        "    New-ManagementRoleAssignment -Name $name -App $enterprise -Role 'Application \
         SMTP.SendAsApp' -CustomResourceScope $name | Out-Null",
    );
    lines.run("}");
    lines.why("What Exchange makes of it, mailbox by mailbox: InScope must be True.");
    for mailbox in setup.needs.sent_by_app() {
        lines.run(&format!(
            "Test-ServicePrincipalAuthorization -Identity $enterprise -Resource {} | Format-Table",
            quoted(&mailbox.address)
        ));
    }
}

/// A security group with these mailboxes in it, in `$group`, and its name in `$name`.
fn member_group<'a>(
    name: &str,
    members: impl Iterator<Item = &'a MailboxSettings>,
    lines: &mut Lines,
) {
    lines.run(&format!("$name = {}", quoted(name)));
    lines.run(
        "$group = Get-DistributionGroup -Identity $name -ErrorAction SilentlyContinue\n\
         if (-not $group) {\n    \
         $group = New-DistributionGroup -Name $name -Type Security\n    \
         Set-DistributionGroup -Identity $name -HiddenFromAddressListsEnabled $true\n\
         }\n\
         $inside = Get-DistributionGroupMember -Identity $name -ResultSize Unlimited | \
         ForEach-Object { $_.PrimarySmtpAddress }",
    );
    for mailbox in members {
        let address = quoted(&mailbox.address);
        lines.run(&format!(
            "if ($inside -notcontains {address}) {{ Add-DistributionGroupMember -Identity $name \
             -Member {address} }}"
        ));
    }
}

fn access_policy(setup: &Setup<'_>, lines: &mut Lines) {
    lines.step(
        "ASKED FOR WITH --access-policy, AND LEGACY: application access policies fence Microsoft \
         Graph and EWS only. They do NOT cover IMAP, POP or SMTP, so they do not hold back what \
         Gatepost does here. Microsoft says: create no new ones, RBAC for Applications replaces \
         them.",
    );
    lines.run(
        "Write-Warning 'An application access policy is legacy, and does not cover IMAP, POP or \
         SMTP.'",
    );
    member_group(&setup.named("reach"), setup.needs.by_app(), lines);
    lines.run(
        "if (-not (Get-ApplicationAccessPolicy -ErrorAction SilentlyContinue | Where-Object { \
         $_.AppId -eq $clientId })) {",
    );
    lines.run(&format!(
        "    New-ApplicationAccessPolicy -AppId $clientId -PolicyScopeGroupId \
         $group.PrimarySmtpAddress -AccessRight RestrictAccess -Description {} | Out-Null",
        quoted(&setup.title())
    ));
    lines.run("}");
}
