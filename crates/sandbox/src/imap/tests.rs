use std::process::Stdio;
use std::time::Duration;

use gatepost_host::Clock;

use crate::faults::FaultKind;
use crate::mailboxes::Flags;
use crate::tenant::{ADMIN_ONLY_MAILBOX, USER};

use crate::house::House;

/// Word for word as the transcripts of real sessions have it.
#[tokio::test]
async fn the_wording_is_that_of_exchange() {
    let house = House::open().await;
    let mut client = house.connect().await;
    assert_eq!(
        client.command("CAPABILITY").await,
        [
            "* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT \
             CHILDREN IDLE NAMESPACE LITERAL+",
            "a OK CAPABILITY completed.",
        ]
    );
    client.authenticate(USER, &house.token(None)).await;
    assert_eq!(
        client.command("CAPABILITY").await[0],
        "* CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT \
         CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE \
         NAMESPACE LITERAL+"
    );
    assert_eq!(
        client.command("NAMESPACE").await[0],
        "* NAMESPACE ((\"\" \"/\")) NIL NIL"
    );
    assert_eq!(
        client.command("ID NIL").await[0],
        "* ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")"
    );
    assert_eq!(
        client.command("LOGOUT").await,
        [
            "* BYE Microsoft Exchange Server IMAP4 server signing off.",
            "a OK LOGOUT completed.",
        ]
    );
    house.close().await;
}

#[tokio::test]
async fn a_bad_token_is_refused_at_once() {
    let house = House::open().await;
    let mut client = house.connect().await;
    assert_eq!(
        client.authenticate(USER, "nonsense").await,
        "a NO AUTHENTICATE failed."
    );
    house.order(FaultKind::ExpireTokens);
    let fresh = house.token(None);
    assert_eq!(
        client.authenticate(USER, &fresh).await,
        "a OK AUTHENTICATE completed."
    );
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_that_is_not_open_to_the_token_shows_it_late() {
    let house = House::open().await;
    let mut client = house.connect().await;
    let answer = client
        .authenticate(ADMIN_ONLY_MAILBOX, &house.token(None))
        .await;
    assert_eq!(answer, "a OK AUTHENTICATE completed.");
    assert_eq!(
        client.command("NAMESPACE").await,
        ["a BAD User is authenticated but not connected."]
    );
    assert_eq!(client.line().await, "* BYE Connection closed. 14");
    assert!(client.is_closed().await);
    house.close().await;
}

#[tokio::test]
async fn a_delegate_opens_a_shared_mailbox() {
    let house = House::open().await;
    for name in ["support@contoso.com", "ada.berg@contoso.com\\support"] {
        let mut client = house.connect().await;
        client.authenticate(name, &house.token(Some(USER))).await;
        let lines = client.command("SELECT INBOX").await;
        assert_eq!(
            lines.last().map(String::as_str),
            Some("a OK [READ-WRITE] SELECT completed.")
        );
    }
    house.close().await;
}

#[tokio::test]
async fn idle_tells_of_new_mail() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    client.send("b IDLE").await;
    assert_eq!(
        client.line().await,
        "+ IDLE accepted, awaiting DONE command."
    );
    house.deliver("Subject: new\r\n\r\n");
    assert_eq!(client.line().await, "* 1 EXISTS");
    client.line().await;
    client.send("DONE").await;
    assert_eq!(client.line().await, "b OK IDLE completed.");
    house.close().await;
}

#[tokio::test]
async fn idle_is_dropped_on_order() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    client.send("b IDLE").await;
    client.line().await;
    house.order(FaultKind::DropIdle);
    assert!(client.is_closed().await, "without a word");
    house.close().await;
}

#[tokio::test]
async fn a_token_that_is_declared_void_ends_its_session() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    let mut idle = house.sign_in().await;
    idle.send("b IDLE").await;
    idle.line().await;
    house.order(FaultKind::ExpireTokens);
    let bye = "* BYE Session invalidated - AccessTokenExpired";
    assert_eq!(idle.line().await, bye);
    assert_eq!(client.command("NOOP").await[0], bye);
    house.sign_in().await;
    house.close().await;
}

