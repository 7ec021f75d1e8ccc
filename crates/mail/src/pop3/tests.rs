//! Against servers that say what is written down.

mod cuts;
mod silence;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use gatepost_host::Clock;
use jiff::Timestamp;

use super::connect::greet;
use super::cursor::Seen;
use super::link::Link;
use super::opener::Removed;
use super::session::{Open, Session};
use super::sign_in::sign_in;
use super::{Pop3Settings, Security};
use crate::connection::stream::Stream;
use crate::scripted::{LIMITS, NoTokens, Told, follow, start, token, trusting_nobody};
use crate::{
    Addresses, Changes, Cursor, FolderName, MailError, Mailbox as _, MessageKey, Pull, Query,
};

const SECRET: &str = "dXNlcj1hZGFAY29udG9zby5jb20BYXV0aD1CZWFyZXIgc2VjcmV0AQE=";

fn settings(clock: &Clock) -> Pop3Settings {
    Pop3Settings {
        host: "pop.example".to_owned(),
        port: 995,
        security: Security::ImplicitTls,
        tls: trusting_nobody(),
        addresses: Addresses::new(),
        mailbox: "ada@contoso.com".to_owned(),
        tokens: Arc::new(NoTokens),
        clock: clock.clone(),
        poll_every: Pop3Settings::POLL_EVERY,
        limits: LIMITS,
        largest_message: 1000,
    }
}

/// Signs in to a server that follows `script`.
async fn against<F: Future>(
    script: &str,
    client: impl FnOnce(Result<Session, MailError>) -> F,
) -> F::Output {
    against_raw(script, async |stream, clock| {
        client(entered(stream, &clock).await).await
    })
    .await
}

/// Connects to a server that follows `script`.
async fn against_raw<T>(script: &str, client: impl AsyncFnOnce(Stream, Clock) -> T) -> T {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let clock = Clock::starting_at(start());
    tokio::select! {
        biased;
        () = follow(script, far, clock.clone()) => unreachable!("the server never ends by itself"),
        output = client(Stream::Memory(near), clock.clone()) => output,
    }
}

/// A session behind a greeting and a sign-in.
async fn entered(stream: Stream, clock: &Clock) -> Result<Session, MailError> {
    let settings = settings(clock);
    let mut link = Link::new(stream, &settings);
    greet(&mut link).await?;
    let maildrop = sign_in(&mut link, &token()).await?;
    let at = clock.now();
    let open = Open { link, maildrop, at };
    Ok(Session::new(Arc::new(settings), Removed::default(), open))
}

/// A server with these capabilities lets us in and has three messages.
fn with_three(capabilities: &str, rest: &str) -> String {
    let listed = format!("S: {}", capabilities.replace(", ", "\nS: "));
    format!(
        "S: +OK The Microsoft Exchange POP3 service is ready. [UwBDADEA]
         C: CAPA
         S: +OK
         S: SASL PLAIN XOAUTH2
         S: .
         C: AUTH XOAUTH2
         S: +
         C: {SECRET}
         S: +OK User successfully authenticated.
         C: CAPA
         S: +OK
         {listed}
         S: .
         C: UIDL
         S: +OK
         S: 1 one
         S: 2 two
         S: 3 three
         S: .
         C: LIST
         S: +OK
         S: 1 100
         S: 2 2000
         S: 3 300
         S: .
         {rest}"
    )
}

async fn refused(rest: &str) -> MailError {
    let script = format!(
        "S: +OK ready
         C: CAPA
         S: +OK
         S: SASL XOAUTH2
         S: LOGIN-DELAY 120
         S: .
         C: AUTH XOAUTH2
         {rest}"
    );
    let answer = against(&script, async |session| session.map(|_| ())).await;
    answer.expect_err("it is refused")
}

