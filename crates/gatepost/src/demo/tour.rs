//! The stations of the tour, in their order.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_mail::content::Content;
use gatepost_mail::{FolderName, Query};
use gatepost_mailroom::{Deliveries as _, DeliveryFilter, EventData};
use gatepost_oauth::{Audience, TokenSource as _};
use gatepost_sandbox::Sandbox;
use gatepost_sandbox::faults::{FaultKind, FaultOrder};
use gatepost_sandbox::mailboxes::Flag;
use gatepost_sandbox::mailset::{Letter, arriving};
use jiff::Timestamp;

use super::observer::on_the_wire;
use super::stage::Stage;
use super::{DemoError, Length};
use crate::failure::Failure;
use crate::screen::{self, Paint, clean_line, duration, painted};
use crate::times;

/// What is going to happen.
pub(super) fn welcome() -> Result<(), Failure> {
    let title = painted(
        Paint::Bold,
        "Gatepost: the gate between software and Microsoft 365 mail",
    );
    screen::line(&format!("\n{title}\n"))?;
    station(
        1,
        "A small Microsoft 365 starts in this process. Nothing leaves this machine.",
    )
}

/// What the sandbox is.
pub(super) fn sandbox(sandbox: &Sandbox) -> Result<(), Failure> {
    let (mut mailboxes, mut messages) = (0, 0);
    for mailbox in sandbox.mailboxes().all() {
        mailboxes += 1;
        let folders = mailbox.folders();
        let states = folders
            .into_iter()
            .filter_map(|folder| mailbox.state(folder.id));
        messages += states.map(|state| state.messages).sum::<u32>();
    }
    let imap = sandbox.addresses().imap.port();
    fact(&format!(
        "sign-in at {}, IMAP at localhost:{imap}, its own authority",
        sandbox.login()
    ))?;
    fact(&format!("{mailboxes} mailboxes with {messages} messages"))
}

/// The app gets its token.
pub(super) async fn tokens(stage: &Stage) -> Result<(), Failure> {
    station(
        2,
        "Gatepost signs in as an app, with a certificate: nobody is at the keyboard.",
    )?;
    let gatepost = stage.gatepost();
    let started = gatepost.clock.now();
    let token = gatepost
        .keeper(&stage.mailbox(SUPPORT))
        .token(Audience::Exchange)
        .await?;
    let took = since(started, gatepost.clock.now());
    let valid = since(gatepost.clock.now(), token.expires_at);
    fact(&format!(
        "a token for IMAP, POP3 and SMTP after {}, valid for {}, sealed on disk",
        duration(took),
        duration(valid)
    ))
}

/// The newest messages of a mailbox.
pub(super) async fn messages(stage: &Stage) -> Result<(), Failure> {
    station(
        3,
        &format!("The newest messages of {SUPPORT}, read over IMAP:"),
    )?;
    let mut session = stage
        .gatepost()
        .opener(&stage.mailbox(SUPPORT))?
        .open()
        .await?;
    let inbox = FolderName::inbox();
    let newest = session.list(&inbox, &Query::newest(4)).await?;
    session.close().await;
    let now = stage.gatepost().clock.now();
    for message in &newest {
        let envelope = &message.envelope;
        let from = envelope.from.first();
        let from = from.map_or("", |from| from.name.as_deref().unwrap_or(&from.address));
        let subject = envelope.subject.as_deref().unwrap_or_default();
        let age = message
            .received_at
            .map_or_else(String::new, |at| times::seen_from(now, at));
        fact(&format!(
            "{age:16}  {:22}  {}",
            clean_line(from),
            clean_line(subject)
        ))?;
    }
    if newest.is_empty() {
        let claim = "the mailbox has messages".to_owned();
        let found = "it is empty".to_owned();
        return Err(DemoError::Claim { claim, found }.into());
    }
    Ok(())
}

