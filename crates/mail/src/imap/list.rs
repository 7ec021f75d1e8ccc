//! The newest messages that match a query.

use std::collections::BTreeMap;

use gatepost_wire::imap::client::{Command, Criterion, FetchItems, Fetched, Outcome, Untagged};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::changes::arrival;
use super::session::{Mode, Selected, Session};
use super::verdict::Asked;
use crate::{FolderName, MailError, Query, Summary, content};

impl Session {
    pub(super) async fn newest(
        &mut self,
        folder: &FolderName,
        query: &Query,
    ) -> Result<Vec<Summary>, MailError> {
        let was_open = self.is_open(folder, Mode::Read);
        let selected = self.open(folder, Mode::Read).await?;
        if was_open {
            // Otherwise what came since it was opened might not be shown.
            self.has_looked_again().await?;
        }
        if query.top == 0 {
            return Ok(Vec::new());
        }
        let criteria = criteria(query);
        let (mut uids, sieve) = if criteria.is_empty() {
            (self.highest(query.top).await?, Sieve::default())
        } else {
            self.search(criteria, query).await?
        };
        let mut summaries = Vec::new();
        // A page may lose some to the sieve, so pages are asked for until there are enough.
        while summaries.len() < query.top && !uids.is_empty() {
            let page = uids.split_off(uids.len().saturating_sub(query.top.clamp(PAGE, MOST_PAGE)));
            let found = self.summaries(&selected, &page).await?;
            let passed = found
                .into_iter()
                .rev()
                .filter(|summary| sieve.passes(summary));
            summaries.extend(passed.take(query.top - summaries.len()));
        }
        Ok(summaries)
    }

    /// The UIDs of the last messages of the folder.
    async fn highest(&mut self, top: usize) -> Result<Vec<u32>, MailError> {
        let last = self.link.exists;
        let first = last
            .saturating_sub(u32::try_from(top).unwrap_or(u32::MAX))
            .saturating_add(1);
        if last == 0 {
            return Ok(Vec::new());
        }
        let mut uids = Vec::new();
        let fetch = Command::Fetch {
            first,
            last,
            items: FetchItems::Uids,
        };
        self.link
            .must(&fetch, Asked::Other("list messages"), |untagged| {
                if let Untagged::Fetched(Fetched { uid: Some(uid), .. }) = untagged {
                    uids.push(uid);
                }
            })
            .await?;
        uids.sort_unstable();
        Ok(uids)
    }

    /// The UIDs that match, ascending, and what is left to be sifted here: a server knows days
    /// but no times, and may know no character set but ASCII.
    async fn search(
        &mut self,
        criteria: Vec<Criterion>,
        query: &Query,
    ) -> Result<(Vec<u32>, Sieve), MailError> {
        let mut sieve = Sieve {
            since: query.since,
            message_id: query.message_id.clone(),
            ..Sieve::default()
        };
        let mut uids = Vec::new();
        let reply = self
            .link
            .run(&Command::UidSearch(criteria), |u| found(u, &mut uids))
            .await?;
        if reply.outcome != Outcome::Ok && is_in_need_of_charset(query) {
            // Not every server says BADCHARSET; the second search tells if it was something else.
            self.link.check_unless_refused(&reply)?;
            sieve.from = query
                .from
                .as_deref()
                .filter(|text| !text.is_ascii())
                .map(folded);
            sieve.subject = query
                .subject
                .as_deref()
                .filter(|text| !text.is_ascii())
                .map(folded);
            let ascii = self::criteria(&ascii_part(query));
            uids.clear();
            let search = Command::UidSearch(ascii);
            let searched = self
                .link
                .must(&search, Asked::Other("search"), |u| found(u, &mut uids))
                .await;
            searched.map_err(|error| match error {
                // A text cannot be looked for here: that would fetch every message.
                MailError::Refused {
                    host,
                    mailbox,
                    said,
                    ..
                } if has_other_letters(query.text.as_deref()) => MailError::AsciiSearch {
                    host,
                    mailbox,
                    said,
                },
                other => other,
            })?;
        } else {
            self.link.check(&reply, Asked::Other("search"))?;
        }
        uids.sort_unstable();
        Ok((uids, sieve))
    }

