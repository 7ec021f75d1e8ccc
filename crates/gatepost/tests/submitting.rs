//! Every way to send obeys its contract against the sandbox, and says truthfully what went wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatepost::compose::{Scope, compose};
use gatepost::config;
use gatepost_fault::Fault as _;
use gatepost_host::{Chance, Clock, Tasks, Trust, http_client_direct};
use gatepost_mail::contract::{Letter, SubmissionPoint, Told, envelope, submits};
use gatepost_mail::graph::{Governor, GraphSettings, GraphSubmitter};
use gatepost_mail::smtp::{Security, SmtpOpener, SmtpSettings, SmtpTimeLimits};
use gatepost_mail::{Addresses, Receipt, SubmitError, SubmitOpener, TRANSPORTS};
use gatepost_oauth::{AccessToken, Audience, TokenError, TokenSource};
use gatepost_sandbox::mailboxes::Message;
use gatepost_sandbox::tenant::{
    self, ADMIN_ONLY_MAILBOX, Bearer, CLIENT_ID, ClientStrength, Resource, TENANT_ID, USER,
};
use gatepost_sandbox::{Sandbox, SandboxConfig, SendingLimits};
use secrecy::ExposeSecret as _;

const JUN: &str = "jun.tanaka@contoso.com";
const SHARED: &str = "support@contoso.com";
/// On whose behalf Ada may send.
const INVOICES: &str = "invoices@contoso.com";

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_send_obeys_the_contract() {
    for transport in TRANSPORTS.iter().filter(|one| one.direction.sends()) {
        let ways = match transport.name {
            "smtp" => vec![Some(Security::ImplicitTls), Some(Security::StartTls)],
            "graph" => vec![None],
            other => panic!("say how {other} reaches the sandbox"),
        };
        for security in ways {
            let stand = Stand::new().await;
            let opener: Box<dyn SubmitOpener> = match security {
                Some(security) => Box::new(stand.opener(USER, security, stand.tokens())),
                None => Box::new(stand.graph(USER)),
            };
            let mut point = Point { stand, opener };
            submits(&mut point).await;
            let kept = point.stand.folder(USER, "Sent Items").len();
            let arrived = point.stand.folder(JUN, "Inbox").len();
            assert_eq!(kept, arrived, "Sent Items keeps each");
            point.stand.sandbox.end().await;
        }
    }
}

/// A token that is refused is asked for anew, once.
#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let stand = Stand::new().await;
    let tokens = Arc::new(Stale {
        good: Minted::for_app(&stand.sandbox),
        refused: AtomicUsize::new(0),
    });
    let opener = stand.opener(USER, Security::ImplicitTls, Arc::clone(&tokens) as _);
    opener.open().await.expect("the second token is good");
    assert_eq!(tokens.refused.load(Ordering::SeqCst), 1);
    stand.sandbox.end().await;
}

#[tokio::test]
async fn what_exchange_refuses_is_told_with_what_to_do() {
    let stand = Stand::new().await;
    for (order, mailbox, from, code) in [
        (
            "",
            ADMIN_ONLY_MAILBOX,
            ADMIN_ONLY_MAILBOX,
            "smtp_not_connected",
        ),
        ("", USER, JUN, "send_as_denied"),
        ("smtp-off", USER, USER, "smtp_switched_off"),
        ("refuse-mail,code=5.2.2", USER, USER, "submission_refused"),
        ("refuse-mail,code=4.7.0", USER, USER, "mailbox_unavailable"),
        ("throttle", USER, USER, "mailbox_unavailable"),
        // A small message is whole with the command that announces it.
        ("drop-before-data", USER, USER, "submission_unknown"),
        ("drop-in-data", USER, USER, "submission_unknown"),
        (
            "expire-tokens",
            "nobody@contoso.com",
            USER,
            "smtp_sign_in_refused",
        ),
    ] {
        if !order.is_empty() {
            stand.order(order);
        }
        let opener = stand.opener(mailbox, Security::ImplicitTls, stand.tokens());
        let (outcome, _) = submit(&opener, from).await;
        let error = outcome.expect_err(order);
        assert_eq!(error.code(), code, "{order}: {error}");
        let is_unknown = code == "submission_unknown";
        assert_eq!(error.is_unknown(), is_unknown, "{order}");
        stand.sandbox.faults().clear_all();
    }
    assert!(stand.folder(JUN, "Inbox").is_empty());
    stand.sandbox.end().await;
}

