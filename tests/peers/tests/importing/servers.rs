//! Dovecot and Postfix, which know only tokens, behind the real proxy and behind Gatepost in its place:
//! what clients read and send is the same, and the same as without either.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use gatepost_peers::{Dovecot, IdentityEndpoint, Postfix, RawImap};
use serde_json::{Value, json};

use crate::message::{TRACE, awkward, without};
use crate::stand::{Failure, Place, Ports};

/// A person; what her clients show is the password that she signs in with.
const PERSON: &str = "ada@contoso.com";
/// Opened by the app in its own name.
const SHARED: &str = "support@contoso.com";
/// To whom is sent.
const BOB: &str = "bob@contoso.com";

#[test]
fn clients_read_and_send_the_same_through_both_and_directly() -> Result<(), Failure> {
    let servers = Servers::start()?;
    let place = Place::trusting(servers.identity.authority().certificate_file())?;
    let ports = Ports::free()?;
    let file = place.write("emailproxy.config", &servers.configuration(&ports))?;
    for message in awkward() {
        for user in [PERSON, SHARED] {
            servers.dovecot.deliver(user, "INBOX", &message)?;
        }
    }
    let directly = said(&place.clients(&json!({ "logins": servers.direct_logins()? }))?)?;
    let mut order = json!({
        "config": file,
        "person_password": IdentityEndpoint::PASSWORD,
        "consents": [],
        "logins": logins(&ports),
    });
    let by_proxy = said(&place.clients(&order)?)?;
    let kept = fs::read_to_string(&file)?;
    assert!(kept.contains("refresh_token") && kept.contains("token_salt"));

    place.write(
        "passwords",
        &format!(
            "{PERSON} {}\n{SHARED} scanner\n",
            IdentityEndpoint::PASSWORD
        ),
    )?;
    let told = place.import(&["--passwords", "passwords", "--write", "gatepost.toml"])?;
    assert_eq!(told["not_taken"], json!([]), "{told:#}");
    place.trust_servers("gatepost.toml")?;
    let serving = place.serve("gatepost.toml")?;
    order.as_object_mut().ok_or("an object")?.remove("config");
    let by_gatepost = place.clients(&order).and_then(|octets| said(&octets));
    let by_gatepost = by_gatepost.map_err(|failure| serving.explain(&failure))?;

    let fetched = |said: &[Vec<Vec<u8>>]| -> Vec<_> {
        let fetching = said.iter().filter(|messages| !messages.is_empty());
        fetching.cloned().collect()
    };
    assert_eq!(fetched(&directly).len(), 4, "two accounts, two protocols");
    assert!(fetched(&by_proxy) == fetched(&directly), "by the proxy");
    assert!(fetched(&by_gatepost) == fetched(&directly), "by Gatepost");

    // Each of the three ways has sent each message of each account once.
    let sent = 3 * 2 * awkward().len();
    let arrived = RawImap::arrived((&servers.identity, &servers.dovecot), BOB, sent)?;
    for message in awkward() {
        let copies = arrived
            .iter()
            .filter(|octets| without(TRACE, octets) == message);
        assert_eq!(copies.count(), 6);
    }
    Ok(())
}

/// The servers that know only tokens, and who gives them.
struct Servers {
    identity: IdentityEndpoint,
    dovecot: Dovecot,
    postfix: Postfix,
}

