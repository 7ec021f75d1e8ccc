//! Opens sessions.

use async_trait::async_trait;

use super::client::Graph;
use super::session::Session;
use super::settings::GraphSettings;
use crate::{MailError, Mailbox, Opener};

/// Opens one mailbox over Microsoft Graph, as often as it is asked.
#[derive(Debug)]
pub struct GraphOpener {
    graph: Graph,
}

impl GraphOpener {
    /// Keeps what is needed to open; nothing is asked yet.
    pub fn new(settings: GraphSettings) -> Self {
        Self {
            graph: Graph::new(settings),
        }
    }
}

#[async_trait]
impl Opener for GraphOpener {
    /// One question proves that the token opens the mailbox.
    async fn open(&self) -> Result<Box<dyn Mailbox>, MailError> {
        let inbox = self.graph.inbox().await?;
        Ok(Box::new(Session::new(self.graph.clone(), inbox)))
    }
}