/// Mail arrives. Answers the letter that is kept for the bad day.
pub(super) async fn arrivals(stage: &Stage, length: Length) -> Result<Letter, Failure> {
    station(
        4,
        "Two inboxes are watched. New mail goes to a Maildir and to a program:",
    )?;
    stage.watching().await?;
    let clock = stage.gatepost().clock.clone();
    let mut letters = arriving(clock.now());
    let last = letters.pop();
    for letter in &letters {
        if length == Length::UntilInterrupted {
            clock.sleep(PAUSE).await;
        }
        arrive(stage, letter).await?;
    }
    last.ok_or_else(|| {
        let claim = "there is mail to arrive".to_owned();
        DemoError::Claim {
            claim,
            found: "there is none".to_owned(),
        }
        .into()
    })
}

/// Tokens are revoked and connections dropped, and mail arrives all the same.
pub(super) async fn bad_day(stage: &Stage, letter: Letter) -> Result<(), Failure> {
    station(
        5,
        "A bad day: the server revokes every token and drops every connection. Mail arrives:",
    )?;
    let faults = stage.sandbox.faults();
    faults.order(FaultOrder::everywhere(FaultKind::ExpireTokens));
    faults.order(FaultOrder {
        times: Some(2),
        ..FaultOrder::everywhere(FaultKind::DropIdle)
    });
    arrive(stage, &letter).await?;
    faults.clear_all();
    Ok(())
}

/// What was promised, checked.
pub(super) fn claims(stage: &Stage) -> Result<(), Failure> {
    station(6, "What was promised, checked:")?;
    let sent: BTreeSet<Vec<u8>> = arriving(Timestamp::UNIX_EPOCH)
        .iter()
        .map(|letter| letter.raw.to_vec())
        .collect();
    let copies = stage.observer.copies();
    claim(
        &format!(
            "{} messages arrived, and each is in the Maildir once",
            sent.len()
        ),
        copies == sent.len() && stage.observer.messages().len() == copies,
        &format!("there are {copies}"),
    )?;
    let lines = stage.observer.lines();
    let ids: BTreeSet<_> = lines
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    claim(
        "the program ran once for each, under an event id of its own",
        lines.len() == sent.len() && ids.len() == lines.len(),
        &format!("it wrote {} lines with {} ids", lines.len(), ids.len()),
    )?;
    let marked = read_by_us(stage);
    claim(
        "nothing was marked as read",
        marked == 0,
        &format!("{marked} messages are"),
    )
}

/// The end of a tour that nobody watches.
pub(super) fn goodbye() -> Result<(), Failure> {
    screen::line("\nThat was all of it. Without --once it goes on, for you to play with.")
}

/// What can be tried from another terminal, and what arrives meanwhile.
pub(super) async fn invitation(stage: &Stage) -> Result<(), Failure> {
    let folder = stage.observer.folder.display();
    screen::line(&format!(
        "\n{}\n",
        painted(Paint::Bold, "Now you, from another terminal:")
    ))?;
    screen::line(&format!("   cd {folder}"))?;
    if let Some(path) = program_folder() {
        screen::line(&format!("   export PATH={path}:$PATH"))?;
    }
    for (command, meaning) in COMMANDS {
        screen::line(&painted(Paint::Dim, &format!("\n   # {meaning}")))?;
        screen::line(&format!("   {command}"))?;
    }
    screen::line("\nMail that arrives is shown here. Ctrl-C ends the demonstration.\n")?;
    let mut ear = stage.daemon.mailroom.bell.ear();
    let mut seen = newest_delivery(stage).await?;
    loop {
        ear.heard().await;
        let filter = DeliveryFilter {
            limit: 100,
            ..DeliveryFilter::default()
        };
        let mut deliveries = stage.gatepost().store.list(&filter).await?;
        deliveries.retain(|delivery| delivery.id > seen);
        for delivery in deliveries.iter().rev() {
            seen = seen.max(delivery.id);
            let what = match &delivery.event.data {
                EventData::Message(message) => message.envelope.subject.as_deref(),
                _ => Some(delivery.event.kind.as_str()),
            };
            let what = clean_line(what.unwrap_or("(no subject)"));
            fact(&format!(
                "{}: {what} → {}",
                delivery.event.mailbox, delivery.sink
            ))?;
        }
    }
}

