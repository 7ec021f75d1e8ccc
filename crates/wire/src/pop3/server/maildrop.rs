//! The mailbox as one session sees it: numbers, sizes, names and marks.

use super::Letter;

#[derive(Debug)]
pub(super) struct Maildrop {
    letters: Vec<(Letter, Mark)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Kept,
    Deleted,
}

impl Maildrop {
    pub(super) fn new(letters: Vec<Letter>) -> Self {
        let letters = letters.into_iter().map(|letter| (letter, Mark::Kept));
        Self {
            letters: letters.collect(),
        }
    }

    /// The message with this number, unless it is marked as deleted.
    pub(super) fn letter(&self, number: u32) -> Option<&Letter> {
        let (letter, mark) = self.letters.get(index(number)?)?;
        (*mark == Mark::Kept).then_some(letter)
    }

    /// Marks a message; answers whether there was one to be marked.
    pub(super) fn delete(&mut self, number: u32) -> bool {
        let found = index(number)
            .and_then(|index| self.letters.get_mut(index))
            .filter(|(_, mark)| *mark == Mark::Kept);
        match found {
            Some((_, mark)) => {
                *mark = Mark::Deleted;
                true
            }
            None => false,
        }
    }

    pub(super) fn reset(&mut self) {
        for (_, mark) in &mut self.letters {
            *mark = Mark::Kept;
        }
    }

    /// How many messages are not marked, and how many octets they have together.
    pub(super) fn count(&self) -> (usize, u64) {
        self.kept().fold((0, 0), |(count, octets), letter| {
            (count + 1, octets.saturating_add(letter.octets))
        })
    }

    pub(super) fn highest(&self) -> u32 {
        u32::try_from(self.letters.len()).unwrap_or(u32::MAX)
    }

    /// The unique names of what is marked.
    pub(super) fn deleted(&self) -> Vec<String> {
        let deleted = self
            .letters
            .iter()
            .filter(|(_, mark)| *mark == Mark::Deleted);
        deleted.map(|(letter, _)| letter.unique.clone()).collect()
    }

    fn kept(&self) -> impl Iterator<Item = &Letter> {
        let kept = self.letters.iter().filter(|(_, mark)| *mark == Mark::Kept);
        kept.map(|(letter, _)| letter)
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}
