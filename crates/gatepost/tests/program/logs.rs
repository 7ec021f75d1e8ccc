//! Nothing secret is ever logged, at any level.

use crate::stand::{SUPPORT, Stand};

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
