//! Marks, moves, copies and deletions, twenty at a time.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::batch::Part;
use super::client::Graph;
use super::refusal::GraphMeaning;
use super::resources::Message;
use crate::{Flag, MailError, MessageKey};

impl Graph {
    /// Adds and removes marks of those of `keys` that are in the folder with that id.
    pub(super) async fn mark_messages(
        &self,
        folder: &str,
        keys: &[MessageKey],
        (add, remove): (&[Flag], &[Flag]),
    ) -> Result<(), MailError> {
        if let Some(flag) = add.iter().chain(remove).find(|flag| !is_known(flag)) {
            return Err(MailError::NotInGraph {
                mailbox: self.mailbox().to_owned(),
                what: match flag {
                    Flag::Answered => "mark of what was answered that could be set",
                    Flag::Draft => "mark of drafts that could be set",
                    _ => "mark of what is to be deleted",
                },
            });
        }
        let there = self.there(folder, keys).await?;
        let parts = there.iter().filter_map(|message| {
            let changed = changed(message, add, remove);
            (!changed.is_empty()).then(|| Part {
                method: Method::PATCH,
                address: self.at(&["messages", &message.id]),
                body: Some(Value::Object(changed)),
            })
        });
        self.all_done("mark messages", parts.collect()).await
    }

    /// Moves those of `keys` that are in the folder with that id.
    pub(super) async fn move_messages(
        &self,
        folder: &str,
        keys: &[MessageKey],
        to: &str,
    ) -> Result<(), MailError> {
        self.to_folder((folder, to), keys, "move").await
    }

    /// Copies those of `keys` that are in the folder with the id `folder` to that with the id
    /// `to`.
    pub async fn copy_messages(
        &self,
        folder: &str,
        keys: &[MessageKey],
        to: &str,
    ) -> Result<(), MailError> {
        self.to_folder((folder, to), keys, "copy").await
    }

    /// Deletes those of `keys` that are in the folder with that id for good. Where Graph cannot
    /// (in national clouds), Exchange keeps them for some days where their owner finds them.
    /// <https://learn.microsoft.com/graph/api/message-permanentdelete>
    pub(super) async fn delete_messages(
        &self,
        folder: &str,
        keys: &[MessageKey],
    ) -> Result<(), MailError> {
        let there = self.there(folder, keys).await?;
        let what = "delete messages";
        let parts = there.iter().map(|message| Part {
            method: Method::POST,
            address: self.at(&["messages", &message.id, "permanentDelete"]),
            body: None,
        });
        let replies = self.batch(what, parts.collect()).await?;
        let mut left = Vec::new();
        for (message, reply) in there.iter().zip(replies) {
            match reply.map_err(|refusal| (refusal.meaning, refusal)) {
                Ok(_) | Err((GraphMeaning::ItemMissing, _)) => {}
                Err((GraphMeaning::Refused, _)) => left.push(Part {
                    method: Method::DELETE,
                    address: self.at(&["messages", &message.id]),
                    body: None,
                }),
                Err((_, refusal)) => return Err(refusal.into()),
            }
        }
        self.all_done(what, left).await
    }

    async fn to_folder(
        &self,
        (folder, to): (&str, &str),
        keys: &[MessageKey],
        act: &'static str,
    ) -> Result<(), MailError> {
        let there = self.there(folder, keys).await?;
        let parts = there.iter().map(|message| Part {
            method: Method::POST,
            address: self.at(&["messages", &message.id, act]),
            body: Some(json!({ "destinationId": to })),
        });
        self.all_done("move or copy messages", parts.collect())
            .await
    }

    /// Those of `keys` that are in the folder with that id now, in their order: an immutable id
    /// also leads to a message that was moved elsewhere, which is to be left alone.
    pub(super) async fn there(
        &self,
        folder: &str,
        keys: &[MessageKey],
    ) -> Result<Vec<Message>, MailError> {
        let ids = keys.iter().filter_map(|key| match key {
            MessageKey::Graph { id } => Some(id.as_str()),
            MessageKey::Imap { .. } | MessageKey::Pop3 { .. } => None,
        });
        let mut found = self.messages(ids.collect()).await?;
        found.retain(|message| message.parent_folder_id.as_deref() == Some(folder));
        Ok(found)
    }

    /// The messages with these ids that exist, in their order.
    pub(super) async fn messages(&self, ids: Vec<&str>) -> Result<Vec<Message>, MailError> {
        let what = "look at messages";
        let parts = ids.iter().map(|id| {
            let address = self.at(&["messages", id]);
            Part::get(address.with("$select", Message::OF_AN_ARRIVAL))
        });
        let mut found = Vec::new();
        for reply in self.batch(what, parts.collect()).await? {
            match reply {
                Ok(value) => {
                    let message = serde_json::from_value(value);
                    found.push(message.map_err(|error| self.garbled(what, &error.to_string()))?);
                }
                Err(refusal) if refusal.meaning == GraphMeaning::ItemMissing => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(found)
    }

    /// Does all of `parts`. What is gone meanwhile is skipped; the first other refusal is told
    /// when all have been tried.
    async fn all_done(&self, what: &'static str, parts: Vec<Part>) -> Result<(), MailError> {
        let mut refused = None;
        for reply in self.batch(what, parts).await? {
            match reply {
                Err(refusal) if refusal.meaning != GraphMeaning::ItemMissing => {
                    refused.get_or_insert(refusal);
                }
                _ => {}
            }
        }
        refused.map_or(Ok(()), |refusal| Err(refusal.into()))
    }
}

fn is_known(flag: &Flag) -> bool {
    matches!(flag, Flag::Seen | Flag::Flagged | Flag::Keyword(_))
}

/// The fields of a message that change.
fn changed(message: &Message, add: &[Flag], remove: &[Flag]) -> Map<String, Value> {
    let mut changed = Map::new();
    for (flags, holds) in [(remove, false), (add, true)] {
        if flags.contains(&Flag::Seen) {
            changed.insert("isRead".to_owned(), holds.into());
        }
        if flags.contains(&Flag::Flagged) {
            let status = if holds { "flagged" } else { "notFlagged" };
            changed.insert("flag".to_owned(), json!({ "flagStatus": status }));
        }
    }
    let before = message.categories.clone().unwrap_or_default();
    let mut after = before.clone();
    after.retain(|category| !remove.contains(&Flag::Keyword(category.clone())));
    for flag in add {
        if let Flag::Keyword(category) = flag
            && !after.contains(category)
        {
            after.push(category.clone());
        }
    }
    if after != before {
        changed.insert("categories".to_owned(), after.into());
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_written() {
        let message = Message {
            categories: Some(vec!["Red".into(), "Blue".into()]),
            ..Message::default()
        };
        let keyword = |name: &str| Flag::Keyword(name.to_owned());
        let one = changed(&message, &[Flag::Seen, keyword("Red")], &[]);
        assert_eq!(Value::Object(one), json!({"isRead": true}));
        let other = changed(
            &message,
            &[keyword("New")],
            &[keyword("Red"), Flag::Flagged],
        );
        assert_eq!(
            Value::Object(other),
            json!({"categories": ["Blue", "New"], "flag": {"flagStatus": "notFlagged"}})
        );
        assert!(changed(&message, &[keyword("Blue")], &[keyword("Green")]).is_empty());
    }
}
