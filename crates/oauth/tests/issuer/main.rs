//! Tokens over real HTTP, from an issuer on loopback.

mod app_only;
mod browser;
mod certificate;
mod failures;
mod issuer;
