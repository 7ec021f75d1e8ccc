//! How far a folder has been seen over IMAP: its UIDVALIDITY and the first UID not seen.

use super::TRANSPORT;
use crate::{Cursor, CursorError};

/// The state behind a [`Cursor`] of this transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Position {
    /// UIDs hold as long as this is the same (RFC 9051 §2.3.1.1).
    pub(super) uidvalidity: u32,
    /// Every message with this UID or a higher one is new.
    pub(super) next: u32,
}

impl From<Position> for Cursor {
    fn from(position: Position) -> Self {
        let state = serde_json::to_string(&position).expect("two numbers can always be written");
        Self {
            transport: TRANSPORT.name.to_owned(),
            version: VERSION,
            state,
        }
    }
}

impl TryFrom<&Cursor> for Position {
    type Error = CursorError;

    fn try_from(cursor: &Cursor) -> Result<Self, CursorError> {
        let state = cursor.state_of(TRANSPORT.name, VERSION)?;
        let position: Self =
            serde_json::from_str(state).map_err(|error| CursorError::Unreadable {
                reason: error.to_string(),
            })?;
        // UID 0 names nothing and cannot be asked for (RFC 9051 §9, `uniqueid`).
        Ok(Self {
            next: position.next.max(1),
            ..position
        })
    }
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_and_nothing_else_is_taken_for_one() {
        let position = Position {
            uidvalidity: 7,
            next: u32::MAX,
        };
        let cursor = Cursor::from(position);
        assert_eq!(cursor.state, r#"{"uidvalidity":7,"next":4294967295}"#);
        assert_eq!(Position::try_from(&cursor), Ok(position));
        let graph = Cursor {
            transport: "graph".into(),
            ..cursor.clone()
        };
        assert!(matches!(
            Position::try_from(&graph),
            Err(CursorError::OtherTransport { .. })
        ));
        for (version, state) in [(2, cursor.state.as_str()), (1, "{}"), (1, "7")] {
            let odd = Cursor {
                version,
                state: state.into(),
                ..cursor.clone()
            };
            assert!(matches!(
                Position::try_from(&odd),
                Err(CursorError::Unreadable { .. })
            ));
        }
    }
}
