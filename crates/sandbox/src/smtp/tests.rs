use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::SandboxConfig;
use crate::SendingLimits;
use crate::faults::FaultKind;
use crate::house::{Client, House};
use crate::tenant::{ADMIN_ONLY_MAILBOX, USER};

const JUN: &str = "jun.tanaka@contoso.com";

async fn connect(house: &House) -> Client {
    let mut client = house.connect_to(house.sandbox.addresses().smtp).await;
    let greeting = client.line().await;
    let opening = "220 LA0P152CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready at ";
    assert!(greeting.starts_with(opening), "{greeting}");
    assert_eq!(listed(&mut client).await[1..], OFFERED);
    client
}

const OFFERED: [&str; 9] = [
    "250-SIZE 157286400",
    "250-PIPELINING",
    "250-DSN",
    "250-ENHANCEDSTATUSCODES",
    "250-AUTH LOGIN XOAUTH2",
    "250-8BITMIME",
    "250-BINARYMIME",
    "250-CHUNKING",
    "250 SMTPUTF8",
];

/// What the server offers, with its greeting.
async fn listed(client: &mut Client) -> Vec<String> {
    client.send("EHLO x").await;
    let mut lines = Vec::new();
    loop {
        let line = client.line().await;
        let is_last = line.starts_with("250 ");
        lines.push(line);
        if is_last {
            return lines;
        }
    }
}

/// Asks and hears one line.
async fn ask(client: &mut Client, line: &str) -> String {
    client.send(line).await;
    client.line().await
}

async fn authenticate(client: &mut Client, user: &str, token: &str) -> String {
    let message = format!("user={user}\x01auth=Bearer {token}\x01\x01");
    ask(
        client,
        &format!("AUTH XOAUTH2 {}", STANDARD.encode(message)),
    )
    .await
}

async fn sign_in(house: &House) -> Client {
    let mut client = connect(house).await;
    let answer = authenticate(&mut client, USER, &house.token(None)).await;
    assert_eq!(answer, "235 2.7.0 Authentication successful");
    client
}

/// Sends a message from `from` to Jun; answers what is said of it, or nothing.
async fn submit(client: &mut Client, from: &str) -> String {
    for (line, answer) in [
        (format!("MAIL FROM:<{from}>"), "250 2.1.0 Sender OK"),
        (format!("RCPT TO:<{JUN}>"), "250 2.1.5 Recipient OK"),
        (
            "DATA".to_owned(),
            "354 Start mail input; end with <CRLF>.<CRLF>",
        ),
    ] {
        let said = ask(client, &line).await;
        if said != answer {
            return said;
        }
    }
    client
        .send(&format!(
            "From: <{from}>\r\nMessage-ID: <1@contoso.com>\r\n\r\n.."
        ))
        .await;
    ask(client, ".").await
}

/// The messages in a folder.
fn folder(house: &House, address: &str, name: &str) -> Vec<bytes::Bytes> {
    let mailbox = house
        .sandbox
        .mailboxes()
        .open(address)
        .expect("it is there");
    let folder = mailbox.find(name).expect("a usual folder");
    let messages = mailbox.messages(folder).into_iter();
    messages.map(|message| message.raw).collect()
}

#[tokio::test]
async fn a_message_reaches_who_is_here_and_leaves_to_who_is_not() {
    let house = House::open().await;
    let mut client = sign_in(&house).await;
    let raw = "From: Ada <ada.berg@contoso.com>\r\nMessage-ID: <7@c>\r\n\r\n.dot\r\n";
    let sender = "MAIL FROM:<ada.berg@contoso.com> BODY=8BITMIME SIZE=100";
    assert_eq!(ask(&mut client, sender).await, "250 2.1.0 Sender OK");
    for recipient in [JUN, "eve@elsewhere.example"] {
        let said = ask(&mut client, &format!("RCPT TO:<{recipient}>")).await;
        assert_eq!(said, "250 2.1.5 Recipient OK");
    }
    client.send(&format!("BDAT {}", raw.len())).await;
    client.send(raw.trim_end()).await;
    assert_eq!(client.line().await, "250 2.0.0 Chunk received");
    let said = ask(&mut client, "BDAT 0 LAST").await;
    let expected = "250 2.0.0 OK <7@c> [Hostname=LA0P152MB0001.LAMP152.PROD.OUTLOOK.COM]";
    assert_eq!(said, expected);
    assert_eq!(folder(&house, JUN, "Inbox"), [raw]);
    assert_eq!(folder(&house, USER, "Sent Items"), [raw]);
    let departed = house.sandbox.mailboxes().departed();
    assert_eq!(departed.len(), 1);
    assert_eq!(departed[0].recipients, ["eve@elsewhere.example"]);
    assert_eq!(
        ask(&mut client, "QUIT").await,
        "221 2.0.0 Service closing transmission channel"
    );
    assert!(client.is_closed().await);
    house.close().await;
}