/// The message may have been sent or not: the same is said of both.
#[tokio::test]
async fn a_lost_answer_is_unknown_whether_the_message_was_sent_or_not() {
    let stand = Stand::new().await;
    for (order, sent) in [("drop-unsent", 0), ("drop-answer", 1)] {
        stand.order(order);
        let opener = stand.opener(USER, Security::ImplicitTls, stand.tokens());
        let (outcome, told) = submit(&opener, USER).await;
        let error = outcome.expect_err(order);
        assert!(
            error.is_unknown() && told.begun.is_some(),
            "{order}: {error}"
        );
        assert_eq!(stand.folder(JUN, "Inbox").len(), sent, "{order}");
        assert_eq!(stand.folder(USER, "Sent Items").len(), sent, "{order}");
        stand.sandbox.faults().clear_all();
    }
    stand.sandbox.end().await;
}

/// A shared mailbox has no sign-in: a person signs in who may send as it.
#[tokio::test]
async fn a_shared_mailbox_sends_by_the_sign_in_of_a_person() {
    let stand = Stand::new().await;
    let tokens: Arc<dyn TokenSource> = Arc::new(Minted {
        tenant: stand.sandbox.tenant().clone(),
        person: Some(USER),
    });
    for (sign_in_as, code) in [(USER, None), (SHARED, Some("smtp_sign_in_refused"))] {
        let opener = SmtpOpener::new(SmtpSettings {
            sign_in_as: sign_in_as.to_owned(),
            ..stand.settings(SHARED, Security::ImplicitTls, Arc::clone(&tokens))
        });
        let (outcome, _) = submit(&opener, SHARED).await;
        assert_eq!(
            outcome.err().map(|error| error.code()),
            code,
            "{sign_in_as}"
        );
    }
    let inbox = stand.folder(JUN, "Inbox");
    assert!(inbox[0].raw.starts_with(b"From: <support@contoso.com>"));
    assert_eq!(inbox.len(), 1);
    assert_eq!(stand.folder(USER, "Sent Items").len(), 1);
    stand.sandbox.end().await;
}

