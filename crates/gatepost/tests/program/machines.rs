//! Apps that have no secret: another issuer vouches for them, or the machine does; and certificates
//! in the forms they come in.

use std::net::TcpListener;
use std::process::Command;

use crate::stand::{SUPPORT, Stand, ran};

/// A stand at which the app proves itself by `proof`.
fn stand(proof: &str) -> Stand {
    let stand = Stand::with_mail();
    let secret = "secret = { file = \"client.secret\" }";
    let configuration = stand.configuration().replace(secret, proof);
    // Nobody signs in with the identity of a machine.
    let configuration = configuration.replace("authorization_code", "client_credentials");
    stand.write("gatepost.toml", &configuration);
    stand
}

#[test]
fn the_token_of_another_issuer_is_read_at_each_use() {
    let stand = stand("assertion = { file = \"workload.token\" }");
    let token = std::fs::read_to_string(stand.variable("FEDERATED_TOKEN")).expect("it is there");
    stand.write("workload.token", "not yet");
    let early = stand.run(&["token", SUPPORT, "--for", "imap"]);
    early.assert_fails(75, &["workload.token", "no signed token"]);
    stand.write("workload.token", &token);
    assert!(!stand.listed(&["messages", SUPPORT]).is_empty());
}

#[test]
fn the_file_may_be_named_as_kubernetes_names_it() {
    let stand = stand("assertion = { env = \"AZURE_FEDERATED_TOKEN_FILE\" }");
    let mut command = stand.command();
    command.env(
        "AZURE_FEDERATED_TOKEN_FILE",
        stand.variable("FEDERATED_TOKEN"),
    );
    succeeds(command.args(["token", SUPPORT, "--for", "imap"]));
    let unset = stand.run(&["token", SUPPORT, "--for", "graph"]);
    unset.assert_fails(64, &["AZURE_FEDERATED_TOKEN_FILE"]);
}

#[test]
fn the_machine_vouches_for_the_app() {
    let stand = stand("managed_identity = \"system\"");
    let mut command = stand.command();
    command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", stand.variable("LOGIN"));
    // A proxy that nobody runs: the machine is never asked through one.
    command.env("https_proxy", "http://127.0.0.1:9");
    command.env("http_proxy", "http://127.0.0.1:9");
    succeeds(command.args(["token", SUPPORT, "--for", "imap"]));
}

#[test]
fn the_machine_vouches_for_an_app_that_is_another() {
    let stand = stand("federated_identity = \"system\"");
    let absent = asked(&stand, "http://127.0.0.1:9");
    absent.assert_fails(75, &["contoso", "Azure", "managed_identity_absent"]);

    let vouched = asked(&stand, stand.variable("LOGIN"));
    assert_eq!(vouched.exit, 0, "{}", vouched.stderr);
}

#[test]
fn a_machine_without_that_identity_or_without_any_says_so() {
    let other = "managed_identity = { client_id = \"11111111-2222-3333-4444-555555555555\" }";
    let stand = stand(other);
    let address = stand.variable("LOGIN").to_owned();
    let refused = asked(&stand, &address);
    refused.assert_fails(64, &["Identity not found", "managed_identity"]);

    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let absent = asked(&stand, &format!("http://127.0.0.1:{port}"));
    absent.assert_fails(75, &["127.0.0.1", "Azure"]);
}

fn asked(stand: &Stand, address: &str) -> crate::stand::Ran {
    let mut command = stand.command();
    command.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", address);
    command.args(["token", SUPPORT, "--for", "imap"]);
    ran(&command.output().expect("the program starts"))
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let ran = ran(&command.output().expect("the program starts"));
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
}
