//! The one place that knows `imap-codec`: cuts the stream into messages, decodes and encodes
//! them, and gives up gracefully on what the grammar does not allow.
//!
//! [`Assembler`] cuts. It is our own and not `imap_codec::fragmentizer`, which collects every
//! literal in memory and offers none of it before it is complete: a message of 150 MB has to
//! pass through.

mod announcement;
mod assembler;

pub use announcement::{Announcement, LiteralMode};
pub use assembler::{Assembler, Bound, Bounds, Part, Treatment};
pub use imap_codec::CommandCodec;
pub use imap_codec::decode::Decoder;
pub use imap_codec::imap_types as types;

use imap_codec::ResponseCodec;
use imap_codec::encode::Encoder as _;

use types::command::Command;
use types::response::Response;

/// Decodes one whole server message as the [`Assembler`] gave it.
pub fn decode_response(message: &[u8]) -> Option<Response<'_>> {
    match ResponseCodec::new().decode(message) {
        Ok(([], response)) => Some(response),
        _ => None,
    }
}

/// Decodes one whole client command as the [`Assembler`] gave it.
pub fn decode_command(message: &[u8]) -> Option<Command<'_>> {
    match CommandCodec::new().decode(message) {
        Ok(([], command)) => Some(command),
        _ => None,
    }
}

/// Encodes a client command without regard to the waits before its literals.
pub fn encode_command(command: &Command<'_>) -> Vec<u8> {
    CommandCodec::new().encode(command).dump()
}

/// Encodes a server message; a server never waits before its literals (RFC 9051 §4.3).
pub fn encode_response(response: &Response<'_>) -> Vec<u8> {
    ResponseCodec::new().encode(response).dump()
}

/// What was written once is read again, and then written the same: the codec may put a
/// sequence set into another form the first time.
pub(crate) fn assert_response_round_trip(input: &[u8]) {
    if let Some(response) = decode_response(input) {
        let written = encode_response(&response);
        let again = decode_response(&written).map(|response| encode_response(&response));
        assert_eq!(again.as_ref(), Some(&written), "{}", written.escape_ascii());
    }
}

/// The same for commands.
pub(crate) fn assert_command_round_trip(input: &[u8]) {
    if let Some(command) = decode_command(input) {
        let written = encode_command(&command);
        let again = decode_command(&written).map(|command| encode_command(&command));
        assert_eq!(again.as_ref(), Some(&written), "{}", written.escape_ascii());
    }
}
