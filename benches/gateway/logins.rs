//! Signing in, again and again, and many at once.

use std::time::Duration;

use anyhow::bail;
use gatepost_benches::{Sample, SignIn, Stopwatch, compare, judge, report};

use crate::stand::{ADA, BOB, ROUNDS, SEVERAL, Stand, Way};

/// Sixteen at once without a token at hand; then one after another, and sixteen at a time.
pub(crate) fn logins(stand: &Stand) -> anyhow::Result<()> {
    let before = stand.identity.tokens_issued();
    let together = together(&stand.gatepost(), SEVERAL)?;
    let asked = stand.identity.tokens_issued() - before;
    report(&format!(
        "{SEVERAL} logins at once without a token at hand: {:.2} s, {asked} token requests",
        together.as_secs_f64()
    ));
    judge("one token request", asked <= 1);
    for clients in [1, SEVERAL] {
        let (mut ours, mut direct) = (Sample::default(), Sample::default());
        for _ in 0..ROUNDS {
            ours.push(in_turn(&stand.gatepost(), clients)?);
            direct.push(in_turn(&stand.direct(), clients)?);
        }
        let what = format!("{LOGINS} logins by {clients} at a time");
        let ratio = compare(&what, ("gatepost", &ours), ("direct", &direct));
        judge("at least 0.7 times as fast", ratio >= 0.7);
    }
    let emailproxy = stand.emailproxy()?;
    let watch = Stopwatch::start();
    for _ in 0..FEW {
        stand
            .through_emailproxy(&emailproxy)
            .call(ADA)?
            .command("LOGOUT")?;
    }
    report(&format!(
        "  emailproxy: {:.1} logins in a second",
        f64::from(FEW) / watch.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// What the first login with an app password costs: afterwards it is known by a digest. A wrong
/// password costs as much, and is answered later.
pub(crate) fn first_logins(stand: &Stand) -> anyhow::Result<()> {
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
pub(crate) fn all(
    clients: u32,
    work: impl Fn() -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(&work)).collect();
        for client in clients {
            let done = client.join();
            done.map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        Ok(())
    })
}

const LOGINS: u32 = 160;
/// Logins of `emailproxy`, which take their time.
const FEW: u32 = 5;
const FIRST: u32 = 20;
