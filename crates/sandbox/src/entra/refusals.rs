//! The AADSTS numbers that the sandbox answers, with Entra's sentences.

mod client;
mod grant;
mod request;
mod scope;
mod sign_in;

pub(super) use client::*;
pub(super) use grant::*;
pub(super) use request::*;
pub(super) use scope::*;
pub(super) use sign_in::*;
