//! POP3 doors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_gateway::Protocol;
use gatepost_gateway::door::Tls;
use gatepost_sandbox::tenant::USER;

use crate::stand::{PASSWORD, Stand, door};

#[tokio::test]
async fn a_password_with_blanks_opens_the_mailbox() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Pop3, Tls::Off));
    let mut client = stand.knock(address).await;
    assert_eq!(client.line().await, "+OK Gatepost is ready\r\n");
    client.send("CAPA\r\n").await;
    let listed = client.until(".\r\n").await;
    assert!(
        listed.contains("\r\nSASL PLAIN LOGIN XOAUTH2\r\n"),
        "{listed}"
    );
    assert!(listed.contains("\r\nUSER\r\n"), "{listed}");
    client.send("AUTH\r\n").await;
    assert_eq!(
        client.until(".\r\n").await,
        "+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\n.\r\n"
    );
    client.say("USER somebody").await;
    let said = client.say("PASS wrong").await;
    assert_eq!(said, "-ERR [AUTH] Authentication failed\r\n");
    client.say(&format!("USER {USER}")).await;
    // What stands behind the password is for the server.
    client.send(format!("PASS {PASSWORD}\r\nSTAT\r\n")).await;
    assert_eq!(client.line().await, "+OK Signed in\r\n");
    let said = client.line().await;
    assert!(said.starts_with("+OK 0 "), "{said}");
    let said = client.say("QUIT").await;
    assert!(said.contains("Microsoft Exchange"), "{said}");
    assert_eq!(client.rest().await, "");
    stand.end().await;
}

#[tokio::test]
async fn auth_opens_it_in_both_forms_and_can_be_cancelled() {
    let stand = Stand::new().await;
    let address = stand.open(door(Protocol::Pop3, Tls::Off));
    let plain = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let (name, password) = (STANDARD.encode(USER), STANDARD.encode(PASSWORD));
    for answers in [
        vec![format!("AUTH PLAIN {plain}")],
        vec![
            "AUTH PLAIN".to_owned(),
            "*".to_owned(),
            "AUTH PLAIN".to_owned(),
            plain.clone(),
        ],
        vec!["AUTH LOGIN".to_owned(), name.clone(), password.clone()],
        vec![format!("AUTH LOGIN {name}"), password.clone()],
    ] {
        let mut client = stand.knock(address).await;
        client.line().await;
        let mut said = String::new();
        for answer in &answers {
            said = client.say(answer).await;
        }
        assert_eq!(said, "+OK Signed in\r\n", "{answers:?}");
        let said = client.say("NOOP").await;
        assert!(said.starts_with("+OK"), "{said}");
    }
    stand.end().await;
}
