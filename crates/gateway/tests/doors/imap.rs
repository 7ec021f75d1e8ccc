//! IMAP doors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_gateway::Protocol;
use gatepost_gateway::door::Tls;
use gatepost_host::Clock;
use gatepost_sandbox::mailboxes::NewMessage;
use gatepost_sandbox::tenant::USER;

use crate::stand::{PASSWORD, Stand, door};

#[tokio::test]
async fn a_password_opens_the_mailbox_and_what_follows_is_the_servers_own() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let mut client = stand.knock(address).await;
    let greeting = client.line().await;
    assert!(
        greeting.starts_with("* OK [CAPABILITY IMAP4rev1 SASL-IR"),
        "{greeting}"
    );
    assert!(!greeting.contains("STARTTLS"), "{greeting}");
    // The command behind the login is for the server.
    let login = format!("a LOGIN {USER} \"{PASSWORD}\"\r\nb CAPABILITY\r\n");
    client.send(login).await;
    let said = client.until("a ").await;
    assert!(
        said.starts_with("a OK ") && said.ends_with("LOGIN completed\r\n"),
        "{said}"
    );
    let said = client.until("b ").await;
    assert!(said.contains(" MOVE"), "the server's own list: {said}");
    let said = client.say("c SELECT INBOX").await;
    assert!(said.contains("EXISTS"), "{said}");
    client.until("c OK").await;
    client.send("d LOGOUT\r\n").await;
    let said = client.rest().await;
    assert!(said.contains("* BYE Microsoft Exchange"), "{said}");
    stand.end().await;
}

#[tokio::test]
async fn names_and_passwords_come_as_literals_and_by_authenticate() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let octets = PASSWORD.len();
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let (name, password) = (STANDARD.encode(USER), STANDARD.encode(PASSWORD));
    for (sent, asked) in [
        (
            format!(
                "a LOGIN {{{}+}}\r\n{USER} {{{octets}+}}\r\n{PASSWORD}\r\n",
                USER.len()
            ),
            0,
        ),
        (format!("a AUTHENTICATE PLAIN {plain}\r\n"), 0),
        (format!("a AUTHENTICATE PLAIN\r\n{plain}\r\n"), 1),
        (format!("a AUTHENTICATE LOGIN {name}\r\n{password}\r\n"), 1),
        (
            format!("a AUTHENTICATE LOGIN\r\n{name}\r\n{password}\r\n"),
            2,
        ),
    ] {
        let mut client = stand.knock(address).await;
        client.line().await;
        client.send(&sent).await;
        for _ in 0..asked {
            let said = client.line().await;
            assert!(said.starts_with("+ "), "{sent}: {said}");
        }
        let said = client.line().await;
        assert!(said.starts_with("a OK "), "{sent}: {said}");
        let said = client.say("b STATUS INBOX (MESSAGES)").await;
        assert!(said.starts_with("* STATUS"), "{sent}: {said}");
    }
    stand.end().await;
}

#[tokio::test]
async fn whoever_is_turned_away_hears_nothing_of_the_reason_and_may_try_again() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    for (login, said) in [
        (
            "LOGIN nobody x",
            "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n",
        ),
        (
            "LOGIN busy x",
            "a NO [UNAVAILABLE] Temporary authentication failure, try again later\r\n",
        ),
        (
            "LOGIN nowhere \"pass wörd\"",
            "a NO [CONTACTADMIN] nowhere@contoso.com cannot be opened by imap: nobody knows it (gateway_no_way)\r\n",
        ),
        ("SELECT INBOX", "a BAD Not now: sign in first\r\n"),
        ("NOOP", "a OK NOOP completed\r\n"),
    ] {
        assert_eq!(client.say(&format!("a {login}")).await, said);
    }
    let said = client.say(&format!("b LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("b OK"), "{said}");
    stand.end().await;
}

#[tokio::test]
async fn news_reach_a_client_that_idles_and_a_revoked_password_ends_its_session() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    client.say(&format!("a LOGIN {USER} \"{PASSWORD}\"")).await;
    client.send("b SELECT INBOX\r\n").await;
    client.until("b OK").await;
    let said = client.say("c IDLE").await;
    assert!(said.starts_with("+ "), "{said}");
    let mailbox = stand.sandbox.mailboxes().open(USER).expect("it is there");
    let letter = b"Subject: news\r\n\r\nhello\r\n".to_vec();
    let new = NewMessage::received(letter.into(), Clock::system().now());
    mailbox
        .file(mailbox.inbox(), new)
        .expect("a message is filed");
    let said = client.line().await;
    assert!(said.contains("EXISTS"), "{said}");
    stand.revoked.cancel();
    let goodbye = "* BYE Authentication is not valid any more\r\n";
    assert!(
        client.rest().await.ends_with(goodbye),
        "nothing comes behind it"
    );
    stand.end().await;
}

#[tokio::test]
async fn an_open_session_survives_its_door_and_hears_a_goodbye_that_is_true() {
    let gone = "* BYE Gatepost does not listen here any more, ask whoever runs it\r\n";
    for (of_door, to_client, to_stranger) in [
        (true, gone, gone),
        (
            false,
            "* BYE Gatepost is being stopped, connect again in a moment\r\n",
            "* BYE Gatepost is being stopped, try again in a moment\r\n",
        ),
    ] {
        let stand = Stand::new().await;
        let address = stand.open(door(Protocol::Imap, Tls::Off));
        let mut client = stand.knock(address).await;
        client.line().await;
        client.say(&format!("a LOGIN {USER} \"{PASSWORD}\"")).await;
        let mut stranger = stand.knock(address).await;
        stranger.line().await;
        stand.accepting.end().await;
        let said = client.say("b NOOP").await;
        assert!(said.starts_with("b OK"), "{said}");
        let ending = if of_door {
            stand.sessions.clone()
        } else {
            stand.program.clone()
        };
        let (client_heard, stranger_heard, ()) =
            tokio::join!(client.rest(), stranger.rest(), ending.end());
        assert_eq!(client_heard, to_client);
        assert_eq!(stranger_heard, to_stranger);
        stand.end().await;
    }
}
