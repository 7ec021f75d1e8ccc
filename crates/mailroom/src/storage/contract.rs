//! The sentences that every storage obeys. Run them against each implementation.
