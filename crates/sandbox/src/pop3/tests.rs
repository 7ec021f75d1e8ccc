use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::faults::FaultKind;
use crate::house::{Client, House};
use crate::tenant::{ADMIN_ONLY_MAILBOX, USER};

async fn connect(house: &House) -> Client {
    let mut client = house.connect_to(house.sandbox.addresses().pop3).await;
    let greeting = client.line().await;
    assert!(greeting.starts_with("+OK The Microsoft Exchange POP3 service is ready. ["));
    client
}

/// Asks and hears one line.
async fn ask(client: &mut Client, line: &str) -> String {
    client.send(line).await;
    client.line().await
}

/// Asks and hears a list, without its first line and its end.
async fn list(client: &mut Client, line: &str) -> Vec<String> {
    let first = ask(client, line).await;
    assert!(first.starts_with("+OK"), "{first}");
    let mut lines = Vec::new();
    loop {
        match client.line().await {
            end if end == "." => return lines,
            line => lines.push(line),
        }
    }
}

async fn authenticate(client: &mut Client, user: &str, token: &str) -> String {
    let challenge = ask(client, "AUTH XOAUTH2").await;
    assert_eq!(challenge.trim_end(), "+");
    let message = format!("user={user}\x01auth=Bearer {token}\x01\x01");
    ask(client, &STANDARD.encode(message)).await
}

async fn sign_in(house: &House) -> Client {
    let mut client = connect(house).await;
    let answer = authenticate(&mut client, USER, &house.token(None)).await;
    assert_eq!(answer, "+OK User successfully authenticated.");
    client
}

const REFUSED: &str = "-ERR Authentication failure: unknown user name or bad password.";

#[tokio::test]
async fn a_session_reads_and_deletes() {
    let house = House::open().await;
    house.deliver("Subject: one\r\n\r\n.dot\r\n");
    house.deliver("Subject: two\r\n\r\n");
    let mut client = connect(&house).await;
    let listed = list(&mut client, "CAPA").await;
    assert_eq!(listed, ["TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER"]);
    let answer = authenticate(&mut client, USER, &house.token(None)).await;
    assert_eq!(answer, "+OK User successfully authenticated.");
    house.deliver("Subject: after the sign-in\r\n\r\n");
    assert_eq!(list(&mut client, "LIST").await, ["1 22", "2 16"]);
    let names = list(&mut client, "UIDL").await;
    assert_eq!(names.len(), 2);
    assert_eq!(list(&mut client, "TOP 1 0").await, ["Subject: one", ""]);
    let whole = ["Subject: one", "", "..dot"];
    assert_eq!(list(&mut client, "RETR 1").await, whole);
    assert_eq!(ask(&mut client, "DELE 1").await, "+OK");
    let goodbye = "+OK Microsoft Exchange Server POP3 server signing off.";
    assert_eq!(ask(&mut client, "QUIT").await, goodbye);
    assert!(client.is_closed().await);
    let mut client = sign_in(&house).await;
    let later = list(&mut client, "UIDL").await;
    assert_eq!((later.len(), &later[0][2..]), (2, &names[1][2..]));
    house.close().await;
}

#[tokio::test]
async fn what_may_not_be_opened_is_refused_in_the_same_words() {
    let house = House::open().await;
    let for_imap = house.token(Some(USER));
    let app = house.token(None);
    for (user, token) in [
        (USER, "nonsense"),
        (USER, for_imap.as_str()),
        (ADMIN_ONLY_MAILBOX, app.as_str()),
        ("nobody@contoso.com", app.as_str()),
    ] {
        let mut client = connect(&house).await;
        let answer = authenticate(&mut client, user, token).await;
        assert_eq!(answer, REFUSED, "{user}");
    }
    let mut client = connect(&house).await;
    let whole = format!("user={USER}\x01auth=Bearer {app}\x01\x01");
    let line = format!("AUTH XOAUTH2 {}", STANDARD.encode(whole));
    assert_eq!(ask(&mut client, &line).await, "-ERR Protocol error. 14");
    house.order(FaultKind::ExpireTokens);
    assert_eq!(authenticate(&mut client, USER, &app).await, REFUSED);
    house.close().await;
}

#[tokio::test]
async fn faults_strike() {
    let house = House::open().await;
    house.deliver("Subject: one\r\n\r\n");
    let mut client = sign_in(&house).await;
    house.order(FaultKind::CloseSession);
    client.send("RETR 1").await;
    assert!(client.is_closed().await, "without a word");
    for (kind, said) in [
        (
            FaultKind::ServerError,
            "-ERR [SYS/TEMP] Server Unavailable. 15",
        ),
        (
            FaultKind::AuthenticatedButNotConnected,
            "-ERR User is authenticated but not connected.",
        ),
        (
            FaultKind::Throttle,
            "-ERR Request is throttled. Suggested Backoff Time: 2415 milliseconds",
        ),
    ] {
        house.sandbox.faults().clear_all();
        house.order(kind);
        let mut client = connect(&house).await;
        let answer = authenticate(&mut client, USER, &house.token(None)).await;
        assert_eq!(answer, said);
    }
    house.sandbox.faults().clear_all();
    house.order(FaultKind::WrongSizes);
    let mut client = sign_in(&house).await;
    assert_ne!(list(&mut client, "LIST").await, ["1 16"]);
    house.close().await;
}