#[tokio::test]
async fn the_end_of_the_sandbox_is_told() {
    let house = House::open().await;
    let mut client = house.sign_in().await;
    house.close().await;
    assert_eq!(client.line().await, "* BYE Server Unavailable. 15");
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_bumped_uidvalidity_ends_the_session() {
    let house = House::open().await;
    house.deliver("Subject: one\r\n\r\n");
    let mut client = house.sign_in().await;
    let before = client.command("SELECT INBOX").await;
    let validity = |lines: &[String]| lines.iter().find(|l| l.contains("UIDVALIDITY")).cloned();
    client.send("b IDLE").await;
    client.line().await;
    house.order(FaultKind::BumpUidvalidity);
    assert_eq!(client.line().await, "* BYE Connection closed. 14");
    let mut client = house.sign_in().await;
    let after = client.command("SELECT INBOX").await;
    assert_ne!(validity(&before), validity(&after));
    house.close().await;
}

/// Under new UIDs an old number means another message: nobody may be shown that one, nor lose it.
#[tokio::test]
async fn old_uids_mean_nothing_after_a_bump() {
    let house = House::open().await;
    for subject in ["one", "two"] {
        house.deliver(format!("Subject: {subject}\r\n\r\n"));
    }
    for command in [
        "UID FETCH 2 BODY[]",
        "UID STORE 2 FLAGS (\\Deleted)",
        "UID MOVE 2 Archive",
        "SEARCH ALL",
        "EXPUNGE",
        "CLOSE",
    ] {
        let mut client = house.sign_in().await;
        client.command("SELECT INBOX").await;
        let mailbox = house.sandbox.mailboxes().open(USER).expect("it is there");
        mailbox.remove(mailbox.inbox(), &[1]);
        mailbox.bump_uidvalidity("INBOX").expect("it is there");
        house.deliver("Subject: another\r\n\r\n");
        let said = client.command(command).await;
        assert_eq!(said, ["a BAD Server Unavailable. 15"], "{command}");
        assert_eq!(client.line().await, "* BYE Connection closed. 14");
        let kept = mailbox.messages(mailbox.inbox());
        assert_eq!(kept.len(), 2, "{command}");
        assert!(kept.iter().all(|message| message.flags == Flags::NONE));
    }
    house.close().await;
}

/// Connections are few: who only keeps one busy has five minutes, and is never idle meanwhile.
#[tokio::test]
async fn a_client_that_does_not_sign_in_is_sent_away() {
    let house = House::open().await;
    let mut client = house.connect().await;
    for _ in 0..7 {
        pass(Duration::from_secs(40)).await;
        assert_eq!(client.command("NOOP").await, ["a OK NOOP completed."]);
    }
    pass(Duration::from_secs(25)).await;
    let clock = Clock::system();
    let said = clock.within(Duration::from_secs(20), client.line()).await;
    assert_eq!(said.as_deref(), Ok("* BYE Connection is closed. 13"));
    house.close().await;
}

/// A client that saves a large message slowly is alive as long as it takes some of it.
#[tokio::test]
async fn a_slow_reader_gets_its_message_whole() {
    let house = House::open().await;
    house.deliver(vec![b'x'; LARGE]);
    let mut client = house.sign_in().await;
    client.command("EXAMINE INBOX").await;
    client.send("b FETCH 1 BODY[]").await;
    let announced = client.line().await;
    assert_eq!(announced, format!("* 1 FETCH (BODY[] {{{LARGE}}}"));
    let mut left = LARGE;
    while left > 0 {
        pass(Duration::from_secs(100)).await;
        let taken = left.min(8 << 20);
        assert!(client.takes(taken).await, "{left} octets were kept back");
        left -= taken;
    }
    assert_eq!(client.line().await, ")");
    house.close().await;
}

const LARGE: usize = 40 << 20;

async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn faults_speak_as_exchange_does() {
    let house = House::open().await;
    house.deliver("Subject: one\r\nContent-Disposition: inline\r\n\r\nbody\r\n");
    let faults = house.sandbox.faults();
    let mut client = house.sign_in().await;
    client.command("SELECT INBOX").await;
    house.order(FaultKind::Throttle);
    let throttled = client.command("NOOP").await.remove(0);
    assert!(throttled.starts_with("a BAD Request is throttled. Suggested Backoff Time: "));
    faults.clear_all();
    house.order(FaultKind::WrongSizes);
    assert_ne!(
        client.command("FETCH 1 RFC822.SIZE").await[0],
        "* 1 FETCH (RFC822.SIZE 51)"
    );
    house.order(FaultKind::MalformedStructure);
    let structure = client.command("FETCH 1 BODYSTRUCTURE").await.remove(0);
    assert!(structure.contains("NIL \"inline\" NIL NIL)"), "{structure}");
    house.order(FaultKind::BareCopyuid);
    let moved = client.command("MOVE 1 Archive").await;
    assert!(moved[0].starts_with("[COPYUID "), "{moved:?}");
    assert_eq!(moved[1], "* 1 EXPUNGE");
    house.order(FaultKind::CloseSession);
    assert_eq!(
        client.command("NOOP").await[0],
        "* BYE Connection closed. 14"
    );
    faults.clear_all();
    house.order(FaultKind::ServerError);
    let mut client = house.sign_in().await;
    assert_eq!(
        client.command("NOOP").await[0],
        "a BAD Server Unavailable. 15"
    );
    assert_eq!(client.line().await, "* BYE Connection closed.");
    house.close().await;
}

#[tokio::test]
async fn a_mailbox_bears_sixteen_connections() {
    let house = House::open().await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(house.sign_in().await);
    }
    let mut one_more = house.sign_in().await;
    let refused = one_more.command("NAMESPACE").await.remove(0);
    assert_eq!(refused, "a BAD User is authenticated but not connected.");
    house.close().await;
}

/// Python's `imaplib` does what a script of a stranger does, against a mailbox of many messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_client_finds_its_way() {
    let house = House::open().await;
    for number in 0..1_000 {
        house.deliver(format!(
            "Subject: message {number}\r\nFrom: a@b.test\r\n\r\nbody {number}\r\n"
        ));
    }
    let output = tokio::process::Command::new("python3")
        .args(["-c", include_str!("tests/foreign_client.py")])
        .arg(house.sandbox.addresses().imap.port().to_string())
        .arg(house.sandbox.ca_file())
        .arg(USER)
        .env("ACCESS_TOKEN", house.token(None))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("all is well\n"), "{said}\n{complained}");
    house.close().await;
}
