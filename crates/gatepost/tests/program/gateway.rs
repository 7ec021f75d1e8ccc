//! `gatepost serve` with doors: programs that know a password come in, and a reload drops nobody.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustls::HandshakeKind;

use crate::fake_imap::FakeImap;
use crate::stand::{Running, SUPPORT, Stand};

pub(crate) const IMAP: &str =
    "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nconnections_per_address = 300\n";

/// A sandbox, a configuration with these doors, and an app password for the mailbox.
pub(crate) fn stand(doors: &str) -> (Stand, String) {
    let stand = Stand::new();
    stand.write("gatepost.toml", &configuration(&stand, doors));
    let made = stand.run(&["password", "add", SUPPORT, "--name", "printer"]);
    assert_eq!(made.exit, 0, "{}", made.stderr);
    let password = made.stdout.trim_end().to_owned();
    (stand, password)
}

pub(crate) fn configuration(stand: &Stand, doors: &str) -> String {
    let smtp = format!("smtp = \"{}\"\nimap = ", stand.variable("SMTP"));
    let text = stand.configuration().replacen("imap = ", &smtp, 1);
    format!("{text}{doors}\n")
}

/// Where a door is, as the log says; the last if it was opened more than once.
pub(crate) fn place(stand: &Stand, door: &str) -> SocketAddr {
    let log = stand.log();
    let opened = log.lines().rev().find(|line| {
        line.contains("the door listens") && line.contains(&format!("door=\"{door}\""))
    });
    let opened = opened.unwrap_or_else(|| panic!("the door {door} is open: {log}"));
    let address = opened.split("address=").nth(1).expect("it says where");
    let address = address.split_whitespace().next().expect("it says where");
    address.parse().expect("an address")
}

/// A client that speaks in lines.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn knock(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the door is open");
        let limit = Some(Duration::from_mins(1));
        stream.set_read_timeout(limit).expect("a limit can be set");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The next line; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        // A reset is an end as well.
        let _ = self.stream.read_line(&mut line);
        line
    }

    pub(crate) fn until(&mut self, beginning: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "a line begins with {beginning}");
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    /// Sends this as it stands.
    pub(crate) fn send(&mut self, octets: &str) {
        let stream = self.stream.get_mut();
        stream.write_all(octets.as_bytes()).expect("it is taken");
    }

    pub(crate) fn say(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n"));
        self.line()
    }

    /// Signs in over IMAP and idles in the inbox.
    pub(crate) fn idles(address: SocketAddr, mailbox: &str, password: &str) -> Self {
        let mut client = Self::knock(address);
        client.line();
        let said = client.say(&format!("a LOGIN {mailbox} {password}"));
        assert!(said.starts_with("a OK"), "{said}");
        client.say("b SELECT INBOX");
        client.until("b OK");
        assert!(client.say("c IDLE").starts_with("+ "));
        client
    }
}

#[test]
fn a_program_that_knows_a_password_reads_and_sends() {
    let doors = format!(
        "{IMAP}[gateway.pop3]\nlisten = [\"127.0.0.1:0\"]\n[gateway.scanners]\nprotocol = \"smtp\"\n\
         listen = \"127.0.0.1:0\"\n[login.printer3]\nmailbox = \"{SUPPORT}\"\n"
    );
    let (stand, password) = stand(&doors);
    stand.deliver(SUPPORT, "hello");
    let serve = stand.serve();

    let mut imap = Client::knock(place(&stand, "imap"));
    assert!(imap.line().starts_with("* OK [CAPABILITY IMAP4rev1"));
    let said = imap.say(&format!("a LOGIN {SUPPORT} wrong"));
    assert_eq!(
        said,
        "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n"
    );
    let said = imap.say(&format!("a LOGIN Printer3 \"{password}\""));
    assert!(said.starts_with("a OK"), "{said}");
    let said = imap.say("b STATUS INBOX (MESSAGES)");
    assert!(said.contains("(MESSAGES 1)"), "{said}");

    let mut pop3 = Client::knock(place(&stand, "pop3"));
    pop3.line();
    pop3.say(&format!("USER {SUPPORT}"));
    assert_eq!(pop3.say(&format!("PASS {password}")), "+OK Signed in\r\n");
    assert!(pop3.say("STAT").starts_with("+OK 1 "));

    let mut smtp = Client::knock(place(&stand, "scanners"));
    smtp.line();
    smtp.say("HELO scanner");
    smtp.say("AUTH LOGIN");
    smtp.say(&base64(SUPPORT));
    let said = smtp.say(&base64(&password));
    assert!(said.starts_with("235 "), "{said}");
    for (line, code) in [
        (format!("MAIL FROM:<{SUPPORT}>"), "250 "),
        (format!("RCPT TO:<{SUPPORT}>"), "250 "),
        ("DATA".to_owned(), "354 "),
        ("Subject: scan\r\n\r\npage\r\n.".to_owned(), "250 "),
    ] {
        let said = smtp.say(&line);
        assert!(said.starts_with(code), "{said}");
    }
    imap.until("b OK");
    let said = imap.say("d STATUS INBOX (MESSAGES)");
    assert!(said.contains("(MESSAGES 2)"), "{said}");

    let log = stand.log();
    assert!(!log.contains(&password), "a password is in no log");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert!(imap.until("* BYE").contains("Gatepost is being stopped"));
}

