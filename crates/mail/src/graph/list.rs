//! The newest messages that match a query.

use jiff::Timestamp;
use url::Url;

use super::address::quoted;
use super::answer::Answer;
use super::call::Call;
use super::client::Graph;
use super::refusal::GraphMeaning;
use super::resources::Message;
use crate::{Flag, MailError, MessageKey, Query, Summary};

impl Graph {
    /// The newest messages of the folder with that id that match, newest first.
    pub(super) async fn newest(
        &self,
        folder: &str,
        query: &Query,
    ) -> Result<Vec<Summary>, MailError> {
        if query.top == 0 {
            return Ok(Vec::new());
        }
        if let Some(text) = &query.text
            && words(text).is_none()
        {
            return Err(self.wordless());
        }
        let found = self
            .sifted(self.question(folder, query, Filter::Whole), query)
            .await;
        match found {
            // The store does not search that way: what it can is asked for, the rest sifted here.
            Err(MailError::Graph(refusal))
                if refusal.meaning == GraphMeaning::InefficientFilter =>
            {
                let question = self.question(folder, query, Filter::Times);
                self.sifted(question, query).await
            }
            found => found,
        }
    }

    /// What Graph would say in the words of KQL.
    fn wordless(&self) -> MailError {
        let answer = Answer {
            status: 400,
            code: String::new(),
            message: "it was not asked".to_owned(),
            request_id: None,
            retry_after: None,
        };
        let mut refusal = self.refusal("list messages", answer, "not asked".to_owned());
        refusal.meaning = GraphMeaning::Wordless;
        refusal.into()
    }

    /// Pages are asked for until there are enough: each may lose some to the sieve.
    async fn sifted(&self, question: Url, query: &Query) -> Result<Vec<Summary>, MailError> {
        let mut found: Vec<Summary> = Vec::new();
        let mut next = Some(question);
        while let Some(url) = next.take() {
            let (page, further) = self
                .page::<Message>(Call::get(url.clone(), "list messages"))
                .await?;
            let summaries = page.iter().map(summary);
            found.extend(summaries.filter(|summary| matches(summary, query)));
            // A search comes in the order of sending, so all of it is put in order below.
            if is_ordered(query) && found.len() >= query.top {
                break;
            }
            if further.as_ref() == Some(&url) {
                return Err(self.garbled("list messages", "a page that leads to itself"));
            }
            next = further;
        }
        found.sort_by_key(|summary| std::cmp::Reverse(summary.received_at));
        found.truncate(query.top);
        Ok(found)
    }

    fn question(&self, folder: &str, query: &Query, filter: Filter) -> Url {
        let address = self.at(&["mailFolders", folder, "messages"]);
        let address = address.with("$select", Message::OF_A_SUMMARY);
        if let Some(text) = &query.text {
            // A search takes neither filter nor order.
            return address
                .with("$search", &words(text).unwrap_or_default())
                .with("$top", PAGE_OF_A_SEARCH)
                .url();
        }
        let top = if is_sifted(query, filter) {
            query.top.clamp(LEAST_PAGE, MOST_PAGE)
        } else {
            query.top.min(MOST_PAGE)
        };
        let address = address.with("$top", &top.to_string());
        if let Some(id) = &query.message_id {
            let id = quoted(&format!("<{id}>"));
            return address
                .with("$filter", &format!("internetMessageId eq {id}"))
                .url();
        }
        let address = match self::filter(query, filter) {
            Some(filter) => address.with("$filter", &filter),
            None => address,
        };
        address.with("$orderby", "receivedDateTime desc").url()
    }
}

/// How much is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Whole,
    Times,
}

/// What comes in the order of receipt already.
fn is_ordered(query: &Query) -> bool {
    query.text.is_none() && query.message_id.is_none()
}

/// Whether a page may lose some to the sieve.
fn is_sifted(query: &Query, filter: Filter) -> bool {
    let left = query.unread || query.subject.is_some();
    query.from.is_some() || (filter == Filter::Times && left)
}

