//! 10,000 messages from Dovecot to a Maildir: `gatepost serve` against `mbsync`.
//!
//! Both start with nothing and end when the last message is in its place. Gatepost stores every
//! message durably before it moves on; mbsync syncs its files, too, which is its default.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use gatepost_benches::{Sample, Stopwatch, compare, count_files, judge, until};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, large_message};
use tempfile::TempDir;

fn main() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    for number in 0..MESSAGES {
        // 1 to 16 KiB, in an order that is the same on every run.
        let size = 1_024 + (number * 7_919) % 15_360;
        dovecot.deliver(USER, "INBOX", &large_message(size))?;
    }
    // Dovecot indexes the new mail once, for whoever comes first.
    let mut kept = Kept::default();
    mbsync(&identity, &dovecot, &mut kept)?;
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        ours.push(gatepost(&identity, &dovecot, &mut kept)?);
        theirs.push(mbsync(&identity, &dovecot, &mut kept)?);
    }
    let what = format!("{MESSAGES} messages to a Maildir");
    let ratio = compare(&what, ("gatepost", &ours), ("mbsync", &theirs));
    judge("at least 3 times as fast", ratio >= 3.0);
    Ok(())
}

/// What was downloaded. Nothing is deleted before the end: ext4 does not use an inode again within
/// seconds of its end, and searches for another at length when ten thousand were just freed.
#[derive(Default)]
struct Kept {
    programs: Vec<Program>,
    folders: Vec<TempDir>,
}

fn gatepost(
    identity: &IdentityEndpoint,
    dovecot: &Dovecot,
    kept: &mut Kept,
) -> anyhow::Result<Duration> {
    let program = Program::new(identity, dovecot, &configuration())?;
    let new = program.folder().join("Mail/new");
    let watch = Stopwatch::start();
    let mut running = program.start(&["serve"])?;
    until("the download", || {
        if !running.is_alive() {
            bail!("gatepost ended early\n{}", program.log());
        }
        Ok(count_files(&new) == MESSAGES)
    })?;
    let elapsed = watch.elapsed();
    if !running.stop() {
        bail!("gatepost did not stop well\n{}", program.log());
    }
    kept.programs.push(program);
    Ok(elapsed)
}

fn configuration() -> String {
    format!(
        "[mailbox.\"{USER}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\n\
         [sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n\
         [[watch]]\nmailbox = \"{USER}\"\nfrom = \"beginning\"\nsinks = [\"archive\"]\n"
    )
}

fn mbsync(
    identity: &IdentityEndpoint,
    dovecot: &Dovecot,
    kept: &mut Kept,
) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mbsyncrc");
    std::fs::create_dir(folder.path().join("Mail"))?;
    std::fs::write(&file, mbsyncrc(identity, dovecot, folder.path()))?;
    let watch = Stopwatch::start();
    let output = Command::new("mbsync")
        .arg("--config")
        .arg(&file)
        .arg("all")
        .stdin(Stdio::null())
        .output()
        .context("cannot run mbsync")?;
    let elapsed = watch.elapsed();
    let arrived = count_files(&folder.path().join("Mail/INBOX/new"));
    if !output.status.success() || arrived != MESSAGES {
        bail!(
            "mbsync brought {arrived} messages\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    kept.folders.push(folder);
    Ok(elapsed)
}

fn mbsyncrc(identity: &IdentityEndpoint, dovecot: &Dovecot, folder: &Path) -> String {
    format!(
        "IMAPAccount peers\nHost localhost\nPort {}\nUser {USER}\nPass {}\nSSLType IMAPS\n\
         CertificateFile {}\nAuthMechs PLAIN\n\n\
         IMAPStore far\nAccount peers\n\n\
         MaildirStore near\nPath {folder}/Mail/\nInbox {folder}/Mail/INBOX\n\n\
         Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\n\
         Expunge None\nSyncState *\n",
        dovecot.imaps().port(),
        Dovecot::PASSWORD,
        identity.authority().certificate_file().display(),
        folder = folder.display(),
    )
}

const USER: &str = "ada@contoso.com";
const MESSAGES: usize = 10_000;
const ROUNDS: usize = 3;
