//! A sandbox, and Graph for any of its mailboxes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, Tasks, Trust, http_client_direct};
use gatepost_mail::graph::{Governor, Graph, GraphSettings, GraphSubmitter};
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use gatepost_sandbox::mailboxes::Message;
use gatepost_sandbox::tenant::{self, Bearer, CLIENT_ID, ClientStrength, Resource};
use gatepost_sandbox::{Sandbox, SandboxConfig};

pub(crate) const ADA: &str = "ada.berg@contoso.com";
pub(crate) const JUN: &str = "jun.tanaka@contoso.com";

/// A running sandbox.
pub(crate) struct Stand {
    pub(crate) sandbox: Sandbox,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        let tasks = Tasks::new();
        let (clock, chance) = (Clock::system(), Chance::system());
        let sandbox = Sandbox::start(SandboxConfig::default(), clock, chance, &tasks).await;
        Self {
            sandbox: sandbox.expect("the sandbox starts"),
        }
    }

    /// Graph for a mailbox, asked by the app.
    pub(crate) fn graph(&self, mailbox: &str) -> Graph {
        Graph::new(self.settings(mailbox))
    }

    /// What submits messages of a mailbox.
    pub(crate) fn submitter(&self, mailbox: &str) -> GraphSubmitter {
        GraphSubmitter::new(self.settings(mailbox))
    }

    fn settings(&self, mailbox: &str) -> GraphSettings {
        let trust = Trust::with_authority(&self.sandbox.ca_file());
        let trust = trust.expect("the authority is readable");
        GraphSettings {
            base: self.sandbox.graph().parse().expect("an address"),
            http: http_client_direct(&trust, GraphSettings::HTTP).expect("a client"),
            mailbox: mailbox.to_owned(),
            tokens: Arc::new(Minted(self.sandbox.tenant().clone())),
            clock: Clock::system(),
            chance: Chance::system(),
            governor: Governor::new(),
            poll_every: GraphSettings::POLL_EVERY,
            reply: GraphSettings::REPLY,
            largest_message: GraphSettings::LARGEST_MESSAGE,
            largest_mime: GraphSettings::LARGEST_MIME,
        }
    }

    /// Lets something go wrong.
    pub(crate) fn order(&self, order: &str) {
        let order = order.parse().expect("a good order");
        self.sandbox.faults().order(order);
    }

    /// The messages of a folder, seen without Graph.
    pub(crate) fn folder(&self, address: &str, name: &str) -> Vec<Message> {
        let mailbox = self.sandbox.mailboxes().open(address).expect("it is there");
        mailbox.messages(mailbox.find(name).expect("a usual folder"))
    }
}

/// Tokens as the sandbox's own app gets them.
#[derive(Debug)]
struct Minted(tenant::Tenant);

#[async_trait]
impl TokenSource for Minted {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let app = self.0.directory().app(CLIENT_ID).cloned();
        let token = tenant::AccessToken {
            audience: "https://graph.microsoft.com",
            resource: Resource::Graph,
            app: &app.expect("it is in the directory"),
            strength: ClientStrength::Secret,
            bearer: Bearer::App,
            asked: &tenant::AskedClaims::default(),
        };
        let minted = self.0.mint(&token, LIFETIME);
        let expires_at = Clock::system().now() + LIFETIME;
        Ok(AccessToken::new(minted.into(), audience, expires_at))
    }

    fn refused(&self, _: &AccessToken) {}
}

const LIFETIME: Duration = Duration::from_hours(1);
