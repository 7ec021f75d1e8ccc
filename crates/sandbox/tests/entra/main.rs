//! The sandbox's HTTPS side, seen from outside.

mod app_only;
mod assertion;
mod browser;
mod control;
mod device;
mod discovery;
mod faults;
mod person;
mod slow;
mod state;
mod visitor;
