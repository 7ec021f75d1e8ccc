//! The driver against scripted servers, in virtual time.

mod reading;
mod script;
mod signing_in;
mod waiting;
mod writing;
