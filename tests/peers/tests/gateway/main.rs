//! Programs that know a password, through the gateway to Dovecot and Postfix, which know only
//! tokens: what they read and send is what lies there and what arrives.

mod fail2ban;
#[path = "../recipes/message.rs"]
#[expect(dead_code, reason = "the recipes look at bodies alone, too")]
mod message;
mod reading;
mod reloading;
mod sending;
mod spooling;
mod stand;