/// What is sorted by has to come first in the filter
/// (<https://learn.microsoft.com/graph/api/user-list-messages#using-filter-and-orderby-in-the-same-query>).
fn filter(query: &Query, filter: Filter) -> Option<String> {
    let others = match filter {
        Filter::Times => Vec::new(),
        Filter::Whole => {
            let unread = query.unread.then(|| "isRead eq false".to_owned());
            let subject = query.subject.as_ref();
            let subject = subject.map(|subject| format!("contains(subject,{})", quoted(subject)));
            unread.into_iter().chain(subject).collect()
        }
    };
    if others.is_empty() && query.since.is_none() {
        return None;
    }
    let since = query.since.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut filter = format!("receivedDateTime ge {}", whole_seconds(since));
    for other in others {
        filter.push_str(" and ");
        filter.push_str(&other);
    }
    Some(filter)
}

/// A time as a filter takes it. What it cuts off is sifted.
pub(super) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The words of a search, whatever they are; `None` if there is none. The quotes are those of the option; within them KQL
/// knows properties, and operators in capitals
/// (<https://learn.microsoft.com/graph/search-query-parameter>).
fn words(text: &str) -> Option<String> {
    let marks = ['"', '\\', ':', '=', '<', '>', '(', ')', '*', '+', '-'];
    let plain = text.replace(marks, " ");
    let words = plain.split_whitespace().map(|word| {
        if OPERATORS.contains(&word) {
            word.to_lowercase()
        } else {
            word.to_owned()
        }
    });
    let words = words.collect::<Vec<_>>().join(" ");
    (!words.is_empty()).then(|| format!("\"{words}\""))
}

fn summary(message: &Message) -> Summary {
    Summary {
        key: MessageKey::Graph {
            id: message.id.clone(),
        },
        received_at: message.received_date_time,
        size_hint: None,
        flags: message.flags(),
        envelope: message.envelope(),
    }
}

/// All that is wanted but the text, which only the store can look through.
fn matches(summary: &Summary, query: &Query) -> bool {
    let from = || {
        let written = summary.envelope.from.iter().map(|from| {
            let name = from.name.as_deref().unwrap_or_default();
            format!("{name} {}", from.address)
        });
        written.collect::<Vec<_>>().join(" ")
    };
    let subject = || summary.envelope.subject.clone().unwrap_or_default();
    let both = summary.received_at.zip(query.since);
    both.is_none_or(|(at, since)| at >= since)
        && (!query.unread || !summary.flags.contains(&Flag::Seen))
        && contains(query.from.as_deref(), from)
        && contains(query.subject.as_deref(), subject)
        && (query.message_id.is_none() || query.message_id == summary.envelope.message_id)
}

fn contains(wanted: Option<&str>, text: impl FnOnce() -> String) -> bool {
    wanted.is_none_or(|wanted| text().to_lowercase().contains(&wanted.to_lowercase()))
}

const OPERATORS: &[&str] = &["AND", "OR", "NOT", "NEAR", "ONEAR", "WORDS", "XRANK"];
const LEAST_PAGE: usize = 100;
/// The most that Graph takes.
const MOST_PAGE: usize = 1_000;
/// A search finds a few hundred at most, and all of them are put in order.
const PAGE_OF_A_SEARCH: &str = "250";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sorted_by_comes_first_in_the_filter() {
        let query = Query {
            unread: true,
            subject: Some("O'Hara".into()),
            ..Query::newest(10)
        };
        assert_eq!(
            filter(&query, Filter::Whole).as_deref(),
            Some(
                "receivedDateTime ge 1970-01-01T00:00:00Z and isRead eq false and contains(subject,'O''Hara')"
            )
        );
        assert_eq!(filter(&query, Filter::Times), None);
        assert_eq!(filter(&Query::newest(10), Filter::Whole), None);
        let since = Query {
            since: Some("2026-11-26T08:00:00.75Z".parse().expect("a time")),
            ..Query::newest(10)
        };
        assert_eq!(
            filter(&since, Filter::Times).as_deref(),
            Some("receivedDateTime ge 2026-11-26T08:00:00Z")
        );
    }

    #[test]
    fn a_search_is_for_words_and_never_an_operator() {
        assert_eq!(words("from:boss").as_deref(), Some("\"from boss\""));
        assert_eq!(
            words("Re: NOT paid OR not").as_deref(),
            Some("\"Re not paid or not\"")
        );
        assert_eq!(words("say \"hi\" \\").as_deref(), Some("\"say hi\""));
    }
}
