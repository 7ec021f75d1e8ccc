//! `gatepost registration`: from a configuration alone to an app that can be used.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::stand::{Ran, SUPPORT, Stand, program, ran};

/// A folder with a configuration for an app whose certificate is still to be made.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(proof: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary folder"));
        let configuration = format!(
            "state = \"state\"\n\n[registration.contoso]\ntenant = \"contoso.onmicrosoft.com\"\n\
             client_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n{proof}\n\n\
             [mailbox.\"{SUPPORT}\"]\nregistration = \"contoso\"\ngrant = \"client_credentials\"\n"
        );
        std::fs::write(desk.path("gatepost.toml"), configuration).expect("a writable folder");
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = program(self.0.path());
        command.env("KEY_PASSWORD", "correct horse é");
        ran(&command
            .args(arguments)
            .output()
            .expect("the program starts"))
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    fn mode(&self, name: &str) -> u32 {
        let metadata = std::fs::metadata(self.path(name)).expect("the file is there");
        metadata.permissions().mode() & 0o777
    }
}

const CERTIFICATE: &[&str] = &["registration", "certificate", "contoso", "--key", "rsa2048"];

#[test]
fn a_certificate_is_made_where_the_configuration_expects_it_and_never_overwritten() {
    let desk = Desk::new("certificate = { file = \"secret/app.pem\" }");
    desk.run(&["config", "check"])
        .assert_fails(64, &["secret/app.pem", "No such file"]);
    desk.run(&["registration", "manifest", "contoso"])
        .assert_fails(65, &["registration certificate contoso"]);

    let json = desk.printed(&[CERTIFICATE, &["--days", "30", "--json"]].concat());
    let made: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(made["sha1"]["hex"].as_str().map(str::len), Some(40));
    assert_eq!(made["sha256"]["base64url"].as_str().map(str::len), Some(43));
    assert_eq!(
        (desk.mode("secret/app.pem"), desk.mode("secret/app.cer")),
        (0o600, 0o600)
    );
    let public = std::fs::read_to_string(desk.path("secret/app.cer")).expect("the certificate");
    assert!(!public.contains("PRIVATE"), "this file is uploaded");
    desk.printed(&["config", "check", "--secrets"]);

    let before = std::fs::read(desk.path("secret/app.pem")).expect("the key");
    desk.run(CERTIFICATE)
        .assert_fails(65, &["secret/app.pem", "never overwritten", "--out"]);
    let after = std::fs::read(desk.path("secret/app.pem")).expect("the key");
    assert!(before == after, "it is as it was");

    let said = desk.printed(&[CERTIFICATE, &["--out", "new.pem"]].concat());
    assert!(
        said.contains("new.cer") && said.contains("x5t#S256"),
        "{said}"
    );
}

#[test]
fn a_key_in_a_file_of_its_own_is_encrypted_with_the_password_it_is_read_with() {
    let desk = Desk::new(
        "certificate = { file = \"app.crt\" }\nprivate_key = { file = \"app.key\" }\n\
         private_key_password = { env = \"KEY_PASSWORD\" }",
    );
    desk.printed(CERTIFICATE);
    let key = std::fs::read_to_string(desk.path("app.key")).expect("the key");
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(desk.mode("app.key"), 0o600);
    desk.printed(&["config", "check", "--secrets"]);
}

#[test]
fn what_cannot_be_made_is_said_with_the_way_out() {
    let desk = Desk::new("secret = { file = \"client.secret\" }");
    desk.run(CERTIFICATE)
        .assert_fails(65, &["contoso", "--out", "certificate = "]);
    desk.run(&["registration", "certificate", "kontoso"])
        .assert_fails(65, &["kontoso", "did you mean"]);
    let ran = desk.run(&[CERTIFICATE, &["--days", "0"]].concat());
    assert_eq!(ran.exit, 65, "{}", ran.stderr);
    desk.printed(&[CERTIFICATE, &["--out", "app.pem"]].concat());
}

#[test]
fn manifest_and_script_need_the_configuration_alone() {
    let desk = Desk::new("secret = { file = \"client.secret\" }");
    let json = desk.printed(&["registration", "manifest", "contoso", "--json"]);
    let manifest: Value = serde_json::from_str(&json).expect("JSON");
    let access = &manifest["requiredResourceAccess"][0];
    assert_eq!(
        access["resourceAppId"],
        "00000002-0000-0ff1-ce00-000000000000"
    );
    assert_eq!(access["resourceAccess"].as_array().map(Vec::len), Some(1));
    assert!(
        manifest["keyCredentials"].is_null(),
        "it has no certificate"
    );
    for style in ["powershell", "az", "graph"] {
        let script = desk.printed(&["registration", "script", "contoso", "--style", style]);
        assert!(script.contains("Add-MailboxPermission"), "{style}");
        assert!(script.contains(SUPPORT), "{style}");
    }
}

#[test]
fn a_script_goes_on_with_an_app_that_is_named() {
    let desk = Desk::new("secret = { file = \"client.secret\" }");
    let id = "11111111-2222-3333-4444-555555555555";
    let script = desk.printed(&["registration", "script", "contoso", "--app-id", id]);
    assert!(script.contains(&format!("$clientId = '{id}'")), "{script}");
    let ran = desk.run(&["registration", "script", "contoso", "--app-id", "Gatepost"]);
    assert_ne!(ran.exit, 0, "a name is no id");
    assert!(ran.stderr.contains("--app-id"), "{}", ran.stderr);
}

#[test]
fn the_identity_of_a_machine_is_no_app_but_can_be_permitted() {
    let desk = Desk::new("managed_identity = \"system\"");
    for what in [&["manifest"][..], &["consent", "--no-browser"]] {
        desk.run(&[&["registration"], what, &["contoso"]].concat())
            .assert_fails(
                65,
                &[
                    "managed identity",
                    "setup_of_machine",
                    "registration script contoso",
                ],
            );
    }
    let script = desk.printed(&["registration", "script", "contoso"]);
    assert!(script.contains("appRoleAssignments"), "{script}");
    assert!(!script.contains("v1.0/applications"), "{script}");
}

#[test]
fn the_sandbox_takes_a_certificate_that_was_made_here() {
    let desk = Desk::new(
        "certificate = { file = \"tenant/app.pem\" }\nprivate_key = { file = \"tenant/app.key\" }",
    );
    desk.printed(CERTIFICATE);
    // The sandbox finds a certificate for its app in its state folder.
    let stand = Stand::with_sandbox_in(desk.0, &["--empty", "--state", "tenant"]);
    let by_certificate = stand.configuration().replace(
        "secret = { file = \"client.secret\" }",
        "certificate = { file = \"tenant/app.pem\" }\nprivate_key = { file = \"tenant/app.key\" }",
    );
    for signature in ["PS256", "RS256"] {
        let signed =
            format!("private_key = {{ file = \"tenant/app.key\" }}\nsignature = \"{signature}\"");
        let configuration =
            by_certificate.replace("private_key = { file = \"tenant/app.key\" }", &signed);
        stand.write(
            "gatepost.toml",
            &configuration.replace("\"state\"", &format!("\"{signature}\"")),
        );
        stand.printed(&["token", SUPPORT]);
        stand.printed(&["messages", SUPPORT]);
    }
}
