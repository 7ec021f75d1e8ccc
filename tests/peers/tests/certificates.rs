//! Certificates as the real `openssl` makes them, in every encoding that administrators have.

use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_host::Chance;
use gatepost_oauth::{
    Certificate, CertificateFiles, Cloud, Proof, ProofError, Registration, Tenant, assertion,
};
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

/// A folder with a key and a certificate for it.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new(key: &[&str]) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let workshop = Self { folder };
        let request = [
            "req",
            "-x509",
            "-nodes",
            "-keyout",
            "app.key",
            "-out",
            "app.crt",
            "-days",
            "30",
            "-subj",
            "/CN=Gatepost",
        ];
        workshop.openssl(&[&request, key].concat())?;
        Ok(workshop)
    }

    fn openssl(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder.path());
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("openssl {arguments:?}: {said}").into())
    }

    /// A PFX file with certificate and key, written in this way under this password.
    fn pfx(&self, how: &[&str], password: &str) -> Result<Vec<u8>, Failure> {
        let password = format!("pass:{password}");
        let export = [
            "pkcs12", "-export", "-inkey", "app.key", "-in", "app.crt", "-out", "app.pfx",
            "-passout", &password,
        ];
        self.openssl(&[&export, how].concat())?;
        Ok(std::fs::read(self.path("app.pfx"))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn read(file: &[u8], password: Option<&str>) -> Result<Certificate, ProofError> {
    Certificate::read(&CertificateFiles {
        name: "app.pfx",
        certificate: file,
        key: None,
        password: password.map(Into::into).as_ref(),
    })
}

/// That it is the certificate which `openssl` made, and that its key signs.
fn assert_signs(certificate: &Certificate, workshop: &Workshop) -> Result<(), Failure> {
    let pem = std::fs::read(workshop.path("app.crt"))?;
    let key = std::fs::read(workshop.path("app.key"))?;
    let made = Certificate::read(&CertificateFiles {
        name: "app.crt",
        certificate: &pem,
        key: Some(&key),
        password: None,
    })?;
    assert_eq!(certificate.sha256_thumbprint(), made.sha256_thumbprint());
    let home = (Cloud::global(), Tenant::parse("contoso.example")?);
    let registration = Registration::new("contoso", home, "client-1", Proof::None);
    let now = gatepost_host::Clock::system().now();
    let claims = assertion::Claims::new(&registration, &Chance::seeded(1), now);
    assertion::sign(certificate, &claims)?;
    Ok(())
}

fn problem(file: &[u8], password: Option<&str>) -> String {
    match read(file, password) {
        Ok(_) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_encoding_of_openssl_is_read() -> Result<(), Failure> {
    let workshop = Workshop::new(&["-newkey", "rsa:2048"])?;
    std::fs::copy(workshop.path("app.crt"), workshop.path("chain.pem"))?;
    let ways: &[&[&str]] = &[
        &[],
        &["-legacy"],
        &["-legacy", "-descert"],
        &[
            "-keypbe",
            "AES-128-CBC",
            "-certpbe",
            "AES-128-CBC",
            "-macalg",
            "SHA1",
        ],
        &["-macalg", "SHA512"],
        &["-certpbe", "NONE"],
        &["-keypbe", "NONE"],
        &["-nomac"],
        &["-name", "Käse für Gatepost"],
        &["-certfile", "chain.pem"],
    ];
    for how in ways {
        for password in ["secret", "", "pä ss wörd é 漢"] {
            let made = workshop
                .pfx(how, password)
                .map_err(|error| format!("{how:?}: {error}"))?;
            let given = (!password.is_empty()).then_some(password);
            let read =
                read(&made, given).map_err(|error| format!("{how:?} {password:?}: {error}"))?;
            assert_signs(&read, &workshop)?;
        }
    }
    Ok(())
}

#[test]
fn keys_of_every_usual_size_are_read() -> Result<(), Failure> {
    for size in ["rsa:2048", "rsa:3072", "rsa:4096"] {
        let workshop = Workshop::new(&["-newkey", size])?;
        let made = workshop.pfx(&[], "secret")?;
        assert_signs(&read(&made, Some("secret"))?, &workshop)?;
    }
    Ok(())
}

#[test]
fn in_base64_it_is_the_same() -> Result<(), Failure> {
    let workshop = Workshop::new(&["-newkey", "rsa:2048"])?;
    workshop.pfx(&[], "secret")?;
    workshop.openssl(&["base64", "-in", "app.pfx", "-out", "app.txt"])?;
    let text = std::fs::read(workshop.path("app.txt"))?;
    assert_signs(&read(&text, Some("secret"))?, &workshop)
}

#[test]
fn what_is_wrong_with_a_file_is_a_sentence() -> Result<(), Failure> {
    let workshop = Workshop::new(&["-newkey", "rsa:2048"])?;
    for how in [&[][..], &["-legacy"], &["-nomac"]] {
        let made = workshop.pfx(how, "secret")?;
        // Without a check sum, one of some hundred wrong passwords looks right at first.
        let guesses = if how == ["-nomac"] { 300 } else { 1 };
        for guess in 0..guesses {
            let wrong = problem(&made, Some(&format!("guess {guess}")));
            assert!(
                wrong.contains("the password does not open"),
                "{how:?} {guess}: {wrong}"
            );
        }
        let none = problem(&made, None);
        assert!(none.contains("private_key_password"), "{how:?}: {none}");
    }
    let made = workshop.pfx(&[], "secret")?;
    let cut = problem(&made[..made.len() / 2], Some("secret"));
    assert!(cut.contains("not a PFX file"), "{cut}");

    workshop.openssl(&[
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        "app.crt",
        "-out",
        "bare.pfx",
        "-passout",
        "pass:secret",
    ])?;
    let bare = std::fs::read(workshop.path("bare.pfx"))?;
    let keyless = problem(&bare, Some("secret"));
    assert!(keyless.contains("there is no private key"), "{keyless}");

    let curve = Workshop::new(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])?;
    let made = curve.pfx(&[], "secret")?;
    let elliptic = problem(&made, Some("secret"));
    assert!(elliptic.contains("elliptic curve"), "{elliptic}");

    let small = Workshop::new(&["-newkey", "rsa:1024"])?;
    let made = small.pfx(&[], "secret")?;
    let short = problem(&made, Some("secret"));
    assert!(short.contains("unusable"), "{short}");
    Ok(())
}

#[test]
fn a_certificate_alone_in_der_is_told_from_a_pfx_file() -> Result<(), Failure> {
    let workshop = Workshop::new(&["-newkey", "rsa:2048"])?;
    workshop.openssl(&[
        "x509", "-in", "app.crt", "-outform", "DER", "-out", "app.cer",
    ])?;
    let der = std::fs::read(Path::new(&workshop.path("app.cer")))?;
    let said = problem(&der, None);
    assert!(said.contains("not a PFX file"), "{said}");
    Ok(())
}
