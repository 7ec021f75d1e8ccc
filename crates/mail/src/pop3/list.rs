//! The newest messages.

use super::headers::{arrival, headers};
use super::maildrop::Letter;
use super::session::{Open, Session};
use crate::message::came_before;
use crate::{FolderName, MailError, Query, Summary, content};

impl Session {
    pub(super) async fn newest(
        &mut self,
        folder: &FolderName,
        query: &Query,
    ) -> Result<Vec<Summary>, MailError> {
        self.expect_inbox(folder)?;
        if query.unread {
            return Err(self.not_in_pop3("marks of what was read"));
        }
        if query.text.is_some() {
            return Err(self.not_in_pop3("search in the text of messages"));
        }
        let Open { link, maildrop, .. } = self.look().await?;
        let is_sifted = query.since.is_some()
            || query.from.is_some()
            || query.subject.is_some()
            || query.message_id.is_some();
        // Each header costs a question: no more than are wanted, unless some will not match.
        let least = if is_sifted { PAGE } else { 1 };
        let mut summaries = Vec::new();
        let mut rest = maildrop.letters.as_slice();
        // Some may not match, so pages are asked for until there are enough.
        while summaries.len() < query.top && !rest.is_empty() {
            let (before, page) =
                rest.split_at(rest.len().saturating_sub(query.top.clamp(least, MOST_PAGE)));
            rest = before;
            let found = headers(link, page).await?;
            let found = page.iter().zip(&found).rev();
            let found: Vec<Summary> = found.map(|(one, header)| summary(one, header)).collect();
            let is_over = found.iter().all(|one| is_before(one, query));
            let matching = found.into_iter().filter(|one| matches(one, query));
            summaries.extend(matching.take(query.top - summaries.len()));
            if is_over {
                break;
            }
        }
        Ok(summaries)
    }
}

fn summary(letter: &Letter, header: &[u8]) -> Summary {
    let arrival = arrival(letter, header);
    Summary {
        key: arrival.key,
        received_at: arrival.received_at,
        size_hint: arrival.size_hint,
        flags: arrival.flags,
        envelope: content::envelope(header),
    }
}

/// Whether it is known to be older than what is wanted. What stands before a page of such
/// messages came before them.
fn is_before(summary: &Summary, query: &Query) -> bool {
    let came = (summary.received_at, summary.envelope.date);
    query.since.is_some_and(|since| came_before(came, since))
}

fn matches(summary: &Summary, query: &Query) -> bool {
    let from = || {
        let addresses = summary.envelope.from.iter();
        let written = addresses.map(|from| {
            let name = from.name.as_deref().unwrap_or_default();
            format!("{name} {}", from.address)
        });
        written.collect::<Vec<_>>().join(" ")
    };
    let subject = || summary.envelope.subject.clone().unwrap_or_default();
    !is_before(summary, query)
        && contains(query.from.as_deref(), from)
        && contains(query.subject.as_deref(), subject)
        && (query.message_id.is_none() || query.message_id == summary.envelope.message_id)
}

fn contains(wanted: Option<&str>, text: impl FnOnce() -> String) -> bool {
    wanted.is_none_or(|wanted| text().to_lowercase().contains(&wanted.to_lowercase()))
}

const PAGE: usize = 50;
const MOST_PAGE: usize = 500;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_no_server_dated_is_as_old_as_it_says() {
        let letter = Letter {
            number: 1,
            uidl: "one".into(),
            octets: None,
        };
        let query = Query {
            since: Timestamp::from_second(1_795_000_000).ok(),
            ..Query::newest(1)
        };
        let received = "Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n";
        let (old, new) = (
            "Date: Thu, 1 Jan 2026 10:00:00 +0000\r\n",
            "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n",
        );
        for (header, is_old) in [
            (old.to_owned(), true),
            (new.to_owned(), false),
            (format!("{received}{old}"), false),
            ("Subject: x\r\n".to_owned(), false),
        ] {
            let summary = summary(&letter, header.as_bytes());
            assert_eq!(is_before(&summary, &query), is_old, "{header}");
        }
    }
}
