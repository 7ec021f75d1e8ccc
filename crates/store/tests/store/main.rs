//! The store as its users see it: through the traits that it answers.

mod contracts;
mod crash;
mod cursors;
mod deliveries;
mod grants;
mod legacies;
mod opening;
mod outbox;
mod rotation;
mod samples;
mod secrecy;
mod twins;
mod upkeep;
