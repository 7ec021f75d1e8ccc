//! What the servers of POP3 and SMTP have in common: lines come in, octets and questions go
//! out, and a client that errs too often is sent away.

use std::fmt::{Display, Write as _};

use bytes::{Bytes, BytesMut};

use crate::lines::{LineTooLong, Lines};

/// What a server needs to go on. `A` is what it asks its owner.
#[derive(Debug)]
pub enum Want<A> {
    /// These octets are to be written.
    Write(Bytes),
    /// Octets of the client are to be read and given to the server with `push`.
    Read,
    /// The question is to be answered with `answer`.
    Ask(A),
    /// The last question is still to be answered; nothing is to be read before that.
    Answer,
    /// TLS is to be started; then `tls_started` is to be called.
    StartTls,
    /// Somebody signed in, and another server goes on with this client. These octets came
    /// already and are the first that are to be passed on.
    HandOver(Bytes),
    /// The connection is to be closed.
    Close,
}

/// Whether a session goes on after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It does.
    Stay,
    /// The connection is closed.
    Close,
}

/// Whether somebody may sign in before TLS, where TLS is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InClear {
    /// Whoever may start TLS has to.
    #[default]
    Refused,
    /// The network is trusted: TLS is a choice.
    Accepted,
}

/// One connection, as its server sees it.
pub(crate) struct Connection<A> {
    pub(crate) lines: Lines,
    pub(crate) output: BytesMut,
    end: End,
    asked: Option<A>,
    errors: u32,
    /// What is handed over before what was not read.
    first: Vec<u8>,
}

/// What the client is to send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Command,
    Credentials,
}

/// The longest lines, in octets with their end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Longest {
    pub(crate) command: usize,
    /// Of a line that may hold a token.
    pub(crate) credentials: usize,
}

/// Whether the connection ends when everything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closing,
    StartingTls,
    HandedOver,
}

impl<A> Connection<A> {
    pub(crate) fn new() -> Self {
        Self {
            lines: Lines::default(),
            output: BytesMut::new(),
            end: End::Open,
            asked: None,
            errors: 0,
            first: Vec::new(),
        }
    }

    /// What has to be done before anything else can be.
    pub(crate) fn owed(&mut self) -> Option<Want<A>> {
        if !self.output.is_empty() {
            return Some(Want::Write(self.output.split().freeze()));
        }
        match self.end {
            End::Open => self.asked.take().map(Want::Ask),
            End::Closing => Some(Want::Close),
            End::StartingTls => Some(Want::StartTls),
            End::HandedOver => {
                let mut octets = std::mem::take(&mut self.first);
                octets.extend_from_slice(&self.lines.take_leftover());
                Some(Want::HandOver(octets.into()))
            }
        }
    }

    /// The next line, if it was received.
    pub(crate) fn next_line(
        &mut self,
        awaited: Awaited,
        longest: Longest,
    ) -> Result<Option<Bytes>, LineTooLong> {
        let may_hold_token =
            awaited == Awaited::Credentials || self.lines.ahead(5).eq_ignore_ascii_case(b"AUTH ");
        self.lines.next_line(if may_hold_token {
            longest.credentials
        } else {
            longest.command
        })
    }

    /// Writes this and an end of line.
    pub(crate) fn write_line(&mut self, line: impl Display) {
        // Writing into memory never fails.
        let _ = write!(self.output, "{line}\r\n");
    }

    pub(crate) fn ask(&mut self, ask: A) {
        self.asked = Some(ask);
    }

    /// The owner answered, be it before it was asked.
    pub(crate) fn was_answered(&mut self) {
        self.asked = None;
    }

    /// Counts an error; answers whether this is one too many for an open connection.
    pub(crate) fn errs_too_often(&mut self, most: u32) -> bool {
        self.errors += 1;
        self.errors >= most && self.end == End::Open
    }

    pub(crate) fn close(&mut self) {
        self.end = End::Closing;
    }

    pub(crate) fn begin_tls(&mut self) {
        self.end = End::StartingTls;
    }

    pub(crate) fn hand_over(&mut self) {
        self.end = End::HandedOver;
    }

    /// The same from this line on, which was taken already and is not answered yet.
    pub(crate) fn hand_over_from(&mut self, line: &[u8]) {
        self.first = [line, b"\r\n"].concat();
        self.end = End::HandedOver;
    }

    /// TLS is on. If octets that were not protected are still to be read, the connection is
    /// closed.
    pub(crate) fn tls_started(&mut self) {
        self.end = if self.lines.has_leftover() {
            End::Closing
        } else {
            End::Open
        };
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_waits_until_everything_is_written_and_no_longer_than_the_connection() {
        let mut connection = Connection::new();
        connection.ask(1);
        connection.write_line("said");
        assert!(matches!(connection.owed(), Some(Want::Write(octets)) if octets == "said\r\n"));
        assert!(matches!(connection.owed(), Some(Want::Ask(1))));
        assert!(connection.owed().is_none());
        connection.ask(2);
        connection.close();
        assert!(matches!(connection.owed(), Some(Want::Close)));
    }

    #[test]
    fn only_a_line_that_may_hold_a_token_may_be_long() {
        let longest = Longest {
            command: 8,
            credentials: 16,
        };
        for (awaited, line, taken) in [
            (Awaited::Command, "auth 7890\r\n", true),
            (Awaited::Command, "AUTX 7890\r\n", false),
            (Awaited::Credentials, "123457890\r\n", true),
            (Awaited::Credentials, "1234567890123456\r\n", false),
        ] {
            let mut connection = Connection::<()>::new();
            connection.lines.push(line.as_bytes());
            assert_eq!(
                connection.next_line(awaited, longest).is_ok(),
                taken,
                "{line}"
            );
        }
    }

    #[test]
    fn a_closing_connection_is_not_closed_again() {
        let mut connection = Connection::<()>::new();
        assert!(!connection.errs_too_often(2));
        assert!(connection.errs_too_often(2));
        connection.close();
        assert!(!connection.errs_too_often(2));
    }
}
