//! Buffers that are shared by everything that a thread does: one is held only while it is not
//! empty.

use std::cell::RefCell;
use std::ops::Range;

/// A buffer of [`Buffer::SIZE`] octets, which goes back when it is dropped, or one that is no larger
/// than what somebody must hold on to.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// A whole TLS record fits in behind something small. More would be held by each session whose
    /// reader does not read.
    pub const SIZE: usize = 20 * 1024;

    /// One that lies ready, or a new one. What is in it is of no meaning.
    pub fn take() -> Self {
        let spare = SPARE.with(|spare| spare.borrow_mut().pop());
        Self(spare.unwrap_or_else(|| vec![0; Self::SIZE]))
    }

    /// Goes back, unless next to all of it is needed: what is still needed of it moves to one of
    /// its own size.
    #[must_use]
    pub fn reduced_to(self, needed: Range<usize>) -> (Self, Range<usize>) {
        if needed.len() + WORTHWHILE > self.0.len() {
            return (self, needed);
        }
        let rest = self.0[needed].to_vec();
        let whole = 0..rest.len();
        (Self(rest), whole)
    }

    /// What is in it.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Where to write.
    pub fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let octets = std::mem::take(&mut self.0);
        if octets.len() != Self::SIZE {
            return;
        }
        // A thread that is ending keeps nothing.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MOST_SPARE {
                spare.push(octets);
            }
        });
    }
}

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Per thread: 160 KiB.
const MOST_SPARE: usize = 8;
/// Whoever gives back less than a page gives nothing back.
const WORTHWHILE: usize = 4 * 1024;
