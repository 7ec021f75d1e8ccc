//! The driver against scripted servers, in virtual time.

mod excess;
mod reading;
mod refusals;
mod script;
mod signing_in;
mod waiting;
mod writing;