#[test]
fn the_next_login_resumes_the_session_of_tls_with_the_server() {
    let (stand, password) = stand(IMAP);
    let imap = FakeImap::named("localhost");
    let authority = std::fs::read_to_string(stand.variable("CA")).expect("a readable file");
    stand.write("ca.pem", &format!("{authority}{}", imap.authority));
    let there = format!("imap = \"localhost:{}\"", imap.port());
    let configuration = configuration(&stand, IMAP)
        .replace(&format!("imap = \"{}\"", stand.variable("IMAP")), &there)
        .replace(stand.variable("CA"), "ca.pem");
    stand.write("gatepost.toml", &configuration);
    let serve = stand.serve();
    let hands = || {
        std::thread::scope(|scope| {
            let server = scope.spawn(|| imap.let_in());
            let mut client = Client::knock(place(&stand, "imap"));
            client.line();
            let said = client.say(&format!("a LOGIN {SUPPORT} {password}"));
            assert!(said.starts_with("a OK"), "{said}");
            server.join().expect("somebody was let in")
        })
    };
    assert_eq!(hands(), Some(HandshakeKind::Full));
    for _ in 0..2 {
        assert_eq!(hands(), Some(HandshakeKind::Resumed));
    }
    assert_eq!(serve.stop(), 0);
}

/// Each bears 16 connections, as Exchange's do. Those of two are opened by their domain.
const MAILBOXES: [&str; 5] = [
    SUPPORT,
    "invoices@contoso.com",
    "jun.tanaka@contoso.com",
    "marta.kowalska@contoso.com",
    "ada.berg@contoso.com",
];

