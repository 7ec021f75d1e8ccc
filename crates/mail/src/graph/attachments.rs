//! What hangs on a message (<https://learn.microsoft.com/graph/outlook-large-attachments>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::answer::Answer;
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
        if octets.size() < AT_ONCE {
            let mut content = BytesMut::new();
            while let Some(piece) = octets.chunk().await? {
                content.extend_from_slice(&piece);
            }
            let url = self.at(&["messages", draft, "attachments"]).url();
            let body = json!({
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": file.name,
                "contentType": file.content_type,
                "contentId": file.content_id,
                "isInline": file.content_id.is_some(),
                "contentBytes": STANDARD.encode(content),
            });
            let call = Call::new(Method::POST, url, ATTACH).with(&body);
            return Ok(self.done(call).await?);
        }
        let upload = self.begin_upload(draft, file, octets.size()).await?;
        self.upload(&upload, octets).await
    }

    async fn begin_upload(
        &self,
        draft: &str,
        file: &NewAttachment,
        size: u64,
    ) -> Result<Url, MailError> {
        let url = self.at(&["messages", draft, "attachments", "createUploadSession"]);
        let body = json!({ "AttachmentItem": {
            "attachmentType": "file",
            "name": file.name,
            "contentType": file.content_type,
            "contentId": file.content_id,
            "isInline": file.content_id.is_some(),
            "size": size,
        }});
        let call = Call::new(Method::POST, url.url(), ATTACH).with(&body);
        let session: UploadSession = self.object(call).await?;
        // It leads to another host, where no token goes; but octets of mail go under TLS only.
        let url = Url::parse(&session.upload_url);
        let url = url.map_err(|_| self.garbled(ATTACH, "an upload without an address"))?;
        let is_protected = url.scheme() == "https" || url.origin() == self.settings().base.origin();
        is_protected
            .then_some(url)
            .ok_or_else(|| self.garbled(ATTACH, "an upload address that is not protected"))
    }

    /// Puts all ranges one behind the other.
    async fn upload(&self, url: &Url, octets: &mut dyn Outgoing) -> Result<(), SubmitError> {
        let size = octets.size();
        let (mut sent, mut range) = (0, BytesMut::new());
        while sent < size {
            let wanted = usize::try_from(RANGE.min(size - sent)).unwrap_or(usize::MAX);
            while range.len() < wanted {
                let Some(piece) = octets.chunk().await? else {
                    return Err(super::submit::of_another_size().into());
                };
                range.extend_from_slice(&piece);
            }
            let octets = range.split_to(wanted).freeze();
            let next = self.put(url, octets, (sent, size)).await?;
            sent = sent.saturating_add(wanted as u64);
            if next.is_some_and(|next| next != sent) {
                let reason = "an upload that goes on elsewhere than it ended";
                return Err(self.garbled(ATTACH, reason).into());
            }
        }
        Ok(())
    }

    /// Puts one range without a token; answers where Graph expects the next. The same range may
    /// be put again when the answer was lost.
    async fn put(
        &self,
        url: &Url,
        octets: Bytes,
        (from, size): (u64, u64),
    ) -> Result<Option<u64>, MailError> {
        let settings = self.settings();
        let until = from + octets.len() as u64 - 1;
        let mut tries = 0;
        loop {
            let _lane = settings.governor.lane().await;
            self.turn(ATTACH).await?;
            let request = settings
                .http
                .put(url.clone())
                .header(CONTENT_LENGTH, octets.len())
                .header(CONTENT_RANGE, format!("bytes {from}-{until}/{size}"))
                .body(octets.clone());
            let answer = settings.clock.within(settings.reply, request.send()).await;
            let answer = answer.map_err(|_| self.silent("a range to be taken", settings.reply))?;
            tries += 1;
            let response = match answer {
                Ok(response) => response,
                Err(_) if tries < MOST_TRIES => continue,
                Err(error) => return Err(self.trouble(&error)),
            };
            let (status, headers) = (response.status(), response.headers().clone());
            if status.is_redirection() {
                return Err(self.garbled(ATTACH, "an upload that is sent elsewhere"));
            }
            let body = self.beginning(response).await;
            if status.is_success() {
                return Ok(next_range(&body));
            }
            if status.is_server_error() && tries < MOST_TRIES {
                settings.clock.sleep(self.pause(&headers)).await;
                continue;
            }
            let answer = Answer::read(status.as_u16(), &headers, &body);
            return Err(self.refusal(ATTACH, answer, "none".to_owned()).into());
        }
    }

    /// As much of a body as tells enough.
    async fn beginning(&self, mut response: reqwest::Response) -> Vec<u8> {
        let mut body = Vec::new();
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MOST_OF_AN_ANSWER {
                    break;
                }
            }
        };
        let _ = self
            .settings()
            .clock
            .within(self.settings().reply, reading)
            .await;
        body
    }

    fn pause(&self, headers: &HeaderMap) -> std::time::Duration {
        let wanted = Answer::read(503, headers, b"").retry_after;
        let most = std::time::Duration::from_secs(10);
        wanted.unwrap_or_default().min(most) + self.settings().chance.up_to(PAUSE)
    }
}

/// `NextExpectedRanges`, which this service alone writes with a capital letter.
fn next_range(body: &[u8]) -> Option<u64> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let ranges = value
        .get("NextExpectedRanges")
        .or_else(|| value.get("nextExpectedRanges"))?;
    let first = ranges.get(0)?.as_str()?;
    first.split('-').next()?.parse().ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UploadSession {
    upload_url: String,
    #[serde(rename = "expirationDateTime")]
    _expires_at: Option<Timestamp>,
}

const ATTACH: &str = "attach a file";
/// From this size on a file goes in ranges.
const AT_ONCE: u64 = 3 * 1024 * 1024;
/// Twelve times 320 KiB: a range must be less than four million octets.
const RANGE: u64 = 12 * 320 * 1024;
const MOST_TRIES: u32 = 3;
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);
const MOST_ATTACHMENTS: usize = 1_000;
const MOST_OF_AN_ANSWER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_range_is_read_in_either_spelling() {
        for (body, next) in [
            (r#"{"NextExpectedRanges":["2097152"]}"#, Some(2_097_152)),
            (r#"{"nextExpectedRanges":["7-10"]}"#, Some(7)),
            (r#"{"NextExpectedRanges":[]}"#, None),
            ("", None),
        ] {
            assert_eq!(next_range(body.as_bytes()), next, "{body}");
        }
    }
}
