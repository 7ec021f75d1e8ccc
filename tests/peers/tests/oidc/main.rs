//! `gatepost-oauth` against a certified OpenID provider that nobody here wrote.

mod app_only;
mod browser;
mod delegated;
mod device;
mod stand;
