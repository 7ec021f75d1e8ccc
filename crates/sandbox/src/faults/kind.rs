//! The names of the faults.

use std::fmt;
use std::str::FromStr;

use super::OrderError;

/// What can go wrong on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Every access token handed out until now has expired: the mail protocols refuse it.
    ExpireTokens,
    /// The consent is gone: AADSTS65001 until somebody consents anew.
    RevokeConsent,
    /// The sessions are revoked: refresh tokens handed out until now give AADSTS50173.
    RevokeSessions,
    /// Too many requests: HTTP 429 with `Retry-After`, `Request is throttled.` in IMAP
    /// and POP3.
    Throttle,
    /// HTTP 503 with AADSTS90033, `Server Unavailable. 15` and a closed line in IMAP
    /// and POP3.
    ServerError,
    /// No answer at all.
    Hang,
    /// A web page where JSON was expected, as a proxy or a captive portal gives it.
    HtmlAnswer,
    /// A connection in IDLE is closed without a word.
    DropIdle,
    /// The inbox gets a new UIDVALIDITY and other unique names (UIDL), as after a migration of the
    /// mailbox.
    BumpUidvalidity,
    /// An IMAP session ends with `* BYE Connection closed. 14` at its next command; a POP3 session
    /// without a word, when a message is asked for.
    CloseSession,
    /// RFC822.SIZE of IMAP and LIST of POP3 are bad estimates, as Exchange's are.
    WrongSizes,
    /// COPYUID of an IMAP MOVE comes on a line of its own, without `* OK`.
    BareCopyuid,
    /// IMAP's BODYSTRUCTURE has a disposition that is a string instead of a list.
    MalformedStructure,
    /// IMAP accepts the token and answers the next command with
    /// `BAD User is authenticated but not connected.`; POP3 says as much at the sign-in.
    AuthenticatedButNotConnected,
    /// The client secret has expired: AADSTS7000222.
    SecretExpired,
    /// The clocks at Microsoft's end are a quarter of an hour ahead of ours: an assertion is over
    /// before it is sent (AADSTS700024).
    SkewedClock,
    /// Whoever asks for the token of a device code is told `slow_down` (RFC 8628 §3.5).
    SlowDown,
    /// A policy wants an authentication context: delegated tokens without `c1` open no mailbox, and
    /// the token endpoint says `interaction_required` with the claims to sign in with.
    RequireClaims,
    /// Refresh tokens that were used until now give AADSTS50173, as if each were good for one use
    /// (RFC 9700 §4.14.2): whoever keeps the newest goes on.
    RevokeUsed,
    /// Graph answers after three seconds, and so does SMTP.
    SlowReply,
    /// Graph answers HTTP 504 and did nothing.
    GatewayTimeout,
    /// Graph answers HTTP 401 and wants a newer token (continuous access evaluation).
    ClaimsChallenge,
    /// Graph leads to another host, which must not see a token.
    ForeignRedirect,
    /// The next link to more of a listing of Graph leads to another host.
    ForeignNextLink,
    /// The connection ends in the middle of an answer of Graph.
    CutBody,
    /// Graph takes a message to send, 202, and wants to be left alone for a while (`Retry-After`).
    SendThrottled,
    /// Graph sends the message and answers HTTP 504 all the same.
    SentThenTimeout,
    /// What Graph sends appears in Sent Items five seconds later; a draft waits in the Outbox.
    SentItemsLate,
    /// The address of an upload in progress has expired.
    ExpiredUpload,
    /// Graph takes a range of an upload and answers HTTP 504 all the same.
    LostUploadAnswer,
    /// A delta link of Graph gives HTTP 410 and the address to begin anew.
    DeltaGone,
    /// A delta link of Graph gives `syncStateNotFound`.
    SyncStateLost,
    /// Rows of Graph's delta hold little more than the id.
    SparseDelta,
    /// A first walk by Graph's delta ends before it told everything.
    ShortDelta,
    /// Graph's delta of a folder does not tell of messages that were moved into it, as it was reported of immutable ids.
    MovesUnseen,
    /// Graph's delta tells again what was told already.
    ReplayedDelta,
    /// Graph is closed to the app: HTTP 403, `ErrorAccessDenied`.
    GraphOff,
    /// IMAP is switched off for the mailbox, in the words of those servers that say so.
    ImapOff,
    /// SMTP: signing in is switched off, for the mailbox of the order or for the whole tenant.
    SmtpOff,
    /// SMTP closes the connection without a word when a message is about to come.
    DropBeforeData,
    /// SMTP closes it in the middle of a message.
    DropInData,
    /// SMTP closes it when the message is complete, and the message is not sent.
    DropUnsent,
    /// SMTP closes it when the message was sent, and nobody hears that it was.
    DropAnswer,
    /// SMTP refuses with the reply of the order, when Exchange would.
    RefuseMail,
    /// The token endpoint refuses with the AADSTS number of the order.
    Refuse,
}

