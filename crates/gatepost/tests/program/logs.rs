//! Nothing secret is ever logged, at any level.

use crate::browser::Browser;
use crate::receiver::Receiver;
use crate::stand::{ADA, Running, SUPPORT, Stand};

#[test]
fn no_log_holds_a_secret_a_token_or_a_message() {
    for format in ["text", "json"] {
        let stand = Stand::new();
        stand.configure(&format!(
            "[log]\nlevel = \"trace\"\nformat = \"{format}\"\n\n[sink.out]\nkind = \"stream\"\n\
             [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n"
        ));
        stand.deliver(SUPPORT, "the-canary-in-the-message");
        let mut serve = stand.serve();
        assert_eq!(serve.subject(), "the-canary-in-the-message");
        let token = stand.printed(&["token", SUPPORT]);
        stand.fault("expire-tokens");
        stand.fault("drop-idle,times=1");
        stand.deliver(SUPPORT, "second");
        assert_eq!(serve.subject(), "second");
        let second = stand.printed(&["token", SUPPORT]);
        assert_eq!(serve.stop(), 0);
        let log = stand.log();
        assert!(log.contains(SUPPORT), "something is logged");
        let sasl = format!("user={SUPPORT}\x01auth=Bearer ");
        let sasl = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sasl);
        let secrets = [
            ("the client secret", stand.variable("CLIENT_SECRET")),
            ("a token", token.trim()),
            ("the second token", second.trim()),
            ("the SASL response", &sasl[..40]),
            ("the message", "the-canary-in-the-message"),
        ];
        for (what, secret) in secrets {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{what} is in the {format} log: {line:?}");
        }
    }
}

#[test]
fn no_log_holds_what_a_receiver_a_program_or_a_person_said() {
    const WEBHOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let receiver = Receiver::answering("500 Internal Server Error", "the-canary-in-the-answer");
    let stand = Stand::new();
    stand.write_private("webhook.secret", WEBHOOK);
    stand.write_program(
        "program",
        "cat >&2; echo the-canary-of-the-program >&2; exit 65",
    );
    stand.configure(&format!(
        "[log]\nlevel = \"trace\"\n\n\
         [sink.out]\nkind = \"stream\"\n\n[sink.program]\nkind = \"command\"\nrun = [\"./program\"]\n\n\
         [sink.tickets]\n{}secret = {{ file = \"webhook.secret\" }}\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\", \"program\", \"tickets\"]\n\
         from = \"beginning\"\n\n\
         [[watch]]\nmailbox = \"{ADA}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n",
        receiver.sink()
    ));
    sign_in(&stand);
    stand.deliver(SUPPORT, "the-canary-in-the-message");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "the-canary-in-the-message");
    for (sink, canary) in [
        ("program", "the-canary-of-the-program"),
        ("tickets", "the-canary-in-the-answer"),
    ] {
        let reason = stand.reason(sink);
        assert!(reason.contains(canary), "people are told: {reason}");
    }
    // The refresh token goes to the token endpoint, and another one comes back.
    let before = stand.printed(&["token", ADA]);
    stand.fault("expire-tokens");
    stand.fault(&format!("drop-idle,mailbox={ADA},times=1"));
    stand.deliver(ADA, "second");
    assert_eq!(serve.subject(), "second");
    let after = stand.printed(&["token", ADA]);
    assert_ne!(before, after, "it was renewed");
    assert_eq!(serve.stop(), 0);
    let log = stand.log();
    assert!(log.contains("TRACE") && log.contains(ADA), "all is logged");
    for secret in [
        WEBHOOK,
        &WEBHOOK["whsec_".len()..],
        "the-canary-in-the-message",
        "the-canary-of-the-program",
        "the-canary-in-the-answer",
        before.trim(),
        after.trim(),
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
    let sign_in = std::fs::read_to_string(stand.path("login.log")).expect("it was logged");
    assert!(sign_in.contains("TRACE"), "{sign_in}");
    for log in [&log, &sign_in] {
        let line = log.lines().find(|line| has_refresh_token(line));
        assert!(line.is_none(), "a refresh token is in the log: {line:?}");
    }
}

#[test]
fn what_a_failing_program_printed_instead_of_a_secret_is_not_said() {
    let stand = Stand::new();
    stand.write_program("vault", "echo the-canary-of-the-vault; exit 3");
    let command = "secret = { command = [\"./vault\"] }";
    let file = "secret = { file = \"client.secret\" }";
    stand.write(
        "gatepost.toml",
        &stand.configuration().replace(file, command),
    );
    let mut token = stand.command();
    token.args(["token", SUPPORT]).env("GATEPOST_LOG", "trace");
    let ran = crate::stand::ran(&token.output().expect("the program starts"));
    ran.assert_fails(64, &["vault", "secret_command_failed"]);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!said.contains("canary"), "{said}");
}

/// Signs Ada in; all that can be logged of it is in a file.
fn sign_in(stand: &Stand) {
    let log = std::fs::File::create(stand.path("login.log")).expect("a writable folder");
    let mut command = stand.command();
    command
        .args(["login", ADA, "--no-browser"])
        .env("GATEPOST_LOG", "trace")
        .stderr(log);
    let mut login = Running::start(command);
    let url = login.line().expect("it prints the address");
    let browser = Browser::new(stand);
    let page = browser.get(browser.sign_in(&url).as_str());
    assert_eq!(page.status, 200, "{}", page.html);
    login.line().expect("it says who signed in");
}

/// The sandbox's refresh tokens are `1.` and 96 random octets in base64url.
fn has_refresh_token(line: &str) -> bool {
    let other = |letter: char| !(letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    line.split(other).any(|word| {
        let random = word.split_once("1.").map(|(_, random)| random);
        random.is_some_and(|random| random.len() == 128 && !random.contains('.'))
    })
}

#[test]
fn a_refresh_token_would_be_found() {
    let token = format!("1.{}", "aB-_".repeat(32));
    assert!(has_refresh_token(&format!(
        "{{\"refresh_token\":\"{token}\"}}"
    )));
    assert!(has_refresh_token(&format!("refresh_token={token}&scope=a")));
    assert!(!has_refresh_token(&token[..100]));
}

#[test]
fn the_json_log_is_json_with_the_mailbox_as_a_field() {
    let stand = Stand::new();
    stand.configure(&format!(
        "[log]\nformat = \"json\"\n\n[sink.out]\nkind = \"stream\"\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"out\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(serve.subject(), "hello");
    assert_eq!(serve.stop(), 0);
    let log = stand.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object on each line"))
        .collect();
    assert!(lines.iter().any(|line| line["mailbox"] == SUPPORT), "{log}");
}
