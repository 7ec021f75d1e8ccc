//! Small messages through the durable outbox to Postfix, from their acceptance until the last of
//! them is known to be sent, over TLS and with a token: against `smtp-source`, which has no queue,
//! speaks in clear and signs in nowhere, over as many sessions; and against `msmtp`, run once for
//! each message, as scripts do. Postfix throws all of them away.
//!
//! How many writes of one message's size the disk takes in a second, each made durable, is
//! measured beside it.
//!
//! The comparisons are `rate`, `msmtp` (which takes ten minutes) and `disk`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gatepost_benches::{
    Content, Sample, SmtpSource, Stopwatch, compare, durable_writes, is_chosen, judge, processor,
    processor_of_children, report,
};
use gatepost_host::{Chance, Clock, Tasks};
use gatepost_mail::imap::Security;
use gatepost_mail::smtp::SmtpOpener;
use gatepost_mailroom::outbox::{
    Dispatcher, PostOffice, Preparation, ReturnTo, SendLimits, SendPolicy, Sending, Wishes,
};
use gatepost_mailroom::{Accepted, Bell, Outbox as _, Spool, SubmissionFilter, SubmissionState};
use gatepost_peers::{Dovecot, IdentityEndpoint, Offer, Postfix, Submissions, large_message};
use gatepost_store::{Access, KeySource, Opening, StateFolder, Store};
use tempfile::TempDir;

fn main() -> anyhow::Result<()> {
    let stand = Stand::start()?;
    if is_chosen("rate") {
        rates(&stand)?;
    }
    if is_chosen("msmtp") {
        msmtp(&stand)?;
    }
    if is_chosen("disk") {
        let mut file = tempfile::tempfile_in(stand.folder.path())?;
        report(&format!(
            "the disk takes {:.0} durable writes of {OCTETS} octets in a second, one after another",
            durable_writes(&mut file, &stand.message)?
        ));
    }
    Ok(())
}

fn rates(stand: &Stand) -> anyhow::Result<()> {
    for sessions in SESSIONS {
        let mut samples: [Sample; 3] = std::array::from_fn(|_| Sample::default());
        let mut work = [Duration::ZERO; 2];
        for _ in 0..ROUNDS {
            let [ours, accepting, theirs] = &mut samples;
            let us = std::process::id();
            let before = (processor(us)?, processor_of_children(us)?);
            let (accepted, sent) = stand.outbox(sessions)?;
            work[0] += processor(us)?.saturating_sub(before.0);
            accepting.push(accepted);
            ours.push(sent);
            theirs.push(stand.smtp_source(sessions)?);
            work[1] += processor_of_children(us)?.saturating_sub(before.1);
        }
        let [ours, accepting, theirs] = &samples;
        let what = format!("{MESSAGES} messages of {OCTETS} octets over {sessions} sessions");
        let ratio = compare(&what, ("outbox", ours), ("smtp-source", theirs));
        judge("at least 0.5 times as fast", ratio >= 0.5);
        report(&format!(
            "  accepted and durable: {:.0} in a second",
            rate(accepting)
        ));
        for (name, work) in ["outbox", "smtp-source"].iter().zip(work) {
            let each = work / (MESSAGES * ROUNDS);
            report(&format!("  processor time of {name}: {each:.0?} each"));
        }
    }
    Ok(())
}

fn msmtp(stand: &Stand) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        ours.push(stand.outbox(SESSIONS[0])?.1);
        theirs.push(stand.msmtp()?);
    }
    let what = format!("{MESSAGES} messages of {OCTETS} octets");
    let ratio = compare(&what, ("outbox", &ours), ("msmtp", &theirs));
    judge("at least 3 times as fast", ratio >= 3.0);
    Ok(())
}

/// Messages in a second.
fn rate(sample: &Sample) -> f64 {
    f64::from(MESSAGES) / sample.median().as_secs_f64()
}

struct Stand {
    identity: IdentityEndpoint,
    /// Postfix asks it whether a token is good.
    _dovecot: Dovecot,
    postfix: Postfix,
    folder: TempDir,
    message: Vec<u8>,
}

