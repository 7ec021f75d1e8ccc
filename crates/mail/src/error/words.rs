//! Parts of sentences.

use std::time::Duration;

use crate::FolderName;

pub(super) fn meant(near: &[FolderName]) -> String {
    if near.is_empty() {
        return ":".to_owned();
    }
    let names: Vec<_> = near.iter().map(FolderName::as_str).collect();
    format!("; did you mean {}?", names.join(" or "))
}

pub(super) fn wait(back_off: Option<Duration>) -> String {
    back_off.map_or_else(String::new, |back_off| {
        format!(
            " and asks to wait for {} seconds",
            back_off.as_secs().max(1)
        )
    })
}
