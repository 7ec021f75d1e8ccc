//! The program `gatepost`, composed from the other crates. As a library it is for the program
//! itself and its tests.

pub mod address;
pub mod cli;
pub mod codes;
pub mod compose;
pub mod config;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod examine;
pub mod failure;
pub mod import;
pub mod logging;
pub mod present;
mod prompt;
pub mod runtime;
pub mod screen;
pub mod sending;
pub mod service_manager;
pub mod setup;
pub mod signals;
pub mod times;
pub mod token_files;
pub mod token_form;
pub mod usage;
pub mod verbs;
