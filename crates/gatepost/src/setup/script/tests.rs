use std::path::PathBuf;

use gatepost_fault::Fault as _;
use gatepost_oauth::CertificateFiles;

use super::*;
use crate::config::{Config, Purpose, load_for};
use crate::setup::{Resource, SmtpWay};

/// A registration with a certificate: one mailbox is read, one also sends, and a name that no
/// script may stumble over.
const APP: &str = r#"
[registration."O'Brien; $(reboot) ‘Бюро’"]
tenant = "contoso.onmicrosoft.com"
client_id = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc"
certificate = { file = "gatepost.pem" }

[mailbox."support@contoso.com"]
registration = "O'Brien; $(reboot) ‘Бюро’"
grant = "client_credentials"

[mailbox."o'brien$x@contoso.com"]
registration = "O'Brien; $(reboot) ‘Бюро’"
grant = "client_credentials"
send = "smtp"
"#;

/// A public client in a national cloud: a person opens her own mailbox and a shared one.
const PEOPLE: &str = r#"
[registration.people]
cloud = "usgov"
tenant = "contoso.onmicrosoft.us"
client_id = "7c9f2b64-5d3e-4a18-9b0c-2e6f41d8a3b5"

[mailbox."ada@contoso.us"]
registration = "people"
grant = "authorization_code"

[mailbox."office@contoso.us"]
registration = "people"
grant = "authorization_code"
sign_in_as = "ada@contoso.us"
send = "smtp"
"#;

/// A client secret, in a cloud that is none of Microsoft's.
const LAB: &str = r#"
[cloud.lab]
login = "https://login.lab.example"
graph = "https://graph.lab.example"
imap = "imap.lab.example:993"

[registration.lab]
cloud = "lab"
tenant = "lab.example"
client_id = "0d5a9c1e-6b7f-4c0d-a1f2-93c84be7d610"
secret = { file = "/etc/gatepost/client.secret" }

[mailbox."post@lab.example"]
registration = "lab"
grant = "client_credentials"
"#;

fn loaded(text: &str) -> Config {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("gatepost.toml");
    std::fs::write(&file, text).expect("a writable folder");
    load_for(Purpose::SetUp, &file).expect("a good configuration")
}

fn certificate() -> Certificate {
    let keys = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../oauth/tests/keys");
    let read = |name: &str| std::fs::read(keys.join(name)).expect("it is in the repository");
    Certificate::read(&CertificateFiles {
        name: "app.crt",
        certificate: &read("app.crt"),
        key: Some(&read("pkcs8.key")),
        password: None,
    })
    .expect("a certificate and its key")
}

fn setup(config: &Config) -> Setup<'_> {
    let (name, settings) = config
        .registrations
        .first_key_value()
        .expect("there is one");
    Setup {
        needs: Needs::of(config, (name, settings), SmtpWay::Role),
        certificate: matches!(settings.proof, ProofSource::Certificate { .. }).then(certificate),
        file: Path::new("/etc/gatepost/gatepost.toml"),
        extent: Extent::Needed,
        app_id: None,
    }
}

fn script(text: &str, style: Style) -> String {
    let config = loaded(text);
    setup(&config).script(style).expect("a script")
}

#[test]
fn an_app_is_set_up_in_powershell() {
    insta::assert_snapshot!(script(APP, Style::Powershell));
}

#[test]
fn an_app_is_set_up_with_az() {
    insta::assert_snapshot!(script(APP, Style::Az));
}

#[test]
fn people_are_set_up_in_powershell() {
    insta::assert_snapshot!(script(PEOPLE, Style::Powershell));
}

#[test]
fn people_are_set_up_with_curl() {
    insta::assert_snapshot!(script(PEOPLE, Style::Graph));
}

#[test]
fn a_secret_is_made_in_a_cloud_of_ones_own() {
    insta::assert_snapshot!(script(LAB, Style::Graph));
}

