//! `gatepost reload`, SIGHUP, and what systemd is told of them.

use std::os::unix::net::UnixDatagram;

use rustix::process::{Pid, Signal, kill_process};

use crate::stand::{Running, SUPPORT, Stand};

#[test]
fn systemd_is_told_of_every_reload() {
    let stand = Stand::new();
    let (serve, systemd) = started_by_systemd(&stand);
    stand.printed(&["reload"]);
    assert_reload(&systemd);
    hang_up(&serve);
    assert_reload(&systemd);
    // One that is refused is over too.
    let good = std::fs::read_to_string(stand.path("gatepost.toml")).expect("it was written");
    stand.write("gatepost.toml", "nonsense");
    hang_up(&serve);
    assert_reload(&systemd);
    stand.write("gatepost.toml", &good);
    stand.printed(&["reload"]);
    assert_reload(&systemd);
    assert_eq!(serve.stop(), 0);
    assert_eq!(heard(&systemd), "STOPPING=1\n");
}

#[test]
fn a_reload_that_is_given_up_is_over_for_systemd_too() {
    let stand = Stand::new();
    let (serve, systemd) = started_by_systemd(&stand);
    let slow = "{ command = [\"sleep\", \"20\"] }";
    let text = stand.configuration();
    let text = text.replace("{ file = \"client.secret\" }", slow);
    stand.write("gatepost.toml", &text);
    hang_up(&serve);
    assert!(heard(&systemd).starts_with("RELOADING=1\n"));
    assert_eq!(serve.stop(), 0);
    assert_eq!(heard(&systemd), "READY=1\n");
    assert_eq!(heard(&systemd), "STOPPING=1\n");
}

#[test]
fn without_a_running_serve_it_says_so() {
    let stand = Stand::new();
    let ran = stand.run(&["reload"]);
    ran.assert_fails(64, &["no gatepost serve is running", "state"]);
}

#[test]
fn the_key_is_rotated_while_nobody_serves() {
    let stand = Stand::new();
    let before = stand.printed(&["token", SUPPORT]);
    let serve = stand.serve();
    let refused = stand.run(&["key", "rotate"]);
    refused.assert_fails(64, &["in use by another gatepost serve"]);
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    let said = stand.printed(&["key", "rotate"]);
    assert!(
        said.contains("sealed anew in the database: 1, in the spool: 0"),
        "{said}"
    );
    assert!(said.contains("gatepost.key"), "{said}");
    assert_eq!(stand.printed(&["token", SUPPORT]), before, "it still opens");
}

/// A `serve` that is ready, and the socket on which systemd hears it.
fn started_by_systemd(stand: &Stand) -> (Running, UnixDatagram) {
    let notify = stand.path("systemd.sock");
    let systemd = UnixDatagram::bind(&notify).expect("a socket in our folder");
    let mut command = stand.command();
    command.arg("serve").env("NOTIFY_SOCKET", &notify);
    let serve = Running::start(command);
    assert_eq!(heard(&systemd), "READY=1\n");
    (serve, systemd)
}

fn hang_up(serve: &Running) {
    let pid = i32::try_from(serve.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), Signal::HUP).expect("our own process");
}

fn assert_reload(systemd: &UnixDatagram) {
    let begun = heard(systemd);
    let (reloading, time) = begun.split_once('\n').expect("two lines");
    assert_eq!(reloading, "RELOADING=1");
    let time = time.trim_end().strip_prefix("MONOTONIC_USEC=");
    let time = time.and_then(|time| time.parse::<u64>().ok());
    assert!(time.is_some(), "{begun}");
    assert_eq!(heard(systemd), "READY=1\n");
}

fn heard(systemd: &UnixDatagram) -> String {
    let mut told = [0; 256];
    let length = systemd.recv(&mut told).expect("serve tells something");
    String::from_utf8_lossy(&told[..length]).into_owned()
}
