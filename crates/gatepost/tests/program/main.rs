//! The real program against `gatepost sandbox` over loopback: ports by the operating system,
//! readiness by what the programs say, never by waiting for some time.

mod app_passwords;
mod bad_certificates;
mod bad_counterparts;
mod bad_registrations;
mod bad_sinks;
mod bad_state;
mod browser;
mod certificates;
mod consenting;
mod credentials;
mod dead_letters;
mod exit_codes;
mod exporting;
mod fake_imap;
mod graph;
mod killed_renewals;
mod logs;
mod machines;
mod memory;
mod own_events;
mod passwords;
mod post_actions;
mod reading;
mod receiver;
mod registration;
mod reloading;
mod secrets;
mod sending;
mod serving;
mod setup_page;
mod signing_in;
mod stand;
mod tokens;
mod tour;
mod ways;
