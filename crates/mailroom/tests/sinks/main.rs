//! What each sink promises, against real programs, files and a real receiver.

mod command;
mod given;
mod maildir;
mod stream;
mod webhook;
