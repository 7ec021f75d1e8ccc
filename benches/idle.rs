//! What an idle watch costs: memory and processor time of `gatepost serve` with many watches on
//! a Dovecot where nothing happens, less those of one with a single watch. The buffers that the
//! kernel keeps for their connections are not counted.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::bail;
use gatepost_benches::{judge, pause, processor, report, resident, until};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program, Running};

fn main() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let one = Idle::measure(&identity, &dovecot, 1)?;
    let many = Idle::measure(&identity, &dovecot, WATCHES)?;
    let each = (many.memory.saturating_sub(one.memory)) / (WATCHES - 1);
    report(&format!(
        "{WATCHES} idle watches: {} KiB, one: {} KiB; that is {each} KiB for each",
        many.memory, one.memory
    ));
    judge("at most 48 KiB for each", each <= 48);
    let share = many.processor.as_secs_f64() / WHILE_IDLE.as_secs_f64();
    report(&format!(
        "processor time while idle: {:.2} % of one core",
        100.0 * share
    ));
    judge("under 1 %", share < 0.01);
    Ok(())
}

/// A daemon that has nothing to do.
struct Idle {
    /// Memory of its own that is in use (`RssAnon` of proc(5)), in KiB.
    memory: usize,
    /// Processor time within [`WHILE_IDLE`].
    processor: Duration,
}

impl Idle {
    fn measure(
        identity: &IdentityEndpoint,
        dovecot: &Dovecot,
        watches: usize,
    ) -> anyhow::Result<Self> {
        let program = Program::new(identity, dovecot, &configuration(watches))?;
        let mut running = program.start(&["serve"])?;
        until("the watches", || {
            if !running.is_alive() {
                bail!("gatepost ended early\n{}", program.log());
            }
            Ok(connections(&running)? >= watches)
        })?;
        pause(SETTLING);
        let before = processor(running.id())?;
        pause(WHILE_IDLE);
        let idle = Self {
            memory: resident(running.id())?,
            processor: processor(running.id())?.saturating_sub(before),
        };
        if connections(&running)? < watches {
            bail!("watches were lost while idle\n{}", program.log());
        }
        Ok(idle)
    }
}

fn configuration(watches: usize) -> String {
    let mut text = String::from("[sink.archive]\nkind = \"maildir\"\npath = \"Mail\"\n\n");
    for number in 0..watches {
        let _ = write!(
            text,
            "[mailbox.\"reader{number}@contoso.com\"]\n\
             registration = \"peers\"\ngrant = \"client_credentials\"\n\n\
             [[watch]]\nmailbox = \"reader{number}@contoso.com\"\nsinks = [\"archive\"]\n\n"
        );
    }
    text
}

/// Sockets that the process has open.
fn connections(running: &Running) -> anyhow::Result<usize> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", running.id()))?;
    let is_socket = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = entry.and_then(|entry| std::fs::read_link(entry.path()));
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    Ok(open.map(is_socket).filter(|is_socket| *is_socket).count())
}

const WATCHES: usize = 1_000;
/// For the last signs-in to settle and for buffers to be given back.
const SETTLING: Duration = Duration::from_secs(10);
const WHILE_IDLE: Duration = Duration::from_secs(30);
