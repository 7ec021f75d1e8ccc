//! The identity platform, seen from outside over HTTPS.

mod app_only;
mod assertion;
mod browser;
mod discovery;
mod faults;
mod person;
mod visitor;