#[test]
fn a_reload_drops_no_session_and_a_revoked_password_ends_them() {
    let of_domain = format!("{IMAP}[login.\"*@contoso.com\"]\nregistration = \"contoso\"\n");
    let (stand, password) = stand(&of_domain);
    let by_app =
        configuration(&stand, &of_domain).replace("authorization_code", "client_credentials");
    stand.write("gatepost.toml", &by_app);
    let serve = stand.serve();
    let first = place(&stand, "imap");
    let mut clients = Vec::new();
    for mailbox in MAILBOXES {
        let password = match mailbox {
            SUPPORT => password.clone(),
            mailbox => stand
                .printed(&["password", "add", mailbox])
                .trim_end()
                .to_owned(),
        };
        clients.extend((0..15).map(|_| Client::idles(first, mailbox, &password)));
    }
    let said = stand.printed(&["reload"]);
    assert!(
        said.contains("doors:        0 started, 0 ended, 0 replaced, 1 unchanged"),
        "{said}"
    );
    // Another door, and this one with another limit: its socket stays, and so do the sessions.
    let doors =
        format!("{of_domain}[gateway.other]\nprotocol = \"imap\"\nlisten = \"127.0.0.1:0\"\n");
    let doors = doors.replacen("= 300", "= 301", 1);
    let changed = by_app.replacen(&of_domain, &doors, 1);
    stand.write("gatepost.toml", &changed);
    let said = stand.printed(&["reload"]);
    assert!(
        said.contains("doors:        1 started, 0 ended, 1 replaced, 0 unchanged"),
        "{said}"
    );
    // Of the doors, those are told that changed.
    let told = |door: &str| {
        let log = stand.log();
        let lines = log.lines().filter(|line| line.contains("the door listens"));
        let named = format!("door=\"{door}\"");
        lines.filter(|line| line.contains(&named)).count()
    };
    assert_eq!((told("imap"), told("other")), (2, 1));
    stand.printed(&["reload"]);
    assert_eq!((told("imap"), told("other")), (2, 1));
    stand.deliver(SUPPORT, "news");
    for client in &mut clients[..15] {
        assert!(client.line().contains("EXISTS"), "it is still connected");
        client.until("* 0 RECENT");
    }
    for client in &mut clients {
        let said = client.say("DONE");
        assert!(said.starts_with("c OK"), "{said}");
    }
    // A broken file changes nothing.
    stand.write("gatepost.toml", "nonsense");
    stand.run(&["reload"]).assert_fails(64, &["gatepost.toml"]);
    stand.write("gatepost.toml", &changed);
    assert!(Client::knock(first).line().starts_with("* OK"));
    let said = stand.printed(&["password", "revoke", "printer"]);
    let ended = "which opened support@contoso.com; the 15 sessions that it had opened ended\n";
    assert!(said.ends_with(ended), "{said}");
    for client in &mut clients[..15] {
        while !client.line().is_empty() {}
    }
    let said = clients[15].say("d NOOP");
    assert!(said.starts_with("d OK"), "{said}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn who_came_through_a_door_that_is_gone_has_to_leave_and_hears_why() {
    let others = "[gateway.pop3]\nlisten = \"127.0.0.1:0\"\n\
                  [gateway.smtp]\nlisten = \"127.0.0.1:0\"\n";
    let (stand, password) = stand(&format!("{IMAP}{others}"));
    let serve = stand.serve();
    let address = place(&stand, "imap");
    let mut client = Client::idles(address, SUPPORT, &password);
    let [mut pop3, mut smtp] = ["pop3", "smtp"].map(|door| {
        let mut stranger = Client::knock(place(&stand, door));
        stranger.line();
        stranger
    });
    stand.write("gatepost.toml", &configuration(&stand, ""));
    let said = stand.printed(&["reload"]);
    assert!(said.contains("doors:        0 started, 3 ended"), "{said}");
    assert!(
        stand.log().contains("the door is closed door=\"imap\""),
        "{}",
        stand.log()
    );
    let words = "Gatepost does not listen here any more, ask whoever runs it\r\n";
    assert_eq!(client.until("* BYE"), format!("* BYE {words}"));
    assert_eq!(pop3.line(), format!("-ERR [SYS/PERM] {words}"));
    assert_eq!(smtp.line(), format!("421 4.3.2 {words}"));
    for client in [&mut client, &mut pop3, &mut smtp] {
        assert_eq!(client.line(), "");
    }
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let ended = "the session ended: its door is gone from the configuration door=\"imap\"";
    assert!(stand.log().contains(ended), "{}", stand.log());
}

#[test]
fn who_has_no_login_any_more_has_to_leave_and_who_has_stays_and_is_counted() {
    let login = format!("[login.printer3]\nmailbox = \"{SUPPORT}\"\n");
    let doors = "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nconnections_per_address = 3\n";
    let (stand, password) = stand(&format!("{doors}{login}"));
    let serve = stand.serve();
    let address = place(&stand, "imap");
    let mut printer = Client::idles(address, "printer3", &password);
    let mut support = Client::idles(address, SUPPORT, &password);
    // The door changes, too: who came before counts for it.
    let changed = format!("{doors}idle = \"29m\"\n");
    stand.write("gatepost.toml", &configuration(&stand, &changed));
    let said = stand.printed(&["reload"]);
    assert!(
        said.contains("doors:        0 started, 0 ended, 1 replaced"),
        "{said}"
    );
    while !printer.line().is_empty() {}
    drop(printer);
    stand.deliver(SUPPORT, "news");
    assert!(support.line().contains("EXISTS"), "it is still connected");
    let mut others: Vec<_> = (0..3).map(|_| Client::knock(address)).collect();
    let greeted = others
        .iter_mut()
        .filter_map(|other| other.line().starts_with("* OK").then_some(()));
    assert_eq!(greeted.count(), 2, "one of three was there before");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_flood_of_connections_is_no_flood_in_the_log() {
    let doors = "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nconnections_per_address = 1\n";
    let (stand, _) = stand(doors);
    let serve = stand.serve();
    let address = place(&stand, "imap");
    let mut first = Client::knock(address);
    assert!(first.line().starts_with("* OK"));
    for _ in 0..200 {
        assert!(Client::knock(address).line().starts_with("* BYE Too many"));
    }
    let log = stand.log();
    let lines = log.matches("a connection was turned away").count();
    // One in ten seconds, and this may take some.
    assert!((1..20).contains(&lines), "{lines}: {log}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_proxy_that_does_not_say_for_whom_it_connects_is_complained_of() {
    let doors = "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nproxy_protocol_from = [\"127.0.0.1\"]\n";
    let (stand, password) = stand(doors);
    let serve = stand.serve();
    let address = place(&stand, "imap");
    // Whoever looks whether the door is there is no proxy.
    drop(TcpStream::connect(address).expect("the door is open"));
    for _ in 0..20 {
        let mut client = Client::knock(address);
        client.send("PROXY TCP4 nobody\r\n");
        assert_eq!(client.line(), "");
    }
    let log = stand.log();
    let complaint = "did not say for whom it connects, so it was turned away: the line of its header \
                     cannot be read";
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(complaint))
        .collect();
    // One in ten seconds, and this may take some.
    assert!((1..10).contains(&lines.len()), "{log}");
    let named = ["WARN", "door=\"imap\"", "client=127.0.0.1"];
    assert!(named.iter().all(|word| lines[0].contains(word)), "{log}");
    assert_eq!(log.matches("for whom it connects").count(), lines.len());
    let mut nameless = Client::knock(address);
    nameless.send("PROXY UNKNOWN\r\n");
    nameless.line();
    let said = nameless.say(&format!("a LOGIN {SUPPORT} wrong"));
    assert!(said.starts_with("a NO "), "{said}");
    let refused = "login refused from somebody behind 127.0.0.1 by imap: wrong password";
    assert!(stand.log().contains(refused), "{}", stand.log());
    let said = nameless.say(&format!("b LOGIN {SUPPORT} {password}"));
    assert!(said.starts_with("b OK"), "{said}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let listed = stand.printed(&["password", "list"]);
    assert!(listed.contains(" by imap from behind a proxy"), "{listed}");
    let listed = stand.listed(&["password", "list"]);
    assert_eq!(listed[0]["last_address"], serde_json::Value::Null);
}

#[test]
fn a_port_that_is_taken_is_told_and_a_reload_changes_nothing_then() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it listens").port();
    let bad = format!("[gateway.pop3]\nlisten = \"127.0.0.1:{port}\"\n");
    let (stand, password) = stand(IMAP);
    let serve = stand.serve();
    let mut client = Client::idles(place(&stand, "imap"), SUPPORT, &password);
    stand.write("gatepost.toml", &configuration(&stand, &bad));
    let words = [
        &format!("127.0.0.1:{port}"),
        "another program listens there",
    ];
    stand.run(&["reload"]).assert_fails(64, &words);
    stand.deliver(SUPPORT, "news");
    assert!(client.line().contains("EXISTS"), "it is still connected");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    stand.run(&["serve"]).assert_fails(64, &words);
}

#[test]
fn a_certificate_is_made_for_a_door_that_wants_one() {
    let doors =
        "[gateway.imap]\nlisten = \"127.0.0.1:0\"\ntls = \"auto\"\ncertificate = \"self-signed\"\n";
    let (stand, _) = stand(doors);
    let serve = stand.serve();
    let greeting = Client::knock(place(&stand, "imap")).line();
    assert!(greeting.contains("STARTTLS"), "{greeting}");
    let made = std::fs::read_to_string(stand.path("state/gateway.crt")).expect("it is kept");
    assert!(made.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let serve = stand.serve();
    let kept = std::fs::read_to_string(stand.path("state/gateway.crt")).expect("it is kept");
    assert_eq!(kept, made);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_socket_of_systemd_is_a_door() {
    let (stand, password) = stand("[gateway.imap]\nlisten = \"systemd:mail\"\n");
    let without = stand.run(&["serve"]);
    without.assert_fails(
        64,
        &[
            "systemd handed over no socket called mail",
            "FileDescriptorName",
        ],
    );
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it listens");
    let notify = stand.path("systemd.sock");
    let systemd = UnixDatagram::bind(&notify).expect("a socket in our folder");
    // As systemd does it: the socket is the first descriptor behind standard error.
    let start = "exec 3<&0 0</dev/null; LISTEN_PID=$$; export LISTEN_PID; exec \"$0\" \"$@\"";
    let program = stand.command();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(start)
        .arg(program.get_program())
        .args(program.get_args());
    command.arg("serve").current_dir(stand.path("."));
    command
        .env("LISTEN_FDS", "1")
        .env("LISTEN_FDNAMES", "mail")
        .env("NOTIFY_SOCKET", &notify);
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    let serve = Running::start(command);
    let mut told = [0; 256];
    let length = systemd
        .recv(&mut told)
        .expect("serve tells that it is ready");
    assert!(told[..length].starts_with(b"READY=1"));
    let mut client = Client::idles(address, SUPPORT, &password);
    // It can be had once, and is kept over a reload.
    let said = stand.printed(&["reload"]);
    assert!(said.contains("1 unchanged"), "{said}");
    stand.deliver(SUPPORT, "news");
    assert!(client.line().contains("EXISTS"));
    assert_eq!(serve.stop(), 0);
}

pub(crate) fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
