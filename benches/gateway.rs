//! The gateway between a program that knows a password and Dovecot or Postfix with tokens: what it
//! adds to the direct connection, against `haproxy`, which takes TLS off and puts it on again and
//! knows nothing of mail, and against `emailproxy`.
//!
//! All speak TLS on both sides if nothing else is said. The processor time is that of the process
//! in the middle.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gatepost_benches::{
    Caller, Passage, Place, Relay, Sample, SignIn, Stopwatch, certificate, compare, durable_writes,
    free_address, judge, more_files, pause, processor, report, resident, until,
};
use gatepost_host::Trust;
use gatepost_peers::{Dovecot, IdentityEndpoint, Offer, Postfix, Program, Running, large_message};
use rustls::ClientConfig;

fn main() -> anyhow::Result<()> {
    more_files()?;
    let stand = Stand::start()?;
    logins(&stand)?;
    first_logins(&stand)?;
    downloads(&stand)?;
    commands(&stand)?;
    submissions(&stand)?;
    spool(&stand)?;
    idle(&stand)
}

/// What the first login with an app password costs: afterwards it is known by a digest. A wrong
/// password costs as much, and is answered later.
fn first_logins(stand: &Stand) -> anyhow::Result<()> {
    let mut worked = Duration::ZERO;
    for _ in 0..FIRST {
        let mut adding = stand.program.command();
        let made = adding.args(["password", "add", BOB]).output()?;
        if !made.status.success() {
            bail!("no app password is made");
        }
        let password = String::from_utf8(made.stdout)?.trim_end().to_owned();
        let way = Way {
            sign_in: &SignIn::Password(password),
            ..stand.gatepost()
        };
        let before = way.worked()?;
        way.call(BOB)?.command("LOGOUT")?;
        worked += way.worked()?.saturating_sub(before);
    }
    let each = worked / FIRST;
    report(&format!(
        "the first login with an app password: {} ms of processor time, TLS on both sides included",
        each.as_millis()
    ));
    judge("under 50 ms", each < Duration::from_millis(50));
    Ok(())
}

/// Who stands in the middle.
struct Way<'a> {
    name: &'static str,
    place: &'a Place,
    sign_in: &'a SignIn,
    /// Its process, if there is one.
    process: Option<u32>,
}

struct Doors {
    imap: Place,
    clear: Place,
    smtp: Place,
    spool: Place,
}

struct Stand {
    doors: Doors,
    haproxy: Doors,
    direct: Place,
    relay: Relay,
    emailproxy: (Relay, Place),
    token: SignIn,
    password: SignIn,
    /// What Dovecot itself takes.
    own_password: SignIn,
    gatepost: Running,
    program: Program,
    identity: IdentityEndpoint,
    _postfix: Postfix,
    _dovecot: Dovecot,
}

impl Stand {
    fn start() -> anyhow::Result<Self> {
        let identity = IdentityEndpoint::start()?;
        let dovecot = Dovecot::start(&identity)?;
        let offer = Offer {
            open: true,
            ..Offer::default()
        };
        let postfix = Postfix::start_offering(&identity, &dovecot, offer)?;
        for _ in 0..LARGE {
            dovecot.deliver(ADA, "INBOX", &large_message(LARGE_OCTETS as usize))?;
        }
        for _ in 0..SMALL {
            dovecot.deliver(BOB, "INBOX", &large_message(SMALL_OCTETS as usize))?;
        }
        let authority = identity.authority().certificate_file();
        let tls = Trust::with_authority(authority)?.client_config()?;
        let doors = Doors::free(&tls)?;
        let program = Program::sending(&identity, &dovecot, &postfix, &configuration(&doors))?;
        certificate(&identity, program.folder())?;
        let password = new_password(&program)?;
        let mut gatepost = program.start(&["serve"])?;
        listening(&mut gatepost, &program, &doors)?;
        let haproxy = Doors::free(&tls)?;
        let passage = |near: &Place, far: SocketAddr| Passage {
            near: near.address,
            in_tls: near.tls.is_some(),
            far,
        };
        let passages = [
            passage(&haproxy.imap, dovecot.imaps()),
            passage(&haproxy.clear, dovecot.imaps()),
            passage(&haproxy.smtp, postfix.submissions()),
        ];
        let relay = Relay::haproxy(&identity, &passages)?;
        let near = Place {
            address: free_address()?,
            tls: Some(Arc::clone(&tls)),
        };
        let emailproxy = Relay::emailproxy(&identity, ADA, passage(&near, dovecot.imaps()))?;
        let direct = Place {
            address: dovecot.imaps(),
            tls: Some(tls),
        };
        let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        Ok(Self {
            doors,
            haproxy,
            direct,
            relay,
            emailproxy: (emailproxy, near),
            token: SignIn::Token(token),
            password: SignIn::Password(password),
            own_password: SignIn::Password(Dovecot::PASSWORD.to_owned()),
            gatepost,
            program,
            identity,
            _postfix: postfix,
            _dovecot: dovecot,
        })
    }

