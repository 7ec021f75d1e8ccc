//! How much memory the program takes for a large message.

use std::fs::{self, File};
use std::io::Read as _;
use std::process::{Command, Stdio};

use gatepost_peers::{Offer, Program, large_message};

use crate::outbox::{BOB, Post, with_crlf};
use crate::peak::{MOST_MORE, peak_of, told};
use crate::stand::{ADA, Failure, Stand, TO_A_MAILDIR, message, until_it_holds};

#[test]
fn the_largest_message_of_exchange_streams_through() -> Result<(), Failure> {
    streams_through(&Stand::new("")?)
}

#[test]
fn by_pop3_it_streams_through_as_well() -> Result<(), Failure> {
    streams_through(&Stand::with("", "pop3")?)
}

fn streams_through(stand: &Stand) -> Result<(), Failure> {
    let small = peak_for(stand, SMALL)?;
    let large = peak_for(stand, LARGE)?;
    assert_little_more(large, small);
    Ok(())
}

#[test]
fn the_largest_message_of_exchange_is_written_to_a_file() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let written = |size: usize| -> Result<u64, Failure> {
        let sent = large_message(size);
        stand.dovecot.deliver(ADA, "INBOX", &sent)?;
        let file = stand.program.folder().join("written.eml");
        let arguments = ["read", ADA, "--raw"];
        let peak = peak_of_a_run(&stand.program, &arguments, File::create(&file)?)?;
        assert!(fs::read(&file)? == sent, "octet by octet");
        Ok(peak)
    };
    assert_little_more(written(LARGE)?, written(SMALL)?);
    Ok(())
}

#[test]
fn the_largest_message_of_exchange_is_exported() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    let exported = |to: &str, size: usize| -> Result<u64, Failure> {
        stand.dovecot.deliver(ADA, "INBOX", &large_message(size))?;
        let proof = File::create(stand.program.folder().join("proof.json"))?;
        let peak = peak_of_a_run(&stand.program, &["export", ADA, "--to", to], proof)?;
        let cur = stand.program.folder().join(to).join("INBOX/cur");
        let mut sizes = Vec::new();
        for entry in fs::read_dir(cur)? {
            sizes.push(entry?.metadata()?.len());
        }
        assert!(sizes.contains(&(size as u64)), "{sizes:?}");
        Ok(peak)
    };
    let small = exported("small", SMALL)?;
    assert_little_more(exported("large", LARGE)?, small);
    Ok(())
}

#[test]
fn of_the_largest_message_only_the_header_is_fetched() -> Result<(), Failure> {
    let stand = Stand::new("")?;
    stand.dovecot.deliver(ADA, "INBOX", &large_message(LARGE))?;
    let file = stand.program.folder().join("header.txt");
    let arguments = ["read", ADA, "--headers"];
    let header = peak_of_a_run(&stand.program, &arguments, File::create(&file)?)?;
    assert!(fs::read_to_string(&file)?.contains("Subject: large\n"));
    assert!(fs::metadata(&file)?.len() < 1_000, "and nothing else");
    let listing = peak_of_a_run(&stand.program, &["messages", ADA], File::create(&file)?)?;
    assert_little_more(header, listing);
    Ok(())
}

#[test]
fn the_largest_message_of_exchange_reaches_a_maildir() -> Result<(), Failure> {
    reaches_a_maildir(&Stand::new(TO_A_MAILDIR)?)
}

#[test]
fn by_pop3_it_reaches_a_maildir_as_well() -> Result<(), Failure> {
    let watch = TO_A_MAILDIR.replace("from =", "poll = \"1s\"\nfrom =");
    reaches_a_maildir(&Stand::with(&watch, "pop3")?)
}

fn reaches_a_maildir(stand: &Stand) -> Result<(), Failure> {
    stand.dovecot.deliver(ADA, "INBOX", &message("small"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["small"]);
    let new = stand.program.folder().join("Mail/new");
    until_it_holds(&new, 1)?;
    let idle = peak_of(serve.id())?;
    let sent = of_whole_lines(LARGE);
    stand.dovecot.deliver(ADA, "INBOX", &sent)?;
    until_it_holds(&new, 2)?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["large"]);
    assert_little_more(peak_of(serve.id())?, idle);
    let mut arrived = Vec::new();
    for entry in fs::read_dir(&new)? {
        let path = entry?.path();
        if fs::metadata(&path)?.len() == sent.len() as u64 {
            arrived.push(fs::read(path)?);
        }
    }
    assert!(arrived == [sent], "octet by octet");
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

/// It is kept in the outbox, and read from there while it leaves.
#[test]
fn a_large_message_is_sent_by_smtp() -> Result<(), Failure> {
    let post = Post::new("")?;
    let small = peak_of_sending(&post, &of_whole_lines(SMALL))?;
    let sent = of_whole_lines(SENT);
    assert_little_more(peak_of_sending(&post, &sent)?, small);
    let arrived = post.arrived(2)?;
    let largest = arrived.iter().max_by_key(|octets| octets.len());
    let largest = with_crlf(largest.ok_or("it is not there")?);
    assert!(largest.ends_with(body(&sent)?), "octet by octet");
    Ok(())
}

/// It is read twice before it leaves, and never held.
#[test]
fn a_large_message_is_recoded_while_it_is_sent() -> Result<(), Failure> {
    let offer = Offer {
        without: Some("8bitmime, smtputf8, chunking"),
        ..Offer::default()
    };
    let post = Post::offering("", offer)?;
    let small = peak_of_sending(&post, &eight_bit_text(SMALL))?;
    assert_little_more(peak_of_sending(&post, &eight_bit_text(RECODED))?, small);
    let arrived = post.arrived(2)?;
    assert!(arrived.iter().all(|octets| octets.is_ascii()));
    let largest = arrived.iter().map(Vec::len).max();
    assert!(largest > Some(RECODED), "{largest:?}");
    Ok(())
}

/// Without this nobody would know that the other tests here can fail.
#[test]
fn a_sender_that_holds_a_message_whole_is_noticed() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let held = |size: usize| -> Result<u64, Failure> {
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::write(&input, of_whole_lines(size))?;
        let mut holds = Command::new("python3");
        holds.args(["-c", HOLDS_IT_WHOLE]);
        let files = (File::open(&input)?.into(), File::create(&output)?);
        let peak = peak_of_a_command(&holds, files)?;
        assert!(fs::read(&output)? == fs::read(&input)?, "octet by octet");
        Ok(peak)
    };
    let (small, large) = (held(SMALL)?, held(LARGE)?);
    let more = told(large, small);
    assert!(
        more > MOST_MORE,
        "it held 150 MB, and no more than {more} KiB were seen"
    );
    Ok(())
}

