//! Clients that mean no good, and what they cost the running program: memory and processor time.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use gatepost_host::environment;
use rustix::process::Resource;

use crate::gateway::{Client, place, stand};
use crate::stand::{Running, SUPPORT};

/// `GATEPOST_WRONG_LOGINS` says how many; a hundred thousand take some minutes.
#[test]
fn thousands_of_wrong_logins_cost_little() {
    // The test says who the clients are, as a proxy does.
    let (stand, password) = stand(
        "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nproxy_protocol_from = [\"127.0.0.1\"]\n\
         clear_beyond_loopback = \"this network is trusted\"\n[lockout]\nfailures = 3\n",
    );
    let wanted = environment::text("GATEPOST_WRONG_LOGINS").and_then(|all| all.parse().ok());
    let each = wanted.unwrap_or(WRONG_LOGINS) / GUESSERS;
    let serve = stand.serve();
    let address = place(&stand, "imap");
    // Whatever is done once, and the memory of two looks at passwords at once.
    assert!(log_in(address, "192.0.2.1", (SUPPORT, &password)).starts_with("a OK"));
    guess_at_once(address, 100..104, 1);
    let before = Cost::of(&serve);
    guess_at_once(address, 0..GUESSERS, each);
    let cost = Cost::of(&serve).since(&before);
    let logins = u64::from(each) * u64::from(GUESSERS);
    let looked_at = stand.log().matches("wrong password").count()
        + stand.log().matches("unknown login").count();
    let looked_at = u64::try_from(looked_at).expect("a small number");
    assert!(looked_at <= 4 * u64::from(GUESSERS) + 8, "{looked_at}");
    assert!(
        cost.memory <= MOST_MORE,
        "{} KiB more after {logins} wrong logins",
        cost.memory
    );
    let most = logins * FOR_A_REFUSAL + looked_at * FOR_A_LOOK;
    assert!(
        cost.processor <= most,
        "{} ms for {logins} wrong logins, {looked_at} looked at; {most} is the most",
        cost.processor
    );
    let lines = stand.log().lines().count();
    assert!(lines < 2_000, "{lines} lines");
    // Nobody else is kept out by it.
    assert!(log_in(address, "192.0.2.1", (SUPPORT, &password)).starts_with("a OK"));
    assert_eq!(serve.stop(), 0, "{}", stand.log());
}

/// So many guessers at the same time, each so often under ever new names.
fn guess_at_once(address: SocketAddr, guessers: std::ops::Range<u32>, each: u32) {
    std::thread::scope(|threads| {
        for guesser in guessers {
            threads.spawn(move || {
                for number in 0..each {
                    let from = format!("10.0.0.{guesser}");
                    let name = match number % 3 {
                        0 => SUPPORT.to_owned(),
                        _ => format!("user{number}-{guesser}@contoso.com"),
                    };
                    let said = log_in(address, &from, (&name, "wrong"));
                    assert!(said.starts_with("a NO "), "{said}");
                }
            });
        }
    });
}

/// Knocks and logs in; answers what is said.
fn log_in(address: SocketAddr, from: &str, (name, password): (&str, &str)) -> String {
    let mut client = Client::knock(address);
    client.send(&format!("PROXY TCP4 {from} 127.0.0.1 1 2\r\n"));
    client.line();
    client.say(&format!("a LOGIN {name} {password}"))
}

#[test]
fn a_thousand_that_only_hold_the_line_cost_little_and_keep_nobody_out() {
    let (stand, password) = stand(
        "[gateway.imap]\nlisten = \"127.0.0.1:0\"\nconnections = 2000\n\
         connections_per_address = 1500\n",
    );
    let mut files = rustix::process::getrlimit(Resource::Nofile);
    files.current = files.maximum;
    rustix::process::setrlimit(Resource::Nofile, files).expect("up to the most, anybody may");
    let serve = stand.serve();
    let address = place(&stand, "imap");
    drop(Client::idles(address, SUPPORT, &password));
    let before = Cost::of(&serve);
    let mut held: Vec<Client> = (0..HOLDERS).map(|_| Client::knock(address)).collect();
    for client in &mut held {
        assert!(client.line().starts_with("* OK"), "there is room");
    }
    // An octet now and then, and never the end of a line.
    for octet in "a LOGIN".chars() {
        for client in &mut held {
            client.send(&octet.to_string());
        }
    }
    drop(Client::idles(address, SUPPORT, &password));
    let cost = Cost::of(&serve).since(&before);
    let most = u64::try_from(HOLDERS).expect("a small number") * FOR_A_HOLDER;
    assert!(
        cost.memory <= most,
        "{} KiB more for {HOLDERS} that hold the line; {most} is the most",
        cost.memory
    );
    assert!(cost.processor <= FOR_HOLDERS, "{} ms", cost.processor);
    // They are gone with a word when it ends, and it ends at once.
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    assert!(held[0].line().starts_with("* BYE"));
}

/// What a process has taken so far.
struct Cost {
    /// The most memory that it has held, in KiB.
    memory: u64,
    /// Processor time, its own and the system's for it, in milliseconds.
    processor: u64,
}

impl Cost {
    fn of(running: &Running) -> Self {
        let folder = format!("/proc/{}", running.id());
        let status = fs::read_to_string(format!("{folder}/status")).expect("Linux tells");
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let peak = peak.expect("Linux tells the peak").trim().parse();
        let stat = fs::read_to_string(format!("{folder}/stat")).expect("Linux tells");
        // `proc_pid_stat(5)`: the name in brackets may hold blanks; utime and stime are the 14th and
        // the 15th field.
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || -> u64 {
            let field = fields.next().expect("there are many");
            field.parse().expect("a number")
        };
        Self {
            memory: peak.expect("a number"),
            processor: (ticks() + ticks()) * 1000 / ticks_in_a_second(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            memory: self.memory.saturating_sub(before.memory),
            processor: self.processor.saturating_sub(before.processor),
        }
    }
}

fn ticks_in_a_second() -> u64 {
    let output = Command::new("getconf").arg("CLK_TCK").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

const WRONG_LOGINS: u32 = 5_000;
const GUESSERS: u32 = 20;
const HOLDERS: usize = 1_000;
/// In KiB: counters, and the connections of the guessers.
const MOST_MORE: u64 = 8 * 1024;
/// In KiB.
const FOR_A_HOLDER: u64 = 16;
/// In milliseconds, of a program that is not optimised: a refusal without a look is a small part of a
/// look, and that is under a twentieth of a second where it is.
const FOR_A_REFUSAL: u64 = 5;
const FOR_A_LOOK: u64 = 100;
const FOR_HOLDERS: u64 = 10_000;
