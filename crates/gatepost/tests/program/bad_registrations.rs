//! What can be wrong with an app: each earns its sentence, and the right exit code.

use crate::stand::{SUPPORT, Stand};

const CONFIGURATION: i32 = 64;
const TRY_AGAIN: i32 = 75;

#[test]
fn a_wrong_tenant() {
    let stand = Stand::new();
    let other = "11111111-2222-3333-4444-555555555555";
    let text = stand
        .configuration()
        .replace(stand.variable("TENANT"), other);
    stand.write("gatepost.toml", &text);
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(CONFIGURATION, &["AADSTS90002", "contoso"]);
}

#[test]
fn a_wrong_client() {
    let stand = Stand::new();
    let other = "11111111-2222-3333-4444-555555555555";
    let text = stand
        .configuration()
        .replace(stand.variable("CLIENT_ID"), other);
    stand.write("gatepost.toml", &text);
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(CONFIGURATION, &["AADSTS700016", "contoso"]);
}

#[test]
fn a_wrong_secret() {
    let stand = Stand::new();
    stand.write_private("client.secret", "a-guess");
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(CONFIGURATION, &["AADSTS7000215", "contoso"]);
    assert!(!ran.stderr.contains("a-guess"), "{}", ran.stderr);
}

#[test]
fn a_secret_that_everybody_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let stand = Stand::new();
    let secret = stand.path("client.secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("our file");
    for verb in [&["token", SUPPORT][..], &["serve"], &["config", "check"]] {
        let ran = stand.run(verb);
        ran.assert_fails(
            CONFIGURATION,
            &["client.secret", "chmod 600", "gatepost.toml:13"],
        );
    }
}

#[test]
fn a_clock_that_is_wrong() {
    let stand = Stand::new();
    let text = stand.configuration().replace(
        "secret = { file = \"client.secret\" }",
        &format!(
            "certificate = {{ file = \"{}\" }}\nprivate_key = {{ file = \"{}\" }}",
            stand.variable("CERTIFICATE"),
            stand.variable("PRIVATE_KEY")
        ),
    );
    stand.write("gatepost.toml", &text);
    stand.printed(&["token", SUPPORT]);
    std::fs::remove_dir_all(stand.path("state")).expect("the state folder");
    stand.fault("skewed-clock");
    let ran = stand.run(&["token", SUPPORT]);
    // Clocks are set right by themselves now and then, so it is worth another try.
    ran.assert_fails(TRY_AGAIN, &["set the clock", "AADSTS700024"]);
}

#[test]
fn a_host_that_cannot_be_reached() {
    let mut stand = Stand::new();
    stand.end_sandbox();
    let ran = stand.run(&["token", SUPPORT]);
    let host = stand
        .variable("LOGIN")
        .trim_start_matches("https://")
        .to_owned();
    ran.assert_fails(TRY_AGAIN, &[&host]);
}

#[test]
fn a_page_where_a_token_was_expected() {
    let stand = Stand::new();
    stand.fault("html-answer");
    let ran = stand.run(&["token", SUPPORT]);
    ran.assert_fails(TRY_AGAIN, &["localhost", "contoso"]);
}
