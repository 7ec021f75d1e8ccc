//! Every transport obeys its contract against the sandbox, as against real servers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, Tasks, Trust, http_client_direct};
use gatepost_mail::contract::{Counterpart, View, obeys};
use gatepost_mail::graph::{Governor, GraphOpener, GraphSettings};
use gatepost_mail::imap::{ImapOpener, ImapSettings, Quirks, Security, TimeLimits};
use gatepost_mail::pop3::{Pop3Opener, Pop3Settings};
use gatepost_mail::{Addresses, FolderName, Opener, TRANSPORTS};
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use gatepost_sandbox::mailboxes::NewMessage;
use gatepost_sandbox::tenant::{self, Bearer, CLIENT_ID, ClientStrength, Resource, USER};
use gatepost_sandbox::{Sandbox, SandboxConfig};

#[tokio::test(flavor = "multi_thread")]
async fn every_transport_obeys_the_contract() {
    for transport in TRANSPORTS.iter().filter(|one| one.direction.reads()) {
        let tasks = Tasks::new();
        let clock = Clock::system();
        let sandbox = Sandbox::start(SandboxConfig::default(), clock, Chance::system(), &tasks);
        let sandbox = sandbox.await.expect("the sandbox starts");
        let (opener, view): (Box<dyn Opener>, View) = match transport.name {
            "imap" => (Box::new(imap(&sandbox)), View::Whole),
            "pop3" => (Box::new(pop3(&sandbox)), View::Inbox),
            "graph" => (Box::new(graph(&sandbox)), View::Whole),
            other => panic!("say how {other} reaches the sandbox"),
        };
        let mut served = Served {
            sandbox,
            opener,
            view,
        };
        obeys(&mut served).await;
        served.sandbox.end().await;
    }
}

fn imap(sandbox: &Sandbox) -> ImapOpener {
    let trust = Trust::with_authority(&sandbox.ca_file()).expect("the authority is readable");
    ImapOpener::new(ImapSettings {
        host: "localhost".to_owned(),
        port: sandbox.addresses().imap.port(),
        security: Security::ImplicitTls,
        tls: trust.client_config().expect("TLS can be set up"),
        addresses: Addresses::new(),
        mailbox: USER.to_owned(),
        tokens: Arc::new(Minted(sandbox.tenant().clone())),
        clock: Clock::system(),
        quirks: Quirks::default(),
        limits: TimeLimits::default(),
        largest_message: ImapSettings::LARGEST_MESSAGE,
    })
}

fn pop3(sandbox: &Sandbox) -> Pop3Opener {
    let trust = Trust::with_authority(&sandbox.ca_file()).expect("the authority is readable");
    Pop3Opener::new(Pop3Settings {
        host: "localhost".to_owned(),
        port: sandbox.addresses().pop3.port(),
        security: Security::ImplicitTls,
        tls: trust.client_config().expect("TLS can be set up"),
        addresses: Addresses::new(),
        mailbox: USER.to_owned(),
        tokens: Arc::new(Minted(sandbox.tenant().clone())),
        clock: Clock::system(),
        poll_every: Duration::from_millis(200),
        limits: TimeLimits::default(),
        largest_message: Pop3Settings::LARGEST_MESSAGE,
    })
}

fn graph(sandbox: &Sandbox) -> GraphOpener {
    let trust = Trust::with_authority(&sandbox.ca_file()).expect("the authority is readable");
    GraphOpener::new(GraphSettings {
        base: sandbox.graph().parse().expect("an address"),
        http: http_client_direct(&trust, GraphSettings::HTTP).expect("a client"),
        mailbox: USER.to_owned(),
        tokens: Arc::new(Minted(sandbox.tenant().clone())),
        clock: Clock::system(),
        chance: Chance::system(),
        governor: Governor::new(),
        poll_every: Duration::from_millis(200),
        reply: GraphSettings::REPLY,
        largest_message: GraphSettings::LARGEST_MESSAGE,
        largest_mime: GraphSettings::LARGEST_MIME,
    })
}

struct Served {
    sandbox: Sandbox,
    opener: Box<dyn Opener>,
    view: View,
}

#[async_trait]
impl Counterpart for Served {
    fn opener(&self) -> &dyn Opener {
        self.opener.as_ref()
    }

    fn view(&self) -> View {
        self.view
    }

    fn clock(&self) -> Clock {
        Clock::system()
    }

    async fn create_folder(&mut self, folder: &FolderName) {
        let mailbox = self.sandbox.mailboxes().open(USER).expect("it is there");
        match self.view {
            View::Whole => {
                mailbox.create(folder.as_str()).expect("a folder is made");
            }
            View::Inbox => {
                let messages = mailbox.messages(mailbox.inbox());
                let uids: Vec<u32> = messages.iter().map(|message| message.uid).collect();
                mailbox.remove(mailbox.inbox(), &uids);
            }
        }
    }

    async fn deliver(&mut self, folder: &FolderName, message: &[u8]) {
        let mailbox = self.sandbox.mailboxes().open(USER).expect("it is there");
        let folder = mailbox.find(folder.as_str()).expect("the folder is there");
        let new = NewMessage::received(message.to_vec().into(), Clock::system().now());
        mailbox.file(folder, new).expect("a message is filed");
    }

    async fn forget_keys(&mut self, folder: &FolderName) {
        let mailbox = self.sandbox.mailboxes().open(USER).expect("it is there");
        // Immutable ids are those of messages: as after an import, the messages are others.
        let place = mailbox.find(folder.as_str()).expect("the folder is there");
        let messages = mailbox.messages(place);
        let uids: Vec<u32> = messages.iter().map(|message| message.uid).collect();
        mailbox.remove(place, &uids);
        for message in messages {
            let new = NewMessage::received(message.raw.clone(), message.received_at);
            mailbox.file(place, new).expect("a message is filed");
        }
        let renumbered = mailbox.bump_uidvalidity(folder.as_str());
        renumbered.expect("the folder is renumbered");
    }
}

/// Tokens as the sandbox's own app gets them.
#[derive(Debug)]
struct Minted(tenant::Tenant);

#[async_trait]
impl TokenSource for Minted {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let app = self.0.directory().app(CLIENT_ID).cloned();
        let (name, resource) = match audience {
            Audience::Exchange => ("https://outlook.office365.com", Resource::Exchange),
            Audience::Graph => ("https://graph.microsoft.com", Resource::Graph),
        };
        let token = tenant::AccessToken {
            audience: name,
            resource,
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
