//! The message itself on its way out.

use bytes::{Bytes, BytesMut};
use gatepost_wire::smtp::client::Event;
use gatepost_wire::smtp::{Body, Extension, Phase, Reply, Sender, Severity, Transfer};

use super::link::Link;
use super::verdict::{refusal, words};
use crate::submit::how_it_was_lost;
use crate::{MailError, Outgoing, SubmitError};

/// Comes so far that the next octet is the first of the message, and answers how it is sent: with
/// DATA, which the server may refuse, or with BDAT (RFC 3030).
pub(super) async fn begin(link: &mut Link, sender: &Sender) -> Result<Transfer, SubmitError> {
    let transfer = transfer(link, sender);
    let begun = link.client.begin_message(transfer);
    link.sent(begun)?;
    if transfer == Transfer::Chunks {
        return Ok(transfer);
    }
    let reply = link.answer(Phase::BeforeData).await?;
    if reply.severity() == Severity::Continue {
        return Ok(transfer);
    }
    Err(refusal(Phase::BeforeData, &reply, &link.place))
}

/// Sends the message and answers what the server said of it.
pub(super) async fn send(
    link: &mut Link,
    transfer: Transfer,
    message: &mut dyn Outgoing,
) -> Result<String, SubmitError> {
    let mut waiting = BytesMut::new();
    while let Some(octets) = message.chunk().await? {
        for block in blocks(octets, transfer, &mut waiting) {
            send_block(link, &block).await?;
        }
    }
    // A chunk that is refused ends the message (RFC 3030 §2), so all are answered before the last
    // is sent.
    wait_for_room(link, 0).await?;
    let ended = link.client.end_message_with(&waiting);
    link.sent(ended)?;
    // What is lost until its last octet has left was not sent.
    link.flush(link.limits.block).await?;
    // From here on the server may have the whole message.
    match outcome(link).await {
        Err(SubmitError::Session(lost)) => Err(unknown(link, &lost)),
        outcome => outcome,
    }
}

/// What becomes of a message whose end was sent.
async fn outcome(link: &mut Link) -> Result<String, SubmitError> {
    let limit = link.limits.end;
    loop {
        let event = link.event("its answer to the message", limit).await?;
        if let Event::Replied(Phase::EndOfData, reply) = event {
            return taken(Phase::EndOfData, &reply, link).map(|()| words(&reply));
        }
    }
}

async fn send_block(link: &mut Link, block: &[u8]) -> Result<(), SubmitError> {
    let pipelines = link.client.extensions().has(&Extension::Pipelining);
    wait_for_room(link, if pipelines { MOST_CHUNKS } else { 0 }).await?;
    let given = link.client.message_octets(block);
    link.sent(given)?;
    link.flush(link.limits.block).await?;
    while let Some(event) = link.heard() {
        heard(event, link)?;
    }
    Ok(())
}

/// Waits until no more than `most` chunks have no answer.
async fn wait_for_room(link: &mut Link, most: usize) -> Result<(), SubmitError> {
    let limit = link.limits.block;
    while link.client.in_flight() > most {
        let event = link.event("its answer to a part of a message", limit);
        heard(event.await?, link)?;
    }
    Ok(())
}

/// What the server says before the end of a message: that it took a chunk, or that it wants no
/// more.
fn heard(event: Event, link: &Link) -> Result<(), SubmitError> {
    match event {
        Event::Replied(phase, reply) => taken(phase, &reply, link),
        Event::Goodbye(reply) => Err(refusal(Phase::EndOfData, &reply, &link.place)),
        Event::Challenge(_) | Event::EnvelopeSettled { .. } => Ok(()),
    }
}

fn taken(phase: Phase, reply: &Reply, link: &Link) -> Result<(), SubmitError> {
    if reply.is_done() {
        return Ok(());
    }
    Err(refusal(phase, reply, &link.place))
}

/// Cuts what came into blocks. Each chunk of BDAT costs an answer, so small ones are collected.
fn blocks(mut octets: Bytes, transfer: Transfer, waiting: &mut BytesMut) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    if !waiting.is_empty() && waiting.len() + octets.len() >= BLOCK {
        waiting.extend_from_slice(&octets.split_to(BLOCK - waiting.len()));
        blocks.push(waiting.split().freeze());
    }
    while octets.len() >= BLOCK {
        blocks.push(octets.split_to(BLOCK));
    }
    match transfer {
        Transfer::Chunks => waiting.extend_from_slice(&octets),
        Transfer::Data => blocks.push(octets),
    }
    blocks
}

/// One chunk spares a small message an answer. Of many chunks each costs one, for which DATA does
/// not wait; but what is not made of lines can go in no other way (RFC 3030 §3).
fn transfer(link: &Link, sender: &Sender) -> Transfer {
    let is_small = sender.size.is_some_and(|size| size < BLOCK as u64);
    let wants_chunks = is_small || sender.body == Body::BinaryMime;
    if wants_chunks && link.client.extensions().has(&Extension::Chunking) {
        Transfer::Chunks
    } else {
        Transfer::Data
    }
}

fn unknown(link: &Link, lost: &MailError) -> SubmitError {
    SubmitError::Unknown {
        host: link.place.host.clone(),
        mailbox: link.place.mailbox.clone(),
        reason: how_it_was_lost(lost),
    }
}

/// In octets: with the command before it not more than TLS takes at once, in four whole records.
const BLOCK: usize = 64 * 1024 - 16;
/// How many chunks may wait for their answers.
const MOST_CHUNKS: usize = 4;
