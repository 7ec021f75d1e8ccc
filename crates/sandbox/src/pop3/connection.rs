//! One connection: moves octets between the socket and the POP3 machine.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use gatepost_host::{Clock, Stop};
use gatepost_wire::pop3::server::{Server, Want};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Pop3;
use super::exchange::persona;
use super::session::{Act, Session};
use crate::places::Places;

/// A connection whose TLS is up.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    server: Server,
    session: Session,
    clock: Clock,
    /// Ends the time to sign in.
    too_late: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

impl Connection {
    pub(super) fn new(stream: TlsStream<TcpStream>, pop3: Pop3, places: Places) -> Self {
        let (clock, patience) = (pop3.clock.clone(), pop3.clock.clone());
        Self {
            stream,
            server: Server::new(persona()),
            session: Session::new(pop3, places),
            clock,
            too_late: Box::pin(async move { patience.sleep(LONGEST_SIGN_IN).await }),
        }
    }

    /// Serves the client until it leaves, is sent away, or the sandbox stops.
    pub(super) async fn converse(mut self, stop: Stop) {
        loop {
            let flow = match self.server.want() {
                Want::Write(octets) => stop.or(self.write(octets)).await.unwrap_or(Flow::End),
                Want::Read => self.read(&stop).await,
                Want::Ask(ask) => match self.session.answer(ask) {
                    Act::Answer(answer) => {
                        self.server.answer(answer);
                        Flow::On
                    }
                    Act::FallSilent => {
                        self.outwait(&stop).await;
                        Flow::End
                    }
                    Act::HangUp => Flow::End,
                },
                Want::Close => {
                    // The client may be gone already.
                    let shutdown = self.stream.shutdown();
                    let _ = self.clock.within(LONGEST_WRITE, shutdown).await;
                    Flow::End
                }
                // Port 995 has no STLS, nobody is handed over, and every question is answered
                // above.
                Want::StartTls | Want::HandOver(_) | Want::Answer => Flow::End,
            };
            if flow == Flow::End {
                return;
            }
        }
    }

    /// A large message may take a client long, as long as it takes some of it.
    async fn write(&mut self, mut octets: Bytes) -> Flow {
        while octets.has_remaining() {
            let write = async {
                let written = self.stream.write(&octets).await?;
                self.stream.flush().await.map(|()| written)
            };
            match self.clock.within(LONGEST_WRITE, write).await {
                Ok(Ok(written)) if written > 0 => octets.advance(written),
                _ => return Flow::End,
            }
        }
        Flow::On
    }

    async fn read(&mut self, stop: &Stop) -> Flow {
        let signed_in = self.server.is_signed_in();
        let limit = if signed_in {
            SIGNED_IN_LIMIT
        } else {
            SIGNED_OUT_LIMIT
        };
        let buffer = self.server.buffer();
        buffer.reserve(READ_AT_ONCE);
        let read = self.clock.within(limit, self.stream.read_buf(buffer));
        tokio::select! {
            biased;
            () = stop.requested() => Flow::End,
            () = &mut self.too_late, if !signed_in => Flow::End,
            read = read => match read {
                Ok(Ok(octets)) if octets > 0 => Flow::On,
                _ => Flow::End,
            },
        }
    }

    /// Says nothing more, but hears when the client gives up.
    async fn outwait(&mut self, stop: &Stop) {
        let mut ignored = [0; 1024];
        loop {
            let read = self.stream.read(&mut ignored);
            let read = self.clock.within(SIGNED_IN_LIMIT, read);
            if !matches!(stop.or(read).await, Some(Ok(Ok(octets))) if octets > 0) {
                return;
            }
        }
    }
}

/// `AuthenticatedConnectionTimeout` of Set-PopSettings, by default.
const SIGNED_IN_LIMIT: Duration = Duration::from_mins(30);
/// `PreAuthenticatedConnectionTimeout` of Set-PopSettings, by default.
const SIGNED_OUT_LIMIT: Duration = Duration::from_mins(1);
/// How long a client may take to sign in, however busy it is: connections are few.
const LONGEST_SIGN_IN: Duration = Duration::from_mins(5);
/// A client that takes nothing for so long is gone.
const LONGEST_WRITE: Duration = Duration::from_mins(2);
const READ_AT_ONCE: usize = 16 * 1024;
