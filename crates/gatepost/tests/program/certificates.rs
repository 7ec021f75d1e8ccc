//! Certificates that follow one another, and what makes them for tests.

use gatepost_host::Clock;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};

use crate::stand::{Ran, SUPPORT, Stand, ran};

const CONFIGURATION: i32 = 64;

#[test]
fn while_the_newer_certificate_is_not_uploaded_the_previous_one_proves() {
    let stand = Stand::with_mail();
    let (newer, key) = newer();
    give(&stand, &newer, &key);
    use_certificate(&stand);
    stand
        .run(&["token", SUPPORT])
        .assert_fails(CONFIGURATION, &["AADSTS700027", "certificate_unknown"]);

    let (known, its_key) = known(&stand);
    stand.write_private("previous.pem", &(known + &its_key));
    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it was written");
    let key = "private_key = { file = \"app.key\" }";
    let both = format!("{key}\nprevious_certificate = {{ file = \"previous.pem\" }}");
    stand.write("gatepost.toml", &text.replace(key, &both));
    stand.printed(&["config", "check"]);
    let token = warned(&stand, &["token", SUPPORT]);
    assert_eq!(token.exit, 0, "{}", token.stderr);
    assert_eq!(token.stdout.split('.').count(), 3, "it is a token");
    for word in ["an older certificate was accepted", "AADSTS700027"] {
        assert!(token.stderr.contains(word), "{}", token.stderr);
    }
    let who = stand.printed(&["whoami", SUPPORT]);
    assert!(who.contains("a certificate or another assertion"), "{who}");
    assert!(!stand.listed(&["messages", SUPPORT]).is_empty());
}

#[test]
fn a_running_serve_takes_a_certificate_from_its_file_when_that_is_replaced() {
    let stand = Stand::new();
    let (other, key) = newer();
    give(&stand, &other, &key);
    use_certificate(&stand);
    let serve = stand.serve();
    stand
        .run(&["token", SUPPORT])
        .assert_fails(CONFIGURATION, &["AADSTS700027", "certificate_unknown"]);

    let (known, key) = known(&stand);
    give(&stand, &known, &key);
    // What failed for mail is not asked again for a minute; a token for Graph is asked for at once.
    let graph = ["token", SUPPORT, "--for", "graph"];
    let token = stand.printed(&graph);
    let line = logged(&stand, "a renewed certificate was found");
    assert!(line.contains("registration=\"contoso\""), "{line}");
    // It was `serve` who asked: without its database nobody else could answer the same.
    std::fs::rename(stand.path("state/gatepost.db"), stand.path("state/away")).expect("a file");
    assert_eq!(stand.printed(&graph), token);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_running_serve_keeps_the_certificate_that_is_known_beside_the_one_in_the_file() {
    let stand = Stand::new();
    let (known, key) = known(&stand);
    give(&stand, &known, &key);
    use_certificate(&stand);
    let serve = stand.serve();
    stand.printed(&["token", SUPPORT]);

    // Half of a pair is no certificate; it is told, and the one of before stays in use.
    let (newer, key) = newer();
    stand.write("app.pem", &newer);
    stand.printed(&["token", SUPPORT, "--for", "graph"]);
    logged(&stand, "certificate_key_mismatch");
    assert_eq!(serve.stop(), 0, "{}", stand.log());

    std::fs::remove_dir_all(stand.path("state")).expect("the state folder");
    let (known, known_key) = self::known(&stand);
    give(&stand, &known, &known_key);
    let serve = stand.serve();
    stand.printed(&["token", SUPPORT]);
    give(&stand, &newer, &key);
    stand.printed(&["token", SUPPORT, "--for", "graph"]);
    logged(&stand, "a renewed certificate was found");
    let line = logged(&stand, "an older certificate was accepted");
    assert!(line.contains("AADSTS700027"), "{line}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// The last line of the log of `serve` that has these words.
#[track_caller]
fn logged(stand: &Stand, words: &str) -> String {
    let log = stand.log();
    let line = log.lines().rfind(|line| line.contains(words));
    line.unwrap_or_else(|| panic!("{words} is missing in: {log}"))
        .to_owned()
}

/// Runs a verb that does not keep its warnings to itself.
fn warned(stand: &Stand, arguments: &[&str]) -> Ran {
    let mut command = stand.command();
    command.env("GATEPOST_LOG", "warn").args(arguments);
    ran(&command.output().expect("the program starts"))
}

/// The certificate that the sandbox's app has, and its key.
fn known(stand: &Stand) -> (String, String) {
    let read = |name| std::fs::read_to_string(stand.variable(name)).expect("it is there");
    (read("CERTIFICATE"), read("PRIVATE_KEY"))
}

/// A certificate of later than the sandbox's, which nobody uploaded.
fn newer() -> (String, String) {
    certificate(today().saturating_sub(1.days()), day(2090, 12, 31))
}

/// Puts a certificate and its key where the configuration says that they are.
pub(crate) fn give(stand: &Stand, certificate: &str, key: &str) {
    stand.write("app.pem", certificate);
    stand.write_private("app.key", key);
}

/// Writes a configuration whose app proves itself by a certificate.
pub(crate) fn use_certificate(stand: &Stand) {
    let text = stand.configuration().replace(
        "secret = { file = \"client.secret\" }",
        "certificate = { file = \"app.pem\" }\nprivate_key = { file = \"app.key\" }",
    );
    stand.write("gatepost.toml", &text);
}

/// A certificate that is valid from one day to another, and its key.
pub(crate) fn certificate(from: Date, to: Date) -> (String, String) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let mut parameters = CertificateParams::new([]).expect("no names");
    let time = |day: Date| {
        let (month, date) = (day.month().unsigned_abs(), day.day().unsigned_abs());
        date_time_ymd(day.year().into(), month, date)
    };
    (parameters.not_before, parameters.not_after) = (time(from), time(to));
    let certificate = parameters.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

pub(crate) fn day(year: i16, month: i8, day: i8) -> Date {
    jiff::civil::date(year, month, day)
}

pub(crate) fn today() -> Date {
    Clock::system().now().to_zoned(TimeZone::UTC).date()
}
