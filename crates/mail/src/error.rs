//! What can go wrong with a mailbox, as sentences that say what to do.

mod words;

use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_oauth::{TokenError, UntimelyCertificate};
use jiff::SignedDuration;
use words::{meant, wait};

use crate::graph::GraphRefusal;
use crate::{CursorError, FolderName, IntakeError, NoWay, Protocol};

/// Why something could not be done with a mailbox. What the server said comes last.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Every way to the mailbox is closed.
    #[error(transparent)]
    NoWay(#[from] NoWay<Self>),
    /// There is no token to sign in with.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The server does not take the token for this mailbox.
    #[error(
        "{host} refused the token for {mailbox}: there is no such mailbox, {}the app lacks the permission {} (app-only) or {} (delegated), or consent to it, or the token belongs to another tenant or person; {host} said: {said}",
        .protocol.hidden_causes(), .protocol.app_permission(), .protocol.person_permission()
    )]
    SignInRefused {
        /// What it was asked by.
        protocol: Protocol,
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// The token is good, and does not open this mailbox.
    #[error(
        "{host} accepted the token but does not open {mailbox} with it. The usual causes: the app has no FullAccess to the mailbox (Add-MailboxPermission), its service principal was made with the ObjectId of the registration instead of the enterprise application (New-ServicePrincipal), {protocol} is off for the mailbox (Set-CASMailbox -{}), it has no licence, or too many connections are open; {host} said: {said}",
        .protocol.switch()
    )]
    NotConnected {
        /// What it was asked by.
        protocol: Protocol,
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// The protocol is not allowed for this mailbox.
    #[error(
        "{protocol} is switched off for {mailbox}: an administrator can run Set-CASMailbox {mailbox} -{} {}; {host} said: {said}",
        .protocol.switch(), .protocol.switched_on()
    )]
    SwitchedOff {
        /// What is switched off.
        protocol: Protocol,
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// The server has no sign-in with tokens.
    #[error(
        "{host} offers no sign-in with a token over {protocol} (XOAUTH2); is it the right server and port for {mailbox}?"
    )]
    NoTokenSignIn {
        /// What it was asked by.
        protocol: Protocol,
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
    },
    /// The mailbox address or the token cannot stand in a sign-in message.
    #[error("{mailbox} cannot sign in: {reason}")]
    UnusableName {
        /// The mailbox.
        mailbox: String,
        /// What is wrong.
        reason: String,
    },
    /// The server wants to be asked less often.
    #[error("{host} throttles {mailbox}{}; {host} said: {said}", wait(*.back_off))]
    Throttled {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// How long to wait, if it said.
        back_off: Option<Duration>,
        /// The server's words.
        said: String,
    },
    /// Another session holds the mailbox, and POP3 lets one in at a time (RFC 2449 §8.1.2).
    #[error(
        "another session holds {mailbox} at {host}, and POP3 lets in one at a time: it is tried again; if this goes on, another program reads the same mailbox by POP3; {host} said: {said}"
    )]
    InUse {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// POP3 has nothing of the kind.
    #[error(
        "{mailbox} is read by POP3, which has no {what}: set read = \"imap\" for it, or do without"
    )]
    NotInPop3 {
        /// The mailbox.
        mailbox: String,
        /// What there is none of.
        what: &'static str,
    },
    /// Another folder than POP3 shows.
    #[error(
        "{mailbox} is read by POP3, which shows INBOX and no other folder, and {folder} was asked for: set read = \"imap\" for it"
    )]
    OnlyInbox {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
    },
    /// The server has trouble of its own.
    #[error("{host} cannot serve {mailbox} now; {host} said: {said}")]
    Unavailable {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// The folder does not exist, or cannot be opened.
    #[error(
        "{mailbox} has no folder {folder} that can be opened{} `gatepost folders {mailbox}` lists those it has; the server said: {said}",
        meant(near)
    )]
    FolderMissing {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
        /// Folders that may be meant, the likeliest first.
        near: Vec<FolderName>,
        /// The server's words.
        said: String,
    },
    /// The server refused to do something.
    #[error("{host} refused to {what} in {mailbox}: {said}")]
    Refused {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What it was asked to do.
        what: &'static str,
        /// The server's words.
        said: String,
    },
    /// The server searches for ASCII letters only.
    #[error(
        "{host} searches the texts of {mailbox} for ASCII letters only: search for a word without other letters, or by --from or --subject, which are compared here; {host} said: {said}"
    )]
    AsciiSearch {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// The server's words.
        said: String,
    },
    /// The connection is gone.
    #[error("the connection to {host} for {mailbox} was lost: {reason}; it is opened again")]
    Disconnected {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What the operating system or the server said.
        reason: String,
    },
    /// The server does not answer.
    #[error("{host} did not answer for {mailbox} within {} seconds while we waited for {awaited}; the connection is given up", limit.as_secs())]
    Silent {
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What was waited for.
        awaited: &'static str,
        /// How long.
        limit: Duration,
    },
    /// There is no connection to be had.
    #[error(
        "{host}:{port} cannot be reached for {mailbox}: {reason}; check the network, the name and any firewall"
    )]
    Unreachable {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// The mailbox.
        mailbox: String,
        /// What the operating system said.
        reason: String,
    },
    /// The certificate is for another name.
    #[error(
        "the certificate of {host}:{port} is for another name: write the name that is in the certificate into the configuration, or look for a proxy on the way; {reason}"
    )]
    CertificateName {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What the check said.
        reason: String,
    },
    /// The certificate is not trusted, or TLS does not come about.
    #[error(
        "no protected connection to {host}:{port}: {reason}; if a proxy or a server of your own has its own authority, name it as ca_file of the cloud"
    )]
    Tls {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// What the check said.
        reason: String,
    },
    /// The certificate is not valid at the time that this machine has.
    #[error("{}", certificate.sentence(&format!("{host}:{port}")))]
    Untimely {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// When its certificate is valid, and what is known of the clock.
        certificate: UntimelyCertificate,
    },
    /// The server does not start TLS on this port.
    #[error(
        "{host}:{port} does not offer {command}, and nothing is sent unprotected; use port {instead} with TLS from the start"
    )]
    NoStartTls {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// The command that starts it.
        command: &'static str,
        /// The port where it would come first.
        instead: u16,
    },
    /// What the server sends is not the protocol, or passes every bound.
    #[error(
        "{host} does not speak {protocol} as it should, so the connection for {mailbox} is given up: {reason}"
    )]
    Garbled {
        /// What it should speak.
        protocol: Protocol,
        /// The server.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What is wrong.
        reason: String,
    },
    /// One message is larger than this transport takes.
    #[error(
        "a message in {folder} of {mailbox} has {size} octets, more than the {most} that are taken; {message}"
    )]
    MessageTooLarge {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
        /// Its name, such as `UID 7`.
        message: String,
        /// Its size in octets.
        size: u64,
        /// The largest that is taken.
        most: u64,
    },
    /// The server does not hand out one message, also when it is asked for it alone.
    #[error(
        "the server does not hand out a message in {folder} of {mailbox}, {message}; it said: {said}"
    )]
    MessageRefused {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
        /// Its name, such as `UID 7`.
        message: String,
        /// The server's words.
        said: String,
    },
    /// Microsoft Graph refused.
    #[error(transparent)]
    Graph(#[from] Box<GraphRefusal>),
    /// Microsoft Graph names another place than itself, where no token may go.
    #[error(
        "{host} sends us to {to} for {mailbox}, and nothing is asked there: a token goes to Microsoft Graph of its cloud and nowhere else"
    )]
    LedAway {
        /// Where Graph answers.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// Where it sends us.
        to: String,
    },
    /// What Microsoft Graph sends is not what its documentation says, or passes every bound.
    #[error(
        "{host} does not answer as Microsoft Graph should when it is to {what} of {mailbox}: {reason}"
    )]
    GraphGarbled {
        /// Where Graph answers.
        host: String,
        /// The mailbox.
        mailbox: String,
        /// What it was asked to do.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Microsoft Graph has nothing of the kind.
    #[error(
        "{mailbox} is read by Microsoft Graph, which has no {what}: set read = \"imap\" for it, or do without"
    )]
    NotInGraph {
        /// The mailbox.
        mailbox: String,
        /// What there is none of.
        what: &'static str,
    },
    /// A message is named in the words of another way to the mailbox.
    #[error(
        "{message} of {mailbox} is a name of another way to the mailbox, which is read by {transport} now: list the messages again"
    )]
    ForeignKey {
        /// The mailbox.
        mailbox: String,
        /// The name.
        message: String,
        /// How the mailbox is read.
        transport: &'static str,
    },
    /// Whoever receives the octets of a message could not go on.
    #[error("a message from {mailbox} could not be taken in: {reason}")]
    Intake {
        /// The mailbox.
        mailbox: String,
        /// What stopped it.
        reason: IntakeError,
    },
    /// The stored cursor is of no use here.
    #[error(
        "{mailbox}, folder {folder}: {reason}; `gatepost watch` with from = \"now\" starts afresh"
    )]
    Cursor {
        /// The mailbox.
        mailbox: String,
        /// The folder.
        folder: String,
        /// What is wrong with it.
        reason: CursorError,
    },
}