    fn direct(&self) -> Way<'_> {
        Way {
            name: "direct",
            place: &self.direct,
            sign_in: &self.token,
            process: None,
        }
    }

    fn haproxy(&self) -> Way<'_> {
        Way {
            name: "haproxy",
            place: &self.haproxy.imap,
            sign_in: &self.token,
            process: Some(self.relay.id()),
        }
    }

    fn gatepost(&self) -> Way<'_> {
        Way {
            name: "gatepost",
            place: &self.doors.imap,
            sign_in: &self.password,
            process: Some(self.gatepost.id()),
        }
    }

    fn emailproxy(&self) -> Way<'_> {
        Way {
            name: "emailproxy",
            place: &self.emailproxy.1,
            sign_in: &self.own_password,
            process: Some(self.emailproxy.0.id()),
        }
    }
}

impl Doors {
    fn free(tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let place = |tls: Option<&Arc<ClientConfig>>| {
            Ok::<_, anyhow::Error>(Place {
                address: free_address()?,
                tls: tls.map(Arc::clone),
            })
        };
        Ok(Self {
            imap: place(Some(tls))?,
            clear: place(None)?,
            smtp: place(Some(tls))?,
            spool: place(None)?,
        })
    }
}

impl Way<'_> {
    fn call(&self, user: &str) -> anyhow::Result<Caller> {
        let called = Caller::imap(self.place, user, self.sign_in);
        called.with_context(|| format!("{}: no session", self.name))
    }

    fn worked(&self) -> anyhow::Result<Duration> {
        self.process.map_or(Ok(Duration::ZERO), processor)
    }
}

fn configuration(doors: &Doors) -> String {
    let mut text = String::from(
        "[outbox]\nmessages_per_minute = 1_000_000\nconnections = 16\n\
         recipients_per_day = 100_000_000\n\n",
    );
    for mailbox in [ADA, BOB] {
        let _ = write!(
            text,
            "[mailbox.\"{mailbox}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\
             send = \"smtp\"\n\n"
        );
    }
    let door = |name: &str, place: &Place, rest: &str| {
        let tls = if place.tls.is_some() {
            "tls = \"implicit\"\ncertificate = { file = \"door.pem\", key = \"door.key\" }\n"
        } else {
            ""
        };
        format!(
            "[gateway.{name}]\nlisten = \"{}\"\nconnections = 10_000\n\
             connections_per_address = 10_000\n{tls}{rest}\n",
            place.address
        )
    };
    text.push_str(&door("imap", &doors.imap, ""));
    text.push_str(&door("clear", &doors.clear, "protocol = \"imap\"\n"));
    text.push_str(&door("smtp", &doors.smtp, ""));
    let spool = "protocol = \"smtp\"\nupstream = \"spool\"\n";
    text.push_str(&door("spool", &doors.spool, spool));
    text
}

/// The same app password for both mailboxes.
fn new_password(program: &Program) -> anyhow::Result<String> {
    let chosen = "a-chosen-password-of-the-benchmark";
    for mailbox in [ADA, BOB] {
        let mut command = program.command();
        command.args(["password", "add", mailbox, "--stdin"]);
        let mut adding = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let stdin = adding.stdin.take().context("it has a standard input")?;
        { stdin }.write_all(format!("{chosen}\n").as_bytes())?;
        if !adding.wait()?.success() {
            bail!("no app password is made");
        }
    }
    Ok(chosen.to_owned())
}

