//! The identity platform, seen from outside over HTTPS.

mod app_only;
mod discovery;
mod visitor;
