//! What is said before somebody is signed in: a server machine of `wire`, driven within limits.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gatepost_host::{Clock, Countdown, Elapsed, ReadAhead, Stop};
use gatepost_wire::Want;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::stream::ClientStream;

/// A server machine with a persona for each state of the connection.
pub(crate) trait Machine: Send {
    /// What it asks its owner.
    type Ask: Send;

    /// What is to be done now.
    fn want(&mut self) -> Want<Self::Ask>;

    /// Where to read into: append only.
    fn buffer(&mut self) -> &mut BytesMut;

    /// TLS protects the connection now.
    fn tls_started(&mut self);

    /// Says this and closes.
    fn bye(&mut self, why: Bye);
}

/// Why the gateway closes a connection of its own accord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bye {
    /// The client takes too long.
    TooSlow,
    /// It sends too much for somebody who has not signed in.
    TooMuch,
    /// The program stops.
    Stopping,
    /// The door is gone, and the program goes on.
    DoorGone,
    /// Too many connections are open.
    Crowded,
    /// The app password was revoked.
    Revoked,
    /// Its password would come over the network in clear.
    Unprotected,
}

impl Bye {
    /// What the client is told.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::TooSlow => "Too long without a login, closing",
            Self::TooMuch => "Too much without a login, closing",
            Self::Stopping => "Gatepost is being stopped, try again in a moment",
            Self::DoorGone => "Gatepost does not listen here any more, ask whoever runs it",
            Self::Crowded => "Too many connections, try again later",
            Self::Revoked => "Authentication is not valid any more",
            Self::Unprotected => "Nobody signs in here without TLS",
        }
    }
}

/// A client that is talked with.
pub(crate) struct Conversation<M> {
    pub(crate) machine: M,
    /// Not there while TLS is being started, or when that failed.
    stream: Option<ClientStream>,
    tls: Option<Arc<ServerConfig>>,
    clock: Clock,
    patience: Countdown,
    stop: Stop,
    received: usize,
    sent: usize,
    /// Why the gateway closes it, if it does so of its own accord.
    ended: Option<Bye>,
    /// How long it may be silent, if it is known who it is: then it may take its time, and send
    /// as much as it likes.
    known: Option<Duration>,
}

/// What comes next.
pub(crate) enum Next<A> {
    /// The owner is to answer.
    Asked(A),
    /// Another server goes on, and gets this first.
    HandOver(ClientStream, Bytes),
    /// The conversation is over.
    Over,
}

impl<M: Machine> Conversation<M> {
    /// Talks with this client for so long at most.
    pub(crate) fn new(
        machine: M,
        stream: ClientStream,
        tls: Option<Arc<ServerConfig>>,
        (clock, stop): (Clock, Stop),
    ) -> Self {
        Self {
            machine,
            stream: Some(stream),
            tls,
            patience: Countdown::until(&clock, clock.now() + PATIENCE),
            clock,
            stop,
            received: 0,
            sent: 0,
            ended: None,
            known: None,
        }
    }

    /// It is known who the client is, who may be silent for so long from now on.
    pub(crate) fn is_known(&mut self, idle: Duration) {
        self.known = Some(idle);
    }

    /// It is not known any more; it still has the time that is left.
    pub(crate) fn is_unknown(&mut self) {
        self.known = None;
    }

    /// Says this and closes.
    pub(crate) fn bye(&mut self, why: Bye) {
        self.ended = Some(why);
        self.machine.bye(why);
    }

    /// Why the gateway closes it, if it does so of its own accord.
    pub(crate) fn ended(&self) -> Option<Bye> {
        self.ended
    }

    /// How many octets came from the client, and went to it.
    pub(crate) fn passed(&self) -> (u64, u64) {
        (self.received as u64, self.sent as u64)
    }

    /// Goes on until the owner is needed. An error is a connection that broke.
    pub(crate) async fn next(&mut self) -> io::Result<Next<M::Ask>> {
        loop {
            match self.machine.want() {
                Want::Write(octets) => self.write(&octets).await?,
                Want::Read => self.read().await?,
                Want::Ask(ask) => return Ok(Next::Asked(ask)),
                Want::StartTls => self.start_tls().await?,
                Want::HandOver(first) => {
                    return Ok(match self.stream.take() {
                        Some(stream) => Next::HandOver(stream, first),
                        None => Next::Over,
                    });
                }
                // Every question is answered before anything else is wanted.
                Want::Close | Want::Answer => {
                    if let Some(mut stream) = self.stream.take() {
                        let _ = self.clock.within(PARTING, stream.shutdown()).await;
                    }
                    return Ok(Next::Over);
                }
            }
        }
    }

    /// The connection, if there is one.
    fn stream(&mut self) -> io::Result<&mut ClientStream> {
        self.stream
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let clock = self.clock.clone();
        let stream = self.stream()?;
        let writing = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        let written = clock.within(WRITING, writing).await;
        written.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
        self.sent = self.sent.saturating_add(octets.len());
        Ok(())
    }

    async fn read(&mut self) -> io::Result<()> {
        let left = self.known.unwrap_or_else(|| self.patience.left());
        let (clock, stop) = (self.clock.clone(), self.stop.clone());
        let Self {
            machine, stream, ..
        } = self;
        let Some(stream) = stream else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let buffer = machine.buffer();
        buffer.reserve(READ_AT_ONCE);
        let mut reading = stream.take(READ_AT_ONCE as u64);
        let came = stop.or(clock.within(left, reading.read_buf(buffer))).await;
        match came {
            None if self.stop.is_for_these_alone() => self.bye(Bye::DoorGone),
            None => self.bye(Bye::Stopping),
            Some(Err(Elapsed)) => self.bye(Bye::TooSlow),
            Some(Ok(Ok(0))) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(Ok(Ok(octets))) => {
                self.received = self.received.saturating_add(octets);
                if self.received > MOST && self.known.is_none() {
                    self.bye(Bye::TooMuch);
                }
            }
            Some(Ok(Err(error))) => return Err(error),
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let (Some(ClientStream::Clear(stream)), Some(tls)) = (self.stream.take(), &self.tls) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let protected = protect(stream, tls, &self.clock).await?;
        self.stream = Some(protected);
        self.machine.tls_started();
        Ok(())
    }
}

/// Shakes hands over TLS, within bounds.
pub(crate) async fn protect(
    stream: tokio::net::TcpStream,
    tls: &Arc<ServerConfig>,
    clock: &Clock,
) -> io::Result<ClientStream> {
    let accepting = TlsAcceptor::from(Arc::clone(tls)).accept(ReadAhead::new(stream));
    let accepted = clock.within(HANDSHAKE, accepting).await;
    let stream = accepted.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(ClientStream::Protected(Box::new(stream)))
}

/// From the greeting to the login.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long a client may leave unread what it is told.
const WRITING: Duration = Duration::from_secs(30);
const HANDSHAKE: Duration = Duration::from_secs(15);
const PARTING: Duration = Duration::from_secs(2);
/// How many octets a client may send before it is signed in: some literals of 64 KiB.
const MOST: usize = 512 * 1024;
const READ_AT_ONCE: usize = 4 * 1024;