impl Stand {
    fn start() -> anyhow::Result<Self> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start_taking(&identity, "xoauth2")?;
        let offer = Offer {
            open: true,
            ..Offer::default()
        };
        Ok(Self {
            postfix: Postfix::start_offering(&identity, &dovecot, offer)?,
            folder: tempfile::tempdir()?,
            message: large_message(OCTETS),
            _dovecot: dovecot,
            identity,
        })
    }

    /// All messages through a new outbox: how long it took to accept them, and until all were
    /// sent.
    fn outbox(&self, sessions: u32) -> anyhow::Result<(Duration, Duration)> {
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let submissions = Submissions {
            postfix: &self.postfix,
            identity: &self.identity,
        };
        let opener = submissions.opener(ADA, &token, Security::ImplicitTls)?;
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let runtime = tokio::runtime::Runtime::new()?;
        let passed = runtime.block_on(self.through(opener, sessions, &folder));
        passed.with_context(|| self.postfix.log())
    }

    async fn through(
        &self,
        opener: SmtpOpener,
        sessions: u32,
        folder: &TempDir,
    ) -> anyhow::Result<(Duration, Duration)> {
        let (clock, chance) = (Clock::system(), Chance::system());
        let opening = Opening {
            folder: StateFolder::new(folder.path().join("state")),
            key: KeySource::StateFolder,
            access: Access::Serve,
            clock: &clock,
            chance: &chance,
        };
        let store = Arc::new(Store::open(opening).await?);
        let spool = Spool::open(&folder.path().join("spool"), store.key(), chance.clone())?;
        let around = (clock.clone(), chance.clone());
        let office = PostOffice::new((store.clone(), Arc::new(spool)), Bell::new(), around);
        let tasks = Tasks::new();
        let dispatcher = Dispatcher::new(office.clone(), sending(opener, sessions));
        tasks.start("outbox", dispatcher.run(tasks.stop()));
        let began = clock.now();
        let watch = Stopwatch::start();
        let mut askers = tokio::task::JoinSet::new();
        for _ in 0..ASKERS {
            let (office, message) = (office.clone(), self.message.clone());
            askers.spawn(async move { accept(&office, &message, MESSAGES / ASKERS).await });
        }
        while let Some(asked) = askers.join_next().await {
            asked??;
        }
        let accepted = watch.elapsed();
        while store.next_due_of(ADA).await?.is_some() {
            clock.sleep(LOOK).await;
        }
        let sent = watch.elapsed();
        tasks.end().await;
        let filter = SubmissionFilter {
            state: Some(SubmissionState::Sent),
            limit: 2 * MESSAGES as usize,
            ..SubmissionFilter::default()
        };
        let done = store.submissions(&filter).await?.len();
        let departures = store.traffic(ADA, began).await?;
        let departures: u64 = departures.iter().map(|minute| minute.messages).sum();
        store.close().await;
        if done != MESSAGES as usize || departures != u64::from(MESSAGES) {
            bail!("{done} of {MESSAGES} were sent, in {departures} tries");
        }
        Ok((accepted, sent))
    }

    fn smtp_source(&self, sessions: u32) -> anyhow::Result<Duration> {
        let source = SmtpSource {
            messages: MESSAGES as usize,
            content: Content::MadeUp(OCTETS),
            sessions: sessions as usize,
            from: ADA,
            to: BOB,
        };
        let sent = source.run(self.postfix.submission());
        sent.with_context(|| self.postfix.log())
    }

    /// What `msmtp` would take for all messages, told from some of them.
    fn msmtp(&self) -> anyhow::Result<Duration> {
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let folder = tempfile::tempdir_in(self.folder.path())?;
        let token_file = folder.path().join("token");
        std::fs::write(&token_file, token)?;
        let configuration = folder.path().join("msmtprc");
        let text = format!(
            "account default\nhost localhost\nport {}\ntls on\ntls_starttls off\n\
             tls_trust_file {}\nauth xoauth2\nuser {ADA}\nfrom {ADA}\npasswordeval cat {}\n",
            self.postfix.submissions().port(),
            self.identity.authority().certificate_file().display(),
            token_file.display(),
        );
        gatepost_host::files::write_private(&configuration, text.as_bytes())?;
        let watch = Stopwatch::start();
        for _ in 0..MESSAGES / SHARE {
            let mut msmtp = Command::new("msmtp")
                .arg("--file")
                .arg(&configuration)
                .arg(BOB)
                .stdin(Stdio::piped())
                .spawn()
                .context("cannot run msmtp")?;
            let stdin = msmtp.stdin.take();
            stdin
                .context("it has a standard input")?
                .write_all(&self.message)?;
            if !msmtp.wait()?.success() {
                bail!("msmtp failed\n{}", self.postfix.log());
            }
        }
        Ok(watch.elapsed() * SHARE)
    }
}

/// A mailbox that may send as much as it likes, over so many sessions.
fn sending(opener: SmtpOpener, sessions: u32) -> Sending {
    Sending {
        mailbox: ADA.to_owned(),
        opener: Arc::new(opener),
        lookout: None,
        policy: SendPolicy {
            limits: SendLimits {
                messages_per_minute: u32::MAX,
                connections: sessions,
                recipients_per_day: u64::MAX,
                ..SendLimits::default()
            },
            ..SendPolicy::default()
        },
    }
}

/// Hands in so many messages, each when the one before is durable.
async fn accept(office: &PostOffice, message: &[u8], count: u32) -> anyhow::Result<()> {
    for _ in 0..count {
        let wishes = Wishes {
            mailbox: ADA.to_owned(),
            sender: ReturnTo::Address(ADA.to_owned()),
            recipients: vec![BOB.to_owned()],
            ..Wishes::default()
        };
        let now = office.clock.now();
        let mut preparation = Preparation::begin(wishes, &office.spool, (now, &office.chance))?;
        preparation.write(message).await?;
        let prepared = preparation.finish().await?;
        if office.accept(prepared.submission).await? != Accepted::New {
            bail!("two messages have the same name");
        }
    }
    Ok(())
}

const ADA: &str = "ada@contoso.com";
const BOB: &str = "bob@contoso.com";
const MESSAGES: u32 = 2_000;
const OCTETS: usize = 4_096;
/// As many as Exchange Online lets a mailbox have, and as many as a relay would.
const SESSIONS: [u32; 2] = [3, 16];
/// Who hand messages in at the same time.
const ASKERS: u32 = 16;
const ROUNDS: u32 = 3;
/// Of so many messages `msmtp` sends one.
const SHARE: u32 = 20;
const LOOK: Duration = Duration::from_millis(10);
