//! `gatepost import emailproxy` against files that the real program wrote, and our reading of its
//! files against Python's.

mod configparser;
mod doors;
mod stand;
mod takeover;
