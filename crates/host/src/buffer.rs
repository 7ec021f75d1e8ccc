//! Buffers that are shared by everything that a thread does: one is held only while it is not
//! empty.

use std::cell::RefCell;

/// A buffer of [`Buffer::SIZE`] octets. It goes back when it is dropped.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// A TLS record holds 16 KiB: four of them go in one write.
    pub const SIZE: usize = 64 * 1024;

    /// One that lies ready, or a new one. What is in it is of no meaning.
    pub fn take() -> Self {
        let spare = SPARE.with(|spare| spare.borrow_mut().pop());
        Self(spare.unwrap_or_else(|| vec![0; Self::SIZE]))
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

/// Per thread: half a megabyte.
const MOST_SPARE: usize = 8;
