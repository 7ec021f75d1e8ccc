//! Messages that are being written, answered and passed on
//! (<https://learn.microsoft.com/graph/api/resources/message>).

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_fault::Fault as _;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::client::Graph;
use super::resources::Recipient;
use super::session::is_missing;
use crate::{Address, MailError};

/// A message to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMail {
    /// The subject.
    pub subject: String,
    /// The text.
    pub body: MailBody,
    /// In whose name, if not in that of the mailbox.
    pub from: Option<Address>,
    /// Who sends it, if not whoever it is from.
    pub sender: Option<Address>,
    /// To whom.
    pub to: Vec<Address>,
    /// Who gets a copy.
    pub cc: Vec<Address>,
    /// Who gets a copy that nobody else sees.
    pub bcc: Vec<Address>,
    /// To whom answers go, if not to the sender.
    pub reply_to: Vec<Address>,
    /// The `Message-ID` with its angle brackets, if not one of Exchange's.
    pub message_id: Option<String>,
    /// The `In-Reply-To` with its angle brackets.
    pub in_reply_to: Option<String>,
    /// The `References`, each with its angle brackets.
    pub references: Option<String>,
    /// How important it is, if anything was said of that.
    pub importance: Option<Importance>,
    /// Whether whoever reads it is asked to say so.
    pub wants_read_receipt: bool,
    /// Whether servers are asked to say that they delivered it.
    pub wants_delivery_receipt: bool,
    /// Fields of the header whose names begin with `x-`.
    pub headers: Vec<(String, String)>,
}

/// How important a message is to whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Importance {
    /// Less than others.
    Low,
    /// As others are.
    Normal,
    /// More than others.
    High,
}

/// The text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailBody {
    /// As it is.
    Text(String),
    /// HTML.
    Html(String),
}

impl Default for MailBody {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl MailBody {
    pub(super) fn json(&self) -> Value {
        let (kind, content) = match self {
            Self::Text(text) => ("text", text),
            Self::Html(html) => ("html", html),
        };
        json!({ "contentType": kind, "content": content })
    }
}

impl NewMail {
    pub(super) fn json(&self) -> Value {
        let mut message = Map::new();
        message.insert("subject".to_owned(), json!(self.subject));
        message.insert("body".to_owned(), self.body.json());
        for (name, people) in [
            ("toRecipients", &self.to),
            ("ccRecipients", &self.cc),
            ("bccRecipients", &self.bcc),
            ("replyTo", &self.reply_to),
        ] {
            if !people.is_empty() {
                message.insert(name.to_owned(), recipients(people));
            }
        }
        for (name, person) in [("from", &self.from), ("sender", &self.sender)] {
            if let Some(person) = person {
                message.insert(name.to_owned(), recipient(person));
            }
        }
        if let Some(importance) = &self.importance {
            message.insert("importance".to_owned(), json!(importance));
        }
        for (name, is_wanted) in [
            ("isReadReceiptRequested", self.wants_read_receipt),
            ("isDeliveryReceiptRequested", self.wants_delivery_receipt),
        ] {
            if is_wanted {
                message.insert(name.to_owned(), json!(true));
            }
        }
        if let Some(id) = &self.message_id {
            message.insert("internetMessageId".to_owned(), json!(id));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter();
            let headers: Vec<Value> = headers
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
            message.insert("internetMessageHeaders".to_owned(), headers.into());
        }
        let properties = [
            (IN_REPLY_TO, &self.in_reply_to),
            (REFERENCES, &self.references),
        ];
        let properties = properties.into_iter().filter_map(|(id, value)| {
            let value = value.as_ref()?;
            Some(json!({ "id": id, "value": value }))
        });
        let properties: Vec<Value> = properties.collect();
        if !properties.is_empty() {
            message.insert(
                "singleValueExtendedProperties".to_owned(),
                properties.into(),
            );
        }
        Value::Object(message)
    }
}

/// What becomes of the mailbox's own copy of a message that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentCopy {
    /// It is filed in Sent Items.
    Kept,
    /// There is none.
    Dropped,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftFate {
    /// It is a draft still: it was not sent.
    Unsent,
    /// It was sent.
    Sent,
    /// It is gone: somebody deleted it, before or after.
    Gone,
}

/// What became of a draft that was to be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawal {
    /// It was a draft, and is no more.
    Withdrawn,
    /// It is no draft any more: it was sent, by whomever.
    Sent,
    /// Nothing is there: somebody deleted it, before or after it was sent.
    Gone,
    /// It is a draft, and somebody changed it meanwhile, so it was left alone. It may be about to
    /// be sent.
    Changed,
}

