//! How Graph is asked: tokens, pages, patience, and what is done in a mailbox.

use std::time::{Duration, Instant};

use gatepost_fault::{After, Fault as _, Next, Owner};
use reqwest::Method;
use serde_json::Value;

use super::super::call::Call;
use super::super::resources::MailFolder;
use super::server::Answer;
use super::{asked, code, opened};
use crate::contract::Collector;
use crate::scripted::Told;
use crate::{Flag, FolderName, MailError, MessageKey, Query, SpecialUse};

const WHAT: &str = "list folders";

fn key(id: &str) -> MessageKey {
    MessageKey::Graph { id: id.to_owned() }
}

fn page(body: &str) -> Answer {
    Answer::json(&format!("{{\"value\":[{body}]}}"))
}

#[tokio::test]
async fn every_page_is_asked_for_with_the_token_and_a_name_of_its_own() {
    let script = [("GET /mailFolders?$top=1", page(r#"{"id":"a","new":1}"#))];
    let (found, server) = asked(&script, |graph, _| async move {
        let first = graph.at(&["mailFolders"]).with("$top", "1").url();
        let found: Vec<MailFolder> = graph.pages(Call::get(first, WHAT), 9).await?;
        Ok::<_, MailError>(found)
    })
    .await;
    assert_eq!(found.expect("it comes")[0].id, "a");
    let head = server.seen()[0].head.to_lowercase();
    assert!(head.contains("authorization: bearer token-0\r\n"), "{head}");
    assert!(
        head.contains("prefer: idtype=\"immutableid\"\r\n"),
        "{head}"
    );
    let id = head
        .split("\r\nclient-request-id: ")
        .nth(1)
        .expect("it has a name");
    assert_eq!(id.split("\r\n").next().map(str::len), Some(36));
}

#[tokio::test]
async fn a_token_goes_to_no_other_host() {
    for next in [
        "https://graph.microsoft.com/v1.0/me/mailFolders?$skip=1",
        "http://localhost:1/v1.0/users/ada@contoso.com/mailFolders",
        "//evil.example/",
    ] {
        let first = Answer::json(&format!(r#"{{"value":[],"@odata.nextLink":"{next}"}}"#));
        let (found, server) = asked(&[("GET /mailFolders", first)], |graph, _| async move {
            let url = graph.at(&["mailFolders"]).url();
            graph.pages::<MailFolder>(Call::get(url, WHAT), 9).await
        })
        .await;
        assert_eq!(code(&found), "graph_led_away", "{next}");
        assert_eq!(server.questions().len(), 1);
    }
    for status in [301, 302, 303, 307, 308] {
        let moved = Answer::empty(status).header("location", "https://evil.example/?key=secret");
        let (found, _) = asked(&[("GET /mailFolders", moved)], |graph, _| async move {
            let url = graph.at(&["mailFolders"]).url();
            graph.object::<Value>(Call::get(url, WHAT)).await
        })
        .await;
        assert_eq!(code(&found), "graph_led_away");
        let sentence = found.expect_err("it fails").to_string();
        assert!(sentence.contains("https://evil.example") && !sentence.contains("secret"));
    }
}

#[tokio::test]
async fn a_refused_token_is_exchanged_once() {
    let refusal = || Answer::refusal(401, "InvalidAuthenticationToken");
    let url = "GET /mailFolders/inbox";
    let script = [(url, refusal()), (url, Answer::json(super::INBOX))];
    let (found, server) = asked(&script, |graph, tokens| async move {
        (
            graph.inbox().await.map(|folder| folder.id),
            tokens.complaints(),
        )
    })
    .await;
    assert_eq!(found.0.expect("the second token is taken"), "IN");
    assert_eq!(found.1, ["token-0 refused"]);
    assert!(server.seen()[1].head.contains("token-1"));

    let script = [(url, refusal()), (url, refusal())];
    let (found, _) = asked(&script, |graph, _| async move { graph.inbox().await }).await;
    assert_eq!(code(&found), "graph_token_refused");
}

#[tokio::test]
async fn a_claims_challenge_goes_to_the_token_source() {
    // {"access_token":{"nbf":{"essential":true,"value":"1644632862"}}}
    let claims =
        "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjQ0NjMyODYyIn19fQ==";
    let header = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"");
    let refusal = Answer::refusal(401, "InvalidAuthenticationToken");
    let refusal = refusal.header("www-authenticate", &header);
    let url = "GET /mailFolders/inbox";
    let script = [(url, refusal), (url, Answer::json(super::INBOX))];
    let (complaints, _) = asked(&script, |graph, tokens| async move {
        graph.inbox().await.expect("the next token has the claims");
        tokens.complaints()
    })
    .await;
    assert!(
        complaints[0].starts_with("token-0 challenged"),
        "{complaints:?}"
    );
    assert!(complaints[0].contains("1644632862"), "{complaints:?}");
}

#[tokio::test]
async fn a_short_wait_is_waited_and_a_long_one_is_told() {
    let throttled = |wait| Answer::refusal(429, "ApplicationThrottled").header("retry-after", wait);
    let url = "GET /mailFolders/inbox";
    let script = [(url, throttled("0.25")), (url, Answer::json(super::INBOX))];
    let (took, _) = asked(&script, |graph, _| async move {
        let began = instant();
        graph.inbox().await.expect("it comes in the end");
        began.elapsed()
    })
    .await;
    assert!(took >= Duration::from_millis(250), "{took:?}");

    let script = [(url, throttled("86.5"))];
    let (found, server) = asked(&script, |graph, _| async move {
        (graph.inbox().await, graph.inbox().await)
    })
    .await;
    let (first, second) = found;
    let next = first.expect_err("it is too long").next();
    assert_eq!(
        next,
        Next::Retry(After::AtLeast(Duration::from_millis(86_500)))
    );
    assert_eq!(code(&second), "mailbox_throttled");
    assert_eq!(server.questions().len(), 1, "nothing is asked meanwhile");
}

#[tokio::test]
async fn trouble_is_waited_out_where_asking_twice_does_no_harm() {
    let url = "GET /mailFolders/inbox";
    let busy = || Answer::refusal(503, "serviceNotAvailable").header("retry-after", "0.01");
    let script = [
        (url, busy()),
        (url, busy()),
        (url, Answer::json(super::INBOX)),
    ];
    let (found, _) = asked(&script, |graph, _| async move { graph.inbox().await }).await;
    found.expect("it comes in the end");

    let script = [("POST /messages", busy())];
    let (found, _) = asked(&script, |graph, _| async move {
        let url = graph.at(&["messages"]).url();
        graph
            .object::<Value>(Call::new(Method::POST, url, WHAT))
            .await
    })
    .await;
    assert_eq!(code(&found), "mailbox_unavailable");
}

#[tokio::test]
async fn answers_that_are_none_of_graphs_are_called_so() {
    for body in [
        "",
        "<html>",
        "{\"value\":7}",
        "{}",
        "{\"value\":[{\"id\":[]}]}",
    ] {
        let script = [("GET /mailFolders", Answer::json(body))];
        let (found, _) = asked(&script, |graph, _| async move {
            let url = graph.at(&["mailFolders"]).url();
            graph.pages::<MailFolder>(Call::get(url, WHAT), 9).await
        })
        .await;
        assert_eq!(code(&found), "mail_server_garbled", "{body}");
    }
    let cut = Answer {
        cut: Some(5),
        ..Answer::json(super::INBOX)
    };
    let script = [("GET /mailFolders/inbox", cut)];
    let (found, _) = asked(&script, |graph, _| async move { graph.inbox().await }).await;
    assert_eq!(code(&found), "mailbox_disconnected");
}

#[tokio::test]
async fn a_page_that_leads_to_itself_is_no_end() {
    let script = [
        (
            "GET /mailFolders",
            Answer::json(r#"{"value":[],"@odata.nextLink":"BASEv1.0/again"}"#),
        ),
        (
            "GET /again",
            Answer::json(r#"{"value":[],"@odata.nextLink":"BASEv1.0/again"}"#),
        ),
    ];
    let server = super::Server::new(&[]).await;
    for (question, mut answer) in script {
        let body = String::from_utf8(answer.body).expect("text");
        answer.body = body.replace("BASE", server.base().as_str()).into_bytes();
        server.adds(question, answer);
    }
    let graph = crate::graph::Graph::new(super::settings(&server, &std::sync::Arc::default()));
    let url = graph.at(&["mailFolders"]).url();
    let asking = graph.pages::<MailFolder>(Call::get(url, WHAT), 9);
    let found = server.serve(asking).await;
    assert_eq!(code(&found), "mail_server_garbled");
}

#[tokio::test]
async fn a_name_that_another_way_gave_is_no_message_that_is_gone() {
    let told = Told::default();
    let mut intake = told.clone();
    let (fetched, _) = opened(&[], |mut session| async move {
        let foreign = MessageKey::Imap {
            uidvalidity: 1,
            uid: 7,
        };
        let keys = [foreign];
        session
            .fetch(&FolderName::inbox(), &keys, &mut intake)
            .await
    })
    .await;
    assert_eq!(code(&fetched), "message_key_foreign");
    assert!(told.all().is_empty());
}

#[tokio::test]
async fn each_question_of_a_batch_takes_a_turn() {
    let server = super::Server::new(&[]).await;
    server.knows("GET /messages/", Answer::json(r#"{"id":"a"}"#));
    let settings = super::settings(&server, &std::sync::Arc::default());
    let governor = settings.governor.clone();
    let graph = crate::graph::Graph::new(settings);
    let found = server.serve(graph.messages(vec!["a"; 300])).await;
    assert_eq!(found.expect("they are looked at").len(), 300);
    assert!(governor.left() < 800.0, "{}", governor.left());
}

#[tokio::test]
async fn folders_have_paths_at_any_depth() {
    let missing = || Answer::refusal(404, "ErrorItemNotFound");
    let script = [
        ("GET /mailFolders/archive", missing()),
        (
            "GET /mailFolders/deleteditems",
            Answer::json(r#"{"id":"DEL"}"#),
        ),
        ("GET /mailFolders/drafts", missing()),
        ("GET /mailFolders/junkemail", missing()),
        (
            "GET /mailFolders/sentitems",
            Answer::json(r#"{"id":"SENT"}"#),
        ),
        (
            "GET /mailFolders?$top=100",
            page(
                r#"{"id":"SENT","displayName":"Gesendet","totalItemCount":3},{"id":"DEL","displayName":"Gelöscht"},
                   {"id":"ODD","displayName":"Inbox"},
                   {"id":"IN","displayName":"Posteingang","childFolderCount":1,"totalItemCount":2,"unreadItemCount":1},
                   {"id":"K","displayName":"Kunden","childFolderCount":1}"#,
            ),
        ),
        (
            "GET /mailFolders/IN/childFolders",
            page(r#"{"id":"I2","displayName":"A/B"}"#),
        ),
        (
            "GET /mailFolders/K/childFolders",
            page(r#"{"id":"K2","displayName":"Überblick","childFolderCount":1}"#),
        ),
        (
            "GET /mailFolders/K2/childFolders",
            page(r#"{"id":"K3","displayName":"2026"}"#),
        ),
    ];
    let children = "GET /mailFolders/K3/messages";
    let script = [&script[..], &[(children, page(""))]].concat();
    let (folders, _) = opened(&script, |mut session| async move {
        let folders = session.folders().await.expect("they are listed");
        // As people type it: Graph tells no names apart by the case of their letters.
        let typed = FolderName::new("kunden/\u{fc}BERBLICK/2026");
        let gone = session.fetch(&typed, &[], &mut Collector::default()).await;
        gone.expect("it is found");
        folders
    })
    .await;
    let names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
    let wanted = [
        "INBOX",
        "Gelöscht",
        "Gesendet",
        "INBOX/A\\/B",
        "Inbox (folder)",
        "Kunden",
        "Kunden/Überblick",
        "Kunden/Überblick/2026",
    ];
    assert_eq!(names, wanted);
    assert_eq!((folders[0].messages, folders[0].unread), (Some(2), Some(1)));
    assert_eq!(folders[1].special_use, Some(SpecialUse::Trash));
    assert_eq!(folders[2].special_use, Some(SpecialUse::Sent));
}

#[tokio::test]
async fn a_question_asks_the_store_and_the_rest_is_sifted_here() {
    let body = r#"{"id":"b","receivedDateTime":"2026-11-26T08:00:02Z","subject":"Alphabet","isRead":false,"from":{"emailAddress":{"address":"ada@contoso.com"}}},
                  {"id":"a","receivedDateTime":"2026-11-26T08:00:01Z","subject":"alpha","isRead":false,"from":{"emailAddress":{"address":"bob@contoso.com"}}}"#;
    let list = "GET /mailFolders/IN/messages";
    let script = [
        (list, page(body)),
        (list, Answer::refusal(400, "InefficientFilter")),
        (list, page(body)),
        (list, page(body)),
    ];
    let query = Query {
        subject: Some("ALPHA".into()),
        unread: true,
        ..Query::newest(1)
    };
    let by_text = Query {
        text: Some("from:boss".into()),
        from: Some("bob".into()),
        ..Query::newest(5)
    };
    let (found, server) = opened(&script, |mut session| async move {
        let inbox = FolderName::inbox();
        let mut ids = Vec::new();
        for query in [&query, &query, &by_text] {
            let found = session.list(&inbox, query).await.expect("it is listed");
            let found: Vec<String> = found.iter().map(|one| one.key.to_string()).collect();
            ids.push(found.join(" "));
        }
        ids
    })
    .await;
    assert_eq!(found, ["graph:b", "graph:b", "graph:a"]);
    let asked = server.questions();
    let asked: Vec<&String> = asked.iter().filter(|one| one.starts_with(list)).collect();
    assert!(asked[0].ends_with("&$top=1&$filter=receivedDateTime ge 1970-01-01T00:00:00Z and isRead eq false and contains(subject,'ALPHA')&$orderby=receivedDateTime desc"), "{}", asked[0]);
    assert!(
        asked[2].ends_with("&$top=100&$orderby=receivedDateTime desc"),
        "{}",
        asked[2]
    );
    assert!(
        asked[3].ends_with("&$search=\"from boss\"&$top=250"),
        "{}",
        asked[3]
    );
}

/// Graph would refuse it in the words of its query language.
#[tokio::test]
async fn a_search_without_words_is_refused_before_it_is_asked() {
    for text in ["\"", "", " ( : * ) "] {
        let query = Query {
            text: Some(text.into()),
            ..Query::newest(1)
        };
        let (found, _) = opened(&[], |mut session| async move {
            session.list(&FolderName::inbox(), &query).await
        })
        .await;
        let error = found.expect_err("there is no word in it");
        assert_eq!(error.owner(), Owner::Operator);
        assert_eq!(error.next(), Next::Discard, "{error}");
        assert!(error.to_string().contains("looks for words"), "{error}");
        let told_by_graph = error.to_string().contains("said");
        assert!(!told_by_graph, "Graph was not asked: {error}");
    }
}

/// A proxy that wants to be signed in to answers everything with its page.
#[tokio::test]
async fn a_web_page_is_told_as_one() {
    let page = Answer::json("\n<!DOCTYPE html><html>Sign in</html>");
    let script = [("GET /mailFolders/IN/messages", page)];
    let (found, _) = opened(&script, |mut session| async move {
        session.list(&FolderName::inbox(), &Query::newest(1)).await
    })
    .await;
    let error = found.expect_err("it is no JSON");
    assert!(error.to_string().contains("it sent a web page"), "{error}");
}

#[tokio::test]
async fn a_message_is_found_by_its_message_id() {
    let body = r#"{"id":"a","internetMessageId":"<o'k@contoso.com>"}"#;
    let script = [("GET /mailFolders/IN/messages", page(body))];
    let query = Query {
        message_id: Some("o'k@contoso.com".into()),
        ..Query::newest(1)
    };
    let (found, server) = opened(&script, |mut session| async move {
        session
            .list(&FolderName::inbox(), &query)
            .await
            .expect("it is listed")
            .len()
    })
    .await;
    assert_eq!(found, 1);
    let asked = server.questions().pop().expect("it was asked");
    assert!(
        asked.ends_with("$filter=internetMessageId eq '<o''k@contoso.com>'"),
        "{asked}"
    );
}

#[tokio::test]
async fn messages_come_in_order_though_several_are_under_way() {
    let slow = |text: &str, milliseconds| Answer {
        delay: Duration::from_millis(milliseconds),
        ..Answer::json(text)
    };
    let ids = ["a", "b", "c", "d", "e", "f", "g"];
    let questions = ids.map(|id| format!("GET /mailFolders/IN/messages/{id}/$value"));
    let script: Vec<(&str, Answer)> = questions
        .iter()
        .enumerate()
        .map(|(at, question)| {
            let answer = match at {
                1 => Answer::refusal(404, "ErrorItemNotFound"),
                2 => slow(&"x".repeat(1001), 0),
                _ => slow(&format!("Subject: {at}\r\n\r\n"), 300 - 40 * at as u64),
            };
            (question.as_str(), answer)
        })
        .collect();
    let told = Told::default();
    let mut intake = told.clone();
    let (fetched, server) = opened(&script, |mut session| async move {
        let keys = ids.map(key);
        session
            .fetch(&FolderName::inbox(), &keys, &mut intake)
            .await
    })
    .await;
    assert_eq!(code(&fetched), "message_too_large");
    let wanted = [
        "graph:a (14) Subject: 0\r\n\r\n.",
        "graph:b gone",
        "graph:d (14) Subject: 3\r\n\r\n.",
        "graph:e (14) Subject: 4\r\n\r\n.",
        "graph:f (14) Subject: 5\r\n\r\n.",
        "graph:g (14) Subject: 6\r\n\r\n.",
    ];
    assert_eq!(told.all(), wanted);
    assert!(
        (2..=4).contains(&server.most_open()),
        "{}",
        server.most_open()
    );
}

#[tokio::test]
async fn a_message_that_is_cut_off_is_no_whole_one() {
    let message = Answer::json("Subject: cut\r\n\r\nall of it");
    for cut in [0, 1, 12, 24] {
        let cut = Answer {
            cut: Some(cut),
            ..message.clone()
        };
        let told = Told::default();
        let mut intake = told.clone();
        let (fetched, _) = opened(
            &[("GET /mailFolders/IN/messages/a/$value", cut)],
            |mut session| async move {
                session
                    .fetch(&FolderName::inbox(), &[key("a")], &mut intake)
                    .await
            },
        )
        .await;
        assert_eq!(code(&fetched), "mailbox_disconnected");
        assert!(
            told.all().iter().all(|one| !one.ends_with('.')),
            "{:?}",
            told.all()
        );
    }
}

#[tokio::test]
async fn what_is_not_in_the_folder_is_left_alone() {
    let there =
        |folder: &str| Answer::json(&format!(r#"{{"id":"?","parentFolderId":"{folder}"}}"#));
    let with_id = |id: &str| Answer::json(&format!(r#"{{"id":"{id}","parentFolderId":"IN"}}"#));
    let gone = || Answer::refusal(404, "ErrorItemNotFound");
    let busy = Answer::refusal(429, "ApplicationThrottled").header("Retry-After", "0.05");
    let script = [
        ("GET /messages/a?", with_id("a")),
        ("GET /messages/b?", there("ELSEWHERE")),
        ("GET /messages/c?", gone()),
        ("GET /messages/d?", busy),
        ("GET /messages/d?", with_id("d")),
        ("PATCH /messages/a", Answer::json("{}")),
        ("PATCH /messages/d", gone()),
    ];
    let (marked, server) = opened(&script, |mut session| async move {
        let keys = ["a", "b", "c", "d"].map(key);
        let answered = session
            .mark(&FolderName::inbox(), &keys, &[Flag::Answered], &[])
            .await;
        assert_eq!(code(&answered), "not_in_graph");
        session
            .mark(&FolderName::inbox(), &keys, &[Flag::Seen], &[])
            .await
    })
    .await;
    marked.expect("what is gone is skipped");
    let written = server.seen();
    let written = written
        .iter()
        .find(|one| one.question == "PATCH /messages/a");
    assert_eq!(written.expect("it is marked").body, br#"{"isRead":true}"#);
}

#[tokio::test]
async fn what_cannot_be_deleted_for_good_is_deleted_as_it_can() {
    let with_id = |id: &str| Answer::json(&format!(r#"{{"id":"{id}","parentFolderId":"IN"}}"#));
    let unknown = Answer::refusal(400, "BadRequest");
    let script = [
        ("GET /messages/a?", with_id("a")),
        ("GET /messages/b?", with_id("b")),
        ("POST /messages/a/permanentDelete", Answer::empty(204)),
        ("POST /messages/b/permanentDelete", unknown),
        ("DELETE /messages/b", Answer::empty(204)),
    ];
    let (deleted, server) = opened(&script, |mut session| async move {
        let keys = ["a", "b"].map(key);
        session.delete(&FolderName::inbox(), &keys).await
    })
    .await;
    deleted.expect("both go");
    let last = server.questions().pop();
    assert_eq!(last.as_deref(), Some("DELETE /messages/b"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "real time passes on real sockets"
)]
fn instant() -> Instant {
    Instant::now()
}
