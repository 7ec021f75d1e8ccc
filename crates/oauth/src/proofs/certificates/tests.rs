use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatepost_fault::Fault as _;
use jiff::SignedDuration;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use secrecy::ExposeSecret as _;

use super::*;

fn start() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("a literal timestamp")
}

/// Certificate and key in one PEM text, valid from the first day of a year to its last.
fn bundle(year: i32) -> String {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(year, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 12, 31);
    let certificate = params.self_signed(&key).expect("a certificate");
    format!("{}{}", certificate.pem(), key.serialize_pem())
}

fn write(path: &Path, content: &str) {
    files::write_private(path, content.as_bytes()).expect("a writable folder");
}

fn source(path: &Path) -> CertificateSource {
    CertificateSource {
        certificate: SecretSource::File(path.to_owned()),
        private_key: None,
        password: None,
    }
}

async fn read(paths: &[&Path]) -> Result<Certificates, TokenError> {
    let sources = paths.iter().map(|path| source(path)).collect();
    Certificates::read(
        "contoso",
        sources,
        Signing::Ps256,
        Clock::starting_at(start()),
    )
    .await
}

async fn shown(certificates: &Certificates, now: Timestamp) -> Vec<String> {
    let proofs = certificates.present(now).await.expect("one is valid");
    let thumbprint = |proof: &Proof| match proof {
        Proof::Certificate(certificate) => certificate.sha256_thumbprint().to_owned(),
        other => panic!("a certificate: {other:?}"),
    };
    proofs.iter().map(thumbprint).collect()
}

#[tokio::test]
async fn a_renewed_file_is_picked_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.pem");
    write(&path, &bundle(2026));
    let certificates = read(&[&path]).await.expect("it is usable");
    let first = shown(&certificates, start()).await;
    assert_eq!(first.len(), 1);
    let mark = certificates.mark();

    write(&path, "half a file");
    assert_eq!(
        shown(&certificates, start()).await,
        first,
        "the old one stays"
    );
    std::fs::remove_file(&path).expect("our own file");
    assert_eq!(
        shown(&certificates, start()).await,
        first,
        "the old one stays"
    );

    write(&path, &bundle(2026));
    let both = shown(&certificates, start()).await;
    assert_eq!(both.len(), 2, "Entra may not know the new one yet");
    assert!(both.contains(&first[0]));
    assert_ne!(mark.expose_secret(), certificates.mark().expose_secret());

    write(&path, &bundle(2026));
    let latest = shown(&certificates, start()).await;
    assert_eq!(latest.len(), 2, "one of before is enough");
    assert!(!latest.contains(&first[0]));
}

#[tokio::test]
async fn two_who_read_a_renewed_file_at_once_keep_the_one_of_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.pem");
    write(&path, &bundle(2026));
    // While the program runs, the other one looks too.
    let password = SecretSource::Command(vec!["echo".to_owned(), "unused".to_owned()]);
    let source = CertificateSource {
        password: Some(password),
        ..source(&path)
    };
    let certificates = Certificates::read("contoso", vec![source], Signing::Ps256, Clock::system());
    let certificates = certificates.await.expect("it is usable");
    let first = shown(&certificates, start()).await;
    write(&path, &bundle(2026));
    tokio::join!(shown(&certificates, start()), shown(&certificates, start()));
    let both = shown(&certificates, start()).await;
    assert_eq!(both.len(), 2, "Entra may not know the new one yet");
    assert!(both.contains(&first[0]));
}

#[tokio::test]
async fn what_could_not_be_read_once_is_tried_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.pem");
    write(&path, &bundle(2026));
    let certificates = read(&[&path]).await.expect("it is usable");
    let permit = |mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).expect("our own file");
    };
    write(&path, &bundle(2026));
    permit(0o644);
    let shown_first = shown(&certificates, start()).await;
    assert_eq!(shown_first.len(), 1, "a secret that others may read");
    permit(0o600);
    assert_eq!(shown(&certificates, start()).await.len(), 2);
}

#[tokio::test]
async fn a_password_that_failed_once_is_fetched_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, vault) = (folder.path().join("app.pem"), folder.path().join("vault"));
    write(&path, &bundle(2026));
    write(&vault, "unused");
    let command = ["cat", &vault.display().to_string()].map(str::to_owned);
    let source = CertificateSource {
        password: Some(SecretSource::Command(command.into())),
        ..source(&path)
    };
    let certificates = Certificates::read("contoso", vec![source], Signing::Ps256, Clock::system());
    let certificates = certificates.await.expect("it is usable");
    std::fs::remove_file(&vault).expect("our own file");
    write(&path, &bundle(2026));
    assert_eq!(shown(&certificates, start()).await.len(), 1);
    write(&vault, "unused");
    assert_eq!(shown(&certificates, start()).await.len(), 2);
}

#[tokio::test]
async fn of_two_the_newer_goes_first_and_what_is_not_valid_does_not_go() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (old, new) = (folder.path().join("old.pem"), folder.path().join("new.pem"));
    write(&old, &bundle(2026));
    write(&new, &bundle(2027));
    let certificates = read(&[&new, &old]).await.expect("one of them is valid");
    let now = shown(&certificates, start()).await;
    assert_eq!(now.len(), 1, "the other is not valid yet");
    let later = shown(
        &certificates,
        start() + SignedDuration::from_hours(24 * 365),
    )
    .await;
    assert_eq!(later.len(), 1, "the first has expired");
    assert_ne!(now, later);

    write(&new, &bundle(2026));
    let error = certificates
        .present(start() + SignedDuration::from_hours(24 * 365))
        .await
        .map(|_| ());
    assert!(error.is_ok(), "the one of 2027 stands beside its follower");
    let error = certificates
        .present(start() + SignedDuration::from_hours(24 * 3650))
        .await
        .expect_err("all are over");
    assert_eq!(error.code(), "certificate_expired");
}

#[tokio::test]
async fn what_cannot_be_used_at_all_is_said_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.pem");
    let code = async |content: Option<String>| {
        if let Some(content) = content {
            write(&path, &content);
        }
        read(&[&path]).await.expect_err("it is unusable").code()
    };
    assert_eq!(code(None).await, "file_missing");
    assert_eq!(
        code(Some("nonsense".to_owned())).await,
        "certificate_unreadable"
    );
    for (year, expected) in [
        (2025, "certificate_expired"),
        (2027, "certificate_not_yet_valid"),
    ] {
        write(&path, &bundle(year));
        let read = read(&[&path])
            .await
            .expect("it may be good at another time");
        let error = read.present(start()).await.expect_err(expected);
        assert_eq!(error.code(), expected);
    }
}
