//! One connection: moves octets between the socket and the SMTP machine.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use gatepost_host::{Clock, Stop};
use gatepost_wire::smtp::server::{Answer, Server, Want};
use gatepost_wire::smtp::{EnhancedStatus, Reply};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Smtp;
use super::exchange::{Protection, persona};
use super::session::{Act, Session};
use crate::door;

/// A connection.
pub(super) struct Connection {
    line: Line,
    peer: String,
    server: Server,
    session: Session,
    clock: Clock,
    /// Ends the time to sign in.
    too_late: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What a connection runs over.
pub(super) enum Line {
    /// In clear, until TLS is asked for.
    Clear(TcpStream, TlsAcceptor),
    Tls(Box<TlsStream<TcpStream>>),
    /// Neither: the handshake came to nothing.
    Gone,
}

trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

/// Whether the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    End,
}

impl Connection {
    pub(super) fn new(line: Line, smtp: Smtp) -> Self {
        let (clock, patience) = (smtp.clock.clone(), smtp.clock.clone());
        let peer = line.peer();
        Self {
            server: Server::new(persona(line.protection(), &peer, clock.now())),
            line,
            peer,
            session: Session::new(smtp),
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
                Want::Ask(ask) => {
                    let act = self.session.answer(ask);
                    self.act(act, &stop).await
                }
                Want::StartTls => stop.or(self.start_tls()).await.unwrap_or(Flow::End),
                Want::Close => {
                    // The client may be gone already.
                    if let Some(octets) = self.line.octets() {
                        let _ = self.clock.within(LONGEST_WRITE, octets.shutdown()).await;
                    }
                    Flow::End
                }
                // Nobody is handed over, and every question is answered above.
                Want::HandOver(_) | Want::Answer => Flow::End,
            };
            if flow == Flow::End {
                return;
            }
        }
    }

    async fn act(&mut self, act: Act, stop: &Stop) -> Flow {
        match act {
            Act::Answer(answer) => {
                self.server.answer(answer);
                Flow::On
            }
            Act::AnswerLater(wait, answer) => {
                let clock = self.clock.clone();
                self.answer_later(clock.sleep(wait), answer, stop).await
            }
            Act::FallSilent => {
                self.outwait(stop).await;
                Flow::End
            }
            Act::HangUp => Flow::End,
        }
    }

    async fn answer_later(
        &mut self,
        wait: impl Future<Output = ()>,
        answer: Answer,
        stop: &Stop,
    ) -> Flow {
        match stop.or(wait).await {
            Some(()) => {
                self.server.answer(answer);
                Flow::On
            }
            None => Flow::End,
        }
    }

    async fn start_tls(&mut self) -> Flow {
        let Line::Clear(stream, acceptor) = std::mem::replace(&mut self.line, Line::Gone) else {
            return Flow::End;
        };
        let Some(stream) = door::handshake(&acceptor, stream, &self.clock).await else {
            return Flow::End;
        };
        self.line = Line::Tls(Box::new(stream));
        let persona = persona(Protection::Tls, &self.peer, self.clock.now());
        self.server.tls_started(persona);
        Flow::On
    }

    async fn write(&mut self, mut octets: Bytes) -> Flow {
        let clock = self.clock.clone();
        let Some(line) = self.line.octets() else {
            return Flow::End;
        };
        while octets.has_remaining() {
            let write = async {
                let written = line.write(&octets).await?;
                line.flush().await.map(|()| written)
            };
            match clock.within(LONGEST_WRITE, write).await {
                Ok(Ok(written)) if written > 0 => octets.advance(written),
                _ => return Flow::End,
            }
        }
        Flow::On
    }

    async fn read(&mut self, stop: &Stop) -> Flow {
        let signed_in = self.server.is_signed_in();
        let Some(line) = self.line.octets() else {
            return Flow::End;
        };
        let buffer = self.server.buffer();
        buffer.reserve(READ_AT_ONCE);
        let read = self.clock.within(LONGEST_SILENCE, line.read_buf(buffer));
        tokio::select! {
            biased;
            () = stop.requested() => Flow::End,
            () = &mut self.too_late, if !signed_in => self.send_away(),
            read = read => match read {
                Ok(Ok(octets)) if octets > 0 => Flow::On,
                Ok(_) => Flow::End,
                Err(_elapsed) => self.send_away(),
            },
        }
    }

    fn send_away(&mut self) -> Flow {
        let timed_out = "Connection dropped due to SocketTimeout";
        let status = EnhancedStatus::new(4, 4, 1);
        self.server.bye(&Reply::with_status(421, status, timed_out));
        Flow::On
    }

    /// Says nothing more, but hears when the client gives up.
    async fn outwait(&mut self, stop: &Stop) {
        let Some(line) = self.line.octets() else {
            return;
        };
        let mut ignored = [0; 1024];
        loop {
            let read = self.clock.within(LONGEST_OUTWAIT, line.read(&mut ignored));
            if !matches!(stop.or(read).await, Some(Ok(Ok(octets))) if octets > 0) {
                return;
            }
        }
    }
}

impl Line {
    fn protection(&self) -> Protection {
        match self {
            Self::Clear(..) | Self::Gone => Protection::None,
            Self::Tls(_) => Protection::Tls,
        }
    }

    fn peer(&self) -> String {
        let address = match self {
            Self::Clear(stream, _) => stream.peer_addr(),
            Self::Tls(stream) => stream.get_ref().0.peer_addr(),
            Self::Gone => return String::new(),
        };
        address.map_or_else(|_| String::new(), |address| address.ip().to_string())
    }

    fn octets(&mut self) -> Option<&mut dyn Octets> {
        match self {
            Self::Clear(stream, _) => Some(stream),
            Self::Tls(stream) => Some(stream.as_mut()),
            Self::Gone => None,
        }
    }
}

/// `ConnectionInactivityTimeout` of Set-ReceiveConnector, by default.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
/// How long a client may take to sign in, however busy it is: connections are few.
const LONGEST_SIGN_IN: Duration = Duration::from_mins(5);
/// A client that takes nothing for so long is gone.
const LONGEST_WRITE: Duration = Duration::from_mins(2);
/// Longer than any client waits for an answer.
const LONGEST_OUTWAIT: Duration = Duration::from_mins(30);
const READ_AT_ONCE: usize = 64 * 1024;
