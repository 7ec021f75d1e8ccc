//! The SMTP machines against the dialogues, and every decoder against the fuzz corpus.

mod any_octets;
mod bounds;
mod client;
#[path = "../dialogues/client_side.rs"]
mod client_side;
mod codec;
mod corpus;
#[path = "../dialogues/dialogue.rs"]
mod dialogue;
mod owner;
mod pair;
#[path = "../dialogues/seeds.rs"]
mod seeds;
mod server;
#[path = "../dialogues/server_side.rs"]
mod server_side;
