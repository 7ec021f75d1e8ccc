//! What is kept between two runs, and what is not.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatepost_host::{Chance, Clock, Tasks};
use gatepost_sandbox::{EnvFile, Ports, Sandbox, SandboxConfig, SandboxError};
use secrecy::ExposeSecret as _;

async fn start(config: SandboxConfig) -> Result<Sandbox, SandboxError> {
    Sandbox::start(config, Clock::system(), Chance::system(), &Tasks::new()).await
}

#[tokio::test]
async fn a_kept_folder_gives_the_same_authority_and_secrets_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = SandboxConfig {
        state: Some(folder.path().join("state")),
        ..SandboxConfig::default()
    };
    let first = start(config.clone()).await.expect("it starts");
    let (ca, secret) = (first.ca_pem().to_owned(), first.client_secret());
    first.end().await;
    let second = start(config).await.expect("it starts again");
    assert_eq!(second.ca_pem(), ca);
    assert_eq!(
        second.client_secret().expose_secret(),
        secret.expose_secret()
    );
    assert!(second.ca_file().exists());
}

#[tokio::test]
async fn nothing_is_left_of_a_folder_that_is_not_kept() {
    let sandbox = start(SandboxConfig::default()).await.expect("it starts");
    let ca = sandbox.ca_file();
    assert!(ca.exists());
    sandbox.end().await;
    assert!(!ca.parent().expect("a folder").exists());
}

#[tokio::test]
async fn the_env_file_is_private_and_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sandbox.env");
    let config = SandboxConfig {
        env_file: Some(path.clone()),
        ..SandboxConfig::default()
    };
    let sandbox = start(config).await.expect("it starts");
    let mode = std::fs::metadata(&path)
        .expect("the file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let env = EnvFile::read(&path).expect("a private file");
    for name in [
        "AUTHORITY",
        "LOGIN",
        "TENANT",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "CERTIFICATE",
        "PRIVATE_KEY",
        "IMAP",
        "CA",
        "USER",
        "PASSWORD",
        "CONTROL",
        "CONTROL_TOKEN",
    ] {
        let value = env.get(&format!("GATEPOST_SANDBOX_{name}"));
        assert!(value.is_some_and(|value| !value.is_empty()), "{name}");
    }
    for name in ["CERTIFICATE", "PRIVATE_KEY", "CA"] {
        let file = env
            .get(&format!("GATEPOST_SANDBOX_{name}"))
            .expect("a path");
        assert!(
            Path::new(file).is_absolute() && Path::new(file).exists(),
            "{file}"
        );
    }
    let imap = format!("localhost:{}", sandbox.addresses().imap.port());
    assert_eq!(env.get("GATEPOST_SANDBOX_IMAP"), Some(imap.as_str()));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = start(SandboxConfig::default()).await.expect("it starts");
    let taken = first.addresses().https.port();
    let config = SandboxConfig {
        ports: Ports::From(taken),
        ..SandboxConfig::default()
    };
    let error = start(config).await.expect_err("the port is taken");
    assert!(matches!(error, SandboxError::Listen { .. }));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}

#[tokio::test]
async fn a_kept_password_file_that_was_damaged_is_named_without_its_content() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("passwords.json");
    gatepost_host::files::write_private(&file, b"{\"person\": \"hunter2").expect("writable");
    let config = SandboxConfig {
        state: Some(folder.path().to_owned()),
        ..SandboxConfig::default()
    };
    let error = start(config).await.expect_err("damaged");
    assert!(matches!(error, SandboxError::Passwords { .. }));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
