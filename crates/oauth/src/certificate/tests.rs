use super::*;

const CERTIFICATE: &[u8] = include_bytes!("../../tests/keys/app.crt");
const PASSWORD: &str = "correct horse é";

fn key(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/keys")
        .join(name);
    std::fs::read(path).expect("the key is in the repository")
}

fn read(
    certificate: &[u8],
    key: Option<&[u8]>,
    password: Option<&str>,
) -> Result<Certificate, ProofError> {
    let password = password.map(SecretString::from);
    Certificate::read(&CertificateFiles {
        name: "gatepost.pem",
        certificate,
        key,
        password: password.as_ref(),
    })
}

fn problem(certificate: &[u8], key: Option<&[u8]>, password: Option<&str>) -> ProofError {
    read(certificate, key, password).expect_err("it is unusable")
}

#[test]
fn keys_are_read_as_openssl_writes_them() {
    for name in ["pkcs1.key", "pkcs8.key"] {
        read(CERTIFICATE, Some(&key(name)), None).expect(name);
    }
    for name in [
        "encrypted-aes.key",
        "encrypted-3des.key",
        "encrypted-scrypt.key",
    ] {
        read(CERTIFICATE, Some(&key(name)), Some(PASSWORD)).expect(name);
    }
}

#[test]
fn one_file_holds_both_with_whatever_stands_between() {
    let one = read(&key("bag-attributes.pem"), None, None).expect("bag attributes are skipped");
    // As openssl x509 -fingerprint prints them, in another alphabet.
    assert_eq!(
        one.sha256_thumbprint(),
        "46FgqkoJoptOeOx0RDnrDqI8nXxfTD9MVMM6s_nvyJw"
    );
    assert_eq!(one.sha1_thumbprint(), "XmIRjnrv02H_DCd6saKCXZDgcX8");
    let chain = [key("other.crt"), CERTIFICATE.to_vec(), key("pkcs8.key")].concat();
    let of_chain = read(&chain, None, None).expect("the one that belongs to the key is found");
    assert_eq!(of_chain.sha256_thumbprint(), one.sha256_thumbprint());
    let windows = String::from_utf8(key("bag-attributes.pem"))
        .expect("PEM is text")
        .replace('\n', "\r\n");
    read(windows.as_bytes(), None, None).expect("CRLF is a line end too");
}

#[test]
fn what_is_unusable_is_named_with_the_way_out() {
    let pkcs8 = key("pkcs8.key");
    let aes = key("encrypted-aes.key");
    let old = [key("encrypted-pbes1.key"), key("encrypted-traditional.key")];
    let ec = key("ec.key");
    let two = [pkcs8.clone(), key("pkcs1.key")].concat();
    let cases = [
        ("no certificate", problem(&pkcs8, None, None)),
        ("no key", problem(CERTIFICATE, None, None)),
        ("two keys", problem(CERTIFICATE, Some(&two), None)),
        (
            "another's certificate",
            problem(&key("other.crt"), Some(&pkcs8), None),
        ),
        ("no password", problem(CERTIFICATE, Some(&aes), None)),
        (
            "wrong password",
            problem(CERTIFICATE, Some(&aes), Some("wrong")),
        ),
        ("PBES1", problem(CERTIFICATE, Some(&old[0]), Some(PASSWORD))),
        (
            "traditional",
            problem(CERTIFICATE, Some(&old[1]), Some(PASSWORD)),
        ),
        ("elliptic curve", problem(CERTIFICATE, Some(&ec), None)),
        ("empty file", problem(b"", None, None)),
        ("cut file", problem(&CERTIFICATE[..200], Some(&pkcs8), None)),
    ];
    let golden: Vec<String> = cases
        .iter()
        .map(|(what, error)| format!("{what}: {} | {error}", error.code()))
        .collect();
    insta::assert_snapshot!(golden.join("\n"));
}

/// `openssl` writes one key only; other programs write what the store of a machine has.
#[test]
fn a_pfx_file_with_several_keys_is_refused() {
    use p12_keystore::{
        Certificate as Public, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain,
    };
    let der = |name: &str| {
        let (_, pem) = x509_parser::pem::parse_x509_pem(&key(name)).expect("it is PEM");
        pem.contents
    };
    let mut store = KeyStore::new();
    for name in ["one", "two"] {
        let private = PrivateKey::from_der(&der("pkcs8.key")).expect("a key");
        let public = Public::from_der(&der("app.crt")).expect("a certificate");
        let chain = PrivateKeyChain::new(name, private, [public]);
        store.add_entry(name, KeyStoreEntry::PrivateKeyChain(chain));
    }
    let written = store.writer("secret").write().expect("it is written");
    let error = problem(&written, None, Some("secret"));
    assert_eq!(error.reason, ProofProblem::ManyKeys);
}

#[test]
fn validity_is_checked_at_the_time_of_use() {
    let certificate = read(CERTIFICATE, Some(&key("pkcs8.key")), None).expect("it is usable");
    let second = jiff::SignedDuration::from_secs(1);
    certificate
        .check_validity(certificate.not_before)
        .expect("valid from its first second");
    let expired = certificate
        .check_validity(certificate.not_after)
        .expect_err("its last second is over");
    assert_eq!(expired.code(), "certificate_expired");
    let early = certificate
        .check_validity(certificate.not_before - second)
        .expect_err("not yet");
    assert_eq!(early.code(), "certificate_not_yet_valid");
}

#[test]
fn the_key_cannot_be_printed() {
    let certificate = read(CERTIFICATE, Some(&key("pkcs8.key")), None).expect("it is usable");
    let printed = format!("{certificate:?}");
    assert!(
        printed.contains("gatepost.pem") && printed.len() < 200,
        "{printed}"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn a_damaged_file_never_panics(at in 0_usize..1700, with in 0_u8..=255) {
        let mut pem = key("bag-attributes.pem");
        let at = at % pem.len();
        pem[at] = with;
        let _ = read(&pem, None, None);
    }
}
