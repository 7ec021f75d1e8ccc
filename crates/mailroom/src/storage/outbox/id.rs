//! The name of a message in the outbox.

use gatepost_host::Chance;

/// Names a message in the outbox, for people too: ten letters and digits that are hard to mix up.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct SubmissionId(String);

impl SubmissionId {
    /// A new name.
    pub fn new(chance: &Chance) -> Self {
        let letter = || {
            let number = chance.below(LETTERS.len() as u64);
            char::from(LETTERS[usize::try_from(number).unwrap_or_default()])
        };
        Self(std::iter::repeat_with(letter).take(LENGTH).collect())
    }

    /// Reads a name as it was written.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = text.len() == LENGTH && text.bytes().all(|octet| LETTERS.contains(&octet));
        sound.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Neither vowels, which make words, nor what looks like another.
const LETTERS: &[u8] = b"23456789bcdfghjkmnpqrstvwxz";
const LENGTH: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let id = SubmissionId::new(&Chance::seeded(1));
        assert_eq!(SubmissionId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(SubmissionId::new(&Chance::seeded(2)), id);
        for text in ["", "abc", "23456789bo", "23456789B2", "23456789bcd"] {
            assert_eq!(SubmissionId::parse(text), None, "{text}");
        }
    }
}
