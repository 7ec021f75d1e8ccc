//! Watches: their mailbox and sinks must exist, and no folder is watched twice.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_mail::FolderName;

use super::Check;
use crate::config::checked::{Begin, WatchSettings};
use crate::config::raw::{Placed, RawAfter, RawConfig, RawRead, RawWatch};

pub(super) fn check(raw: &RawConfig, check: &mut Check<'_>) -> Vec<WatchSettings> {
    let mut seen = BTreeSet::new();
    let mut watches = Vec::with_capacity(raw.watch.len());
    for watch in &raw.watch {
        let Some(settings) = one(raw, watch, check) else {
            continue;
        };
        if !seen.insert((settings.mailbox.clone(), settings.folder.clone())) {
            let sentence = format!(
                "the folder {} of {} is watched twice; list all sinks in one [[watch]]",
                settings.folder, settings.mailbox
            );
            check.report(&watch.mailbox, "config_contradiction", sentence);
        }
        watches.push(settings);
    }
    watches
}

fn one(raw: &RawConfig, watch: &RawWatch, check: &mut Check<'_>) -> Option<WatchSettings> {
    let mailbox = watch.mailbox.to_lowercase();
    let known = raw
        .mailbox
        .keys()
        .any(|name| name.to_lowercase() == mailbox);
    if !known {
        let names: Vec<_> = raw.mailbox.keys().map(|name| name.as_str()).collect();
        check.unknown(&watch.mailbox, "mailbox", names);
    }
    if watch.sinks.is_empty() {
        let sentence = "a watch needs at least one sink; name one of [sink.…]";
        check.report(&watch.sinks, "config_wrong_value", sentence);
    }
    let sinks = check.sinks(&watch.sinks, raw);
    let from = begin(watch.from.as_ref(), check);
    let poll = check.duration(watch.poll.as_ref(), POLL);
    let stalled_after = check.duration(watch.stalled_after.as_ref(), STALLED_AFTER);
    if let Some(at) = watch.stalled_after.as_ref().or(watch.poll.as_ref())
        && stalled_after <= poll
    {
        let sentence = "`stalled_after` must be longer than `poll`: a silent server is only heard \
             when it is looked at";
        check.report(at, "config_contradiction", sentence);
    }
    let folder = watch
        .folder
        .as_ref()
        .map_or("INBOX", |folder| folder.as_str());
    let folder = FolderName::new(folder);
    let read = raw
        .mailbox
        .iter()
        .find(|(name, _)| name.to_lowercase() == mailbox);
    if let Some(RawRead::Pop3) = read.and_then(|(_, mailbox)| mailbox.read.as_deref()) {
        in_pop3(watch, &folder, check);
    }
    if let Some(after) = &watch.after {
        not_in_a_circle(after, &folder, check);
    }
    Some(WatchSettings {
        mailbox: known.then_some(mailbox)?,
        folder: folder.as_str().to_owned(),
        sinks,
        from,
        after: watch.after.as_deref().cloned(),
        poll,
        stalled_after,
    })
}

/// A message that is moved to where it is arrives there anew, and would be handed out for ever.
fn not_in_a_circle(after: &Placed<RawAfter>, folder: &FolderName, check: &mut Check<'_>) {
    let RawAfter::MoveTo(to) = &**after else {
        return;
    };
    if to.is_empty() {
        check.report(after, "config_wrong_value", "`move_to` names no folder");
    } else if FolderName::new(to) == *folder {
        let sentence = format!("`move_to` names {folder}, the very folder that is watched");
        check.report(after, "config_contradiction", sentence);
    }
}

/// POP3 shows the inbox without marks, and knows nothing but to delete.
fn in_pop3(watch: &RawWatch, folder: &FolderName, check: &mut Check<'_>) {
    let mailbox = watch.mailbox.as_str();
    if let Some(at) = watch
        .folder
        .as_ref()
        .filter(|_| *folder != FolderName::inbox())
    {
        let sentence = format!(
            "{mailbox} is read by POP3, which shows INBOX and no other folder: leave `folder` away, \
             or read the mailbox by IMAP"
        );
        check.report(at, "config_contradiction", sentence);
    }
    let Some(after) = &watch.after else { return };
    let what = match &**after {
        RawAfter::Delete => return,
        RawAfter::MarkRead => "no marks on messages",
        RawAfter::MoveTo(_) => "no folder to move messages to",
    };
    let sentence = format!(
        "{mailbox} is read by POP3, which has {what}: use `delete` or nothing, or read the mailbox by \
         IMAP"
    );
    check.report(after, "config_contradiction", sentence);
}

fn begin(raw: Option<&Placed<String>>, check: &mut Check<'_>) -> Begin {
    let Some(raw) = raw else { return Begin::Now };
    match raw.as_str() {
        "now" => Begin::Now,
        "beginning" => Begin::Beginning,
        time => {
            let time = time.parse().map(Begin::Time).map_err(|_| {
                format!(
                    "`{time}` is no beginning; write \"now\", \"beginning\" or a time such as \
                     \"2026-11-22T00:00:00Z\""
                )
            });
            check.accept(raw, time).unwrap_or(Begin::Now)
        }
    }
}

/// Exchange ends an idle connection after 30 minutes; a look in between costs one round trip.
const POLL: Duration = Duration::from_mins(5);
const STALLED_AFTER: Duration = Duration::from_mins(15);
