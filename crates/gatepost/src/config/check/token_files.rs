//! Files with tokens: their mailbox must exist, and no two are one.

use std::collections::BTreeSet;

use super::Check;
use crate::config::checked::TokenFileSettings;
use crate::config::raw::RawConfig;

pub(super) fn check(raw: &RawConfig, check: &mut Check<'_>) -> Vec<TokenFileSettings> {
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
