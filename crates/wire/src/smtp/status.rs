//! Enhanced status codes: `5.7.139` (RFC 3463 §2).

use std::fmt;

/// What a reply means, more exactly than its three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedStatus {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedStatus {
    /// `class` is 2 for success, 4 for what may pass, and 5 for what does not.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self {
            class,
            subject,
            detail,
        }
    }

    /// Reads `5.7.139`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.');
        let class = number(numbers.next()?)?;
        let (subject, detail) = (number(numbers.next()?)?, number(numbers.next()?)?);
        let class = u8::try_from(class)
            .ok()
            .filter(|c| matches!(c, 2 | 4 | 5))?;
        numbers
            .next()
            .is_none()
            .then(|| Self::new(class, subject, detail))
    }

    /// 2, 4 or 5: it agrees with the first digit of the reply.
    pub fn class(self) -> u8 {
        self.class
    }

    /// What it is about: 1 addresses, 2 mailboxes, 3 the system, 4 the network, 5 the protocol,
    /// 6 the content, 7 security and policy.
    pub fn subject(self) -> u16 {
        self.subject
    }

    /// What exactly.
    pub fn detail(self) -> u16 {
        self.detail
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One to three digits.
fn number(text: &str) -> Option<u16> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_numbers_of_a_known_class_are_a_status() {
        let status = EnhancedStatus::parse("5.7.139");
        assert_eq!(status, Some(EnhancedStatus::new(5, 7, 139)));
        assert_eq!(status.map(|s| s.to_string()).as_deref(), Some("5.7.139"));
        for text in [
            "", "5.7", "5.7.1.2", "3.0.0", "5.7.x", "5..1", "5.7.1000", "+5.7.1", "1.2.3",
        ] {
            assert_eq!(EnhancedStatus::parse(text), None, "{text:?}");
        }
    }
}