fn keys(uidls: &[&str]) -> Vec<MessageKey> {
    let key = |uidl: &&str| MessageKey::Pop3 {
        uidl: (*uidl).to_owned(),
    };
    uidls.iter().map(key).collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_sign_in_says_why() {
    for (line, code) in [
        (
            "-ERR Authentication failure: unknown user name or bad password.",
            "pop3_sign_in_refused",
        ),
        ("-ERR [AUTH] no", "pop3_sign_in_refused"),
        ("-ERR [IN-USE] locked", "mailbox_in_use"),
        ("-ERR [SYS/TEMP] later", "mailbox_unavailable"),
        (
            "-ERR User is authenticated but not connected.",
            "pop3_not_connected",
        ),
    ] {
        let error = refused(&format!("S: +\nC: {SECRET}\nS: {line}")).await;
        assert_eq!(error.code(), code, "{line}");
        assert!(!format!("{error:?}{error}").contains("secret"));
    }
    let error = refused(&format!(
        "S: +\nC: {SECRET}\nS: -ERR [LOGIN-DELAY] too soon"
    ))
    .await;
    let delay = Duration::from_mins(2);
    assert_eq!(error.next(), Next::Retry(After::AtLeast(delay)));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tokens_is_not_told_one() {
    let script = "S: +OK ready
         C: CAPA
         S: +OK
         S: SASL PLAIN
         S: USER
         S: .";
    let answer = against(script, async |session| session.map(|_| ())).await;
    let error = answer.expect_err("there is no way in");
    assert_eq!(error.code(), "pop3_no_token_sign_in");
}

#[tokio::test(start_paused = true)]
async fn messages_are_asked_for_one_by_one_and_one_that_is_refused_holds_up_no_other() {
    let script = with_three(
        "TOP, UIDL",
        "C: RETR 3
         S: +OK
         S: ..dots
         S: .
         C: RETR 1
         S: -ERR it is damaged",
    );
    let told = Told::default();
    let mut intake = told.clone();
    let fetched = against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let wanted = keys(&["gone", "three", "two", "one"]);
        session
            .fetch(&FolderName::inbox(), &wanted, &mut intake)
            .await
    });
    let error = fetched.await.expect_err("two cannot be had");
    assert_eq!(
        (error.code(), error.next()),
        ("message_too_large", Next::Discard)
    );
    assert_eq!(told.all(), ["pop3:gone gone", "pop3:three .dots\r\n."]);
}

#[tokio::test(start_paused = true)]
async fn headers_are_asked_for_at_once_where_the_server_can() {
    let script = with_three(
        "TOP, UIDL, PIPELINING",
        "C: TOP 2 0
         C: TOP 3 0
         S: +OK
         S: Received: by b; Sun, 22 Nov 2026 04:00:00 +0000
         S: Received: by a; Sun, 22 Nov 2026 03:00:00 +0000
         S: Subject: two
         S:
         S: .
         S: -ERR no header",
    );
    let changes = against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let first = Seen::all(&[]);
        let since = Cursor::from(first.and(&[], &[]));
        let since = Cursor {
            state: since
                .state
                .replace(r#""seen":"""#, &format!(r#""seen":"{ONE}""#)),
            ..since
        };
        let pull = Pull {
            since: Some(&since),
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        session.changes(&FolderName::inbox(), pull).await
    });
    let Ok(Changes::Since { arrivals, more, .. }) = changes.await else {
        panic!("the server remembers")
    };
    let found: Vec<(String, Option<Timestamp>)> = arrivals
        .iter()
        .map(|one| (one.key.to_string(), one.received_at))
        .collect();
    let at = "2026-11-22T04:00:00Z".parse().ok();
    assert_eq!(
        found,
        [("pop3:two".to_owned(), at), ("pop3:three".to_owned(), None)]
    );
    assert!(!more);
}

/// The digest of `one`.
const ONE: &str = "dpLDrTVAu4A8Ags6";

