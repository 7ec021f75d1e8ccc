//! Walks through what changed in a folder
//! (<https://learn.microsoft.com/graph/delta-query-messages>). A row says of a message that
//! something is new about it and no more: rows are sparse, come again, and come in any order.

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
    /// The link behind it, if it was asked a moment ago and nothing had changed.
    pub(super) quiet: Option<String>,
}

/// Where a page of a walk leads.
#[derive(Debug)]
pub(super) enum Further {
    /// To the next page.
    Page(String),
    /// To what changes when the walk is over.
    Link(String),
}

impl Graph {
    /// One page of the walk through everything in the folder with that id, and the link to what
    /// comes next.
    pub(super) async fn walked(
        &self,
        folder: &str,
        from: Option<&str>,
    ) -> Result<(Vec<Message>, Further), MailError> {
        let url = if let Some(link) = from {
            self.link(link)?
        } else {
            let address = self.at(&["mailFolders", folder, "messages", "delta"]);
            address.with("$select", "receivedDateTime").url()
        };
        let page = self.changes_at(url).await?;
        let rows = page.value.unwrap_or_default();
        let further = match (page.next, page.delta) {
            (Some(next), _) if Some(next.as_str()) == from => {
                return Err(self.endless("a page that leads to itself"));
            }
            (Some(next), _) => Further::Page(next),
            (None, Some(link)) => Further::Link(link),
            (None, None) => return Err(self.endless("a page that leads nowhere")),
        };
        // It is stored, so it must lead to where a token may go.
        let (Further::Page(to) | Further::Link(to)) = &further;
        self.link(to)?;
        Ok((rows, further))
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
        let link = page.delta.filter(|_| !has_rows && page.next.is_none());
        if let Some(link) = &link {
            self.graph.link(link)?;
        }
        watched.quiet = link;
        Ok(watched.quiet.is_none())
    }

    /// The link behind `link`, if nothing changed between them a moment ago. It is asked again
    /// after that.
    pub(super) fn quiet_behind(&mut self, link: &str) -> Option<String> {
        let watched = self.watched.as_mut().filter(|watched| watched.link == link);
        watched.and_then(|watched| watched.quiet.take())
    }

    pub(super) fn watch(&mut self, link: &str) {
        // There is none before a walk is over.
        self.watched = (!link.is_empty()).then(|| Watched {
            link: link.to_owned(),
            quiet: None,
        });
    }
}

const LOOK: &str = "list changes";
const PAGE_SIZE: &str = "odata.maxpagesize=500";