    async fn summaries(
        &mut self,
        selected: &Selected,
        uids: &[u32],
    ) -> Result<Vec<Summary>, MailError> {
        let mut found: BTreeMap<u32, Summary> = BTreeMap::new();
        self.ask_about(uids, FetchItems::Headers, |uid, fetched| {
            // News of a flag must not take the place of what is known already.
            if fetched.header.is_some() || !found.contains_key(&uid) {
                found.insert(uid, summary(selected, uid, fetched));
            }
        })
        .await?;
        Ok(found.into_values().collect())
    }
}

/// What the server could not tell apart.
#[derive(Debug, Default)]
struct Sieve {
    since: Option<Timestamp>,
    from: Option<String>,
    subject: Option<String>,
    /// The server finds parts of it too.
    message_id: Option<String>,
}

impl Sieve {
    fn passes(&self, summary: &Summary) -> bool {
        let envelope = &summary.envelope;
        let from = || {
            let mut written = String::new();
            for address in &envelope.from {
                written.push_str(address.name.as_deref().unwrap_or_default());
                written.push(' ');
                written.push_str(&address.address);
                written.push(' ');
            }
            written
        };
        let contains = |text: &str, wanted: &str| folded(text).contains(wanted);
        self.since
            .is_none_or(|since| summary.received_at.is_none_or(|at| at >= since))
            && self
                .from
                .as_deref()
                .is_none_or(|wanted| contains(&from(), wanted))
            && self
                .subject
                .as_deref()
                .is_none_or(|wanted| contains(envelope.subject.as_deref().unwrap_or(""), wanted))
            && (self.message_id.is_none() || self.message_id == envelope.message_id)
    }
}

fn criteria(query: &Query) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    if query.unread {
        criteria.push(Criterion::Unseen);
    }
    if let Some(since) = query.since {
        // The server compares days by a clock of its own: the day before is always early enough.
        let day = since.to_zoned(TimeZone::UTC).date();
        criteria.push(Criterion::Since(day.checked_sub(1.day()).unwrap_or(day)));
    }
    criteria.extend(query.from.clone().map(Criterion::From));
    criteria.extend(query.subject.clone().map(Criterion::Subject));
    criteria.extend(query.text.clone().map(Criterion::Text));
    criteria.extend(query.message_id.clone().map(Criterion::MessageId));
    criteria
}

/// Text within the body cannot be sifted here, so that criterion stays and is refused in words.
fn ascii_part(query: &Query) -> Query {
    let ascii = |text: &Option<String>| text.clone().filter(|text| text.is_ascii());
    Query {
        from: ascii(&query.from),
        subject: ascii(&query.subject),
        ..query.clone()
    }
}

fn found(untagged: Untagged, uids: &mut Vec<u32>) {
    if let Untagged::Found(found) = untagged {
        uids.extend(found);
    }
}

fn is_in_need_of_charset(query: &Query) -> bool {
    let texts = [&query.from, &query.subject, &query.text];
    texts
        .into_iter()
        .any(|text| has_other_letters(text.as_deref()))
}

/// Whether there is more in it than ASCII.
fn has_other_letters(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_ascii())
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}

fn summary(selected: &Selected, uid: u32, mut fetched: Fetched) -> Summary {
    let header = fetched.header.take();
    let arrival = arrival(selected, uid, fetched);
    Summary {
        key: arrival.key,
        received_at: arrival.received_at,
        size_hint: arrival.size_hint,
        flags: arrival.flags,
        envelope: header
            .map(|header| content::envelope(&header))
            .unwrap_or_default(),
    }
}

const PAGE: usize = 50;
const MOST_PAGE: usize = 500;