/// Delivers a letter to the sandbox and waits until both sinks have it.
async fn arrive(stage: &Stage, letter: &Letter) -> Result<(), Failure> {
    let observer = &stage.observer;
    let (copies, lines) = (observer.copies() + 1, observer.lines().len() + 1);
    let clock = stage.gatepost().clock.clone();
    let sent_at = clock.now();
    stage
        .sandbox
        .mailboxes()
        .deliver(letter.to, letter.raw.clone(), sent_at)
        .map_err(|error| DemoError::Claim {
            claim: "the sandbox takes mail".to_owned(),
            found: error.to_string(),
        })?;
    stage
        .until("a new message is in the Maildir", || {
            observer.copies() >= copies
        })
        .await?;
    let stored = since(sent_at, clock.now());
    stage
        .until("the program has seen it", || {
            observer.lines().len() >= lines
        })
        .await?;
    let run = since(sent_at, clock.now());
    let envelope = Content::parse(&letter.raw).envelope();
    let subject = clean_line(&envelope.subject.unwrap_or_default());
    let whole = observer.messages().contains(&on_the_wire(&letter.raw));
    fact(&format!(
        "{}: “{subject}” → Maildir after {}, program after {}",
        letter.to,
        duration(stored),
        duration(run)
    ))?;
    if whole {
        return Ok(());
    }
    let claim = "the message in the Maildir is the one that was sent".to_owned();
    Err(DemoError::Claim {
        claim,
        found: "it differs".to_owned(),
    }
    .into())
}

/// How many of the messages that arrived are marked as read in the sandbox's own books.
fn read_by_us(stage: &Stage) -> usize {
    let arrived: BTreeSet<Vec<u8>> = stage.observer.messages();
    let mailboxes = stage.sandbox.mailboxes().all();
    let messages = mailboxes
        .iter()
        .flat_map(|mailbox| mailbox.messages(mailbox.inbox()));
    messages
        .filter(|message| {
            arrived.contains(message.raw.as_ref()) && message.flags.contains(Flag::Seen)
        })
        .count()
}

async fn newest_delivery(stage: &Stage) -> Result<i64, Failure> {
    let filter = DeliveryFilter {
        limit: 1,
        ..DeliveryFilter::default()
    };
    let newest = stage.gatepost().store.list(&filter).await?;
    Ok(newest.first().map_or(0, |delivery| delivery.id))
}

/// The folder of this program, unless the shell finds it anyway.
fn program_folder() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    let path = gatepost_host::environment::text("PATH").unwrap_or_default();
    let known = std::env::split_paths(&path).any(|known| known == folder);
    (!known).then(|| folder.display().to_string())
}

fn station(number: u32, text: &str) -> Result<(), Failure> {
    screen::line(&format!(
        "\n{}  {}",
        painted(Paint::Bold, &number.to_string()),
        text
    ))
}

fn fact(text: &str) -> Result<(), Failure> {
    screen::line(&format!("     {text}"))
}

fn claim(claim: &str, holds: bool, found: &str) -> Result<(), Failure> {
    if holds {
        return screen::line(&format!("   {} {claim}", painted(Paint::Good, "✓")));
    }
    Err(DemoError::Claim {
        claim: claim.to_owned(),
        found: found.to_owned(),
    }
    .into())
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

const SUPPORT: &str = "support@contoso.com";
const PAUSE: Duration = Duration::from_millis(1500);

const COMMANDS: &[(&str, &str)] = &[
    ("gatepost mailboxes", "every mailbox with its health"),
    (
        "gatepost messages support@contoso.com --unread",
        "the newest messages that nobody has read",
    ),
    (
        "gatepost read support@contoso.com",
        "the newest message, as text; it stays unread",
    ),
    (
        "gatepost messages jun.tanaka@contoso.com --as-app contoso",
        "any mailbox of the organisation, whether configured or not",
    ),
    (
        "gatepost token support@contoso.com --format header",
        "a token for a program of your own",
    ),
    (
        "gatepost sandbox deliver --env-file sandbox.env --to support@contoso.com letter.eml",
        "a letter of yours arrives",
    ),
    ("gatepost deliveries list", "what went where"),
    (
        "gatepost sandbox fault --env-file sandbox.env throttle",
        "a bad day on demand; --clear ends it",
    ),
    (
        "gatepost login ada.berg@contoso.com",
        "a person signs in; GATEPOST_SANDBOX_PASSWORD is in sandbox.env",
    ),
    ("cat gatepost.toml", "the whole configuration"),
];