impl Servers {
    fn start() -> Result<Self, Failure> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let postfix = Postfix::start(&identity, &dovecot)?;
        Ok(Self {
            identity,
            dovecot,
            postfix,
        })
    }

    /// The same logins without anything in between, by XOAUTH2.
    fn direct_logins(&self) -> Result<Vec<Value>, Failure> {
        let identity = &self.identity;
        let app = IdentityEndpoint::CLIENT_ID;
        let tokens = [
            (PERSON, identity.delegated_token(app, PERSON)?),
            (SHARED, identity.app_only_token(app)?),
        ];
        let doors = [
            ("imaps", self.dovecot.imaps().port()),
            ("pop3s", self.dovecot.pop3s().port()),
            ("smtps", self.postfix.submissions().port()),
        ];
        let authority = identity.authority().certificate_file();
        let mut all = Vec::new();
        for (user, token) in tokens {
            for (door, port) in doors {
                all.extend(uses(door).map(|mut login| {
                    login["user"] = json!(user);
                    login["token"] = json!(token);
                    login["port"] = json!(port);
                    login["authority"] = json!(authority);
                    login
                }));
            }
        }
        Ok(all)
    }

    fn configuration(&self, ports: &Ports) -> String {
        let endpoint = format!(
            "{}/{}/oauth2/v2.0/token",
            self.identity.login_url(),
            IdentityEndpoint::TENANT
        );
        let server = |section: &str, here: u16, there: u16| {
            format!(
                "[{section}-{here}]\nserver_address = localhost\nserver_port = {there}\n\
                 local_address = 127.0.0.1\n\n"
            )
        };
        let account = |name: &str, flow: &str, scope: &str| {
            format!(
                "[{name}]\ntoken_url = {endpoint}\nclient_id = {}\nclient_secret = {}\n\
                 oauth2_scope = {scope}\noauth2_flow = {flow}\n\n",
                IdentityEndpoint::CLIENT_ID,
                IdentityEndpoint::CLIENT_SECRET
            )
        };
        [
            server("IMAP", ports.imap, self.dovecot.imaps().port()),
            server("POP", ports.pop3, self.dovecot.pop3s().port()),
            server("SMTP", ports.smtp, self.postfix.submissions().port()),
            account(PERSON, "password", OF_PERSON),
            account(SHARED, "client_credentials", OF_APP),
            "[emailproxy]\ndelete_account_token_on_password_error = False\n".to_owned(),
        ]
        .concat()
    }
}

/// What clients do at the ports of the proxy, or of whoever has taken its place.
fn logins(ports: &Ports) -> Vec<Value> {
    let mut all = Vec::new();
    for (user, password) in [(PERSON, IdentityEndpoint::PASSWORD), (SHARED, "scanner")] {
        for door in ["imap", "pop3", "smtp"] {
            all.extend(uses(door).map(|mut login| {
                login["user"] = json!(user);
                login["password"] = json!(password);
                login["port"] = json!(ports.of(door));
                login
            }));
        }
        all.push(json!({
            "user": user, "password": "another", "expected": false, "door": "imap",
            "port": ports.imap,
        }));
    }
    all
}

/// What is done at one door: everything is read, or each message sent to Bob.
fn uses(door: &str) -> impl Iterator<Item = Value> {
    let door = door.to_owned();
    let sends = door.starts_with("smtp");
    let messages = if sends { awkward() } else { vec![Vec::new()] };
    messages.into_iter().map(move |message| {
        let mut login = json!({ "expected": true, "door": door });
        if sends {
            login["to"] = json!(BOB);
            login["message"] = json!(BASE64.encode(on_the_wire(&message)));
        } else {
            login["read"] = json!(true);
        }
        login
    })
}

fn on_the_wire(message: &[u8]) -> Vec<u8> {
    let lines = message.split_inclusive(|octet| *octet == b'\n');
    let mut octets = Vec::with_capacity(message.len());
    for line in lines {
        octets.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        octets.extend_from_slice(b"\r\n");
    }
    octets
}

/// What each login fetched.
fn said(output: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, Failure> {
    let output: Value = serde_json::from_slice(output)?;
    let all: Vec<Option<Vec<String>>> = serde_json::from_value(output["said"].clone())?;
    let decoded = |message: &String| BASE64.decode(message);
    all.into_iter()
        .map(|messages| {
            let messages = messages.unwrap_or_default();
            Ok(messages.iter().map(decoded).collect::<Result<_, _>>()?)
        })
        .collect()
}

const OF_PERSON: &str = "https://outlook.office365.com/IMAP.AccessAsUser.All \
                         https://outlook.office365.com/POP.AccessAsUser.All \
                         https://outlook.office365.com/SMTP.Send offline_access";
const OF_APP: &str = "https://outlook.office365.com/.default";
