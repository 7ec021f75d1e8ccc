//! Sends a message that is written as values, in one request of JSON
//! (<https://learn.microsoft.com/graph/api/user-sendmail>).

use reqwest::Method;
use serde_json::json;

use crate::SubmitError;
use crate::graph::call::Call;
use crate::graph::client::Graph;
use crate::graph::drafts::{NewMail, SentCopy};

impl Graph {
    /// Sends a message without files. Where the answer is lost, the error
    /// [is unknown](SubmitError::is_unknown): the message may be on its way.
    pub async fn send_mail(&self, mail: &NewMail, copy: SentCopy) -> Result<(), SubmitError> {
        let body = json!({
            "message": mail.json(),
            "saveToSentItems": copy == SentCopy::Kept,
        });
        let call = Call::new(Method::POST, self.at(&["sendMail"]).url(), SEND);
        let ended = self.done(call.with(&body)).await;
        self.sent(ended)
    }
}

const SEND: &str = "send a message";
