//! The sandbox's HTTPS side, seen from outside.

mod admin_consent;
mod app_only;
mod assertion;
mod browser;
mod control;
mod device;
mod discovery;
mod faults;
mod graph;
mod machine;
mod password;
mod person;
mod slow;
mod state;
mod visitor;
