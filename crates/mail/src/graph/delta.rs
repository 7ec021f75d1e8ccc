//! Walks through what changed in a folder
//! (<https://learn.microsoft.com/graph/delta-query-messages>). A row says of a message that
//! something is new about it and no more: rows are sparse, come again, and come in any order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use url::Url;

use super::call::Call;
use super::client::Graph;
use super::refusal::GraphMeaning;
use super::resources::{Message, Page};
use super::session::Session;
use crate::MailError;

/// The changes of one folder, as they were last asked for.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) link: String,
    /// Whether it was asked a moment ago, and nothing had changed.
    pub(super) is_quiet: bool,
}

/// A folder at one moment: what is in it, and the link to what changes from then on.
#[derive(Debug)]
pub(super) struct Baseline {
    pub(super) link: String,
    /// Each message by its id, with the time of its receipt, the oldest first.
    pub(super) present: Vec<(String, Option<Timestamp>)>,
}

impl Graph {
    /// Hands each changed message behind `from` to `each`, and answers the link to what changes
    /// next.
    pub(super) async fn walk(
        &self,
        from: Url,
        mut each: impl FnMut(Message),
    ) -> Result<String, MailError> {
        let mut url = from;
        for _ in 0..MOST_PAGES {
            let page = self.changes_at(url.clone()).await?;
            for row in page.value.into_iter().flatten() {
                each(row);
            }
            let Some(next) = page.next else {
                let link = page
                    .delta
                    .ok_or_else(|| self.endless("a page that leads nowhere"))?;
                // It is stored, so it must lead to where a token may go.
                self.link(&link)?;
                return Ok(link);
            };
            let next = self.link(&next)?;
            if next == url {
                return Err(self.endless("a page that leads to itself"));
            }
            url = next;
        }
        Err(self.endless("pages without an end"))
    }

    /// Everything that is in the folder with that id. A walk that was cut short is noticed by the
    /// folder's count, and the folder is listed instead.
    pub(super) async fn baseline(&self, folder: &str) -> Result<Baseline, MailError> {
        let address = self.at(&["mailFolders", folder, "messages", "delta"]);
        let address = address.with("$select", "receivedDateTime");
        let mut walked = BTreeMap::new();
        let link = self
            .walk(address.url(), |row| match row.removed {
                Some(_) => _ = walked.remove(&row.id),
                None => _ = walked.insert(row.id, row.received_date_time),
            })
            .await?;
        let count = self.folder_with(folder).await?.total_item_count;
        let is_whole = count.is_none_or(|count| walked.len() == count as usize);
        let mut present: Vec<_> = walked.into_iter().collect();
        if !is_whole {
            let mailbox = self.mailbox();
            tracing::debug!(
                mailbox,
                walked = present.len(),
                count,
                "a walk through the changes of a folder and its count differ; it is listed"
            );
            present = self.present_in(folder).await?;
        }
        present.sort_by_key(|(_, at)| (at.is_none(), *at));
        Ok(Baseline { link, present })
    }

    /// Every message of the folder with that id, with the time of its receipt.
    pub(super) async fn present_in(
        &self,
        folder: &str,
    ) -> Result<Vec<(String, Option<Timestamp>)>, MailError> {
        let address = self.at(&["mailFolders", folder, "messages"]);
        let address = address
            .with("$select", "id,receivedDateTime")
            .with("$top", "1000");
        let call = Call::get(address.url(), "list messages");
        let listed: Vec<Message> = self.pages(call, usize::MAX).await?;
        let listed = listed.into_iter();
        Ok(listed.map(|one| (one.id, one.received_date_time)).collect())
    }

    async fn changes_at(&self, url: Url) -> Result<Page<Message>, MailError> {
        let call = Call::get(url, LOOK).preferring(PAGE_SIZE);
        self.object(call).await
    }

    fn endless(&self, reason: &str) -> MailError {
        self.garbled(LOOK, reason)
    }
}

impl Session {
    /// Whether anything changed in the folder last looked at. That Graph forgot how far it was
    /// seen is a change, too.
    pub(super) async fn has_changed(&mut self) -> Result<bool, MailError> {
        let Some(watched) = &mut self.watched else {
            // Nothing was looked at; the server is to prove that it lives all the same.
            self.graph.inbox().await?;
            return Ok(false);
        };
        let url = self.graph.link(&watched.link)?;
        let page = match self.graph.changes_at(url).await {
            Err(MailError::Graph(refusal)) if refusal.meaning == GraphMeaning::SyncStateLost => {
                return Ok(true);
            }
            page => page?,
        };
        let has_rows = page.value.is_some_and(|rows| !rows.is_empty());
        watched.is_quiet = !has_rows && page.next.is_none();
        Ok(!watched.is_quiet)
    }

    /// Whether nothing changed behind `link` a moment ago. It is asked again after that.
    pub(super) fn takes_quiet(&mut self, link: &str) -> bool {
        let watched = self.watched.as_mut().filter(|watched| watched.link == link);
        watched.is_some_and(|watched| std::mem::take(&mut watched.is_quiet))
    }

    pub(super) fn watch(&mut self, link: &str) {
        self.watched = Some(Watched {
            link: link.to_owned(),
            is_quiet: false,
        });
    }
}

const LOOK: &str = "list changes";
const PAGE_SIZE: &str = "odata.maxpagesize=500";
const MOST_PAGES: usize = 10_000;
