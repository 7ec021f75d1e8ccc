//! The pages of `docs/recipes`, run as they stand against Dovecot and Postfix.

mod document;
mod message;
mod reading;
mod sending;
mod stand;
