//! `gatepost import emailproxy` against files that the real program wrote, and our reading of its
//! files against Python's.

mod configparser;
mod doors;
#[path = "../recipes/message.rs"]
#[expect(dead_code, reason = "the recipes look at bodies alone, too")]
mod message;
mod servers;
mod stand;
mod takeover;