#[test]
fn the_identity_of_a_machine_is_no_app_to_make() {
    let secret = "secret = { file = \"/etc/gatepost/client.secret\" }";
    let text = LAB.replace(secret, "managed_identity = \"system\"");
    let config = loaded(&text);
    let refused = setup(&config).needs.has_app().expect_err("there is none");
    assert_eq!(refused.code(), "setup_of_machine");
    let in_global = text.replace("cloud = \"lab\"\n", "");
    for (text, style) in [
        (&in_global, Style::Powershell),
        (&in_global, Style::Az),
        (&text, Style::Graph),
    ] {
        let script = script(text, style);
        for done in [
            "/appRoleAssignments",
            "IMAP.AccessAsApp",
            "no managed identity",
        ] {
            assert!(script.contains(done), "{done}: {script}");
        }
        for not_done in [
            "v1.0/applications",
            "POST /v1.0/servicePrincipals ",
            "addPassword",
        ] {
            assert!(!script.contains(not_done), "{not_done}: {script}");
        }
        if style != Style::Graph {
            assert!(script.contains("Add-MailboxPermission"), "{script}");
        }
        for step in script.split("\n\n") {
            assert!(step.starts_with('#'), "{step}");
        }
    }
}

#[test]
fn an_app_that_is_there_is_gone_on_with() {
    let config = loaded(APP);
    let mut setup = setup(&config);
    let other = "11111111-2222-3333-4444-555555555555";
    setup.app_id = Some(other);
    for style in [Style::Powershell, Style::Az, Style::Graph] {
        let script = setup.script(style).expect("a script");
        assert!(script.contains(other), "{script}");
        assert!(!script.contains("bcdb5ae8"), "{script}");
        for not_done in ["POST /v1.0/applications ", "POST -Uri 'v1.0/applications'"] {
            assert!(!script.contains(not_done), "{script}");
        }
        assert!(!script.contains("is there already"), "{script}");
        assert!(script.contains("--app-id was given"), "{script}");
        assert!(
            script.contains("rite client_id = "),
            "it belongs into the configuration: {script}"
        );
        for step in script.split("\n\n") {
            assert!(step.starts_with('#'), "{step}");
        }
    }
    setup.app_id = Some("BCDB5AE8-1ab8-47c3-b0b2-6756048e2ddc");
    let same = setup.script(Style::Graph).expect("a script");
    assert!(!same.contains("write client_id"), "it stands there: {same}");
}

#[test]
fn the_other_issuer_is_still_to_be_entered() {
    let secret = "secret = { file = \"/etc/gatepost/client.secret\" }";
    let text = LAB.replace(secret, "assertion = { file = \"/run/token\" }");
    let text = text.replace("cloud = \"lab\"\n", "");
    for style in [Style::Powershell, Style::Graph] {
        let script = script(&text, style);
        let steps: Vec<_> = script.split("\n\n").collect();
        let step = steps
            .iter()
            .find(|step| step.contains("/federatedIdentityCredentials\""));
        let step = step.expect("it is told");
        assert!(step.starts_with("# STILL TO BE MADE"), "{step}");
        assert!(step.lines().all(|line| line.starts_with('#')), "{step}");
        assert!(step.contains("api://AzureADTokenExchange"), "{step}");
    }
}

#[test]
fn the_machine_that_vouches_is_still_to_be_entered() {
    let secret = "secret = { file = \"/etc/gatepost/client.secret\" }";
    let known = "federated_identity = { object_id = \"4e1f\" }";
    for (proof, subject) in [
        (known, "4e1f"),
        ("federated_identity = \"system\"", "OBJECT-ID"),
    ] {
        let text = LAB
            .replace(secret, proof)
            .replace("cloud = \"lab\"", "cloud = \"usgov\"");
        for style in [Style::Powershell, Style::Graph] {
            let script = script(&text, style);
            let mut steps = script.split("\n\n");
            let step = steps.find(|step| step.contains("/federatedIdentityCredentials\""));
            let step = step.expect("it is told");
            assert!(step.lines().all(|line| line.starts_with('#')), "{step}");
            for said in [
                "api://AzureADTokenExchangeUSGov",
                "https://login.microsoftonline.us/TENANT-ID/v2.0",
                subject,
            ] {
                assert!(step.contains(said), "{said}: {step}");
            }
        }
    }
}

#[test]
fn a_password_is_taken_without_a_proof_from_a_public_app_only() {
    let by_password = |text: &str, grant: &str| {
        let password = "grant = \"password\"\npassword = { file = \"/etc/gatepost/password\" }";
        let config = loaded(&text.replacen(&format!("grant = \"{grant}\""), password, 1));
        setup(&config).application()
    };
    let public = by_password(PEOPLE, "authorization_code");
    assert_eq!(public["isFallbackPublicClient"], true);
    let with_proof = by_password(LAB, "client_credentials");
    assert_eq!(with_proof["isFallbackPublicClient"], Value::Null);
    assert_eq!(
        with_proof["web"]["redirectUris"],
        json!(["http://localhost"])
    );
}

