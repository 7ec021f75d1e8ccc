//! What Graph's JSON looks like, as far as it is used; what is unknown is passed over
//! (<https://learn.microsoft.com/graph/api/resources/message>).

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::{Address, Envelope, Flag};

/// One page of a collection.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Option<Vec<T>>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub(super) delta: Option<String>,
}

/// A folder (<https://learn.microsoft.com/graph/api/resources/mailfolder>).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MailFolder {
    pub(super) id: String,
    #[serde(default)]
    pub(super) display_name: String,
    pub(super) child_folder_count: Option<u32>,
    pub(super) total_item_count: Option<u32>,
    pub(super) unread_item_count: Option<u32>,
}

impl MailFolder {
    /// The fields that are asked for.
    pub(super) const FIELDS: &'static str =
        "id,displayName,childFolderCount,totalItemCount,unreadItemCount";
}

/// A message, or what changed of one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Message {
    pub(super) id: String,
    /// Set where it is no longer in the folder whose changes are listed.
    #[serde(rename = "@removed")]
    pub(super) removed: Option<serde::de::IgnoredAny>,
    pub(super) parent_folder_id: Option<String>,
    #[serde(deserialize_with = "lenient_time")]
    pub(super) received_date_time: Option<Timestamp>,
    #[serde(deserialize_with = "lenient_time")]
    pub(super) sent_date_time: Option<Timestamp>,
    pub(super) subject: Option<String>,
    pub(super) internet_message_id: Option<String>,
    pub(super) is_read: Option<bool>,
    pub(super) is_draft: Option<bool>,
    pub(super) flag: Option<FollowUp>,
    pub(super) categories: Option<Vec<String>>,
    pub(super) from: Option<Recipient>,
    pub(super) sender: Option<Recipient>,
    pub(super) reply_to: Vec<Recipient>,
    pub(super) to_recipients: Vec<Recipient>,
    pub(super) cc_recipients: Vec<Recipient>,
}

impl Message {
    /// What an arrival needs.
    pub(super) const OF_AN_ARRIVAL: &'static str =
        "id,parentFolderId,receivedDateTime,isRead,isDraft,flag,categories";
    /// What a listing needs.
    pub(super) const OF_A_SUMMARY: &'static str = "id,parentFolderId,receivedDateTime,sentDateTime,isRead,isDraft,flag,categories,from,sender,replyTo,toRecipients,ccRecipients,subject,internetMessageId";

    /// Its marks in the words of every transport. Whether it was answered is not told.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let is_flagged = self.flag.as_ref().is_some_and(FollowUp::is_flagged);
        let marks = [
            (self.is_read == Some(true), Flag::Seen),
            (is_flagged, Flag::Flagged),
            (self.is_draft == Some(true), Flag::Draft),
        ];
        let marks = marks
            .into_iter()
            .filter_map(|(holds, flag)| holds.then_some(flag));
        let categories = self.categories.iter().flatten().cloned();
        marks.chain(categories.map(Flag::Keyword)).collect()
    }

    /// Who, to whom, about what.
    pub(super) fn envelope(&self) -> Envelope {
        let bare = |id: &String| {
            let id = id.trim();
            let id = id.strip_prefix('<').unwrap_or(id);
            id.strip_suffix('>').unwrap_or(id).to_owned()
        };
        Envelope {
            from: self.from.iter().filter_map(Recipient::address).collect(),
            sender: self.sender.iter().filter_map(Recipient::address).collect(),
            reply_to: addresses(&self.reply_to),
            to: addresses(&self.to_recipients),
            cc: addresses(&self.cc_recipients),
            subject: self.subject.clone(),
            date: self.sent_date_time,
            message_id: self.internet_message_id.as_ref().map(bare),
            in_reply_to: None,
            references: Vec::new(),
        }
    }
}

/// Whether something is to be done about a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FollowUp {
    pub(super) flag_status: Option<String>,
}

impl FollowUp {
    fn is_flagged(&self) -> bool {
        self.flag_status.as_deref() == Some("flagged")
    }
}

/// A person who writes or is written to.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recipient {
    pub(super) email_address: Option<EmailAddress>,
}

/// An address with its name.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct EmailAddress {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
}

impl Recipient {
    fn address(&self) -> Option<Address> {
        let found = self.email_address.as_ref()?;
        let address = found.address.clone()?;
        // Graph fills a missing name with the address.
        let name = found.name.clone();
        let name = name.filter(|name| !name.is_empty() && *name != address);
        Some(Address { name, address })
    }
}

fn addresses(recipients: &[Recipient]) -> Vec<Address> {
    recipients.iter().filter_map(Recipient::address).collect()
}

/// A time that is none does not spoil the whole page.
fn lenient_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whatever_else_stands_in_it() {
        let text = r#"{"@odata.etag":"W/\"x\"","id":"AAMk","receivedDateTime":"2026-11-26T08:00:00Z","sentDateTime":"yesterday",
            "isRead":true,"flag":{"flagStatus":"flagged","dueDateTime":null},"categories":["Red category"],
            "from":{"emailAddress":{"name":"Ada","address":"ada@contoso.com"}},
            "toRecipients":[{"emailAddress":{"name":"bob@contoso.com","address":"bob@contoso.com"}},{"emailAddress":{"name":"Nobody"}}],
            "internetMessageId":" <1@contoso.com>","subject":"Hi","someday":{"more":[1]}}"#;
        let message: Message = serde_json::from_str(text).expect("it is a message");
        let keyword = Flag::Keyword("Red category".into());
        assert_eq!(message.flags(), [Flag::Seen, Flag::Flagged, keyword]);
        let envelope = message.envelope();
        assert_eq!(envelope.message_id.as_deref(), Some("1@contoso.com"));
        assert_eq!(
            (envelope.to.len(), envelope.to[0].name.as_deref()),
            (1, None)
        );
        assert_eq!(envelope.date, None);
        assert!(message.received_date_time.is_some());
    }

    #[test]
    fn a_row_that_only_says_removed_is_one() {
        let text = r#"{"id":"AAMk","@removed":{"reason":"deleted"}}"#;
        let message: Message = serde_json::from_str(text).expect("it is a row");
        assert!(message.removed.is_some());
        assert_eq!(message.flags(), []);
    }
}
