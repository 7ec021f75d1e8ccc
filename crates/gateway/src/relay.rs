//! Octets in both directions, which nobody looks at. How the last line of each begins is all that is
//! remembered of them, to say goodbye where that cannot end up within a message.
//!
//! A [`Relay`] reads no faster than the other side takes, and hands the end of one direction on as
//! such. A session that idles holds no buffer. One whose reader does not read on holds what is on
//! its way until it does: one buffer in clear or encrypted, and what TLS has of the next record.

mod flow;
mod last_line;

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use gatepost_host::{Clock, Elapsed, Stop};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

pub(crate) use flow::Source;

use flow::Flow;

/// Two connections, and what is on its way between them.
#[derive(Debug)]
pub(crate) struct Relay<C, S> {
    client: C,
    server: S,
    /// From the client to the server.
    up: Flow,
    /// From the server to the client.
    down: Flow,
}

/// What ends a relay besides the peers.
#[derive(Debug)]
pub(crate) struct Bounds<'a> {
    /// How long nothing may pass.
    pub(crate) idle: Duration,
    /// Cancelled when whoever is relayed may not be any more.
    pub(crate) revoked: &'a CancellationToken,
    /// Requested when the program stops, or the door is taken away.
    pub(crate) stop: &'a Stop,
}

/// How a relay ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Both sides closed, or one of them and the other had nothing more to say.
    Closed,
    /// A connection broke.
    Broken(io::Error),
    /// Nothing passed for too long.
    Idle,
    /// The guest may not stay.
    Revoked,
    /// The program stops.
    Stopped,
    /// The door is gone, and the program goes on.
    DoorGone,
}

impl Ended {
    /// That it was told to stop.
    fn of(stop: &Stop) -> Self {
        if stop.is_for_these_alone() {
            Self::DoorGone
        } else {
            Self::Stopped
        }
    }
}

impl<C, S> Relay<C, S>
where
    C: AsyncWrite + Source + Unpin,
    S: AsyncWrite + Source + Unpin,
{
    /// `from_client` and `from_server` were read already, and go first.
    pub(crate) fn new(
        (client, from_client): (C, &[u8]),
        (server, from_server): (S, &[u8]),
    ) -> Self {
        Self {
            client,
            server,
            up: Flow::beginning_with(from_client),
            down: Flow::beginning_with(from_server),
        }
    }

    /// Relays until something ends it. When it is stopped, what is under way comes to its end
    /// first, within bounds. Where it ends of our own accord, `goodbye` is told to the client of
    /// IMAP that has heard the answer to everything it asked.
    pub(crate) async fn run(
        &mut self,
        clock: &Clock,
        bounds: Bounds<'_>,
        goodbye: impl Fn(&Ended) -> &'static [u8],
    ) -> Ended {
        let ended = tokio::select! {
            biased;
            () = bounds.revoked.cancelled() => Ended::Revoked,
            () = bounds.stop.requested() => Ended::of(bounds.stop),
            ended = self.until_idle(clock, bounds.idle) => ended,
        };
        let is_quiet = match &ended {
            Ended::Stopped | Ended::DoorGone => {
                let quiet = clock.within(STOPPING, self.until_quiet(clock)).await;
                quiet.unwrap_or(false)
            }
            // Whoever may not stay hears nothing more of the server; and nothing was under way.
            Ended::Revoked | Ended::Idle => true,
            Ended::Closed | Ended::Broken(_) => false,
        };
        let goodbye = goodbye(&ended);
        if is_quiet && !goodbye.is_empty() && self.is_between_answers() {
            let _ = clock.within(PARTING, self.client.write_all(goodbye)).await;
        }
        let parting = async {
            let _ = tokio::join!(self.client.shutdown(), self.server.shutdown());
        };
        let _ = clock.within(PARTING, parting).await;
        ended
    }

    /// How many octets went up, and down.
    pub(crate) fn passed(&self) -> (u64, u64) {
        (self.up.passed(), self.down.passed())
    }

    async fn until_idle(&mut self, clock: &Clock, idle: Duration) -> Ended {
        let mut silent = 0;
        loop {
            let before = self.passed();
            // Whoever the server has left has a moment to read the rest.
            let limit = if self.down.is_over() { LINGERING } else { idle };
            let limit = limit / PARTS_OF_IDLE;
            match clock.within(limit, self.pass()).await {
                Ok(Ok(Passed::Everything)) => return Ended::Closed,
                Ok(Ok(Passed::LastOfServer)) => silent = 0,
                Ok(Err(error)) => return Ended::Broken(error),
                Err(Elapsed) if self.passed() != before => silent = 0,
                Err(Elapsed) => silent += 1,
            }
            if silent == PARTS_OF_IDLE {
                return if self.down.is_over() {
                    Ended::Closed
                } else {
                    Ended::Idle
                };
            }
        }
    }

    /// Answers whether it became quiet; otherwise it has ended.
    async fn until_quiet(&mut self, clock: &Clock) -> bool {
        loop {
            let before = self.passed();
            match clock.within(QUIET, self.pass()).await {
                Err(Elapsed) if self.passed() == before => return true,
                Err(Elapsed) | Ok(Ok(Passed::LastOfServer)) => {}
                Ok(_) => return false,
            }
        }
    }

    fn is_between_answers(&self) -> bool {
        match (self.up.rests_at(), self.down.rests_at()) {
            (Some(asked), Some(said)) => last_line::is_between_answers(asked, said),
            _ => false,
        }
    }

    async fn pass(&mut self) -> io::Result<Passed> {
        let was_over = self.down.is_over();
        poll_fn(|cx| self.poll_pass(cx, was_over)).await
    }

    fn poll_pass(&mut self, cx: &mut Context<'_>, was_over: bool) -> Poll<io::Result<Passed>> {
        let before = *self.up.last();
        let up = self.up.poll_pass(&mut self.client, &mut self.server, cx);
        self.up
            .last_mut()
            .was_asked_after(&before, self.down.last());
        let down = self.down.poll_pass(&mut self.server, &mut self.client, cx);
        match (up, down) {
            // A server that reads no more: what it said before is still to be heard.
            (Poll::Ready(Err(error)), Poll::Ready(Ok(()))) | (_, Poll::Ready(Err(error))) => {
                Poll::Ready(Err(error))
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(Passed::Everything)),
            (_, Poll::Ready(Ok(()))) if !was_over => Poll::Ready(Ok(Passed::LastOfServer)),
            (Poll::Ready(Err(error)), Poll::Pending) if self.down.is_empty() => {
                Poll::Ready(Err(error))
            }
            _ => Poll::Pending,
        }
    }
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// Both directions are over.
    Everything,
    /// The server has closed, and the client has heard everything.
    LastOfServer,
}

/// How long a client may go on whose server has closed.
const LINGERING: Duration = Duration::from_secs(10);
/// Whether something passed is looked at so often within the time in which nothing may: it ends by
/// one of these parts late at most. To remember when it was would cost each session a clock.
const PARTS_OF_IDLE: u32 = 4;
/// A session in which nothing passes for so long is between two commands.
const QUIET: Duration = Duration::from_secs(1);
/// How long what is under way may take when the program stops.
const STOPPING: Duration = Duration::from_secs(20);
const PARTING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
