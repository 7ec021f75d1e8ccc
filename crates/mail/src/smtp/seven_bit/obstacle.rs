//! What stands against recoding a message, as sentences. They are heard where 8BITMIME is not
//! offered: where it is, what cannot be recoded goes as it is.

use crate::content::walk::Unwalkable;

/// Why a message cannot be made ASCII without breaking it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::smtp) enum Obstacle {
    /// A signature is over octets as they stand (RFC 1847 §2.1).
    #[error(
        "it is signed (multipart/signed), and recoding what the server does not take (8BITMIME is not offered) would break the signature: sign it in ASCII, or send it through Graph"
    )]
    Signed,
    /// The part of an address before the @ has no form in ASCII (RFC 6531 §3.2).
    #[error(
        "the address {address} in {field} is not ASCII before the @, and the server takes nothing else (8BITMIME is not offered)"
    )]
    Address {
        /// Where it stands.
        field: String,
        /// The address.
        address: String,
    },
    /// An identifier would be another one.
    #[error(
        "its field {field} is not ASCII, and the server takes nothing else (8BITMIME is not offered)"
    )]
    Identifier {
        /// The field.
        field: String,
    },
    /// Nobody could undo it.
    #[error(
        "a part of it is encoded as {encoding:?} and not ASCII all the same, and the server does not take that (8BITMIME is not offered)"
    )]
    Encoding {
        /// Its Content-Transfer-Encoding.
        encoding: String,
    },
    /// It may only be ASCII (RFC 2046 §5.2.2, §5.2.3), or it cannot be taken apart.
    #[error(
        "its part of the type {media_type} is not ASCII and cannot be recoded, and the server does not take it as it is (8BITMIME is not offered)"
    )]
    Part {
        /// Its type.
        media_type: String,
    },
    /// It is no part, and so nothing says how it is encoded.
    #[error(
        "text of it that is not ASCII belongs to none of its parts (is its boundary the one that its header says?), so it cannot be recoded, and the server does not take it as it is (8BITMIME is not offered)"
    )]
    NoPart,
    /// It is not gone through.
    #[error(transparent)]
    Unwalkable(#[from] Unwalkable),
    /// Nobody wrote that by hand.
    #[error("it has more than {limit} parts")]
    TooManyParts {
        /// The most.
        limit: usize,
    },
}