/// Whom an answer goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever wrote it.
    Sender,
    /// Everybody who has it.
    Everybody,
}

/// Whether something is still to be done about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FollowUpStatus {
    /// Nothing is.
    NotFlagged,
    /// Something is.
    Flagged,
    /// It was done.
    Complete,
}

impl Graph {
    /// Writes a draft; answers its immutable id, which it keeps in Sent Items.
    pub async fn write_draft(&self, mail: &NewMail) -> Result<String, MailError> {
        let url = self.at(&["messages"]).url();
        let call = Call::new(Method::POST, url, "write a draft").with(&mail.json());
        self.made(call).await
    }

    /// Sends a draft.
    pub async fn send_draft(&self, id: &str) -> Result<(), MailError> {
        let url = self.at(&["messages", id, "send"]).url();
        self.done(Call::new(Method::POST, url, "send a draft"))
            .await
    }

    /// Throws a draft away.
    pub async fn discard_draft(&self, id: &str) -> Result<(), MailError> {
        let url = self.at(&["messages", id]).url();
        let call = Call::new(Method::DELETE, url, "discard a draft");
        match self.done(call).await {
            Err(error) if is_missing(&error) => Ok(()),
            done => done,
        }
    }

    /// What became of the draft with that immutable id. Right after it was sent it may still
    /// seem to be a draft.
    pub async fn draft_fate(&self, id: &str) -> Result<DraftFate, MailError> {
        Ok(match self.drafted(id).await? {
            Some(found) if found.is_draft => DraftFate::Unsent,
            Some(_) => DraftFate::Sent,
            None => DraftFate::Gone,
        })
    }

    /// Takes away the draft with that immutable id if it is one still, and not a copy of what was
    /// sent in the meantime: Graph is asked to delete the version that was seen to be a draft, and
    /// no later one (`If-Match`, RFC 9110 §13.1.1).
    ///
    /// Microsoft does not say that deleting heeds `If-Match`
    /// (<https://learn.microsoft.com/graph/api/message-delete>), and its versions are weak ones. So
    /// the guard is the look right before; the condition narrows the moment between the two where
    /// it is heeded. Where a version twice does not match itself it is not, and the look alone is
    /// the guard. A draft that has another version at the next look is changed by somebody, and
    /// left alone.
    ///
    /// Where the answer does not say whether it was deleted, a look behind it does.
    pub async fn withdraw_draft(&self, id: &str) -> Result<Withdrawal, MailError> {
        let seen = match self.version(id).await? {
            Ok(version) => version,
            Err(ended) => return Ok(ended),
        };
        for condition in [Some(&seen), Some(&seen), None] {
            let url = self.at(&["messages", id]).url();
            let mut call = Call::new(Method::DELETE, url, "withdraw a draft").once();
            if let Some(version) = condition {
                call = call.of_version(version.clone());
            }
            let refusal = match self.done(call).await {
                Ok(()) => return Ok(Withdrawal::Withdrawn),
                Err(MailError::Graph(refusal)) => refusal,
                Err(error) => return self.perhaps_withdrawn(id, error).await,
            };
            match refusal.status {
                404 => return Ok(Withdrawal::Gone),
                409 | 412 => {}
                _ => return self.perhaps_withdrawn(id, MailError::Graph(refusal)).await,
            }
            match self.version(id).await? {
                Ok(version) if version == seen && refusal.status == 412 => {}
                Ok(_) => break,
                Err(ended) => return Ok(ended),
            }
        }
        Ok(Withdrawal::Changed)
    }

    /// Behind an answer that does not say whether a draft was deleted. Exchange may need a moment
    /// for it, and what is seen then is not there any more at the next look.
    async fn perhaps_withdrawn(&self, id: &str, error: MailError) -> Result<Withdrawal, MailError> {
        if !error.next().is_retry() {
            return Err(error);
        }
        for wait in [None, Some(A_MOMENT)] {
            if let Some(wait) = wait {
                self.settings().clock.sleep(wait).await;
            }
            match self.draft_fate(id).await {
                // Our own question did it, and only its answer did not come.
                Ok(DraftFate::Gone) => return Ok(Withdrawal::Withdrawn),
                Ok(DraftFate::Sent) => return Ok(Withdrawal::Sent),
                Ok(DraftFate::Unsent) => {}
                Err(_) => break,
            }
        }
        Err(error)
    }

