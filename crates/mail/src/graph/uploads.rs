//! A large file in ranges (<https://learn.microsoft.com/graph/outlook-large-attachments>).
//!
//! Where the answer to a range is lost, Graph is asked how far it is, and the upload goes on there.
//! An upload that is over before its end is begun anew.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::answer::Answer;
use super::attachments::{ATTACH, NewAttachment};
use super::call::Call;
use super::client::Graph;
use crate::{MailError, Outgoing, OutgoingError, SubmitError};

/// How an upload ended.
#[derive(Debug, PartialEq, Eq)]
enum Upload {
    Done,
    /// It is over, and the file hangs on the draft or not: the answer to the last range was lost.
    Unclear,
    /// It is over, and the file does not hang on the draft.
    Over,
}

/// What became of a range.
#[derive(Debug)]
enum Put {
    /// Graph has taken it, and wants the next to begin there if it says so.
    Taken(Option<u64>),
    /// Nobody knows whether Graph has taken it: it did not answer, or said that it begins at
    /// another place, or to wait.
    Unclear { why: MailError, pause: Duration },
    /// There is no such upload any more.
    Over,
}

/// A range on its way.
#[derive(Debug, Clone, Copy)]
struct Range {
    from: u64,
    size: u64,
}

/// Cuts a file into ranges. There are two at most: the one on its way, and the next.
struct Ranges<'a> {
    octets: &'a mut dyn Outgoing,
    /// How many octets are not handed out yet.
    left: u64,
    /// What was read of the range behind the last that was handed out.
    ahead: Bytes,
    /// The memory of a range that is through: an allocator that takes and gives back millions of
    /// octets for each keeps several of them.
    spare: BytesMut,
}

impl<'a> Ranges<'a> {
    fn of(octets: &'a mut dyn Outgoing) -> Self {
        Self {
            left: octets.size(),
            octets,
            ahead: Bytes::new(),
            spare: BytesMut::new(),
        }
    }

    /// The next range; `None` behind the last.
    async fn next(&mut self) -> Result<Option<Bytes>, OutgoingError> {
        if self.left == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(RANGE.min(self.left)).unwrap_or(usize::MAX);
        let mut range = std::mem::take(&mut self.spare);
        range.clear();
        range.reserve(wanted);
        while range.len() < wanted {
            if self.ahead.is_empty() {
                let piece = self.octets.chunk().await?;
                self.ahead = piece.ok_or_else(super::submit::of_another_size)?;
            }
            let some = self.ahead.len().min(wanted - range.len());
            range.extend_from_slice(&self.ahead.split_to(some));
        }
        self.left -= wanted as u64;
        Ok(Some(range.freeze()))
    }

    /// A range is through; its memory is for the one after the next, if nobody else has it.
    fn is_through(&mut self, range: Bytes) {
        self.spare = range.try_into_mut().unwrap_or_default();
    }
}

