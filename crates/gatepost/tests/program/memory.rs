//! How much memory the program takes for a message of 150 MB by Microsoft Graph, in and out.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peak::{MOST_MORE, peak_of, told};
use crate::stand::{SUPPORT, Stand, ran};

/// It is sent as a draft whose file goes in ranges, arrives in the same mailbox, and streams from
/// there into a Maildir: one process does both.
#[test]
fn the_largest_message_of_exchange_goes_out_and_comes_in_by_graph() {
    let stand = by_graph();
    let mut serve = stand.serve();
    send(&stand, "small", SMALL);
    while serve.subject() != "small" {}
    arrived(&stand, 1);
    let before = peak(serve.id());
    send(&stand, "large", LARGE);
    while serve.subject() != "large" {}
    let largest = arrived(&stand, 2);
    let more = told(peak(serve.id()), before);
    assert!(
        more <= MOST_MORE,
        "{more} KiB more than the {before} KiB without a large message"
    );
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert!(holds_the_file(&largest), "octet by octet");
}

/// Without this nobody would know that the other test can fail: `tail` holds what it may have to
/// write.
#[test]
fn whoever_holds_a_message_whole_is_noticed() {
    let mut holds = Command::new("tail")
        .args(["-c", &(2 * LARGE).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("every Unix has it");
    let mut stdin = holds.stdin.take().expect("it is a pipe");
    let lines = LINE.repeat(1000);
    stdin.write_all(&lines).expect("it reads");
    let before = peak(holds.id());
    for _ in 0..LARGE / lines.len() {
        stdin.write_all(&lines).expect("it reads");
    }
    let more = told(peak(holds.id()), before);
    drop(stdin);
    assert!(holds.wait().expect("it ends").success());
    assert!(
        more > MOST_MORE,
        "it held 150 MB, and no more than {more} KiB were seen"
    );
}

/// Whether a message holds the letters that were sent, in lines of whatever length.
fn holds_the_file(message: &Path) -> bool {
    let mut octets = fs::read(message).expect("it is there");
    octets.retain(|octet| !octet.is_ascii_whitespace());
    let line = LINE.trim_ascii_end();
    let first = octets.windows(line.len()).position(|some| some == line);
    let file = first.map(|first| octets[first..].chunks(line.len()));
    let same = file.map(|mut lines| lines.by_ref().take_while(|some| *some == line).count());
    same == Some(LARGE / LINE.len())
}

fn by_graph() -> Stand {
    let stand = Stand::new();
    let text = stand.configuration();
    let graph = format!("[cloud.sandbox]\ngraph = \"{}\"\n", stand.variable("GRAPH"));
    let text = text.replace("[cloud.sandbox]\n", &graph);
    let mailbox = format!("[mailbox.\"{SUPPORT}\"]\n");
    let by = format!("{mailbox}read = \"graph\"\nsend = \"graph\"\n");
    let watch = format!(
        "[sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n\
         [sink.screen]\nkind = \"stream\"\n\n\
         [[watch]]\nmailbox = \"{SUPPORT}\"\nfrom = \"beginning\"\npoll = \"1s\"\n\
         sinks = [\"archive\", \"screen\"]\n"
    );
    stand.write("gatepost.toml", &(text.replace(&mailbox, &by) + &watch));
    stand
}

/// Sends a message to its own mailbox whose file has so many octets in base64, and waits until it
/// is sent.
fn send(stand: &Stand, subject: &str, octets: usize) {
    let mut child = stand
        .command()
        .args(["send", "--wait", "--timeout", "10m"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let head = format!(
        "From: <{SUPPORT}>\r\nTo: <{SUPPORT}>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello.\r\n--b\r\n\
         Content-Type: application/octet-stream; name=large.bin\r\n\
         Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    stdin.write_all(head.as_bytes()).expect("it reads");
    let lines = LINE.repeat(1000);
    let mut left = octets;
    while left > 0 {
        let some = lines.len().min(left);
        stdin.write_all(&lines[..some]).expect("it reads");
        left -= some;
    }
    stdin.write_all(b"\r\n--b--\r\n").expect("it reads");
    drop(stdin);
    let output = ran(&child.wait_with_output().expect("it ends"));
    assert_eq!(output.exit, 0, "{}{}", output.stderr, stand.log());
    assert!(output.stdout.starts_with("sent "), "{}", output.stdout);
}

/// Waits until so many messages are in the Maildir, and answers the largest.
fn arrived(stand: &Stand, count: usize) -> PathBuf {
    for _ in 0..1_000 {
        // It takes a while, which is what is wanted.
        stand.printed(&["deliveries", "list"]);
        let new = fs::read_dir(stand.path("Mail/new"));
        let new = new.into_iter().flatten().filter_map(Result::ok);
        let sizes = new.filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path())));
        let sizes: Vec<(u64, PathBuf)> = sizes.collect();
        if sizes.len() >= count {
            let largest = sizes.into_iter().max();
            return largest.expect("one is asked for at least").1;
        }
    }
    panic!("it does not arrive: {}", stand.log());
}

fn peak(process: u32) -> u64 {
    peak_of(process).expect("Linux tells of processes")
}

const LINE: &[u8] = b"R2F0ZXBvc3QgaXMgdGhlIGdhdGUgYmV0d2VlbiBzb2Z0d2FyZSBhbmQgbWFpbC4gIEhlbGxv\r\n";
/// Small enough to be sent as it is.
const SMALL: usize = 1024 * 1024;
/// With its header 150 MB, also after Graph has written its own around the file.
const LARGE: usize = 150_000_000 - 4096;
