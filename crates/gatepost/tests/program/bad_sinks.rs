//! Sinks that fail: the reason is told, the delivery waits for its next attempt, and another
//! sink of the same watch has the message all the same.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};

use crate::receiver::Receiver;
use crate::stand::{SUPPORT, Stand};

#[test]
fn a_program_that_is_missing() {
    let reason = reason("kind = \"command\"\nrun = [\"./nowhere\"]\n", "exit 0");
    assert!(
        reason.contains("nowhere") && reason.contains("cannot be started"),
        "{reason}"
    );
}

#[test]
fn a_program_that_cannot_be_started_is_found_by_the_check() {
    let stand = Stand::new();
    stand.write("no-program", "#!/bin/sh\n");
    let cases = [
        ("./nowhere", "No such file"),
        ("./no-program", "chmod +x"),
        ("no-program-of-this-name", "PATH"),
        ("./", "directory"),
    ];
    for (program, word) in cases {
        stand.configure(&format!(
            "[sink.bad]\nkind = \"command\"\nrun = [\"{program}\"]\n"
        ));
        let ran = stand.run(&["config", "check"]);
        ran.assert_fails(
            64,
            &[
                word,
                "sink bad",
                "gatepost.toml:25:7",
                "sink_program_unusable",
            ],
        );
    }
    let serve = stand.serve();
    assert!(
        stand.log().contains("gatepost.toml:25:7: sink bad"),
        "{}",
        stand.log()
    );
    assert_eq!(serve.stop(), 0, "it may be installed later");
}

#[test]
fn a_program_that_hangs() {
    let sink = "kind = \"command\"\nrun = [\"./program\"]\ntimeout = \"1s\"\n";
    let reason = reason(sink, "exec sleep 600");
    assert!(reason.contains("longer than 1 second"), "{reason}");
}

#[test]
fn a_program_that_complains_without_end() {
    let sink = "kind = \"command\"\nrun = [\"./program\"]\n";
    let reason = reason(
        sink,
        "head -c 8000000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 3",
    );
    assert!(reason.contains("the end"), "{reason}");
    assert!(
        reason.len() < 20_000,
        "it is kept within bounds: {}",
        reason.len()
    );
}

#[test]
fn a_program_that_dies() {
    let sink = "kind = \"command\"\nrun = [\"./program\"]\n";
    let reason = reason(sink, "kill -KILL $$");
    assert!(reason.contains("signal"), "{reason}");
}

#[test]
fn a_full_disk() {
    let reason = reason("kind = \"stream\"\nfile = \"/dev/full\"\n", "exit 0");
    assert!(reason.contains("No space left"), "{reason}");
}

#[test]
fn a_webhook_that_answers_500() {
    let receiver = Receiver::answering("500 Internal Server Error", "");
    let reason = reason(&receiver.sink(), "exit 0");
    assert!(reason.contains("500"), "{reason}");
}

#[test]
fn a_webhook_that_is_gone_is_asked_again_when_a_person_says_so() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.bad]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\n\
         allow = [\"127.0.0.1\"]\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"bad\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let serve = stand.serve();
    answer_once(&listener, "410 Gone", "");
    stand.reason("bad");
    let listed = stand.listed(&["deliveries", "list", "--sink", "bad"]);
    stand.printed(&["deliveries", "retry", &listed[0]["id"].to_string()]);
    // Nobody would call for ten minutes.
    answer_once(&listener, "204 No Content", "");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

#[test]
fn a_receiver_that_is_gone_is_told_beside_what_waits_for_it() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let stand = Stand::new();
    stand.configure(&format!(
        "[sink.bad]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/\"\nallow = [\"127.0.0.1\"]\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"bad\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, &"a subject without an end ".repeat(20));
    let serve = stand.serve();
    let body = "no more of this, please; ".repeat(20);
    std::thread::scope(|scope| {
        scope.spawn(|| answer_once(&listener, "410 Gone", &body));
        stand.reason("bad");
    });
    let off = (0..2_000).find_map(|_| {
        let table = stand.printed(&["deliveries", "list"]);
        table.contains("sink is off").then_some(table)
    });
    let table = off.unwrap_or_else(|| panic!("it is told: {}", stand.log()));
    let (rows, told) = table.split_once("\n\n").expect("the sink below the table");
    assert!(told.starts_with("sink bad was switched off"), "{table}");
    let longest = rows.lines().map(|row| row.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest < 200), "{table}");
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_webhook_in_a_network_that_nobody_allowed() {
    let reason = reason(
        "kind = \"webhook\"\nurl = \"http://10.0.0.1:9/\"\n",
        "exit 0",
    );
    assert!(
        reason.contains("10.0.0.1") && reason.contains("allow"),
        "{reason}"
    );
}

/// Delivers a message to a good sink and to this bad one; gives why the bad one failed.
fn reason(sink: &str, script: &str) -> String {
    let stand = Stand::new();
    stand.write_program("program", script);
    stand.configure(&format!(
        "[sink.good]\nkind = \"stream\"\n\n[sink.bad]\n{sink}\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nsinks = [\"good\", \"bad\"]\nfrom = \"beginning\"\n"
    ));
    stand.deliver(SUPPORT, "hello");
    let mut serve = stand.serve();
    assert_eq!(
        serve.subject(),
        "hello",
        "the good sink has it: {}",
        stand.log()
    );
    let reason = stand.reason("bad");
    let pending = stand.listed(&["deliveries", "list", "--state", "pending", "--sink", "bad"]);
    assert_eq!(pending.len(), 1, "nothing is lost: it is tried again");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    reason
}

fn answer_once(listener: &TcpListener, status: &str, said: &str) {
    let (mut stream, _) = listener.accept().expect("somebody posts");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    stream.write_all(answer.as_bytes()).expect("an answer");
}