fn eight_bit_text(octets: usize) -> Vec<u8> {
    let line = "Größe, und sonst nichts, was nicht auch in ASCII ginge.\r\n";
    let head = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Content-Transfer-Encoding: 8bit\r\nSubject: text\r\n\r\n";
    format!("{head}{}", line.repeat(octets / line.len())).into_bytes()
}

/// What stands behind the header.
fn body(message: &[u8]) -> Result<&[u8], Failure> {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    Ok(&message[end.ok_or("the header has an end")?..])
}

/// The most memory, in KiB, that it takes to hand `message` over and to send it.
fn peak_of_sending(post: &Post, message: &[u8]) -> Result<u64, Failure> {
    let folder = post.program.folder();
    let (input, output) = (folder.join("message.eml"), folder.join("sent.txt"));
    fs::write(&input, message)?;
    let files = (File::open(&input)?.into(), File::create(&output)?);
    let peak = peak_of_a_fed_run(&post.program, &["send", ADA, "--to", BOB], files)
        .map_err(|error| format!("{error}\n{}", post.log()))?;
    let said = fs::read_to_string(&output)?;
    assert!(said.starts_with("sent "), "{said}");
    Ok(peak)
}

/// A message of almost so many octets whose last line has its end: by POP3 every line has one.
fn of_whole_lines(octets: usize) -> Vec<u8> {
    let mut message = large_message(octets);
    let end = message.iter().rposition(|octet| *octet == b'\n');
    message.truncate(end.map_or(0, |end| end + 1));
    message
}

#[track_caller]
fn assert_little_more(large: u64, small: u64) {
    let more = told(large, small);
    assert!(
        more <= MOST_MORE,
        "{more} KiB more than the {small} KiB without a large message"
    );
}

/// The most memory, in KiB, that a run of the program held, its standard output being a file.
/// It is the one who waits for its end who is told, and Rust's own library keeps that to itself.
fn peak_of_a_run(program: &Program, arguments: &[&str], output: File) -> Result<u64, Failure> {
    peak_of_a_fed_run(program, arguments, (Stdio::null(), output))
}

/// The same of a run whose standard input is `input`.
fn peak_of_a_fed_run(
    program: &Program,
    arguments: &[&str],
    (input, output): (Stdio, File),
) -> Result<u64, Failure> {
    let mut command = program.command();
    command.args(arguments).current_dir(program.folder());
    peak_of_a_command(&command, (input, output))
}

/// The same of any program.
fn peak_of_a_command(measured: &Command, (input, output): (Stdio, File)) -> Result<u64, Failure> {
    let mut command = Command::new("python3");
    if let Some(folder) = measured.get_current_dir() {
        command.current_dir(folder);
    }
    let output = command
        .args(["-c", TELLS_THE_PEAK])
        .arg(measured.get_program())
        .args(measured.get_args())
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{measured:?} ended with {}: {said}", output.status).into());
    }
    let peak = said.lines().last().ok_or("the peak is told")?;
    Ok(peak.trim().parse()?)
}

/// The most memory, in KiB, that the program ever held until it had written almost all of a
/// message of this size. It cannot end before that is asked: the rest is more than a pipe holds.
fn peak_for(stand: &Stand, size: usize) -> Result<u64, Failure> {
    let sent = of_whole_lines(size);
    stand.dovecot.deliver(ADA, "INBOX", &sent)?;
    let mut child = stand
        .program
        .command()
        .args(["read", ADA, "--raw"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut written = child.stdout.take().ok_or("standard output is a pipe")?;
    let almost = (sent.len() - REST) as u64;
    let mut sink = std::io::sink();
    let passed = std::io::copy(&mut written.by_ref().take(almost), &mut sink)?;
    assert_eq!(passed, almost);
    let peak = peak_of(child.id())?;
    let rest = std::io::copy(&mut written, &mut sink)?;
    assert_eq!(rest, REST as u64);
    assert!(child.wait()?.success());
    Ok(peak)
}

const TELLS_THE_PEAK: &str = "
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(ended.returncode)
";
const HOLDS_IT_WHOLE: &str = "
import sys
message = sys.stdin.buffer.read()
sys.stdout.buffer.write(message)
";
const SMALL: usize = 1024 * 1024;
/// What Exchange Online lets a tenant allow at most.
const LARGE: usize = 150 * 1024 * 1024;
/// Postfix counts what it writes on top.
const SENT: usize = 150_000_000;
/// It grows when it is recoded.
const RECODED: usize = 100_000_000;
const REST: usize = 512 * 1024;