#[test]
fn the_older_ways_are_there_on_request() {
    let config = loaded(APP);
    let mut setup = setup(&config);
    setup.needs.smtp = SmtpWay::Permission;
    setup.extent = Extent::AccessPolicy;
    let older = setup.script(Style::Powershell).expect("a script");
    for wanted in [
        "SMTP.SendAsApp",
        "-AccessRights SendAs",
        "New-ApplicationAccessPolicy",
        "do NOT cover IMAP, POP or SMTP",
    ] {
        assert!(older.contains(wanted), "{wanted}");
    }
    assert!(!older.contains("New-ManagementScope"), "no scope is needed");
    let usual = script(APP, Style::Powershell);
    assert!(!usual.contains("New-ApplicationAccessPolicy"));
    assert!(!usual.contains("-AccessRights SendAs"));
}

#[test]
fn a_token_file_for_pop3_needs_the_permission_for_it() {
    let file = |mailbox: &str| {
        format!("[[token_file]]\nmailbox = \"{mailbox}\"\npath = \"token\"\nfor = \"pop3\"\n")
    };
    for (text, mailbox, permission) in [
        (APP, "support@contoso.com", "POP.AccessAsApp"),
        (PEOPLE, "ada@contoso.us", "POP.AccessAsUser.All"),
    ] {
        let with = format!("{text}{}", file(mailbox));
        for (text, is_needed) in [(text, false), (&with, true)] {
            let config = loaded(text);
            let setup = setup(&config);
            let needed = setup.needs.permissions();
            let names: Vec<_> = needed.iter().map(|needed| needed.name).collect();
            assert_eq!(names.contains(&permission), is_needed, "{names:?}");
            let script = setup.script(Style::Powershell).expect("a script");
            assert_eq!(script.contains(permission), is_needed, "{script}");
            let switched_on = script.matches("-PopEnabled $true").count();
            assert_eq!(switched_on, usize::from(is_needed), "{script}");
            let line = format!("Set-CASMailbox -Identity '{mailbox}' -PopEnabled $true");
            assert_eq!(script.contains(&line), is_needed, "{script}");
        }
    }
}

#[test]
fn a_mailbox_that_is_read_by_pop3_needs_no_permission_for_imap() {
    for (text, one, other) in [
        (APP, "POP.AccessAsApp", "IMAP.AccessAsApp"),
        (PEOPLE, "POP.AccessAsUser.All", "IMAP.AccessAsUser.All"),
    ] {
        let text = text.replace("\ngrant = ", "\nread = \"pop3\"\ngrant = ");
        let config = loaded(&text);
        let setup = setup(&config);
        let needed = setup.needs.permissions();
        let names: Vec<_> = needed.iter().map(|needed| needed.name).collect();
        assert!(names.contains(&one) && !names.contains(&other), "{names:?}");
        let script = setup.script(Style::Powershell).expect("a script");
        assert!(script.contains("-PopEnabled $true"), "{script}");
        assert!(!script.contains("-ImapEnabled"), "{script}");
    }
}

#[test]
fn nobody_is_asked_for_more_than_ask_for_names() {
    let door = "\n[gateway.pop3]\nprotocol = \"pop3\"\nlisten = \"127.0.0.1:1100\"\n";
    for (asked, expected) in [
        (
            "",
            &["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"][..],
        ),
        ("ask_for = [\"imap\"]\n", &["IMAP.AccessAsUser.All"]),
        (
            "ask_for = [\"pop3\", \"smtp\"]\n",
            &["POP.AccessAsUser.All", "SMTP.Send"],
        ),
    ] {
        let text = PEOPLE.replace("\ngrant = ", &format!("\n{asked}grant = ")) + door;
        let config = loaded(&text);
        let setup = setup(&config);
        let needed = setup.needs.permissions().into_iter();
        let needed = needed.filter(|one| one.resource == Resource::Exchange);
        let names: Vec<_> = needed.map(|one| one.name).collect();
        assert_eq!(names, expected, "{asked}");
    }
}