/// Where TOP is known the rest of the message does not pass; where it is not, or is refused, the
/// message does.
#[tokio::test(start_paused = true)]
async fn one_header_is_asked_for_alone_where_the_server_can() {
    let whole = "S: +OK
         S: Subject: three
         S:
         S: body
         S: .";
    for (capabilities, rest) in [
        (
            "TOP, UIDL",
            "C: TOP 3 0\nS: +OK\nS: Subject: three\nS:\nS: .".to_owned(),
        ),
        (
            "TOP, UIDL",
            format!("C: TOP 3 0\nS: -ERR no\nC: RETR 3\n{whole}"),
        ),
        ("UIDL, RESP-CODES", format!("C: RETR 3\n{whole}")),
    ] {
        against(&with_three(capabilities, &rest), async |session| {
            let mut session = session.expect("it is let in");
            let inbox = FolderName::inbox();
            let header = session.header(&inbox, &keys(&["three"])[0]).await;
            let header = header.expect("it comes");
            assert_eq!(header.as_deref(), Some(&b"Subject: three\r\n\r\n"[..]));
            let gone = session.header(&inbox, &keys(&["gone"])[0]).await;
            assert_eq!(gone.expect("that is no error"), None);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_no_sign_in_so_soon_is_looked_at_again_as_it_was() {
    let script = with_three("UIDL, LOGIN-DELAY 900", "");
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let inbox = FolderName::inbox();
        let present = session.present(&inbox).await.expect("it is fresh");
        let again = session.present(&inbox).await;
        assert_eq!(again.expect("nobody signs in anew"), present);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_given_up_is_not_answered_by_another() {
    let script = with_three("TOP, UIDL", "C: TOP 3 0");
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let query = Query::newest(1);
        let inbox = FolderName::inbox();
        let clock = Clock::starting_at(start());
        let listing = session.list(&inbox, &query);
        clock
            .within(Duration::from_secs(1), listing)
            .await
            .expect_err("it takes long");
        let mut told = Told::default();
        let again = session.fetch(&inbox, &keys(&["one"]), &mut told).await;
        let error = again.expect_err("nobody is at pop.example");
        assert_eq!(error.code(), "mail_server_unreachable");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_we_deleted_ourselves_is_not_forgotten_by_the_server() {
    let seen = Seen::try_from(&Cursor {
        transport: "pop3".into(),
        version: 1,
        state: format!(r#"{{"seen":"{ONE}","older":false}}"#),
    });
    let seen = seen.expect("a cursor");
    let removed = BTreeSet::from([super::cursor::print_of("one")]);
    assert!(seen.without(&removed).is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_a_change_of_the_way_every_message_is_identified_part_by_part() {
    let more = (4..=1_200).map(|number| format!("S: {number} m{number}\n"));
    let more = more.collect::<Vec<_>>().concat();
    let script = with_three("UIDL", "").replacen("S: 3 three\n", &format!("S: 3 three\n{more}"), 1);
    against(&script, async |session| {
        let mut session = session.expect("it is let in");
        let mut cursor = Cursor {
            transport: "imap".into(),
            version: 1,
            state: "whatever".into(),
        };
        let mut parts = Vec::new();
        let mut found = BTreeSet::new();
        loop {
            let pull = Pull {
                since: Some(&cursor),
                limit: 100,
                octets: u64::MAX,
                news_from: None,
            };
            let changes = session.changes(&FolderName::inbox(), pull).await;
            let Changes::Lost(resync) = changes.expect("it is listed") else {
                panic!("nothing is known by its name");
            };
            parts.push(resync.present.len());
            found.extend(resync.present.into_iter().map(|(arrival, _)| arrival.key));
            cursor = resync.restart;
            if !resync.more {
                break;
            }
        }
        assert_eq!((parts, found.len()), (vec![512, 512, 176], 1_200));
        let pull = Pull {
            since: Some(&cursor),
            limit: 100,
            octets: u64::MAX,
            news_from: None,
        };
        // It is looked at as it was: nobody signs in anew.
        session.goes_on_at = Some(cursor.clone());
        let changes = session.changes(&FolderName::inbox(), pull).await;
        let Changes::Since { arrivals, .. } = changes.expect("it is listed") else {
            panic!("everything is known now");
        };
        assert!(arrivals.is_empty(), "{arrivals:?}");
    })
    .await;
}