fn listening(gatepost: &mut Running, program: &Program, doors: &Doors) -> anyhow::Result<()> {
    for door in [&doors.imap, &doors.clear, &doors.smtp, &doors.spool] {
        until("the doors", || {
            if !gatepost.is_alive() {
                bail!("gatepost ended early\n{}", program.log());
            }
            Ok(std::net::TcpStream::connect(door.address).is_ok())
        })?;
    }
    Ok(())
}

/// Sixteen at once without a token at hand; then one after another, and sixteen at a time.
fn logins(stand: &Stand) -> anyhow::Result<()> {
    let before = stand.identity.tokens_issued();
    let together = together(&stand.gatepost(), COLD)?;
    let asked = stand.identity.tokens_issued() - before;
    report(&format!(
        "{COLD} logins at once without a token at hand: {:.2} s, {asked} token requests",
        together.as_secs_f64()
    ));
    judge("one token request", asked <= 1);
    for clients in [1, COLD] {
        let (mut ours, mut direct) = (Sample::default(), Sample::default());
        for _ in 0..ROUNDS {
            ours.push(in_turn(&stand.gatepost(), clients)?);
            direct.push(in_turn(&stand.direct(), clients)?);
        }
        let what = format!("{LOGINS} logins by {clients} at a time");
        let ratio = compare(&what, ("gatepost", &ours), ("direct", &direct));
        judge("at least 0.7 times as fast", ratio >= 0.7);
    }
    let watch = Stopwatch::start();
    for _ in 0..FEW {
        stand.emailproxy().call(ADA)?.command("LOGOUT")?;
    }
    report(&format!(
        "  emailproxy: {:.1} logins in a second",
        f64::from(FEW) / watch.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn together(way: &Way<'_>, clients: u32) -> anyhow::Result<Duration> {
    let watch = Stopwatch::start();
    all(clients, || way.call(ADA).map(drop))?;
    Ok(watch.elapsed())
}

/// How long all logins take when so many log in at a time.
fn in_turn(way: &Way<'_>, clients: u32) -> anyhow::Result<Duration> {
    let watch = Stopwatch::start();
    all(clients, || {
        for _ in 0..LOGINS / clients {
            way.call(ADA)?.command("LOGOUT")?;
        }
        Ok(())
    })?;
    Ok(watch.elapsed())
}

/// Lets so many do the same at the same time.
fn all(clients: u32, work: impl Fn() -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(&work)).collect();
        for client in clients {
            let done = client.join();
            done.map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })
}

fn downloads(stand: &Stand) -> anyhow::Result<()> {
    let ways = [
        stand.direct(),
        stand.haproxy(),
        stand.gatepost(),
        stand.emailproxy(),
    ];
    let mut samples: [Sample; 4] = std::array::from_fn(|_| Sample::default());
    let mut worked = [Duration::ZERO; 4];
    for round in 0..=ROUNDS {
        for (number, way) in ways.iter().enumerate() {
            let before = way.worked()?;
            let took = fetch(way, ADA, "FETCH 1:* BODY.PEEK[]", LARGE * LARGE_OCTETS)?;
            // Dovecot's first look is for whoever comes first.
            if round > 0 {
                samples[number].push(took);
                worked[number] += way.worked()?.saturating_sub(before);
            }
        }
    }
    let [direct, haproxy, ours, emailproxy] = &samples;
    let what = format!("{LARGE} messages of {LARGE_OCTETS} octets by IMAP");
    compare(&what, ("gatepost", ours), ("direct", direct));
    let ratio = compare(&what, ("gatepost", ours), ("haproxy", haproxy));
    judge("at least 0.95 times as fast", ratio >= 0.95);
    let gigabytes = f64::from(ROUNDS * LARGE) * f64::from(LARGE_OCTETS) / 1e9;
    let [_, of_haproxy, of_us, _] = worked.map(|worked| worked.as_secs_f64() / gigabytes);
    report(&format!(
        "  processor time for a gigabyte: gatepost {of_us:.2} s, haproxy {of_haproxy:.2} s"
    ));
    judge("no more than haproxy", of_us <= of_haproxy);
    let ratio = compare(&what, ("gatepost", ours), ("emailproxy", emailproxy));
    judge("at least 5 times as fast", ratio >= 5.0);
    Ok(())
}

fn fetch(way: &Way<'_>, user: &str, command: &str, least: u32) -> anyhow::Result<Duration> {
    let mut caller = way.call(user)?;
    caller.command("EXAMINE INBOX")?;
    let watch = Stopwatch::start();
    let octets = caller.command(command)?;
    let took = watch.elapsed();
    if octets < u64::from(least) {
        bail!("{}: only {octets} octets came", way.name);
    }
    Ok(took)
}

/// Many small messages in one answer, and small commands one after another.
fn commands(stand: &Stand) -> anyhow::Result<()> {
    let ways = [stand.direct(), stand.haproxy(), stand.gatepost()];
    let mut small: [Sample; 3] = std::array::from_fn(|_| Sample::default());
    let mut each: [Sample; 3] = std::array::from_fn(|_| Sample::default());
    for _ in 0..ROUNDS {
        for (number, way) in ways.iter().enumerate() {
            let octets = SMALL * SMALL_OCTETS;
            small[number].push(fetch(way, BOB, "FETCH 1:* BODY.PEEK[]", octets)?);
            let mut caller = way.call(BOB)?;
            let watch = Stopwatch::start();
            for _ in 0..COMMANDS {
                caller.command("NOOP")?;
            }
            each[number].push(watch.elapsed());
        }
    }
    let [direct, haproxy, ours] = &small;
    let what = format!("{SMALL} messages of {SMALL_OCTETS} octets by IMAP");
    compare(&what, ("gatepost", ours), ("direct", direct));
    let ratio = compare(&what, ("gatepost", ours), ("haproxy", haproxy));
    judge("at least 0.95 times as fast", ratio >= 0.95);
    let what = format!("{COMMANDS} commands by IMAP");
    let [direct, haproxy, ours] = &each;
    compare(&what, ("gatepost", ours), ("haproxy", haproxy));
    let added = |sample: &Sample| {
        let more = sample.median().as_secs_f64() - direct.median().as_secs_f64();
        1e6 * more / f64::from(COMMANDS)
    };
    let (of_us, of_haproxy) = (added(ours), added(haproxy));
    report(&format!(
        "  added to each command: gatepost {of_us:.0} µs, haproxy {of_haproxy:.0} µs"
    ));
    judge("under 1.3 times", of_us < 1.3 * of_haproxy);
    Ok(())
}

/// Messages by SMTP, handed through.
fn submissions(stand: &Stand) -> anyhow::Result<()> {
    for (count, octets, goal) in [(LARGE, LARGE_SENT, 0.95), (SENT, SMALL_OCTETS, 0.9)] {
        let (mut ours, mut haproxy) = (Sample::default(), Sample::default());
        let text = dotted(octets);
        for _ in 0..ROUNDS {
            ours.push(submit((&stand.doors.smtp, &stand.password), count, &text)?);
            haproxy.push(submit((&stand.haproxy.smtp, &stand.token), count, &text)?);
        }
        let what = format!("{count} messages of {octets} octets by SMTP");
        let ratio = compare(&what, ("gatepost", &ours), ("haproxy", &haproxy));
        judge(&format!("at least {goal} times as fast"), ratio >= goal);
    }
    Ok(())
}

fn submit(
    (place, sign_in): (&Place, &SignIn),
    count: u32,
    text: &[u8],
) -> anyhow::Result<Duration> {
    let mut caller = Caller::smtp(place, ADA, sign_in)?;
    let watch = Stopwatch::start();
    for _ in 0..count {
        caller.submit((ADA, BOB), text)?;
    }
    Ok(watch.elapsed())
}

/// A message of hers, with its last line.
fn dotted(octets: u32) -> Vec<u8> {
    let mut text = format!("From: {ADA}").into_bytes();
    text.extend(
        large_message(octets as usize)
            .into_iter()
            .skip_while(|octet| *octet != b'\r'),
    );
    text.extend_from_slice(b"\r\n.\r\n");
    text
}

/// Messages that are durable when they are accepted.
fn spool(stand: &Stand) -> anyhow::Result<()> {
    let text = dotted(SMALL_OCTETS);
    let mut sample = Sample::default();
    let mut limits = Vec::new();
    for _ in 0..ROUNDS {
        limits.push(durable_writes(
            &mut File::create(stand.program.folder().join("written"))?,
            &text,
        )?);
        let watch = Stopwatch::start();
        all(COLD, || {
            submit((&stand.doors.spool, &stand.password), SENT / COLD, &text).map(drop)
        })?;
        sample.push(watch.elapsed());
    }
    limits.sort_by(f64::total_cmp);
    let limit = limits[limits.len() / 2];
    let rate = f64::from(SENT) / sample.median().as_secs_f64();
    report(&format!(
        "{rate:.0} messages of {SMALL_OCTETS} octets are durable in a second (spread {:.0} %); the \
         disk takes {limit:.0} durable writes in a second, one after another",
        100.0 * sample.spread()
    ));
    judge("1,000, or what the disk takes", rate >= limit.min(1_000.0));
    Ok(())
}

/// What a session costs that idles.
fn idle(stand: &Stand) -> anyhow::Result<()> {
    for (sides, ours, theirs, most) in [
        ("both sides", &stand.doors.imap, &stand.haproxy.imap, 24.0),
        (
            "the server's side",
            &stand.doors.clear,
            &stand.haproxy.clear,
            16.0,
        ),
    ] {
        let of_us = each((ours, &stand.password), stand.gatepost.id())?;
        let of_haproxy = each((theirs, &stand.token), stand.relay.id())?;
        report(&format!(
            "{IDLE} idle sessions with TLS on {sides}: gatepost {of_us:.1} KiB each, haproxy \
             {of_haproxy:.1} KiB each"
        ));
        judge(&format!("at most {most} KiB each"), of_us <= most);
    }
    Ok(())
}

/// In KiB. Prints what the processor does meanwhile.
fn each((place, sign_in): (&Place, &SignIn), process: u32) -> anyhow::Result<f64> {
    // What is there for the first is not counted.
    let first = idling(place, sign_in)?;
    pause(SETTLING);
    let before = resident(process)?;
    let sessions: Vec<Caller> = (0..IDLE)
        .map(|_| idling(place, sign_in))
        .collect::<anyhow::Result<_>>()?;
    pause(SETTLING);
    let after = resident(process)?;
    let worked = processor(process)?;
    pause(SETTLING);
    let share = processor(process)?.saturating_sub(worked).as_secs_f64() / SETTLING.as_secs_f64();
    report(&format!(
        "  processor time while idle: {:.2} %",
        100.0 * share
    ));
    drop((first, sessions));
    let more = u32::try_from(after.saturating_sub(before))?;
    Ok(f64::from(more) / f64::from(IDLE))
}

fn idling(place: &Place, sign_in: &SignIn) -> anyhow::Result<Caller> {
    let mut caller = Caller::imap(place, ADA, sign_in)?;
    caller.command("EXAMINE INBOX")?;
    caller.idle()?;
    Ok(caller)
}

const ADA: &str = "ada@contoso.com";
const BOB: &str = "bob@contoso.com";
const LARGE: u32 = 4;
const LARGE_OCTETS: u32 = 50 * 1024 * 1024;
const LARGE_SENT: u32 = 25 * 1024 * 1024;
const SMALL: u32 = 10_000;
const SMALL_OCTETS: u32 = 4_096;
const COMMANDS: u32 = 2_000;
const SENT: u32 = 2_000;
const LOGINS: u32 = 160;
const COLD: u32 = 16;
/// Logins of `emailproxy`, which take their time.
const FEW: u32 = 5;
const FIRST: u32 = 20;
const IDLE: u32 = 1_000;
const SETTLING: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 3;