#[tokio::test]
async fn nothing_is_taken_in_clear() {
    let house = House::open().await;
    let address = house.sandbox.addresses().smtp_starttls;
    let stream = TcpStream::connect(address).await.expect("it listens");
    let mut stream = BufReader::new(stream);
    let mut heard = Vec::new();
    for line in [
        "",
        "EHLO x\r\n",
        "AUTH XOAUTH2\r\n",
        "MAIL FROM:<a@b.c>\r\n",
        "STARTTLS\r\n",
    ] {
        let said = stream.get_mut().write_all(line.as_bytes()).await;
        said.expect("it is there");
        loop {
            let mut answer = String::new();
            stream.read_line(&mut answer).await.expect("a line");
            let is_last = answer.as_bytes().get(3) == Some(&b' ');
            heard.push(answer.trim_end().to_owned());
            if is_last {
                break;
            }
        }
    }
    assert!(heard.contains(&"250-STARTTLS".to_owned()), "{heard:?}");
    assert!(
        !heard.iter().any(|line| line.contains("LOGIN")),
        "{heard:?}"
    );
    let refused: Vec<&str> = heard.iter().filter_map(|line| line.get(..3)).collect();
    assert_eq!(refused[refused.len() - 3..], ["530", "530", "220"]);
    assert_eq!(
        heard.last().map(String::as_str),
        Some("220 2.0.0 SMTP server ready")
    );
    let mut client = house.protect(stream.into_inner()).await;
    assert_eq!(listed(&mut client).await[1..], OFFERED);
    let answer = authenticate(&mut client, USER, &house.token(None)).await;
    assert!(answer.starts_with("235 "), "{answer}");
    house.close().await;
}

#[tokio::test]
async fn who_may_not_sign_in_is_told_why_as_exchange_tells_it() {
    let house = House::open().await;
    let for_imap = house.token(Some(USER));
    let (app, person) = (house.token(None), house.token_for(Some(USER), "SMTP.Send"));
    for (user, token) in [
        (USER, "nonsense"),
        (USER, for_imap.as_str()),
        ("nobody@contoso.com", app.as_str()),
        // A person signs in as nobody else, be it a mailbox that they may open.
        ("support@contoso.com", person.as_str()),
    ] {
        let mut client = connect(&house).await;
        let answer = authenticate(&mut client, user, token).await;
        assert!(
            answer.starts_with("535 5.7.3 Authentication unsuccessful ["),
            "{user}: {answer}"
        );
    }
    let mut client = connect(&house).await;
    assert!(ask(&mut client, "AUTH LOGIN").await.starts_with("334 "));
    assert!(
        ask(&mut client, &STANDARD.encode(USER))
            .await
            .starts_with("334 ")
    );
    let answer = ask(&mut client, &STANDARD.encode("password")).await;
    let basic = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.";
    assert!(answer.starts_with(basic), "{answer}");
    let answer = ask(&mut client, "MAIL FROM:<ada.berg@contoso.com>").await;
    assert!(
        answer.starts_with("530 5.7.57 Client not authenticated"),
        "{answer}"
    );
    for (order, whose) in [
        ("smtp-off", "for the Tenant."),
        ("smtp-off,mailbox=ada.berg@contoso.com", "for the Mailbox."),
    ] {
        house.sandbox.faults().clear_all();
        let order = order.parse().expect("a good order");
        house.sandbox.faults().order(order);
        let answer = authenticate(&mut client, USER, &person).await;
        assert!(answer.starts_with("535 5.7.139 "), "{answer}");
        assert!(answer.contains(whose), "{answer}");
    }
    house.sandbox.faults().clear_all();
    let answer = authenticate(&mut client, USER, &person).await;
    assert!(answer.starts_with("235 "), "{answer}");
    house.close().await;
}

