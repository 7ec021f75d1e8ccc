//! From the server's word to the sink: how much later than Dovecot's own notification a new
//! message stands, durable, in the Maildir of a sink.
//!
//! An IDLE session of the benchmark's own takes the time of the notification. Dovecot waits
//! half a second before it notifies, for all sessions alike.

#![expect(
    clippy::disallowed_methods,
    reason = "benchmarks measure real time, in threads of their own"
)]

use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use gatepost_benches::{Sample, count_files, judge, pause, report, until};
use gatepost_host::Clock;
use gatepost_mail::imap::{ImapOpener, Security};
use gatepost_mail::{FolderName, Opener, Pull};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, Sessions, large_message};
use rustix::fs::inotify;

fn main() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    dovecot.deliver(USER, "INBOX", &large_message(SIZE))?;
    let program = Program::new(&identity, &dovecot, &configuration())?;
    let mut running = program.start(&["serve"])?;
    let new = program.folder().join("Mail/new");
    until("the first message", || {
        if !running.is_alive() {
            bail!("gatepost ended early\n{}", program.log());
        }
        Ok(count_files(&new) == 1)
    })?;
    let notified = notifications(opener(&identity, &dovecot)?);
    notified.recv().context("the session does not idle")?;
    let arrived = arrivals(&new)?;
    let (mut after, mut whole) = (Sample::default(), Sample::default());
    for _ in 0..MESSAGES {
        let sent = Instant::now();
        dovecot.deliver(USER, "INBOX", &large_message(SIZE))?;
        let told = notified.recv_timeout(LONGEST).context("no notification")?;
        let there = arrived.recv_timeout(LONGEST).context("no message")?;
        after.push(there.saturating_duration_since(told));
        whole.push(there - sent);
        // Both sessions idle again: what arrives while one of them still looks is told half a
        // second later by Dovecot, which says nothing of us.
        pause(BETWEEN);
    }
    report(&format!(
        "after Dovecot's notification: median {:.1} ms, 99 of 100 within {:.1} ms",
        milliseconds(after.median()),
        milliseconds(after.quantile(0.99))
    ));
    judge(
        "a median under 20 ms",
        after.median() < Duration::from_millis(20),
    );
    judge(
        "99 of 100 under 100 ms",
        after.quantile(0.99) < Duration::from_millis(100),
    );
    report(&format!(
        "after the delivery to Dovecot: median {:.1} ms, 99 of 100 within {:.1} ms",
        milliseconds(whole.median()),
        milliseconds(whole.quantile(0.99))
    ));
    Ok(())
}

/// Says when a file came into a folder.
fn arrivals(folder: &Path) -> anyhow::Result<Receiver<Instant>> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watch, folder, inotify::WatchFlags::MOVED_TO)?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(watch, &mut buffer);
        while events.next().is_ok() && sender.send(Instant::now()).is_ok() {}
    });
    Ok(receiver)
}

/// Says once that it idles, and then when it is notified.
fn notifications(opener: ImapOpener) -> Receiver<Instant> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(idle(opener, sender))
    });
    receiver
}

async fn idle(opener: ImapOpener, told: Sender<Instant>) -> anyhow::Result<()> {
    let mut mailbox = opener.open().await?;
    let inbox = FolderName::inbox();
    let mut cursor = None;
    let mut woken = Instant::now();
    loop {
        let pull = Pull {
            since: cursor.as_ref(),
            limit: 1_000,
            octets: u64::MAX,
            news_from: None,
        };
        let gatepost_mail::Changes::Since { next, .. } = mailbox.changes(&inbox, pull).await?
        else {
            bail!("the server forgot the cursor");
        };
        if cursor.is_none_or(|seen| seen != next) && told.send(woken).is_err() {
            return Ok(());
        }
        cursor = Some(next);
        mailbox.wait(Clock::system().now() + LONGEST).await?;
        woken = Instant::now();
    }
}

/// A session of our own, with a token that opens every mailbox.
fn opener(identity: &IdentityEndpoint, dovecot: &Dovecot) -> anyhow::Result<ImapOpener> {
    let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
    let sessions = Sessions { dovecot, identity };
    Ok(sessions.opener(USER, &token, Security::ImplicitTls)?)
}

fn configuration() -> String {
    format!(
        "[mailbox.\"{USER}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\n\
         [sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n\
         [[watch]]\nmailbox = \"{USER}\"\nfrom = \"beginning\"\nsinks = [\"archive\"]\n"
    )
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

const USER: &str = "ada@contoso.com";
const MESSAGES: usize = 200;
const BETWEEN: Duration = Duration::from_millis(100);
/// Octets of a message.
const SIZE: usize = 4_096;
/// Whoever waits longer waits in vain.
const LONGEST: Duration = Duration::from_mins(1);
