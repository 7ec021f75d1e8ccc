//! The announcement of a literal at the end of a line.

/// The announcement of a literal (RFC 9051 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// How many octets follow; what is beyond 64 bits counts as the most there can be, since
    /// the octets of a literal must never be taken for messages.
    pub length: u64,
    /// Whether the sender waits.
    pub mode: LiteralMode,
}

/// Whether the sender of a literal waits for leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralMode {
    /// `{n}`: a client waits for `+` before it sends the octets. A server never waits.
    Synchronizing,
    /// `{n+}`: the octets follow at once (RFC 7888).
    NonSynchronizing,
}

impl Announcement {
    /// Reads `{n}` or `{n+}` at the end of a line.
    pub(super) fn at_end_of(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let line = line
            .strip_suffix(b"\r")
            .unwrap_or(line)
            .strip_suffix(b"}")?;
        let (line, mode) = match line.strip_suffix(b"+") {
            Some(line) => (line, LiteralMode::NonSynchronizing),
            None => (line, LiteralMode::Synchronizing),
        };
        let brace = memchr::memrchr(b'{', line)?;
        let digits = &line[brace + 1..];
        if digits.is_empty()
            || digits.len() > LONGEST_LENGTH
            || !digits.iter().all(u8::is_ascii_digit)
        {
            return None;
        }
        let length = digits.iter().fold(0, |length: u64, digit| {
            length
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        Some(Self { length, mode })
    }
}

/// As many digits as 64 bits have; a longer number announces nothing.
const LONGEST_LENGTH: usize = 20;
/// Braces, digits, `+` and the end of line.
pub(super) const LONGEST_ANNOUNCEMENT: usize = LONGEST_LENGTH + 5;