impl FaultKind {
    /// Every fault, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::ExpireTokens,
        Self::RevokeConsent,
        Self::RevokeSessions,
        Self::Throttle,
        Self::ServerError,
        Self::Hang,
        Self::HtmlAnswer,
        Self::DropIdle,
        Self::BumpUidvalidity,
        Self::CloseSession,
        Self::WrongSizes,
        Self::BareCopyuid,
        Self::MalformedStructure,
        Self::AuthenticatedButNotConnected,
        Self::SecretExpired,
        Self::SkewedClock,
        Self::SlowDown,
        Self::RequireClaims,
        Self::RevokeUsed,
        Self::SlowReply,
        Self::GatewayTimeout,
        Self::ClaimsChallenge,
        Self::ForeignRedirect,
        Self::ForeignNextLink,
        Self::CutBody,
        Self::SendThrottled,
        Self::SentThenTimeout,
        Self::SentItemsLate,
        Self::ExpiredUpload,
        Self::LostUploadAnswer,
        Self::DeltaGone,
        Self::SyncStateLost,
        Self::SparseDelta,
        Self::ShortDelta,
        Self::MovesUnseen,
        Self::ReplayedDelta,
        Self::GraphOff,
        Self::ImapOff,
        Self::SmtpOff,
        Self::DropBeforeData,
        Self::DropInData,
        Self::DropUnsent,
        Self::DropAnswer,
        Self::RefuseMail,
        Self::Refuse,
    ];

    /// Its name on the command line and in the control API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExpireTokens => "expire-tokens",
            Self::RevokeConsent => "revoke-consent",
            Self::RevokeSessions => "revoke-sessions",
            Self::Throttle => "throttle",
            Self::ServerError => "server-error",
            Self::Hang => "hang",
            Self::HtmlAnswer => "html-answer",
            Self::DropIdle => "drop-idle",
            Self::BumpUidvalidity => "bump-uidvalidity",
            Self::CloseSession => "close-session",
            Self::WrongSizes => "wrong-sizes",
            Self::BareCopyuid => "bare-copyuid",
            Self::MalformedStructure => "malformed-structure",
            Self::AuthenticatedButNotConnected => "authenticated-but-not-connected",
            Self::SecretExpired => "secret-expired",
            Self::SkewedClock => "skewed-clock",
            Self::SlowDown => "slow-down",
            Self::RequireClaims => "require-claims",
            Self::RevokeUsed => "revoke-used",
            Self::SlowReply => "slow-reply",
            Self::GatewayTimeout => "gateway-timeout",
            Self::ClaimsChallenge => "claims-challenge",
            Self::ForeignRedirect => "foreign-redirect",
            Self::ForeignNextLink => "foreign-next-link",
            Self::CutBody => "cut-body",
            Self::SendThrottled => "send-throttled",
            Self::SentThenTimeout => "sent-then-timeout",
            Self::SentItemsLate => "sent-items-late",
            Self::ExpiredUpload => "expired-upload",
            Self::LostUploadAnswer => "lost-upload-answer",
            Self::DeltaGone => "delta-gone",
            Self::SyncStateLost => "sync-state-lost",
            Self::SparseDelta => "sparse-delta",
            Self::ShortDelta => "short-delta",
            Self::MovesUnseen => "moves-unseen",
            Self::ReplayedDelta => "replayed-delta",
            Self::GraphOff => "graph-off",
            Self::ImapOff => "imap-off",
            Self::SmtpOff => "smtp-off",
            Self::DropBeforeData => "drop-before-data",
            Self::DropInData => "drop-in-data",
            Self::DropUnsent => "drop-unsent",
            Self::DropAnswer => "drop-answer",
            Self::RefuseMail => "refuse-mail",
            Self::Refuse => "refuse",
        }
    }

    /// What it does, in one line, for `--help`.
    pub fn summary(self) -> &'static str {
        match self {
            Self::ExpireTokens => "access tokens handed out until now are refused",
            Self::RevokeConsent => "AADSTS65001 until somebody consents anew",
            Self::RevokeSessions => "refresh tokens handed out until now give AADSTS50173",
            Self::Throttle => {
                "HTTP 429 with Retry-After; IMAP and POP3 `Request is throttled.`; SMTP 451"
            }
            Self::ServerError => {
                "HTTP 503 with AADSTS90033; IMAP and POP3 `Server Unavailable.`; SMTP 421"
            }
            Self::Hang => "no answer",
            Self::HtmlAnswer => "a web page instead of JSON",
            Self::DropIdle => "IMAP connections in IDLE are closed without a word",
            Self::BumpUidvalidity => "the inbox gets a new UIDVALIDITY, and other names over POP3",
            Self::CloseSession => "IMAP, POP3 and SMTP sessions end in the middle",
            Self::WrongSizes => "the sizes that IMAP and POP3 tell are bad estimates",
            Self::BareCopyuid => "IMAP's COPYUID comes without `* OK`",
            Self::MalformedStructure => "IMAP's BODYSTRUCTURE cannot be parsed",
            Self::AuthenticatedButNotConnected => "the token is accepted and the mailbox refused",
            Self::SecretExpired => "AADSTS7000222",
            Self::SkewedClock => {
                "the server's clock is 15 minutes ahead; assertions give AADSTS700024"
            }
            Self::SlowDown => "device codes are asked about too often: `slow_down`",
            Self::RequireClaims => {
                "people's tokens need the context c1: `interaction_required` with claims"
            }
            Self::RevokeUsed => "refresh tokens that were used until now give AADSTS50173",
            Self::SlowReply => "Graph and SMTP answer after three seconds",
            Self::GatewayTimeout => "Graph answers HTTP 504 and did nothing",
            Self::ClaimsChallenge => {
                "Graph answers 401 and wants a newer token: `insufficient_claims`"
            }
            Self::ForeignRedirect => "Graph answers with a redirect to another host",
            Self::ForeignNextLink => "Graph's next link to more leads to another host",
            Self::CutBody => "the connection ends in the middle of an answer of Graph",
            Self::SendThrottled => "Graph sends the message and answers 202 with Retry-After",
            Self::SentThenTimeout => "Graph sends the message and answers HTTP 504",
            Self::SentItemsLate => "what Graph sends appears in Sent Items five seconds later",
            Self::ExpiredUpload => "the address of an upload has expired",
            Self::LostUploadAnswer => "Graph takes a range of an upload and answers HTTP 504",
            Self::DeltaGone => "Graph's delta links give 410 with Location",
            Self::SyncStateLost => "Graph's delta links give `syncStateNotFound`",
            Self::SparseDelta => "rows of Graph's delta hold little more than the id",
            Self::ShortDelta => "a first walk by Graph's delta ends too early",
            Self::MovesUnseen => "Graph's delta does not tell what was moved into the folder",
            Self::ReplayedDelta => "Graph's delta tells again what was told already",
            Self::GraphOff => "Graph is closed to the app: HTTP 403",
            Self::ImapOff => "IMAP is switched off for the mailbox, also for open sessions",
            Self::SmtpOff => {
                "signing in by SMTP is switched off for the mailbox, or without one for the tenant"
            }
            Self::DropBeforeData => "SMTP closes the connection before a message comes",
            Self::DropInData => "SMTP closes the connection in the middle of a message",
            Self::DropUnsent => "SMTP closes the connection behind a message, which is not sent",
            Self::DropAnswer => "SMTP closes the connection behind a message, which is sent",
            Self::RefuseMail => {
                "SMTP refuses with the reply that has this code or status, as in \
                 `refuse-mail,code=5.2.2`"
            }
            Self::Refuse => "the token endpoint answers AADSTS`code`, as in `refuse,code=53003`",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let found = Self::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| OrderError::Unknown {
            name: text.to_owned(),
        })
    }
}
