//! What is to be sent, in order, and what it waits for.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::command::Written;
use super::event::Ticket;

/// A piece of a command. It may hold a token, so it is never printed.
pub(super) enum Piece {
    /// Goes out as soon as everything before it has.
    Octets(Vec<u8>),
    /// What follows goes out when the server says `+`.
    AwaitContinuation,
    /// What follows goes out when the client wants the idling to end.
    AwaitDone,
    /// As many octets as this are still to be given.
    Body { left: u64 },
}

impl From<Written> for Piece {
    fn from(written: Written) -> Self {
        match written {
            Written::Octets(octets) => Self::Octets(octets),
            Written::AwaitContinuation => Self::AwaitContinuation,
        }
    }
}

#[derive(Default)]
pub(super) struct Queue {
    output: BytesMut,
    pieces: VecDeque<(Ticket, Piece)>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn push(&mut self, ticket: Ticket, piece: Piece) {
        self.pieces.push_back((ticket, piece));
        self.advance();
    }

    pub(super) fn take_output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// The server said `+`: answers which command was waiting for it, if any was.
    pub(super) fn go_on(&mut self) -> Option<Ticket> {
        let (ticket, _) = self
            .pieces
            .pop_front_if(|(_, piece)| matches!(piece, Piece::AwaitContinuation))?;
        self.advance();
        Some(ticket)
    }

    /// Lets the first DONE go out, as soon as the server has begun to idle.
    pub(super) fn done(&mut self) {
        if let Some(at) = self
            .pieces
            .iter()
            .position(|(_, p)| matches!(p, Piece::AwaitDone))
        {
            self.pieces.remove(at);
            self.advance();
        }
    }

    /// Takes octets of the message that is being appended, as many as are wanted.
    pub(super) fn body(&mut self, octets: &[u8]) -> usize {
        let Some((_, Piece::Body { left })) = self.pieces.front_mut() else {
            return 0;
        };
        let taken = usize::try_from(*left).map_or(octets.len(), |left| left.min(octets.len()));
        *left -= taken as u64;
        self.output.extend_from_slice(&octets[..taken]);
        self.advance();
        taken
    }

    /// The command is complete, so nothing more is sent of it; only the octets of a literal
    /// that has been announced must follow whatever the server says (RFC 7888 §4).
    pub(super) fn forget(&mut self, ticket: Ticket) {
        let first = self.pieces.iter().find(|(of, _)| *of == ticket);
        if !matches!(first, Some((_, Piece::Body { .. }))) {
            self.pieces.retain(|(of, _)| *of != ticket);
            self.advance();
        }
    }

    fn advance(&mut self) {
        while let Some((_, piece)) = self.pieces.front() {
            match piece {
                Piece::Octets(octets) => self.output.extend_from_slice(octets),
                Piece::Body { left: 0 } => {}
                Piece::AwaitContinuation | Piece::AwaitDone | Piece::Body { .. } => return,
            }
            self.pieces.pop_front();
        }
    }
}
