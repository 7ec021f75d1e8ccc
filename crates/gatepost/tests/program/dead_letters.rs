//! Deliveries that gave up, and what people do with them.

use crate::bad_state::with_database;
use crate::receiver::Receiver;
use crate::stand::{Ran, SUPPORT, Stand};

#[test]
fn a_webhook_that_answers_500_for_ever() {
    let receiver = Receiver::answering("500 Internal Server Error", "out of order");
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.tickets]\n{}\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"tickets\"]\n\
         from = \"beginning\"\n",
        receiver.sink()
    ));
    stand.deliver(SUPPORT, "wanted");
    stand.deliver(SUPPORT, "unwanted");
    let serve = stand.serve();
    until(&stand, "pending", |listed| {
        listed.len() == 2 && listed.iter().all(|one| one["reason"].is_string())
    });
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let serve = {
        nine_attempts_later(&stand);
        stand.serve()
    };
    let dead = until(&stand, "dead", |listed| listed.len() == 2);
    for letter in &dead {
        let reason = letter["reason"].as_str().unwrap_or_default();
        for word in ["10 times", "500", "out of order"] {
            assert!(reason.contains(word), "{word} is missing in: {reason}");
        }
    }
    let table = stand.printed(&["deliveries", "list"]);
    assert_eq!(table.matches("dead").count(), 2, "{table}");
    assert_eq!(receiver.taken().len(), 0, "it took nothing");

    let id = |subject: &str| {
        let letter = dead
            .iter()
            .find(|one| one["event"]["data"]["envelope"]["subject"] == subject);
        letter.expect("it is listed")["id"].to_string()
    };
    stand.printed(&["deliveries", "discard", &id("unwanted")]);
    receiver.takes();
    stand.printed(&["deliveries", "retry", &id("wanted")]);
    until(&stand, "done", |listed| listed.len() == 1);
    assert_eq!(until(&stand, "discarded", |_| true).len(), 1);
    let taken = receiver.taken();
    assert!(
        matches!(&taken[..], [one] if one.contains("\"wanted\"")),
        "{taken:?}"
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn what_was_discarded_is_not_discarded_again_and_may_be_wanted_after_all() {
    let receiver = Receiver::answering("500 Internal Server Error", "");
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.tickets]\n{}\n[[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"tickets\"]\n\
         from = \"beginning\"\n",
        receiver.sink()
    ));
    stand.deliver(SUPPORT, "hello");
    let serve = stand.serve();
    let pending = until(&stand, "pending", |listed| {
        listed.iter().any(|one| one["reason"].is_string())
    });
    let id = pending[0]["id"].to_string();
    let told = stand.printed(&["deliveries", "discard", &id]);
    assert!(told.contains("1 of 1 discarded"), "{told}");
    let Ran { exit, stderr, .. } = stand.run(&["deliveries", "discard", &id]);
    assert_eq!(exit, 65, "{stderr}");
    receiver.takes();
    stand.printed(&["deliveries", "retry", &id]);
    until(&stand, "done", |listed| listed.len() == 1);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// As if nine attempts had been made and the patience of three days were over.
fn nine_attempts_later(stand: &Stand) {
    with_database(stand, async |db| {
        let later = "UPDATE deliveries SET attempts = 9, first_attempt_at = 0, due_at = 0";
        let aged = sqlx::query(later).execute(db).await;
        assert_eq!(aged.expect("our own database").rows_affected(), 2);
    });
}

/// Lists the deliveries in this state until they are as they should be.
fn until(
    stand: &Stand,
    state: &str,
    fine: impl Fn(&[serde_json::Value]) -> bool,
) -> Vec<serde_json::Value> {
    for _ in 0..MOST_QUESTIONS {
        let listed = stand.listed(&["deliveries", "list", "--state", state]);
        if fine(&listed) {
            return listed;
        }
    }
    let listed = stand.printed(&["deliveries", "list"]);
    panic!("{state}: {listed}\n{}", stand.log());
}

const MOST_QUESTIONS: usize = 2_000;
