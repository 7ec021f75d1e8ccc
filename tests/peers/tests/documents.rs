//! What the documents show works: every configuration in README.md is accepted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatepost_peers::gatepost;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

type Failure = Box<dyn std::error::Error>;

#[test]
fn every_configuration_in_the_readme_is_accepted() -> Result<(), Failure> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme)?;
    let shown: Vec<&str> = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"))
        .map(|(configuration, _)| configuration)
        .collect();
    assert!(shown.len() >= 3, "three uses are shown");

    let folder = tempfile::tempdir()?;
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = CertificateParams::new([])?.self_signed(&key)?;
    let both = format!("{}{}", certificate.pem(), key.serialize_pem());
    write_private(&folder.path().join("gatepost.pem"), &both)?;
    let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU";
    write_private(&folder.path().join("webhook.secret"), signing)?;
    // Whoever copies the configuration has the program that it names.
    let program = folder.path().join("notmuch");
    fs::write(&program, "#!/bin/sh\n")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    for configuration in shown {
        let file = folder.path().join("gatepost.toml");
        fs::write(&file, configuration)?;
        let output = gatepost()?
            .env("PATH", folder.path())
            .arg("--config")
            .arg(&file)
            .args(["config", "check"])
            .output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{configuration}\n{complaint}");
    }
    Ok(())
}

fn write_private(path: &Path, content: &str) -> Result<(), Failure> {
    fs::write(path, content)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}
