//! Certificates that cannot be used, or not now: what contradicts itself stops everything before it
//! begins, and what time brings stops only whoever needs it.

use jiff::ToSpan as _;

use crate::certificates::{certificate, day, give, today, use_certificate};
use crate::stand::{SUPPORT, Stand};

const CONFIGURATION: i32 = 64;
const JUN: &str = "jun.tanaka@contoso.com";

#[test]
fn a_certificate_that_does_not_match_its_key() {
    let stand = Stand::new();
    let (certificate, _) = valid();
    let (_, key) = valid();
    give(&stand, &certificate, &key);
    use_certificate(&stand);
    let words = ["app.pem", "app.key", "registration contoso"];
    stand
        .run(&["token", SUPPORT])
        .assert_fails(CONFIGURATION, &words);
    for verb in [&["config", "check"][..], &["serve"]] {
        let ran = stand.run(verb);
        ran.assert_fails(CONFIGURATION, &words);
        ran.assert_fails(
            CONFIGURATION,
            &["gatepost.toml:13:15", "certificate_key_mismatch"],
        );
    }
}

#[test]
fn a_door_whose_key_is_of_another_certificate() {
    let stand = Stand::new();
    let (certificate, key) = valid();
    let (_, other) = valid();
    stand.write("door.pem", &certificate);
    stand.write_private("door.key", &other);
    stand.configure(
        "[gateway.imap]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
         certificate = { file = \"door.pem\", key = \"door.key\" }\n\
         [login.printer3]\nmailbox = \"support@contoso.com\"\n",
    );
    let (pem, its_key) = (stand.path("door.pem"), stand.path("door.key"));
    let both = format!("{} with the key {}", pem.display(), its_key.display());
    let words = ["the door imap", &both, "door_certificate_unusable"];
    for verb in [
        &["config", "check"][..],
        &["config", "check", "--secrets"],
        &["serve"],
    ] {
        let ran = stand.run(verb);
        ran.assert_fails(CONFIGURATION, &words);
        ran.assert_fails(
            CONFIGURATION,
            &["not the one that the certificate was made for"],
        );
        assert!(!ran.stderr.contains("KeyMismatch"), "{}", ran.stderr);
    }
    assert!(!stand.path("state").exists(), "nothing was begun");
    stand.write_private("door.key", &key);
    let said = stand.printed(&["config", "check"]);
    assert!(said.contains("0 watches, 1 door, 1 login"), "{said}");
}

/// The mistake of three doors is told once, and that everybody may read a certificate is none.
#[test]
fn doors_that_show_a_certificate_for_its_key() {
    let stand = Stand::new();
    let (certificate, _) = valid();
    stand.write("door.pem", &certificate);
    let doors = ["imap", "pop3", "smtp"].map(|door| {
        format!(
            "[gateway.{door}]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"\n\
             certificate = {{ file = \"door.pem\", key = \"door.pem\" }}\n"
        )
    });
    stand.configure(&doors.concat());
    let ran = stand.run(&["config", "check", "--secrets"]);
    let words = "the door imap, pop3, smtp cannot be used";
    ran.assert_fails(CONFIGURATION, &[words, "no private key"]);
    assert!(!ran.stderr.contains("chmod"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("no private key").count(), 1);
}

#[test]
fn a_key_that_is_none() {
    let stand = Stand::new();
    let (certificate, _) = valid();
    give(&stand, &certificate, "-----BEGIN PUBLIC KEY-----\n");
    use_certificate(&stand);
    for verb in [&["config", "check"][..], &["serve"]] {
        let ran = stand.run(verb);
        ran.assert_fails(CONFIGURATION, &["app.key", "gatepost.toml:13:15"]);
    }
    assert!(!stand.path("state").exists(), "nothing was begun");
}

#[test]
fn a_key_that_is_encrypted() {
    let stand = Stand::new();
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/../oauth/tests/keys");
    let key =
        |name| std::fs::read_to_string(format!("{keys}/{name}")).expect("it is in the source");
    give(&stand, &key("app.crt"), &key("encrypted-aes.key"));
    use_certificate(&stand);
    let check = ["config", "check"];
    let ran = stand.run(&check);
    ran.assert_fails(
        CONFIGURATION,
        &["private_key_password", "gatepost.toml:13:15"],
    );

    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("the configuration");
    let key = "private_key = { file = \"app.key\" }";
    let both = format!("{key}\nprivate_key_password = {{ file = \"key.password\" }}");
    stand.write("gatepost.toml", &text.replace(key, &both));
    stand.write_private("key.password", "wrong\n");
    let ran = stand.run(&check);
    ran.assert_fails(CONFIGURATION, &["password does not open", "app.key"]);
    stand.write_private("key.password", "correct horse é\n");
    stand.printed(&check);
}

#[test]
fn a_certificate_outside_its_time() {
    let stand = Stand::new();
    let cases = [
        ((2019, 2020), "expired on 2020-12-31", "certificate_expired"),
        (
            (2090, 2091),
            "not valid before 2090-01-01",
            "certificate_not_yet_valid",
        ),
    ];
    for ((from, to), sentence, code) in cases {
        let (certificate, key) = certificate(day(from, 1, 1), day(to, 12, 31));
        give(&stand, &certificate, &key);
        use_certificate(&stand);
        let words = ["app.pem", "registration contoso", sentence, code];
        stand
            .run(&["token", SUPPORT])
            .assert_fails(CONFIGURATION, &words);
        let ran = stand.run(&["config", "check"]);
        ran.assert_fails(CONFIGURATION, &words);
        ran.assert_fails(CONFIGURATION, &["gatepost.toml:13:15"]);
    }
}

#[test]
fn an_expired_certificate_stops_no_other_mailbox() {
    let stand = Stand::new();
    let (certificate, key) = certificate(day(2019, 1, 1), day(2020, 12, 31));
    give(&stand, &certificate, &key);
    let registration = format!(
        "[registration.old]\ncloud = \"sandbox\"\ntenant = \"{}\"\nclient_id = \"{}\"\n\
         certificate = {{ file = \"app.pem\" }}\nprivate_key = {{ file = \"app.key\" }}\n",
        stand.variable("TENANT"),
        // Another app: what the store keeps for one is of no use to the other.
        "11111111-2222-3333-4444-555555555555",
    );
    stand.configure(&format!(
        "{registration}[mailbox.\"{JUN}\"]\nregistration = \"old\"\ngrant = \"client_credentials\"\n\
         [sink.out]\nkind = \"stream\"\n\
         [[watch]]\nmailbox = \"{JUN}\"\nsinks = [\"out\"]\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello", "{}", stand.log());
    let code = (0..2_000).find_map(|_| {
        let rows = stand.listed(&["mailboxes"]);
        let row = rows.into_iter().find(|row| row["mailbox"] == JUN);
        Some(row?["last_error"]["code"].as_str()?.to_owned())
    });
    assert_eq!(code.as_deref(), Some("certificate_expired"));
    assert!(
        stand.log().contains("gatepost.toml:27:15: "),
        "{}",
        stand.log()
    );
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_certificate_that_ends_soon() {
    let stand = Stand::new();
    let soon = today().saturating_add(10.days());
    let (certificate, key) = certificate(day(2019, 1, 1), soon);
    give(&stand, &certificate, &key);
    use_certificate(&stand);
    let ran = stand.run(&["config", "check"]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("good "), "{}", ran.stdout);
    for word in [
        "warning: ",
        "gatepost.toml:13:15",
        &format!("expires on {soon}"),
    ] {
        assert!(
            ran.stderr.contains(word),
            "{word} is missing in: {}",
            ran.stderr
        );
    }
    stand.write_program("print", "cat \"$1\"");
    let text = std::fs::read_to_string(stand.path("gatepost.toml")).expect("the configuration");
    let key = "{ file = \"app.key\" }";
    let program = format!(
        "{{ command = [\"{}\", \"{}\"] }}",
        stand.path("print").display(),
        stand.path("app.key").display()
    );
    stand.write("gatepost.toml", &text.replace(key, &program));
    let ran = stand.run(&["config", "check"]);
    assert!(
        !ran.stderr.contains("warning: "),
        "no program is started: {}",
        ran.stderr
    );
    let ran = stand.run(&["config", "check", "--secrets"]);
    assert!(ran.stderr.contains("warning: "), "{}", ran.stderr);
}

fn valid() -> (String, String) {
    certificate(day(2019, 1, 1), day(2090, 12, 31))
}
