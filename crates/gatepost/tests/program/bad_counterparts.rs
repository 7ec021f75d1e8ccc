//! Servers that misbehave: one sentence each, no hang, no memory without bound.

use crate::fake_imap::FakeImap;
use crate::stand::{Ran, SUPPORT, Stand};

const CONFIGURATION: i32 = 64;
const BAD_INPUT: i32 = 65;
const TRY_AGAIN: i32 = 75;

#[test]
fn a_certificate_for_another_name() {
    let imap = FakeImap::named("other.example");
    let ran = asked(&imap, b"", (b"", 0));
    ran.assert_fails(
        CONFIGURATION,
        &["localhost", "certificate", "other.example"],
    );
}

#[test]
fn a_certificate_out_of_its_time_where_the_clock_was_found_right() {
    for (from, until, said) in [
        (2000, 2001, "was valid until 2001-01-01"),
        (2900, 2901, "is valid from 2900-01-01"),
    ] {
        let ran = asked(&FakeImap::valid(from, until), b"", (b"", 0));
        ran.assert_fails(
            CONFIGURATION,
            &["localhost", said, "not wrong by the sign-in server's"],
        );
    }
}

#[test]
fn garbage_instead_of_a_greeting() {
    let imap = FakeImap::named("localhost");
    let ran = asked(
        &imap,
        b"\x00\xff\x17HTTP/1.1 400 Bad Request\r\n\r\n",
        (b"", 0),
    );
    ran.assert_fails(TRY_AGAIN, &["localhost", SUPPORT]);
}

#[test]
fn a_line_without_an_end() {
    let imap = FakeImap::named("localhost");
    let ran = asked(&imap, b"* OK ready\r\n", (&[b'a'; 8_192], 32_768));
    ran.assert_fails(TRY_AGAIN, &["localhost", SUPPORT]);
}

#[test]
fn a_literal_larger_than_any_message() {
    let imap = FakeImap::named("localhost");
    let ran = asked(
        &imap,
        b"* OK ready\r\n",
        (b"* 1 FETCH (BODY[] {99999999999}\r\n", 1),
    );
    ran.assert_fails(TRY_AGAIN, &["localhost", SUPPORT]);
}

#[test]
fn a_folder_that_does_not_exist() {
    let stand = Stand::new();
    let ran = stand.run(&["messages", SUPPORT, "--folder", "Nope"]);
    ran.assert_fails(BAD_INPUT, &["Nope", SUPPORT, "gatepost folders"]);
    let ran = stand.run(&["messages", SUPPORT, "--folder", "archiv"]);
    ran.assert_fails(
        BAD_INPUT,
        &["did you mean Archive?", "correct what was asked for"],
    );
}

#[test]
fn a_mailbox_that_the_app_may_not_open() {
    let stand = Stand::new();
    let ran = stand.run(&["messages", "board@contoso.com", "--as-app", "contoso"]);
    ran.assert_fails(77, &["board@contoso.com", "Add-MailboxPermission"]);
}

#[test]
fn a_throttle_is_no_failure_for_ever() {
    let stand = Stand::new();
    stand.fault("throttle");
    stand
        .run(&["token", SUPPORT])
        .assert_fails(TRY_AGAIN, &["localhost"]);
    stand.fault("--clear");
    stand.printed(&["token", SUPPORT]);
}

/// Lists messages where the mail server is `imap`.
fn asked(imap: &FakeImap, greeting: &[u8], answer: (&[u8], usize)) -> Ran {
    let stand = Stand::new();
    let ours = std::fs::read_to_string(stand.variable("CA")).expect("the sandbox's authority");
    stand.write("both.pem", &format!("{ours}{}", imap.authority));
    let text = stand
        .configuration()
        .replace(
            stand.variable("IMAP"),
            &format!("localhost:{}", imap.port()),
        )
        .replace(stand.variable("CA"), "both.pem");
    stand.write("gatepost.toml", &text);
    std::thread::scope(|scope| {
        scope.spawn(|| imap.serve(2, greeting, answer));
        let ran = stand.run(&["messages", SUPPORT]);
        // Whoever still waits for the second connection is let go.
        drop(std::net::TcpStream::connect(("127.0.0.1", imap.port())));
        drop(std::net::TcpStream::connect(("127.0.0.1", imap.port())));
        ran
    })
}