impl From<GraphRefusal> for MailError {
    fn from(refusal: GraphRefusal) -> Self {
        Self::Graph(Box::new(refusal))
    }
}

impl MailError {
    /// Every code that [`Fault::code`] can answer, besides those of [`TokenError`].
    pub const CODES: &'static [&'static str] = &[
        "imap_sign_in_refused",
        "imap_not_connected",
        "imap_switched_off",
        "imap_no_token_sign_in",
        "pop3_sign_in_refused",
        "pop3_not_connected",
        "pop3_switched_off",
        "pop3_no_token_sign_in",
        "smtp_sign_in_refused",
        "smtp_not_connected",
        "smtp_switched_off",
        "smtp_no_token_sign_in",
        "mailbox_in_use",
        "not_in_pop3",
        "not_in_graph",
        "graph_led_away",
        "mailbox_name_unusable",
        "mailbox_throttled",
        "mailbox_unavailable",
        "folder_missing",
        "mailbox_command_refused",
        "search_ascii_only",
        "mailbox_disconnected",
        "mail_server_silent",
        "mail_server_unreachable",
        "mail_certificate_name",
        "mail_tls_failed",
        "clock_skew",
        "mail_starttls_missing",
        "mail_server_garbled",
        "message_too_large",
        "message_refused",
        "message_key_foreign",
        "message_not_taken",
        "cursor_unusable",
    ];

    /// The same where it is known how far the clock of this machine is ahead of the sign-in server's.
    pub(crate) fn with_skew(mut self, known: Option<SignedDuration>) -> Self {
        if let Self::Untimely { certificate, .. } = &mut self {
            certificate.skew = known;
        }
        self
    }

    /// The same for a missing folder, with those that may be meant.
    pub(crate) fn with_near(self, near: Vec<FolderName>) -> Self {
        match self {
            Self::FolderMissing {
                mailbox,
                folder,
                said,
                ..
            } => Self::FolderMissing {
                mailbox,
                folder,
                near,
                said,
            },
            other => other,
        }
    }

    /// Whether the session is finished and another must be opened.
    pub fn is_disconnected(&self) -> bool {
        matches!(
            self,
            Self::Disconnected { .. }
                | Self::Silent { .. }
                | Self::Garbled { .. }
                | Self::NotConnected { .. }
                | Self::Intake { .. }
        )
    }
}

