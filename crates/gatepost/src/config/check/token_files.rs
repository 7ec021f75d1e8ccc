//! Files with tokens: their mailbox must exist, no two are one, and who reads them gets there.

use std::collections::BTreeSet;
use std::path::Path;

use super::Check;
use crate::config::checked::TokenFileSettings;
use crate::config::raw::{RawConfig, RawReaders};

pub(super) fn check(
    raw: &RawConfig,
    state: &Path,
    check: &mut Check<'_>,
) -> Vec<TokenFileSettings> {
    let mut taken = BTreeSet::new();
    let mut files = Vec::with_capacity(raw.token_file.len());
    for file in &raw.token_file {
        let mailbox = file.mailbox.to_lowercase();
        let mut names = raw.mailbox.keys().map(|name| name.as_str());
        if !names.clone().any(|name| name.to_lowercase() == mailbox) {
            let names: Vec<_> = names.by_ref().collect();
            check.unknown(&file.mailbox, "mailbox", names);
            continue;
        }
        let path = check.path(&file.path);
        if !taken.insert(path.clone()) {
            let sentence = format!("two [[token_file]] are written to {}", path.display());
            check.report(&file.path, "config_contradiction", sentence);
        }
        if file.readable_by == RawReaders::Group && path.starts_with(state) {
            let sentence = format!(
                "readable_by = \"group\" has no effect below the state folder {}, which nobody but \
                 its owner enters (mode 0700); name a file in another folder",
                state.display()
            );
            check.report(&file.path, "config_contradiction", sentence);
        }
        let form = file.format.as_deref().copied().unwrap_or_default();
        if let (Some(at), Err(sentence)) = (&file.format, form.check(file.r#for.audience())) {
            check.report(at, "config_contradiction", sentence);
        }
        files.push(TokenFileSettings {
            mailbox,
            path,
            purpose: file.r#for,
            form,
            readers: file.readable_by,
        });
    }
    files
}
