//! `gatepost explain CODE`: prints the page of a code.

use crate::failure::Failure;
use crate::usage::UsageError;
use crate::{codes, screen};

/// What `explain` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The code, as messages name it; all codes if it is left away.
    code: Option<String>,
}

/// Prints the page of a code, or lists all codes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(code) = &arguments.code else {
        return codes::PAGES
            .iter()
            .try_for_each(|(code, _)| screen::line(code));
    };
    if let Some(page) = codes::page(code) {
        return screen::write(page.as_bytes());
    }
    let advice = codes::nearest(code).map_or_else(
        || "; `gatepost explain` lists them all".to_owned(),
        |near| format!("; did you mean {near}?"),
    );
    Err(UsageError::UnknownCode {
        code: code.clone(),
        advice,
    }
    .into())
}