/// A further address is like the mailbox's own; who sends on behalf of another is named.
#[tokio::test(flavor = "multi_thread")]
async fn an_alias_is_no_other_sender_and_a_deputy_is_named() {
    let stand = Stand::new().await;
    for way in ["smtp", "graph"] {
        let opener: Box<dyn SubmitOpener> = match way {
            "smtp" => Box::new(stand.opener(USER, Security::ImplicitTls, stand.tokens())),
            _ => Box::new(stand.graph(USER)),
        };
        for (from, deputy) in [("a.berg@contoso.com", None), (INVOICES, Some(USER))] {
            let (outcome, _) = submit(opener.as_ref(), from).await;
            outcome.unwrap_or_else(|error| panic!("{way} {from}: {error}"));
            let inbox = stand.folder(JUN, "Inbox");
            let arrived = inbox.last().expect("it arrived");
            let arrived = String::from_utf8_lossy(&arrived.raw);
            let from = format!("From: <{from}>");
            assert!(arrived.lines().any(|line| line == from), "{way}: {arrived}");
            let named = arrived
                .lines()
                .find_map(|line| line.strip_prefix("Sender: "));
            assert_eq!(named, deputy, "{way}: {arrived}");
        }
        let (outcome, _) = submit(opener.as_ref(), "jun@contoso.com").await;
        let error = outcome.expect_err("that is nobody's");
        assert_eq!(error.code(), "send_as_denied", "{way}: {error}");
    }
    let sent = stand.folder(USER, "Sent Items").len();
    assert_eq!(sent, stand.folder(JUN, "Inbox").len(), "each is kept");
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_graph_refuses_or_leaves_open_is_told_with_what_to_do() {
    let stand = Stand::new().await;
    let (outcome, told) = submit(&stand.graph(USER), JUN).await;
    let error = outcome.expect_err("she may not");
    assert_eq!(error.code(), "send_as_denied", "{error}");
    assert!(told.begun.is_some() && !error.is_unknown());
    let (outcome, _) = submit(&stand.graph("nobody@contoso.com"), USER).await;
    assert_eq!(
        outcome.expect_err("there is none").code(),
        "graph_mailbox_missing"
    );
    assert!(stand.folder(JUN, "Inbox").is_empty());

    stand.order("sent-then-timeout");
    let (outcome, told) = submit(&stand.graph(USER), USER).await;
    let error = outcome.expect_err("the answer is lost");
    assert!(error.is_unknown() && told.begun.is_some(), "{error}");
    assert_eq!(stand.folder(USER, "Sent Items").len(), 1);
    stand.sandbox.faults().clear_all();

    stand.order("send-throttled");
    let (outcome, _) = submit(&stand.graph(USER), USER).await;
    outcome.expect("that it is throttled does not undo that it is taken");
    assert_eq!(stand.folder(JUN, "Inbox").len(), 2);
    stand.sandbox.end().await;
}

/// From the configuration to the inbox: the program's own keeper brings the token.
#[tokio::test(flavor = "multi_thread")]
async fn a_configured_mailbox_sends() {
    let stand = Stand::new().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("gatepost.toml");
    let secret = folder.path().join("secret");
    let client_secret = stand.sandbox.client_secret();
    gatepost_host::files::write_private(&secret, client_secret.expose_secret().as_bytes())
        .expect("a writable folder");
    let text = format!(
        "state = \"state\"\n\
         [cloud.sandbox]\nlogin = \"{}\"\nimap = \"localhost:{}\"\nsmtp = \"localhost:{}\"\nca_file = \"{}\"\n\
         [registration.one]\ncloud = \"sandbox\"\ntenant = \"{TENANT_ID}\"\nclient_id = \"{CLIENT_ID}\"\nsecret = {{ file = \"secret\" }}\n\
         [mailbox.\"{USER}\"]\nregistration = \"one\"\ngrant = \"client_credentials\"\nsend = \"smtp\"\n\
         [mailbox.\"{JUN}\"]\nregistration = \"one\"\ngrant = \"client_credentials\"\n\
         [mailbox.\"{SHARED}\"]\nregistration = \"one\"\ngrant = \"authorization_code\"\nsend = \"smtp\"\nsign_in_as = \"{USER}\"\n",
        stand.sandbox.login(),
        stand.sandbox.addresses().imap.port(),
        stand.sandbox.addresses().smtp.port(),
        stand.sandbox.ca_file().display(),
    );
    std::fs::write(&file, text).expect("a writable folder");
    let config = config::load(&file).expect("a good configuration");
    let gatepost = compose(config, Scope::Mailboxes).await;
    let gatepost = gatepost.expect("it can be built");
    let submitter = |address: &str| {
        let mailbox = &gatepost.config.mailboxes[address];
        gatepost
            .submitter(mailbox)
            .expect("the cloud names its host")
    };
    assert!(submitter(JUN).is_none(), "it does not say how it sends");
    let shared = format!("{:?}", submitter(SHARED).expect("it does"));
    let expected = format!("mailbox: {SHARED:?}, sign_in_as: {USER:?}");
    assert!(shared.contains(&expected), "{shared}");
    let opener = submitter(USER).expect("it does");
    let (outcome, _) = submit(opener.as_ref(), USER).await;
    let receipt = outcome.expect("it is taken");
    assert!(receipt.said.starts_with("250 2.0.0 OK <1@contoso.com>"));
    assert_eq!(stand.folder(JUN, "Inbox").len(), 1);
    gatepost.end().await;
    stand.sandbox.end().await;
}

/// Submits one message to Jun that comes from `from`.
async fn submit(opener: &dyn SubmitOpener, from: &str) -> (Result<Receipt, SubmitError>, Told) {
    let mut told = Told::default();
    let mut session = match opener.open().await {
        Ok(session) => session,
        Err(error) => return (Err(error), told),
    };
    let message = format!("From: <{from}>\r\nMessage-ID: <1@contoso.com>\r\n\r\nx\r\n");
    let envelope = envelope(from, &[JUN]);
    let outcome = session
        .submit(&envelope, &mut Letter::new([message]), &mut told)
        .await;
    session.close().await;
    (outcome, told)
}

/// A sandbox where nothing limits the sending.
struct Stand {
    sandbox: Sandbox,
}

impl Stand {
    async fn new() -> Self {
        let config = SandboxConfig {
            sending: SendingLimits::NONE,
            ..SandboxConfig::default()
        };
        let tasks = Tasks::new();
        let sandbox = Sandbox::start(config, Clock::system(), Chance::system(), &tasks).await;
        Self {
            sandbox: sandbox.expect("the sandbox starts"),
        }
    }

    fn tokens(&self) -> Arc<dyn TokenSource> {
        Arc::new(Minted::for_app(&self.sandbox))
    }

    fn opener(
        &self,
        mailbox: &str,
        security: Security,
        tokens: Arc<dyn TokenSource>,
    ) -> SmtpOpener {
        SmtpOpener::new(self.settings(mailbox, security, tokens))
    }

    fn settings(
        &self,
        mailbox: &str,
        security: Security,
        tokens: Arc<dyn TokenSource>,
    ) -> SmtpSettings {
        let trust = Trust::with_authority(&self.sandbox.ca_file());
        let trust = trust.expect("the authority is readable");
        let addresses = self.sandbox.addresses();
        let address = match security {
            Security::ImplicitTls => addresses.smtp,
            Security::StartTls => addresses.smtp_starttls,
        };
        SmtpSettings {
            host: "localhost".to_owned(),
            port: address.port(),
            security,
            tls: trust.client_config().expect("TLS can be set up"),
            addresses: Addresses::new(),
            mailbox: mailbox.to_owned(),
            sign_in_as: mailbox.to_owned(),
            tokens,
            clock: Clock::system(),
            limits: SmtpTimeLimits::default(),
        }
    }

    fn graph(&self, mailbox: &str) -> GraphSubmitter {
        let trust = Trust::with_authority(&self.sandbox.ca_file());
        let trust = trust.expect("the authority is readable");
        GraphSubmitter::new(GraphSettings {
            base: self.sandbox.graph().parse().expect("an address"),
            http: http_client_direct(&trust, GraphSettings::HTTP).expect("a client"),
            mailbox: mailbox.to_owned(),
            tokens: self.tokens(),
            clock: Clock::system(),
            chance: Chance::system(),
            governor: Governor::new(),
            poll_every: GraphSettings::POLL_EVERY,
            reply: GraphSettings::REPLY,
            largest_message: GraphSettings::LARGEST_MESSAGE,
            largest_mime: GraphSettings::LARGEST_MIME,
        })
    }

    fn order(&self, order: &str) {
        let order = order.parse().expect("a good order");
        self.sandbox.faults().order(order);
    }

    fn folder(&self, address: &str, name: &str) -> Vec<Message> {
        let mailbox = self.sandbox.mailboxes().open(address).expect("it is there");
        mailbox.messages(mailbox.find(name).expect("a usual folder"))
    }
}

/// Where Ada submits, and Jun gets it.
struct Point {
    stand: Stand,
    opener: Box<dyn SubmitOpener>,
}

#[async_trait]
impl SubmissionPoint for Point {
    fn opener(&self) -> &dyn SubmitOpener {
        self.opener.as_ref()
    }

    fn sender(&self) -> &str {
        USER
    }

    fn recipient(&self) -> &str {
        JUN
    }

    async fn arrived(&mut self, count: usize) -> Vec<Vec<u8>> {
        let messages = self.stand.folder(JUN, "Inbox");
        assert_eq!(messages.len(), count, "each arrives once, and at once");
        let messages = messages.into_iter();
        let octets = messages.map(|message| message.raw.to_vec());
        // Graph keeps a last line without its end, which could not pass by SMTP.
        let ended = octets.map(|mut octets| {
            if !octets.ends_with(b"\r\n") {
                octets.extend_from_slice(b"\r\n");
            }
            octets
        });
        ended.collect()
    }
}

/// Tokens as the sandbox's own app gets them, for itself or for a person.
#[derive(Debug)]
struct Minted {
    tenant: tenant::Tenant,
    person: Option<&'static str>,
}

impl Minted {
    fn for_app(sandbox: &Sandbox) -> Self {
        Self {
            tenant: sandbox.tenant().clone(),
            person: None,
        }
    }
}

#[async_trait]
impl TokenSource for Minted {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let (app, person) = {
            let directory = self.tenant.directory();
            let person = self.person.and_then(|upn| directory.person(upn));
            (directory.app(CLIENT_ID).cloned(), person.cloned())
        };
        let (granted, contexts) = (BTreeSet::from(["SMTP.Send"]), BTreeSet::new());
        let (name, resource) = match audience {
            Audience::Exchange => ("https://outlook.office365.com", Resource::Exchange),
            Audience::Graph => ("https://graph.microsoft.com", Resource::Graph),
        };
        let token = tenant::AccessToken {
            audience: name,
            resource,
            app: &app.expect("it is in the directory"),
            strength: ClientStrength::Secret,
            bearer: person.as_ref().map_or(Bearer::App, |person| {
                Bearer::Person(person, &granted, &contexts)
            }),
            asked: &tenant::AskedClaims::default(),
        };
        let minted = self.tenant.mint(&token, LIFETIME);
        let expires_at = Clock::system().now() + LIFETIME;
        Ok(AccessToken::new(minted.into(), audience, expires_at))
    }

    fn refused(&self, _: &AccessToken) {}
}

/// Its first token is void.
#[derive(Debug)]
struct Stale {
    good: Minted,
    refused: AtomicUsize,
}

#[async_trait]
impl TokenSource for Stale {
    async fn token(&self, audience: Audience) -> Result<AccessToken, TokenError> {
        let good = self.good.token(audience).await?;
        if self.refused.load(Ordering::SeqCst) > 0 {
            return Ok(good);
        }
        let expires_at = good.expires_at;
        Ok(AccessToken::new(
            "void".to_owned().into(),
            audience,
            expires_at,
        ))
    }

    fn refused(&self, _: &AccessToken) {
        self.refused.fetch_add(1, Ordering::SeqCst);
    }
}

const LIFETIME: Duration = Duration::from_hours(1);