#[tokio::test]
async fn what_a_mailbox_may_not_is_said_when_the_message_is_there() {
    let house = House::open().await;
    let mut client = connect(&house).await;
    let answer = authenticate(&mut client, ADMIN_ONLY_MAILBOX, &house.token(None)).await;
    assert!(answer.starts_with("235 "), "{answer}");
    let said = submit(&mut client, ADMIN_ONLY_MAILBOX).await;
    assert!(
        said.starts_with("430 4.2.0 STOREDRV; mailbox logon failure"),
        "{said}"
    );
    let mut client = connect(&house).await;
    authenticate(&mut client, USER, &house.token_for(Some(USER), "SMTP.Send")).await;
    let said = submit(&mut client, JUN).await;
    let denied = "554 5.2.252 SendAsDenied; ada.berg@contoso.com not allowed to send as jun.tanaka@contoso.com;";
    assert!(said.starts_with(denied), "{said}");
    assert!(folder(&house, JUN, "Inbox").is_empty());
    for from in ["support@contoso.com", "invoices@contoso.com", USER] {
        let said = submit(&mut client, from).await;
        assert!(
            said.starts_with("250 2.0.0 OK <1@contoso.com>"),
            "{from}: {said}"
        );
    }
    let got = folder(&house, JUN, "Inbox");
    assert!(got[0].starts_with(b"From: <support@contoso.com>"));
    assert!(got[1].starts_with(b"Sender: ada.berg@contoso.com\r\nFrom: <invoices@contoso.com>"));
    assert!(got[2].ends_with(b"\r\n\r\n.\r\n"));
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_sends_over_three_connections_at_a_time() {
    let house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(sign_in(&house).await);
    }
    let said = submit(&mut clients[3], USER).await;
    assert!(
        said.starts_with("432 4.3.2 Concurrent connections limit exceeded."),
        "{said}"
    );
    let said = submit(&mut clients[0], USER).await;
    assert!(said.starts_with("250 2.0.0 OK"), "{said}");
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_sends_to_so_many_recipients_a_day() {
    let config = SandboxConfig {
        sending: SendingLimits {
            recipients_a_day: 1,
            ..SendingLimits::EXCHANGE_ONLINE
        },
        ..SandboxConfig::default()
    };
    let house = House::furnished(config).await;
    let mut client = sign_in(&house).await;
    assert!(submit(&mut client, USER).await.starts_with("250 2.0.0 OK"));
    let said = submit(&mut client, USER).await;
    let used_up = "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException";
    assert!(said.starts_with(used_up), "{said}");
    house.close().await;
}

#[tokio::test]
async fn connections_are_dropped_where_it_was_ordered() {
    let house = House::open().await;
    let mut sent = 0;
    for (kind, is_sent) in [
        (FaultKind::CloseSession, false),
        (FaultKind::DropBeforeData, false),
        (FaultKind::DropInData, false),
        (FaultKind::DropUnsent, false),
        (FaultKind::DropAnswer, true),
    ] {
        let mut client = sign_in(&house).await;
        house.order(kind);
        assert_eq!(submit(&mut client, USER).await, "", "{kind}");
        assert!(client.is_closed().await);
        sent += usize::from(is_sent);
        assert_eq!(folder(&house, JUN, "Inbox").len(), sent, "{kind}");
        house.sandbox.faults().clear_all();
    }
    house.close().await;
}

#[tokio::test]
async fn refusals_are_ordered_by_their_codes() {
    let house = House::open().await;
    let mut client = sign_in(&house).await;
    for (order, answer) in [
        ("refuse-mail,code=5.2.2", "554 5.2.2 mailbox full; STOREDRV"),
        ("refuse-mail,code=432", "432 4.3.2 Concurrent connections"),
        (
            "refuse-mail,code=5.1.8",
            "550 5.1.8 Access denied, bad outbound sender",
        ),
        ("refuse-mail,code=452", "452 4.5.3 Too many recipients"),
        ("slow-reply", "250 2.0.0 OK"),
        ("throttle", "451 4.7.500 Server busy."),
        (
            "authenticated-but-not-connected",
            "430 4.2.0 STOREDRV; mailbox logon failure",
        ),
        ("server-error", "421 4.3.2 Service not available"),
    ] {
        let order = format!("{order},times=1").parse().expect("a good order");
        house.sandbox.faults().order(order);
        let said = submit(&mut client, USER).await;
        assert!(said.starts_with(answer), "{said}");
        client.send("RSET").await;
        client.line().await;
    }
    assert_eq!(house.sandbox.faults().standing(), []);
    assert!(client.is_closed().await, "421 ends the session");
    let mut client = connect(&house).await;
    let order = "refuse-mail,code=4.7.0".parse().expect("a good order");
    house.sandbox.faults().order(order);
    let answer = authenticate(&mut client, USER, &house.token(None)).await;
    assert!(
        answer.starts_with("454 4.7.0 Temporary authentication failure"),
        "{answer}"
    );
    house.close().await;
}