#[test]
fn a_mailbox_that_graph_serves_needs_permissions_of_graphs_alone() {
    for text in [APP, PEOPLE] {
        let text = text.replace("\ngrant = ", "\nread = \"graph\"\ngrant = ");
        let text = text.replace("send = \"smtp\"", "send = \"graph\"");
        let config = loaded(&text);
        let setup = setup(&config);
        let needed = setup.needs.permissions();
        let names: Vec<_> = needed.iter().map(|needed| needed.name).collect();
        let reads = names.iter().any(|name| name.starts_with("Mail.Read"));
        let sends = names.iter().any(|name| name.starts_with("Mail.Send"));
        assert_eq!((reads, sends), (true, text.contains("send =")), "{names:?}");
        assert!(
            !names.iter().any(|name| name.contains("AccessAs")),
            "{names:?}"
        );
        let script = setup.script(Style::Powershell).expect("a script");
        assert!(!script.contains("-ImapEnabled"), "{script}");
        let by_app = setup.needs.by_app().next().is_some();
        assert!(
            !by_app || !script.contains("Add-MailboxPermission"),
            "{script}"
        );
        let is_said = setup
            .needs
            .told()
            .join(" ")
            .contains("Application Mail.Read");
        assert_eq!(is_said, by_app, "how it is fenced");
    }
}

#[test]
fn the_manifest_has_what_is_needed_for_each_reader() {
    let config = loaded(APP);
    let setup = setup(&config);
    let manifest = Manifest::new(&setup.needs, setup.certificate.as_ref());
    insta::assert_snapshot!("manifest_portal", manifest.told(ManifestFormat::Portal));
    insta::assert_snapshot!("manifest_graph", manifest.told(ManifestFormat::Graph));
}

#[test]
fn no_line_of_a_script_is_without_a_reason() {
    for (text, style) in [
        (APP, Style::Powershell),
        (APP, Style::Az),
        (PEOPLE, Style::Graph),
        (LAB, Style::Graph),
    ] {
        let script = script(text, style);
        for step in script.split("\n\n") {
            assert!(step.starts_with('#'), "{step}");
        }
        assert!(script.is_ascii() || style != Style::Powershell);
    }
}

#[test]
fn what_no_quoting_makes_safe_is_refused() {
    for name in ["a\\nwhoami", "a\\u202Eb", "a\\u0085b"] {
        let text = APP.replace("O'Brien; $(reboot) ‘Бюро’", name);
        let config = loaded(&text);
        for style in [Style::Powershell, Style::Az, Style::Graph] {
            let refused = setup(&config).script(style).expect_err(name);
            assert_eq!(refused.code(), "setup_unquotable");
        }
    }
}

#[test]
fn the_tools_of_microsoft_are_not_sent_to_a_cloud_they_do_not_know() {
    let config = loaded(LAB);
    for style in [Style::Powershell, Style::Az] {
        let refused = setup(&config).script(style).expect_err("no such cloud");
        assert_eq!(refused.code(), "setup_cloud_unknown");
        assert!(refused.to_string().contains("--style graph"), "{refused}");
    }
}

#[test]
fn every_cloud_of_microsofts_has_its_names() {
    for (cloud, names) in [
        ("global", ["Global", "O365Default"]),
        ("usgov", ["USGov", "O365USGovGCCHigh"]),
        ("usgov-dod", ["USGovDoD", "O365USGovDoD"]),
        ("china", ["China", "O365China"]),
    ] {
        let text = PEOPLE.replace("\"usgov\"", &format!("\"{cloud}\""));
        let script = script(&text, Style::Powershell);
        assert!(script.contains(&format!("-Environment {} ", names[0])));
        assert!(script.contains(&format!("-ExchangeEnvironmentName {} ", names[1])));
    }
}

/// By Graph reading asks for reading alone, unless messages are changed.
const GRAPH: &str = r#"
[registration.graph]
tenant = "contoso.onmicrosoft.com"
client_id = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc"
secret = { file = "/etc/gatepost/client.secret" }

[mailbox."desk@contoso.com"]
registration = "graph"
grant = "client_credentials"
read = "graph"
send = "graph"
"#;

#[test]
fn changing_messages_by_graph_is_asked_for_where_it_is_wanted() {
    let asked = |text: &str| -> Vec<&'static str> {
        let config = loaded(text);
        let registration = ("graph", &config.registrations["graph"]);
        let needs = Needs::of(&config, registration, SmtpWay::Role);
        let permissions = needs.permissions().into_iter();
        permissions.map(|permission| permission.name).collect()
    };
    assert_eq!(asked(GRAPH), ["Mail.Read", "Mail.Send"]);
    let changes = format!("{GRAPH}also = [\"changes\"]\n");
    assert_eq!(asked(&changes), ["Mail.ReadWrite", "Mail.Send"]);
    let sends = changes.replace("read = \"graph\"\n", "");
    let asked = asked(&sends);
    assert!(asked.contains(&"Mail.ReadWrite"), "{asked:?}");
}
