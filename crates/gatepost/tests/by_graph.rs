//! What is done by Microsoft Graph, seen from the other side: in the sandbox's mailboxes. The
//! program's own composition brings the tokens.

use std::sync::Arc;
use std::time::Duration;

use gatepost::compose::{Gatepost, Scope, compose};
use gatepost::config;
use gatepost_fault::Fault as _;
use gatepost_host::{Chance, Clock, Tasks};
use gatepost_mail::contract::{Letter, Told, envelope};
use gatepost_mail::graph::{
    Contact, ContactAddress, Graph, MailBody, NewEvent, NewMail, SentCopy, ZonedTime,
};
use gatepost_mail::{
    Address, Changes, Cursor, FolderName, Mailbox, MessageKey, Opener, Pull, Query, SubmitError,
    Summary,
};
use gatepost_sandbox::mailboxes::{Message, NewMessage};
use gatepost_sandbox::tenant::{CLIENT_ID, Resource, TENANT_ID, USER};
use gatepost_sandbox::{Sandbox, SandboxConfig, SendingLimits};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

const JUN: &str = "jun.tanaka@contoso.com";
const MARTA: &str = "marta.kowalska@contoso.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_as_json_with_or_without_a_copy() {
    let stand = Stand::new().await;
    let graph = stand.graph();
    for (copy, kept, arrived) in [(SentCopy::Dropped, 0, 1), (SentCopy::Kept, 1, 2)] {
        let mail = NewMail {
            subject: "Grüße".to_owned(),
            body: MailBody::Text("Hallo.".to_owned()),
            to: vec![Address {
                name: Some("Jun".to_owned()),
                address: JUN.to_owned(),
            }],
            bcc: vec![Address {
                name: None,
                address: MARTA.to_owned(),
            }],
            ..NewMail::default()
        };
        graph.send_mail(&mail, copy).await.expect("it is taken");
        assert_eq!(stand.folder(USER, "Sent Items").len(), kept, "{copy:?}");
        assert_eq!(stand.texts(JUN).len(), arrived);
        assert_eq!(stand.texts(MARTA).len(), arrived);
    }
    let text = &stand.texts(JUN)[1];
    assert!(text.contains("Hallo.") && !text.contains("marta"), "{text}");
    let as_another = NewMail {
        from: Some(Address {
            name: None,
            address: JUN.to_owned(),
        }),
        to: vec![Address {
            name: None,
            address: MARTA.to_owned(),
        }],
        ..NewMail::default()
    };
    let refused = graph.send_mail(&as_another, SentCopy::Kept).await;
    let error = refused.expect_err("she may not");
    assert_eq!(error.code(), "send_as_denied", "{error}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_another_message_and_the_first_stays() {
    let stand = Stand::new().await;
    let graph = stand.graph();
    stand.file(USER, "Inbox", "Subject: twice\r\n\r\nx\r\n");
    let id = stand.only_id("INBOX").await;
    let from = graph.folder_id(&FolderName::inbox()).await;
    let from = from.expect("every mailbox has one");
    let to = graph.folder_id(&FolderName::new("Archive")).await;
    let to = to.expect("the sandbox has one");
    let keys = [MessageKey::Graph { id: id.clone() }];
    let copied = graph.copy_messages(&from, &keys, &to).await;
    copied.expect("it is copied");
    assert_eq!(stand.only_id("INBOX").await, id);
    assert_ne!(stand.only_id("Archive").await, id);
    let (one, other) = (stand.folder(USER, "Inbox"), stand.folder(USER, "Archive"));
    assert_eq!(one[0].raw, other[0].raw);
    let nowhere = graph.folder_id(&FolderName::new("Archiv")).await;
    let error = nowhere.expect_err("there is none");
    assert!(error.to_string().contains("Archive"), "{error}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calendars_and_single_events_are_shown() {
    let stand = Stand::new().await;
    let graph = stand.graph();
    let calendars = graph.calendars().await.expect("they are listed");
    let usual = calendars.iter().filter(|one| one.is_default_calendar);
    let usual: Vec<_> = usual.collect();
    assert_eq!(usual.len(), 1, "{calendars:?}");
    assert!(usual[0].can_edit);
    let at = |time: &str| ZonedTime {
        date_time: format!("2026-12-01T{time}:00"),
        time_zone: "Europe/Berlin".to_owned(),
    };
    let new = NewEvent {
        subject: "Lunch".to_owned(),
        body: MailBody::Text("Soup.".to_owned()),
        start: at("12:00"),
        end: at("13:00"),
        location: Some("Canteen".to_owned()),
        attendees: Vec::new(),
    };
    let id = graph.create_event(Some(&usual[0].id), &new).await;
    let id = id.expect("it is made");
    let event = graph.event(&id, "UTC").await.expect("it is there");
    assert_eq!(event.subject.as_deref(), Some("Lunch"));
    let start = event.start.as_ref().expect("it begins");
    assert_eq!(start.to_minute(), "2026-12-01 11:00", "as seen from UTC");
    assert!(event.is_organizer && !event.is_all_day && !event.is_cancelled);
    let place = event.location.and_then(|place| place.display_name);
    assert_eq!(place.as_deref(), Some("Canteen"));
    graph.delete_event(&id).await.expect("it is deleted");
    let gone = graph.event(&id, "UTC").await.expect_err("it is gone");
    assert_eq!(gone.code(), "graph_item_missing", "{gone}");
    stand.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_made_read_changed_and_deleted() {
    let stand = Stand::new().await;
    let graph = stand.graph();
    let new = Contact {
        given_name: Some("Eve".to_owned()),
        surname: Some("Müller".to_owned()),
        company_name: Some("Fabrikam".to_owned()),
        email_addresses: vec![ContactAddress {
            name: Some("Eve M.".to_owned()),
            address: Some("eve@fabrikam.com".to_owned()),
        }],
        business_phones: vec!["+49 30 1234".to_owned()],
        ..Contact::default()
    };
    let id = graph.create_contact(&new).await.expect("it is made");
    let read = graph.contact(&id).await.expect("it is there");
    assert_eq!(read.id.as_deref(), Some(id.as_str()));
    assert_eq!(read.surname, new.surname);
    assert_eq!(read.email_addresses, new.email_addresses);
    assert_eq!(read.business_phones, new.business_phones);
    let change = Contact {
        job_title: Some("Baker".to_owned()),
        ..Contact::default()
    };
    let changed = graph.update_contact(&id, &change).await;
    changed.expect("it is changed");
    let read = graph.contact(&id).await.expect("it is there");
    assert_eq!(read.job_title.as_deref(), Some("Baker"));
    assert_eq!(read.company_name, new.company_name, "the rest stays");
    graph.delete_contact(&id).await.expect("it is deleted");
    let gone = graph.contact(&id).await.expect_err("it is gone");
    assert_eq!(gone.code(), "graph_item_missing", "{gone}");
    stand.end().await;
}

/// More than a page, so that there is an end that comes too early.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_that_ends_too_early_loses_nothing_and_tells_nothing_twice() {
    let stand = Stand::new().await;
    for number in 0..MANY {
        let text = format!("Subject: {number}\r\n\r\nx\r\n");
        let minutes = Duration::from_mins((MANY - number) as u64);
        stand.file_at(USER, &text, Clock::system().now() - minutes);
    }
    let mut session = stand.session().await;
    stand.order("short-delta,times=1");
    let (all, _) = pulled(session.as_mut(), None).await;
    assert_eq!(all.len(), MANY, "from the beginning");
    let mut once = all.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), MANY, "each once");

    stand.order("short-delta,times=1");
    let inbox = FolderName::inbox();
    let baseline = session.present(&inbox).await.expect("it is looked at");
    let (old, next) = pulled(session.as_mut(), Some(baseline)).await;
    assert_eq!(old, Vec::<MessageKey>::new(), "all was there before");
    stand.file(USER, "Inbox", "Subject: new\r\n\r\nx\r\n");
    let (new, _) = pulled(session.as_mut(), Some(next)).await;
    assert_eq!(new.len(), 1);
    assert!(!all.contains(&new[0]));
    stand.end().await;
}