impl Fault for MailError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoWay(ways) => ways.code(),
            Self::Token(token) => token.code(),
            Self::SignInRefused { protocol, .. } => match protocol {
                Protocol::Imap => "imap_sign_in_refused",
                Protocol::Pop3 => "pop3_sign_in_refused",
                Protocol::Smtp => "smtp_sign_in_refused",
            },
            Self::NotConnected { protocol, .. } => match protocol {
                Protocol::Imap => "imap_not_connected",
                Protocol::Pop3 => "pop3_not_connected",
                Protocol::Smtp => "smtp_not_connected",
            },
            Self::SwitchedOff { protocol, .. } => match protocol {
                Protocol::Imap => "imap_switched_off",
                Protocol::Pop3 => "pop3_switched_off",
                Protocol::Smtp => "smtp_switched_off",
            },
            Self::NoTokenSignIn { protocol, .. } => match protocol {
                Protocol::Imap => "imap_no_token_sign_in",
                Protocol::Pop3 => "pop3_no_token_sign_in",
                Protocol::Smtp => "smtp_no_token_sign_in",
            },
            Self::InUse { .. } => "mailbox_in_use",
            Self::NotInPop3 { .. } => "not_in_pop3",
            Self::NotInGraph { .. } => "not_in_graph",
            Self::Graph(refusal) => refusal.code(),
            Self::LedAway { .. } => "graph_led_away",
            Self::UnusableName { .. } => "mailbox_name_unusable",
            Self::Throttled { .. } => "mailbox_throttled",
            Self::Unavailable { .. } => "mailbox_unavailable",
            Self::FolderMissing { .. } | Self::OnlyInbox { .. } => "folder_missing",
            Self::Refused { .. } => "mailbox_command_refused",
            Self::AsciiSearch { .. } => "search_ascii_only",
            Self::Disconnected { .. } => "mailbox_disconnected",
            Self::Silent { .. } => "mail_server_silent",
            Self::Unreachable { .. } => "mail_server_unreachable",
            Self::CertificateName { .. } => "mail_certificate_name",
            Self::Untimely { certificate, .. } if certificate.is_of_clock() => "clock_skew",
            Self::Tls { .. } | Self::Untimely { .. } => "mail_tls_failed",
            Self::NoStartTls { .. } => "mail_starttls_missing",
            Self::Garbled { .. } | Self::GraphGarbled { .. } => "mail_server_garbled",
            Self::MessageTooLarge { .. } => "message_too_large",
            Self::MessageRefused { .. } => "message_refused",
            Self::ForeignKey { .. } => "message_key_foreign",
            Self::Intake { .. } => "message_not_taken",
            Self::Cursor { .. } => "cursor_unusable",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::NoWay(ways) => ways.owner(),
            Self::Token(token) => token.owner(),
            Self::Graph(refusal) => refusal.owner(),
            Self::SignInRefused { .. } | Self::NotConnected { .. } | Self::SwitchedOff { .. } => {
                Owner::TenantAdmin
            }
            Self::NoTokenSignIn { .. }
            | Self::UnusableName { .. }
            | Self::NotInPop3 { .. }
            | Self::NotInGraph { .. }
            | Self::OnlyInbox { .. }
            | Self::AsciiSearch { .. }
            | Self::FolderMissing { .. }
            | Self::Unreachable { .. }
            | Self::CertificateName { .. }
            | Self::Tls { .. }
            | Self::Untimely { .. }
            | Self::NoStartTls { .. }
            | Self::ForeignKey { .. }
            | Self::Intake { .. }
            | Self::Cursor { .. } => Owner::Operator,
            Self::Throttled { .. }
            | Self::InUse { .. }
            | Self::Unavailable { .. }
            | Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::Silent { .. }
            | Self::Garbled { .. }
            | Self::GraphGarbled { .. }
            | Self::LedAway { .. }
            | Self::MessageTooLarge { .. }
            | Self::MessageRefused { .. } => Owner::Remote,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::NoWay(ways) => ways.next(),
            Self::Token(token) => token.next(),
            Self::Untimely { certificate, .. } if certificate.is_of_clock() => {
                Next::Retry(After::Backoff)
            }
            Self::Graph(refusal) => refusal.next(),
            Self::SignInRefused { .. }
            | Self::NotConnected { .. }
            | Self::SwitchedOff { .. }
            | Self::NoTokenSignIn { .. }
            | Self::UnusableName { .. }
            | Self::NotInPop3 { .. }
            | Self::NotInGraph { .. }
            | Self::OnlyInbox { .. }
            | Self::AsciiSearch { .. }
            | Self::FolderMissing { .. }
            | Self::CertificateName { .. }
            | Self::Tls { .. }
            | Self::Untimely { .. }
            | Self::NoStartTls { .. }
            | Self::ForeignKey { .. }
            | Self::Cursor { .. } => Next::Reconfigure,
            Self::Throttled {
                back_off: Some(least),
                ..
            } => Next::Retry(After::AtLeast(*least)),
            Self::Throttled { back_off: None, .. }
            | Self::InUse { .. }
            | Self::Unavailable { .. }
            | Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::Garbled { .. }
            | Self::GraphGarbled { .. }
            | Self::LedAway { .. }
            | Self::Intake { .. } => Next::Retry(After::Backoff),
            Self::MessageTooLarge { .. } | Self::MessageRefused { .. } => Next::Discard,
        }
    }
}