impl Graph {
    /// Hangs a file on a draft in ranges.
    pub(super) async fn attach_in_ranges(
        &self,
        draft: &str,
        file: &NewAttachment,
        octets: &mut dyn Outgoing,
    ) -> Result<(), SubmitError> {
        let before = self.attachments(draft).await?.len();
        for _ in 0..MOST_UPLOADS {
            let url = self.begin_upload(draft, file, octets.size()).await?;
            match self.upload(&url, octets).await? {
                Upload::Done => return Ok(()),
                Upload::Unclear if self.attachments(draft).await?.len() > before => return Ok(()),
                Upload::Unclear | Upload::Over => octets.begin_again().await?,
            }
        }
        Err(SubmitError::UploadExpired {
            host: self.host(),
            mailbox: self.mailbox().to_owned(),
            uploads: MOST_UPLOADS,
        })
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

    /// Puts all ranges one behind the other. While one is on its way, the next is made ready.
    async fn upload(&self, url: &Url, octets: &mut dyn Outgoing) -> Result<Upload, SubmitError> {
        let size = octets.size();
        let mut ranges = Ranges::of(octets);
        let (mut sent, mut next) = (0, ranges.next().await?);
        while let Some(range) = next {
            let until = sent + range.len() as u64;
            let put = self.put_all(url, &range, Range { from: sent, size });
            let (put, ready) = tokio::join!(put, ranges.next());
            ranges.is_through(range);
            match put? {
                Upload::Done => (sent, next) = (until, ready?),
                ended @ (Upload::Unclear | Upload::Over) => return Ok(ended),
            }
        }
        Ok(Upload::Done)
    }

    /// Puts a range until Graph has all of it.
    async fn put_all(
        &self,
        url: &Url,
        octets: &Bytes,
        Range { from, size }: Range,
    ) -> Result<Upload, MailError> {
        let until = from + octets.len() as u64;
        let (mut at, mut reached, mut tries) = (from, from, 0);
        while at < until {
            let done = usize::try_from(at - from).unwrap_or(usize::MAX);
            let put = self.put(url, octets.slice(done..), Range { from: at, size });
            let next = match put.await? {
                Put::Taken(next) => {
                    let next = next.unwrap_or(until);
                    if (from..=reached).contains(&next) {
                        tries += 1;
                        if tries >= MOST_TRIES {
                            let reason = "an upload that was taken and does not go on";
                            return Err(self.garbled(ATTACH, reason));
                        }
                        self.settings().clock.sleep(self.pause(None)).await;
                    }
                    next
                }
                Put::Over if tries > 0 && until == size => return Ok(Upload::Unclear),
                Put::Over => return Ok(Upload::Over),
                Put::Unclear { why, pause } => {
                    tries += 1;
                    if tries >= MOST_TRIES {
                        return Err(why);
                    }
                    self.settings().clock.sleep(pause).await;
                    match self.progress(url).await {
                        Some(Put::Taken(next)) => next.unwrap_or(until),
                        Some(Put::Over) if until == size => return Ok(Upload::Unclear),
                        Some(Put::Over) => return Ok(Upload::Over),
                        // It is not known, so the same is put again.
                        Some(Put::Unclear { .. }) | None => at,
                    }
                }
            };
            if next > reached {
                (reached, tries) = (next, 0);
            }
            if next < from {
                // What was let go is wanted again.
                return Ok(Upload::Over);
            }
            if next > until {
                let reason = "an upload that goes on elsewhere than it ended";
                return Err(self.garbled(ATTACH, reason));
            }
            at = next;
        }
        Ok(Upload::Done)
    }

    /// Puts one range without a token; answers where Graph expects the next.
    async fn put(
        &self,
        url: &Url,
        octets: Bytes,
        Range { from, size }: Range,
    ) -> Result<Put, MailError> {
        let until = from + octets.len() as u64 - 1;
        let request = self.settings().http.put(url.clone());
        let request = request
            .header(CONTENT_LENGTH, octets.len())
            .header(CONTENT_RANGE, format!("bytes {from}-{until}/{size}"))
            .body(octets);
        self.asked_of_upload(request).await
    }

    /// Where Graph expects the next range; `None` if it does not say.
    async fn progress(&self, url: &Url) -> Option<Put> {
        let asked = self.asked_of_upload(self.settings().http.get(url.clone()));
        match asked.await {
            Ok(Put::Taken(None)) | Err(_) => None,
            Ok(answer) => Some(answer),
        }
    }

    async fn asked_of_upload(&self, request: reqwest::RequestBuilder) -> Result<Put, MailError> {
        let settings = self.settings();
        let _lane = settings.governor.lane().await;
        self.turn(ATTACH).await?;
        let unclear = |why, pause| Ok(Put::Unclear { why, pause });
        let answer = settings.clock.within(settings.reply, request.send()).await;
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return unclear(self.trouble(&error), self.pause(None)),
            Err(_) => {
                let silent = self.silent("a range to be taken", settings.reply);
                return unclear(silent, self.pause(None));
            }
        };
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(self.garbled(ATTACH, "an upload that is sent elsewhere"));
        }
        let body = self.beginning(response).await;
        if status.is_success() {
            return Ok(Put::Taken(next_range(&body)));
        }
        let answer = Answer::read(status.as_u16(), &headers, &body);
        let refusal = self.refusal(ATTACH, answer, "none".to_owned());
        match status.as_u16() {
            // The address is the key: where it is refused, it is good no more.
            401 | 403 | 404 | 410 => Ok(Put::Over),
            408 | 409 | 416 | 429 | 500..600 => unclear(refusal.into(), self.pause(Some(&headers))),
            _ => Err(refusal.into()),
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
        let limit = self.settings().reply;
        let _ = self.settings().clock.within(limit, reading).await;
        body
    }

    fn pause(&self, headers: Option<&HeaderMap>) -> Duration {
        let wanted = headers.and_then(|headers| Answer::read(503, headers, b"").retry_after);
        wanted.unwrap_or_default().min(LONGEST_PAUSE) + self.settings().chance.up_to(PAUSE)
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

/// Eight times 320 KiB: a range must be less than four million octets, and is held as a whole.
const RANGE: u64 = 8 * 320 * 1024;
/// How often a range may be put that does not go on.
const MOST_TRIES: u32 = 4;
/// How often a file may be begun.
const MOST_UPLOADS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
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
