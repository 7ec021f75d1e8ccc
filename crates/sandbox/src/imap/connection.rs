//! One connection: moves octets between the socket and the IMAP machine.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use gatepost_host::Stop;
use gatepost_wire::imap::server::{Server, Waiting, Want};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::Imap;
use super::exchange::{TIMED_OUT, UNAVAILABLE, persona};
use super::session::{Act, Session};
use crate::places::Places;

/// A connection whose TLS is up.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    server: Server,
    session: Session,
    orders: watch::Receiver<u64>,
    /// Ends the time to sign in.
    too_late: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Whether the connection goes on.
enum Flow {
    On,
    End,
}

impl Connection {
    pub(super) fn new(stream: TlsStream<TcpStream>, imap: Imap, places: Places) -> Self {
        let orders = imap.faults.watch();
        let clock = imap.clock.clone();
        let server = Server::new(persona());
        Self {
            stream,
            server,
            session: Session::new(imap, places),
            orders,
            too_late: Box::pin(async move { clock.sleep(LONGEST_SIGN_IN).await }),
        }
    }

    /// Serves the client until it leaves, is sent away, or the sandbox stops.
    pub(super) async fn converse(mut self, stop: Stop) {
        loop {
            let flow = match self.server.want() {
                Want::Write(octets) => self.write(octets, &stop).await,
                Want::Read(waiting) => self.read(waiting, &stop).await,
                Want::Ask(ask) => match self.session.answer(ask) {
                    Act::Answer(answer) => {
                        self.server.set_quirks(self.session.quirks());
                        self.server.answer(answer);
                        Flow::On
                    }
                    Act::SayBye(text) => {
                        self.server.bye(text);
                        Flow::On
                    }
                    Act::FallSilent => {
                        self.outwait(&stop).await;
                        Flow::End
                    }
                },
                Want::Close => {
                    // The client may be gone already.
                    let _ = self
                        .session
                        .within(LONGEST_WRITE, self.stream.shutdown())
                        .await;
                    Flow::End
                }
                // Port 993 has no STARTTLS, every question is answered above, and no other server goes on.
                Want::StartTls | Want::HandOver(_) | Want::Answer => Flow::End,
            };
            if matches!(flow, Flow::End) {
                return;
            }
        }
    }

    async fn write(&mut self, octets: Bytes, stop: &Stop) -> Flow {
        let written = if stop.is_requested() {
            let clock = self.session.clock();
            clock.within(LAST_WORDS, self.write_all(octets)).await.ok()
        } else {
            stop.or(self.write_all(octets)).await
        };
        written.unwrap_or(Flow::End)
    }

    /// A large message may take a client long, as long as it takes some of it.
    async fn write_all(&mut self, mut octets: Bytes) -> Flow {
        let clock = self.session.clock();
        while octets.has_remaining() {
            let write = async {
                let written = self.stream.write(&octets).await?;
                self.stream.flush().await.map(|()| written)
            };
            match clock.within(LONGEST_WRITE, write).await {
                Ok(Ok(written)) if written > 0 => octets.advance(written),
                _ => return Flow::End,
            }
        }
        Flow::On
    }

    async fn read(&mut self, waiting: Waiting, stop: &Stop) -> Flow {
        let signed_in = self.server.is_signed_in();
        let limit = if signed_in {
            SIGNED_IN_LIMIT
        } else {
            SIGNED_OUT_LIMIT
        };
        let idle = waiting == Waiting::Idle;
        if idle && self.session.drops_idle() {
            return Flow::End;
        }
        if idle && let Some(bye) = self.session.ended_by_order() {
            self.server.bye(bye);
            return Flow::On;
        }
        let clock = self.session.clock();
        let buffer = self.server.buffer();
        buffer.reserve(READ_AT_ONCE);
        tokio::select! {
            biased;
            () = stop.requested() => self.server.bye(UNAVAILABLE),
            () = &mut self.too_late, if !signed_in => self.server.bye(TIMED_OUT),
            read = clock.within(limit, self.stream.read_buf(buffer)) => match read {
                Ok(Ok(octets)) if octets > 0 => {}
                Ok(_) => return Flow::End,
                Err(_elapsed) => self.server.bye(TIMED_OUT),
            },
            () = self.session.changed(), if idle => self.server.changed(),
            _ = self.orders.changed(), if idle => {}
        }
        Flow::On
    }

    /// Says nothing more, but hears when the client gives up.
    async fn outwait(&mut self, stop: &Stop) {
        let mut ignored = [0; 1024];
        loop {
            let read = self
                .session
                .within(SIGNED_IN_LIMIT, self.stream.read(&mut ignored));
            if !matches!(stop.or(read).await, Some(Ok(Ok(octets))) if octets > 0) {
                return;
            }
        }
    }
}

/// `AuthenticatedConnectionTimeout` of Set-ImapSettings, by default.
const SIGNED_IN_LIMIT: Duration = Duration::from_mins(30);
/// `PreAuthenticatedConnectionTimeout` of Set-ImapSettings, by default.
const SIGNED_OUT_LIMIT: Duration = Duration::from_mins(1);
/// How long a client may take to sign in, however busy it is: connections are few.
const LONGEST_SIGN_IN: Duration = Duration::from_mins(5);
/// A client that takes nothing for so long is gone.
const LONGEST_WRITE: Duration = Duration::from_mins(2);
/// How long the end of the sandbox waits for a client to hear of it.
const LAST_WORDS: Duration = Duration::from_millis(500);
const READ_AT_ONCE: usize = 16 * 1024;