    /// The version of a draft, or what became of it if it is none any more.
    async fn version(&self, id: &str) -> Result<Result<String, Withdrawal>, MailError> {
        let etag = match self.drafted(id).await? {
            Some(found) if found.is_draft => found.etag,
            Some(_) => return Ok(Err(Withdrawal::Sent)),
            None => return Ok(Err(Withdrawal::Gone)),
        };
        let missing = || self.garbled(LOOK, "a draft without `@odata.etag`");
        etag.map(Ok).ok_or_else(missing)
    }

    /// To whom a message is addressed, in small letters.
    pub(super) async fn addressees(&self, id: &str) -> Result<BTreeSet<String>, MailError> {
        let address = self.at(&["messages", id]);
        let address = address.with("$select", "toRecipients,ccRecipients,bccRecipients");
        let found: Addressed = self.object(Call::get(address.url(), LOOK)).await?;
        let all = [found.to, found.cc, found.bcc];
        let all = all.into_iter().flatten();
        let addresses = all.filter_map(|one| one.email_address?.address);
        Ok(addresses.map(|one| one.to_lowercase()).collect())
    }

    async fn drafted(&self, id: &str) -> Result<Option<Drafted>, MailError> {
        let address = self.at(&["messages", id]).with("$select", "id,isDraft");
        match self.object(Call::get(address.url(), LOOK)).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Answers a message, and sends that.
    pub async fn reply(
        &self,
        id: &str,
        comment: &str,
        audience: Audience,
    ) -> Result<(), MailError> {
        let act = match audience {
            Audience::Sender => "reply",
            Audience::Everybody => "replyAll",
        };
        let url = self.at(&["messages", id, act]).url();
        let call = Call::new(Method::POST, url, "answer a message");
        self.done(call.with(&json!({ "comment": comment }))).await
    }

    /// Passes a message on, and sends that.
    pub async fn forward(&self, id: &str, comment: &str, to: &[Address]) -> Result<(), MailError> {
        let url = self.at(&["messages", id, "forward"]).url();
        let call = Call::new(Method::POST, url, "forward a message");
        let body = json!({ "comment": comment, "toRecipients": recipients(to) });
        self.done(call.with(&body)).await
    }

    /// Begins an answer that is not sent yet; answers the draft's id.
    pub async fn begin_reply(&self, id: &str, audience: Audience) -> Result<String, MailError> {
        let act = match audience {
            Audience::Sender => "createReply",
            Audience::Everybody => "createReplyAll",
        };
        let url = self.at(&["messages", id, act]).url();
        self.made(Call::new(Method::POST, url, "begin an answer"))
            .await
    }

    /// Puts a message into exactly these categories.
    pub async fn categorize(&self, id: &str, categories: &[String]) -> Result<(), MailError> {
        self.change(id, &json!({ "categories": categories })).await
    }

    /// Says whether something is still to be done about a message.
    pub async fn follow_up(&self, id: &str, status: FollowUpStatus) -> Result<(), MailError> {
        self.change(id, &json!({ "flag": { "flagStatus": status } }))
            .await
    }

    async fn change(&self, id: &str, fields: &Value) -> Result<(), MailError> {
        let url = self.at(&["messages", id]).url();
        let call = Call::new(Method::PATCH, url, "change a message");
        self.done(call.with(fields)).await
    }

    /// Asks for something to be made, and answers its id.
    pub(super) async fn made(&self, call: Call) -> Result<String, MailError> {
        let made: Made = self.object(call).await?;
        Ok(made.id)
    }

    /// Asks for something whose answer holds nothing of interest.
    pub(super) async fn done(&self, call: Call) -> Result<(), MailError> {
        self.ask(call).await?.done().await
    }
}

/// Addresses as Graph writes them.
pub(super) fn recipients(people: &[Address]) -> Value {
    people.iter().map(recipient).collect()
}

fn recipient(person: &Address) -> Value {
    let mut address = Map::new();
    address.insert("address".to_owned(), json!(person.address));
    if let Some(name) = &person.name {
        address.insert("name".to_owned(), json!(name));
    }
    json!({ "emailAddress": address })
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drafted {
    #[serde(default)]
    is_draft: bool,
    /// Its version.
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
}

#[derive(Deserialize)]
struct Addressed {
    #[serde(default, rename = "toRecipients")]
    to: Vec<Recipient>,
    #[serde(default, rename = "ccRecipients")]
    cc: Vec<Recipient>,
    #[serde(default, rename = "bccRecipients")]
    bcc: Vec<Recipient>,
}

const LOOK: &str = "look for a draft";
const A_MOMENT: Duration = Duration::from_secs(1);

/// What the fields are called in the store (MS-OXPROPS, `PidTagInReplyToId`,
/// `PidTagInternetReferences`).
const IN_REPLY_TO: &str = "String 0x1042";
const REFERENCES: &str = "String 0x1039";