/// Small messages need Mail.Send alone. A large one that cannot be sent holds up none of them.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_write_drafts_sends_what_fits_into_one_request() {
    let stand = Stand::allowed(&[(Resource::Graph, &["Mail.Send"])]).await;
    let opener = stand.gatepost.submitter(stand.mailbox());
    let opener = opener.expect("it can be built").expect("it sends");
    let mut session = opener.open().await.expect("it may send");
    let header = format!("From: <{USER}>\r\nTo: <{JUN}>\r\nSubject: s\r\n");
    let to = envelope(USER, &[JUN]);
    let file = "0123456789abcdef\r\n".repeat(200_000);
    let large = format!(
        "{header}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee.\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}--b--\r\n"
    );
    let mut told = Told::default();
    let refused = session
        .submit(&to, &mut Letter::new([large]), &mut told)
        .await;
    let error = refused.expect_err("it may not write a draft");
    assert!(
        matches!(
            &error,
            SubmitError::DraftDenied {
                limit: 3_000_000,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("Mail.ReadWrite"), "{error}");
    assert!(told.begun.is_none());
    let mut small = Letter::new([format!("{header}\r\nx\r\n")]);
    let sent = session.submit(&to, &mut small, &mut told).await;
    sent.expect("it is small");
    assert_eq!(stand.texts(JUN).len(), 1);
    stand.end().await;
}

/// IMAP and Graph are closed to an app that has the role of POP3 alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_roles_of_an_app_decide_by_which_way_a_mailbox_is_read() {
    const IMAP: (Resource, &[&str]) = (Resource::Exchange, &["IMAP.AccessAsApp"]);
    const POP3: (Resource, &[&str]) = (Resource::Exchange, &["POP.AccessAsApp"]);
    const GRAPH: (Resource, &[&str]) = (Resource::Graph, &["Mail.Read"]);
    const NO_MAIL: (Resource, &[&str]) = (Resource::Graph, &["User.Read.All"]);
    const NOTHING: (Resource, &[&str]) = (Resource::Exchange, &["SMTP.SendAsApp"]);
    for (roles, by) in [
        ([IMAP, NO_MAIL], "imap"),
        ([POP3, GRAPH], "graph"),
        ([POP3, NO_MAIL], "pop3"),
    ] {
        let stand = Stand::allowed(&roles).await;
        stand.file(JUN, "Inbox", "Subject: s\r\n\r\nx\r\n");
        let session = stand.by_any_way().open().await;
        let mut session = session.unwrap_or_else(|error| panic!("{by}: {error}"));
        let listed = session.list(&FolderName::inbox(), &Query::newest(9)).await;
        let key = listed.expect("it is read").remove(0).key;
        let found = match key {
            MessageKey::Imap { .. } => "imap",
            MessageKey::Pop3 { .. } => "pop3",
            MessageKey::Graph { .. } => "graph",
        };
        assert_eq!(found, by);
        session.close().await;
        stand.end().await;
    }
    let stand = Stand::allowed(&[NOTHING, NO_MAIL]).await;
    let session = stand.by_any_way().open().await;
    let error = session.err().expect("every way is closed").to_string();
    for way in ["imap: ", "graph: ", "pop3: "] {
        assert!(error.contains(way), "{error}");
    }
    stand.end().await;
}

