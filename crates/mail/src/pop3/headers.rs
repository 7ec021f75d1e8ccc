//! The headers of messages (TOP), and what they tell.

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_wire::pop3::client::Command;
use gatepost_wire::pop3::{Capability, Reply};

use super::link::{Link, Taker};
use super::maildrop::Letter;
use crate::{Arrival, MailError, content};

/// The header of each of these; empty where the server has none to give.
pub(super) async fn headers(
    link: &mut Link,
    letters: &[Letter],
) -> Result<Vec<Vec<u8>>, MailError> {
    let mut taken = Taken(vec![Vec::new(); letters.len()]);
    let listed = link.client.capabilities();
    // TOP is optional (RFC 1939 §7).
    if listed.iter().next().is_none() || listed.has(&Capability::Top) {
        let questions: Vec<Command> = letters.iter().map(top).collect();
        link.messages(&questions, &mut taken).await?;
    }
    Ok(taken.0)
}

/// The message as an arrival. POP3 does not tell when it was received: the server's own line on
/// top of the header does (RFC 5321 §4.4).
pub(super) fn arrival(letter: &Letter, header: &[u8]) -> Arrival {
    Arrival {
        key: letter.key(),
        received_at: content::received_at(header),
        size_hint: letter.octets,
        flags: Vec::new(),
    }
}

fn top(letter: &Letter) -> Command {
    Command::Top {
        number: letter.number,
        lines: 0,
    }
}

struct Taken(Vec<Vec<u8>>);

#[async_trait]
impl Taker for Taken {
    async fn begin(&mut self, _: usize) -> Result<(), MailError> {
        Ok(())
    }

    async fn chunk(&mut self, at: usize, octets: &Bytes) -> Result<(), MailError> {
        if let Some(header) = self.0.get_mut(at) {
            let room = LONGEST_HEADER.saturating_sub(header.len());
            header.extend_from_slice(&octets[..octets.len().min(room)]);
        }
        Ok(())
    }

    async fn end(&mut self, _: usize) -> Result<(), MailError> {
        Ok(())
    }

    async fn refused(&mut self, _: usize, _: &Reply) -> Result<(), MailError> {
        Ok(())
    }
}

/// What is longer tells no more. In octets.
const LONGEST_HEADER: usize = 256 * 1024;
