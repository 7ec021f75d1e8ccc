//! What hangs on a message (<https://learn.microsoft.com/graph/api/resources/attachment>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::call::{Call, Reply};
use super::client::Graph;
use crate::{MailError, Outgoing, SubmitError};

/// An attachment in a list, without its octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentEntry {
    /// Its id.
    pub id: String,
    /// Its name as the sender wrote it. Not safe as a path.
    pub name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// Its size in octets, about.
    #[serde(default)]
    pub size: u64,
    /// Whether it is shown within the text.
    #[serde(default)]
    pub is_inline: bool,
}

/// A file that is to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// By what the text refers to it, if it is shown within.
    pub content_id: Option<String>,
}

/// An attachment that streams in.
#[derive(Debug)]
pub struct Download<'a>(Reply<'a>);

impl Download<'_> {
    /// The next octets; `None` behind the last.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, MailError> {
        self.0.chunk().await
    }
}

impl Graph {
    /// What hangs on a message.
    pub async fn attachments(&self, message: &str) -> Result<Vec<AttachmentEntry>, MailError> {
        let address = self.at(&["messages", message, "attachments"]);
        let address = address.with("$select", "id,name,contentType,size,isInline");
        let call = Call::get(address.url(), "list attachments");
        self.pages(call, MOST_ATTACHMENTS).await
    }

    /// Streams the octets of an attachment.
    pub async fn download(
        &self,
        message: &str,
        attachment: &str,
    ) -> Result<Download<'_>, MailError> {
        let address = self.at(&["messages", message, "attachments", attachment, "$value"]);
        let call = Call::get(address.url(), "hand out an attachment");
        Ok(Download(self.ask(call).await?))
    }

    /// Hangs a file on a draft: a small one at once, a large one in ranges.
    pub async fn attach(
        &self,
        draft: &str,
        file: &NewAttachment,
        octets: &mut dyn Outgoing,
    ) -> Result<(), SubmitError> {
        if octets.size() >= AT_ONCE {
            return self.attach_in_ranges(draft, file, octets).await;
        }
        let body = at_once(file, octets).await?;
        let url = self.at(&["messages", draft, "attachments"]).url();
        let call = Call::new(Method::POST, url, ATTACH).with_json(body);
        Ok(self.done(call).await?)
    }
}

/// The body of the request that attaches a file at once. It is encoded as it comes, so that it is
/// held only once.
async fn at_once(file: &NewAttachment, octets: &mut dyn Outgoing) -> Result<Bytes, SubmitError> {
    let description = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": file.name,
        "contentType": file.content_type,
        "contentId": file.content_id,
        "isInline": file.content_id.is_some(),
    });
    let mut body = description.to_string();
    // The brace at its end.
    body.pop();
    body.push_str(",\"contentBytes\":\"");
    let mut left = BytesMut::new();
    while let Some(piece) = octets.chunk().await? {
        left.extend_from_slice(&piece);
        let whole = left.split_to(left.len() - left.len() % 3);
        STANDARD.encode_string(whole, &mut body);
    }
    STANDARD.encode_string(left, &mut body);
    body.push_str("\"}");
    Ok(body.into())
}

pub(super) const ATTACH: &str = "attach a file";
/// From this size on a file goes in ranges: in base64 it fills a request of four million octets,
/// but for a hundred thousand that are left for its name and all the rest. No upload session is
/// opened for less than 2 MiB.
const AT_ONCE: u64 = 3_900_000 / 4 * 3;
pub(super) const MOST_ATTACHMENTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Letter;

    #[tokio::test]
    async fn what_goes_at_once_fits_in_a_request_that_graph_takes() {
        let size = usize::try_from(AT_ONCE - 1).expect("it is small");
        let file = NewAttachment {
            name: "ö".repeat(255),
            content_type: "application/octet-stream".into(),
            content_id: Some("\u{1}".repeat(998)),
        };
        let mut octets = Letter::new([vec![0; size]]);
        let body = at_once(&file, &mut octets).await.expect("it is read");
        assert!(body.len() < 4_000_000, "{} octets", body.len());
    }
}