/// Everything that is new since a cursor, and the cursor behind it.
async fn pulled(session: &mut dyn Mailbox, since: Option<Cursor>) -> (Vec<MessageKey>, Cursor) {
    let (mut keys, mut since) = (Vec::new(), since);
    loop {
        let pull = Pull {
            since: since.as_ref(),
            limit: 256,
            octets: u64::MAX,
            news_from: None,
        };
        let changes = session.changes(&FolderName::inbox(), pull).await;
        match changes.expect("it is looked at") {
            Changes::Since {
                arrivals,
                next,
                more,
            } => {
                keys.extend(arrivals.into_iter().map(|one| one.key));
                if !more {
                    return (keys, next);
                }
                since = Some(next);
            }
            Changes::Lost(lost) => panic!("nothing is lost: {lost:?}"),
        }
    }
}

/// A sandbox, and the program's composition of a mailbox by Graph and one by any way.
struct Stand {
    sandbox: Sandbox,
    gatepost: Gatepost,
    _folder: TempDir,
}

impl Stand {
    async fn new() -> Self {
        Self::allowed(&[]).await
    }

    /// The same where the app has these roles of a resource and no others.
    async fn allowed(roles: &[(Resource, &[&str])]) -> Self {
        let config = SandboxConfig {
            sending: SendingLimits::NONE,
            ..SandboxConfig::default()
        };
        let tasks = Tasks::new();
        let sandbox = Sandbox::start(config, Clock::system(), Chance::system(), &tasks).await;
        let sandbox = sandbox.expect("the sandbox starts");
        {
            let mut directory = sandbox.tenant().directory();
            let app = directory.app_mut(CLIENT_ID).expect("it is registered");
            for (resource, roles) in roles {
                let roles = roles.iter().map(|&role| role.to_owned());
                app.roles.insert(*resource, roles.collect());
            }
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secret = sandbox.client_secret();
        let written = gatepost_host::files::write_private(
            &folder.path().join("secret"),
            secret.expose_secret().as_bytes(),
        );
        written.expect("a writable folder");
        let addresses = sandbox.addresses();
        let text = format!(
            "state = \"state\"\n\
             [cloud.sandbox]\nlogin = \"{}\"\ngraph = \"{}\"\nimap = \"localhost:{}\"\npop3 = \"localhost:{}\"\nca_file = \"{}\"\n\
             [registration.one]\ncloud = \"sandbox\"\ntenant = \"{TENANT_ID}\"\nclient_id = \"{CLIENT_ID}\"\nsecret = {{ file = \"secret\" }}\n\
             [mailbox.\"{USER}\"]\nregistration = \"one\"\ngrant = \"client_credentials\"\nread = \"graph\"\nsend = \"graph\"\n\
             [mailbox.\"{JUN}\"]\nregistration = \"one\"\ngrant = \"client_credentials\"\nread = \"auto\"\n",
            sandbox.login(),
            sandbox.graph(),
            addresses.imap.port(),
            addresses.pop3.port(),
            sandbox.ca_file().display(),
        );
        let file = folder.path().join("gatepost.toml");
        std::fs::write(&file, text).expect("a writable folder");
        let config = config::load(&file).expect("a good configuration");
        let gatepost = compose(config, Scope::Mailboxes).await;
        Self {
            sandbox,
            gatepost: gatepost.expect("it can be built"),
            _folder: folder,
        }
    }

    fn mailbox(&self) -> &config::MailboxSettings {
        &self.gatepost.config.mailboxes[USER]
    }

    fn graph(&self) -> Graph {
        let graph = self.gatepost.graph(self.mailbox());
        graph.expect("the cloud names its host")
    }

    /// Jun's mailbox, by the way that is open.
    fn by_any_way(&self) -> Arc<dyn Opener> {
        let mailbox = &self.gatepost.config.mailboxes[JUN];
        self.gatepost.opener(mailbox).expect("it can be built")
    }

    async fn session(&self) -> Box<dyn Mailbox> {
        let opener = self.gatepost.opener(self.mailbox());
        let opener = opener.expect("it can be built");
        opener.open().await.expect("the mailbox opens")
    }

    /// What Graph lists in a folder of Ada's.
    async fn listed(&self, folder: &str) -> Vec<Summary> {
        let mut session = self.session().await;
        let folder = FolderName::new(folder);
        let listed = session.list(&folder, &Query::newest(100)).await;
        listed.expect("it lists")
    }

    /// The immutable id of the only message of a folder of Ada's.
    async fn only_id(&self, folder: &str) -> String {
        let listed = self.listed(folder).await;
        let [
            Summary {
                key: MessageKey::Graph { id },
                ..
            },
        ] = &listed[..]
        else {
            panic!("one message by Graph: {listed:?}")
        };
        id.clone()
    }

    fn file(&self, address: &str, folder: &str, text: &str) {
        let mailbox = self.sandbox.mailboxes().open(address).expect("it is there");
        let folder = mailbox.find(folder).expect("a usual folder");
        let octets = text.as_bytes().to_vec();
        let new = NewMessage::received(octets.into(), Clock::system().now());
        mailbox.file(folder, new).expect("a message is filed");
    }

    /// A message in the inbox that was received then.
    fn file_at(&self, address: &str, text: &str, received_at: Timestamp) {
        let mailbox = self.sandbox.mailboxes().open(address).expect("it is there");
        let octets = text.as_bytes().to_vec();
        let new = NewMessage::received(octets.into(), received_at);
        let filed = mailbox.file(mailbox.inbox(), new);
        filed.expect("a message is filed");
    }

    fn folder(&self, address: &str, name: &str) -> Vec<Message> {
        let mailbox = self.sandbox.mailboxes().open(address).expect("it is there");
        mailbox.messages(mailbox.find(name).expect("a usual folder"))
    }

    /// The messages in somebody's inbox.
    fn texts(&self, address: &str) -> Vec<String> {
        let messages = self.folder(address, "Inbox").into_iter();
        let texts = messages.map(|one| String::from_utf8_lossy(&one.raw).into_owned());
        texts.collect()
    }

    fn order(&self, order: &str) {
        let order = order.parse().expect("a good order");
        self.sandbox.faults().order(order);
    }

    async fn end(self) {
        self.gatepost.end().await;
        self.sandbox.end().await;
    }
}

const MANY: usize = 620;
