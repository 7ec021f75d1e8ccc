//! A session: what was learnt of the mailbox so far. There is no connection that could be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::address::owner_of;
use super::client::Graph;
use super::delta::{Further, Watched};
use super::folders::{Found, missing};
use super::refusal::GraphMeaning;
use super::resources::MailFolder;
use crate::{
    Changes, Cursor, Flag, Folder, FolderName, Intake, MailError, Mailbox, MessageKey, Pull, Query,
    Summary, Woke,
};

/// One session with one mailbox.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) graph: Graph,
    /// The ids of folders by their names, as far as they were asked for.
    ids: BTreeMap<FolderName, String>,
    /// The changes of the folder last looked at.
    pub(super) watched: Option<Watched>,
    /// When each folder, by its id, was last compared with what is known of it.
    pub(super) compared: BTreeMap<String, Timestamp>,
    /// What Graph calls the owner of the mailbox in links that it has given out here.
    called: BTreeSet<String>,
}

impl Session {
    pub(super) fn new(graph: Graph, inbox: MailFolder) -> Self {
        Self {
            graph,
            ids: BTreeMap::from([(FolderName::inbox(), inbox.id)]),
            watched: None,
            compared: BTreeMap::new(),
            called: BTreeSet::new(),
        }
    }

    /// Notes what Graph calls the owner of the mailbox, which need not be the address that was
    /// asked for.
    pub(super) fn learn(&mut self, further: &Further) {
        let (Further::Page(link) | Further::Link(link)) = further;
        let link = self.graph.link(link).ok();
        self.called.extend(link.as_ref().and_then(owner_of));
    }

    /// Whether a link of a cursor leads to this mailbox, as far as it says so. The token of an app
    /// opens others as well.
    pub(super) fn is_ours(&self, link: &str) -> bool {
        self.graph.link(link).is_ok_and(|url| {
            owner_of(&url).is_none_or(|owner| {
                owner == self.graph.mailbox().to_lowercase() || self.called.contains(&owner)
            })
        })
    }

    /// The folder of that name as it is now. One that was renamed or made anew is looked for.
    pub(super) async fn folder(&mut self, folder: &FolderName) -> Result<MailFolder, MailError> {
        if let Some(id) = self.known(folder) {
            match self.graph.folder_with(id).await {
                Err(error) if is_missing(&error) => {}
                found => return found,
            }
        }
        let id = self.look_for(folder).await?;
        self.graph.folder_with(&id).await
    }

    /// The id of the folder of that name, as it was when it was first asked for.
    pub(super) async fn id(&mut self, folder: &FolderName) -> Result<String, MailError> {
        match self.known(folder) {
            Some(id) => Ok(id.clone()),
            None => self.look_for(folder).await,
        }
    }

    /// The id of the folder of that name. Graph tells no two folders of one level apart by the case
    /// of their letters, so a name may be typed in any; where the very name is there, it is meant.
    fn known(&self, folder: &FolderName) -> Option<&String> {
        self.ids.get(folder).or_else(|| {
            let wanted = folder.as_str().to_lowercase();
            let mut all = self.ids.iter();
            let found = all.find(|(name, _)| name.as_str().to_lowercase() == wanted);
            found.map(|(_, id)| id)
        })
    }

    async fn look_for(&mut self, folder: &FolderName) -> Result<String, MailError> {
        let tree = self.graph.tree().await?;
        self.remember(&tree);
        let found = self.known(folder).cloned();
        found.ok_or_else(|| missing(&self.graph, folder, &tree))
    }

    /// Of folders that are called alike, the first.
    fn remember(&mut self, tree: &[Found]) {
        self.ids.clear();
        for found in tree {
            let id = self.ids.entry(found.name.clone());
            id.or_insert_with(|| found.id.clone());
        }
    }

    /// Looks from time to time until something changed or the time is over.
    async fn wait_until(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        let (clock, every) = {
            let settings = self.graph.settings();
            (settings.clock.clone(), settings.poll_every)
        };
        loop {
            let left = until_then(clock.now(), until);
            clock.sleep(left.min(every)).await;
            if self.has_changed().await? {
                return Ok(Woke::Changed);
            }
            if until_then(clock.now(), until).is_zero() {
                return Ok(Woke::TimeOver);
            }
        }
    }
}

#[async_trait]
impl Mailbox for Session {
    async fn folders(&mut self) -> Result<Vec<Folder>, MailError> {
        let tree = self.graph.tree().await?;
        self.remember(&tree);
        Ok(tree.iter().map(Found::folder).collect())
    }

    async fn list(
        &mut self,
        folder: &FolderName,
        query: &Query,
    ) -> Result<Vec<Summary>, MailError> {
        let id = self.folder(folder).await?.id;
        self.graph.newest(&id, query).await
    }

    async fn changes(&mut self, folder: &FolderName, pull: Pull<'_>) -> Result<Changes, MailError> {
        self.changes_since(folder, pull).await
    }

    async fn present(&mut self, folder: &FolderName) -> Result<Cursor, MailError> {
        self.all_seen(folder).await
    }

    fn is_pushed(&self) -> bool {
        false
    }

    async fn wait(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        self.wait_until(until).await
    }

    async fn fetch(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        intake: &mut dyn Intake,
    ) -> Result<(), MailError> {
        let id = self.id(folder).await?;
        let place = (folder, id.as_str());
        self.graph.fetch_messages(place, keys, intake).await
    }

    async fn header(
        &mut self,
        folder: &FolderName,
        key: &MessageKey,
    ) -> Result<Option<Vec<u8>>, MailError> {
        let id = self.id(folder).await?;
        self.graph.header(&id, key).await
    }

    async fn mark(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        add: &[Flag],
        remove: &[Flag],
    ) -> Result<(), MailError> {
        let id = self.id(folder).await?;
        self.graph.mark_messages(&id, keys, (add, remove)).await
    }

    async fn move_to(
        &mut self,
        folder: &FolderName,
        keys: &[MessageKey],
        to: &FolderName,
    ) -> Result<(), MailError> {
        let (id, to) = (self.id(folder).await?, self.folder(to).await?.id);
        self.graph.move_messages(&id, keys, &to).await
    }

    async fn delete(&mut self, folder: &FolderName, keys: &[MessageKey]) -> Result<(), MailError> {
        let id = self.id(folder).await?;
        self.graph.delete_messages(&id, keys).await
    }

    async fn close(&mut self) {}
}

/// Whether Graph says that there is nothing at the address.
pub(super) fn is_missing(error: &MailError) -> bool {
    matches!(error, MailError::Graph(refusal) if refusal.meaning == GraphMeaning::ItemMissing)
}

pub(super) fn until_then(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}
