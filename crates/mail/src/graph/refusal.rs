//! What a refusal of Graph means: the one place that reads its codes.

use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};

use super::answer::Answer;

/// Graph refused. What it said comes last, with the names under which Microsoft's support finds
/// the request.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", self.sentence(), self.said())]
pub struct GraphRefusal {
    /// Where Graph answers.
    pub host: String,
    /// The mailbox.
    pub mailbox: String,
    /// What it was asked to do, in words that follow "refused to".
    pub what: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Graph's code, such as `ErrorItemNotFound`; empty where a proxy answered.
    pub code: String,
    /// Graph's words.
    pub message: String,
    /// What it means.
    pub meaning: GraphMeaning,
    /// How long Graph wants us to wait, if it said so.
    pub retry_after: Option<Duration>,
    /// Microsoft's name of the request.
    pub request_id: Option<String>,
    /// Our name of the request.
    pub client_request_id: String,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphMeaning {
    /// The token is not taken, also not a fresh one.
    TokenRefused,
    /// The token is good and allows less than was asked.
    AccessDenied,
    /// There is no such mailbox, or none that Graph serves.
    MailboxMissing,
    /// What was asked for is not there.
    ItemMissing,
    /// Graph has forgotten how far we have seen.
    SyncStateLost,
    /// Too much was asked.
    Throttled,
    /// Graph has trouble of its own.
    Unavailable,
    /// What was sent is too large.
    TooLarge,
    /// The mailbox is full, or may send no more.
    QuotaExceeded,
    /// A recipient is none.
    InvalidRecipients,
    /// The mailbox may not send in that name.
    SendAsDenied,
    /// A search is more than the store can do at once.
    InefficientFilter,
    /// A search has no word to look for.
    Wordless,
    /// Somebody changed it meanwhile.
    Conflict,
    /// Anything else.
    Refused,
}

impl GraphRefusal {
    /// The codes that it answers besides `mailbox_throttled` and `mailbox_unavailable`.
    pub const CODES: &'static [&'static str] = &[
        "graph_token_refused",
        "graph_access_denied",
        "graph_mailbox_missing",
        "graph_item_missing",
        "graph_send_as_denied",
        "graph_refused",
    ];

    pub(super) fn new(
        (host, mailbox): (String, String),
        what: &'static str,
        answer: Answer,
        client_request_id: String,
    ) -> Self {
        Self {
            host,
            mailbox,
            what,
            meaning: GraphMeaning::of(answer.status, &answer.code),
            status: answer.status,
            code: answer.code,
            message: answer.message,
            retry_after: answer.retry_after,
            request_id: answer.request_id,
            client_request_id,
        }
    }

    /// Whether too many questions were under way at once.
    pub(super) fn is_of_concurrency(&self) -> bool {
        self.message.contains("MailboxConcurrency")
    }

    fn sentence(&self) -> String {
        let Self {
            host,
            mailbox,
            what,
            ..
        } = self;
        match self.meaning {
            GraphMeaning::TokenRefused => format!(
                "{host} does not take the token for {mailbox}, also not a fresh one: `gatepost whoami {mailbox} --for graph` shows what it is"
            ),
            GraphMeaning::AccessDenied => format!(
                "{host} refused to {what} in {mailbox}: the app lacks a permission of Microsoft Graph for it (application or delegated, with consent), or a policy of the tenant keeps the app out of this mailbox; `gatepost whoami {mailbox} --for graph` shows the permissions"
            ),
            GraphMeaning::MailboxMissing => format!(
                "{host} has no mailbox {mailbox}: the address is wrong, or it has no licence, or it is not in Exchange Online"
            ),
            GraphMeaning::ItemMissing => {
                format!("{mailbox} has nothing there, so {host} cannot {what}")
            }
            GraphMeaning::SyncStateLost => {
                format!("{host} has forgotten how far {mailbox} was seen")
            }
            GraphMeaning::Throttled => format!("{host} throttles {mailbox}{}", self.wait()),
            GraphMeaning::Unavailable => format!("{host} cannot serve {mailbox} now"),
            GraphMeaning::TooLarge => {
                format!("{host} refused to {what} in {mailbox}: it is larger than it takes")
            }
            GraphMeaning::QuotaExceeded => format!(
                "{host} refused to {what} in {mailbox}: the mailbox is full, or has sent as much as it may"
            ),
            GraphMeaning::InvalidRecipients => {
                format!("{host} refused to {what} in {mailbox}: a recipient is no mail address")
            }
            GraphMeaning::SendAsDenied => format!(
                "{host} refused to {what}: {mailbox} may not send in the name that the message gives as its sender (Add-RecipientPermission -AccessRights SendAs, or Set-Mailbox -GrantSendOnBehalfTo)"
            ),
            GraphMeaning::InefficientFilter => {
                format!("{host} refused to {what} in {mailbox}: that search is too much at once")
            }
            GraphMeaning::Wordless => {
                format!(
                    "{host} looks for words, and what {mailbox} is to be searched for has none: write letters or digits"
                )
            }
            GraphMeaning::Conflict => {
                format!("{host} refused to {what} in {mailbox}: somebody changed it meanwhile")
            }
            GraphMeaning::Refused => format!("{host} refused to {what} in {mailbox}"),
        }
    }

    /// What Graph said, if it was asked.
    fn said(&self) -> String {
        match self.meaning {
            GraphMeaning::Wordless => String::new(),
            _ => format!("; {} said: {}", self.host, self.words()),
        }
    }

    fn wait(&self) -> String {
        self.retry_after.map_or_else(String::new, |wait| {
            // Whoever comes a part of a second early is refused again.
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            format!(" and asks to wait for {seconds} seconds")
        })
    }

    /// Graph's words, with the names of the request.
    pub(super) fn words(&self) -> String {
        let said = match (self.code.as_str(), self.message.as_str()) {
            ("", "") => "nothing".to_owned(),
            ("", message) => message.to_owned(),
            (code, "") => code.to_owned(),
            (code, message) => format!("{code}: {message}"),
        };
        let status = self.status;
        let theirs = self.request_id.as_ref();
        let theirs = theirs.map_or_else(String::new, |id| format!(", request-id {id}"));
        let ours = &self.client_request_id;
        format!("{said} (HTTP {status}{theirs}, client-request-id {ours})")
    }
}

impl GraphMeaning {
    /// By Graph's code where it says more than the status, which proxies and old services mix up.
    fn of(status: u16, code: &str) -> Self {
        let known = MEANINGS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(code));
        match (known, status) {
            // A number that begins with 5 or says "too many" counts more than a word.
            (_, 429) => Self::Throttled,
            (None, 507) => Self::QuotaExceeded,
            // A proxy says 404 of anything; only Graph knows whether a message is gone.
            (Some((_, Self::ItemMissing)), 500..) | (None, 404 | 408 | 500..) => Self::Unavailable,
            (Some((_, meaning)), _) => *meaning,
            (None, 401) => Self::TokenRefused,
            (None, 403) => Self::AccessDenied,
            (None, 409 | 412) => Self::Conflict,
            (None, 410) => Self::SyncStateLost,
            (None, 413) => Self::TooLarge,
            (None, _) => Self::Refused,
        }
    }
}

impl Fault for GraphRefusal {
    fn code(&self) -> &'static str {
        match self.meaning {
            GraphMeaning::TokenRefused => "graph_token_refused",
            GraphMeaning::AccessDenied => "graph_access_denied",
            GraphMeaning::MailboxMissing => "graph_mailbox_missing",
            GraphMeaning::ItemMissing => "graph_item_missing",
            GraphMeaning::SendAsDenied => "graph_send_as_denied",
            GraphMeaning::Throttled => "mailbox_throttled",
            GraphMeaning::Unavailable => "mailbox_unavailable",
            GraphMeaning::SyncStateLost
            | GraphMeaning::TooLarge
            | GraphMeaning::QuotaExceeded
            | GraphMeaning::InvalidRecipients
            | GraphMeaning::InefficientFilter
            | GraphMeaning::Wordless
            | GraphMeaning::Conflict
            | GraphMeaning::Refused => "graph_refused",
        }
    }

    fn owner(&self) -> Owner {
        match self.meaning {
            GraphMeaning::TokenRefused
            | GraphMeaning::AccessDenied
            | GraphMeaning::SendAsDenied => Owner::TenantAdmin,
            GraphMeaning::MailboxMissing
            | GraphMeaning::ItemMissing
            | GraphMeaning::InvalidRecipients
            | GraphMeaning::Wordless
            | GraphMeaning::TooLarge => Owner::Operator,
            GraphMeaning::QuotaExceeded => Owner::Person,
            GraphMeaning::SyncStateLost
            | GraphMeaning::Throttled
            | GraphMeaning::Unavailable
            | GraphMeaning::InefficientFilter
            | GraphMeaning::Conflict
            | GraphMeaning::Refused => Owner::Remote,
        }
    }

    fn next(&self) -> Next {
        match (self.meaning, self.retry_after) {
            (GraphMeaning::Throttled | GraphMeaning::Unavailable, Some(wait)) => {
                Next::Retry(After::AtLeast(wait))
            }
            (
                GraphMeaning::Throttled
                | GraphMeaning::Unavailable
                | GraphMeaning::SyncStateLost
                | GraphMeaning::QuotaExceeded
                | GraphMeaning::Conflict,
                _,
            ) => Next::Retry(After::Backoff),
            (
                GraphMeaning::TokenRefused
                | GraphMeaning::AccessDenied
                | GraphMeaning::MailboxMissing
                | GraphMeaning::SendAsDenied,
                _,
            ) => Next::Reconfigure,
            (
                GraphMeaning::ItemMissing
                | GraphMeaning::TooLarge
                | GraphMeaning::InvalidRecipients
                | GraphMeaning::Wordless
                | GraphMeaning::InefficientFilter
                | GraphMeaning::Refused,
                _,
            ) => Next::Discard,
        }
    }
}

/// Graph's codes with what they mean, where the status alone does not tell.
const MEANINGS: &[(&str, GraphMeaning)] = &[
    ("InvalidAuthenticationToken", GraphMeaning::TokenRefused),
    ("ErrorAccessDenied", GraphMeaning::AccessDenied),
    ("Authorization_RequestDenied", GraphMeaning::AccessDenied),
    ("ErrorSendAsDenied", GraphMeaning::SendAsDenied),
    ("MailboxNotEnabledForRESTAPI", GraphMeaning::MailboxMissing),
    (
        "MailboxNotSupportedForRESTAPI",
        GraphMeaning::MailboxMissing,
    ),
    ("ErrorInvalidUser", GraphMeaning::MailboxMissing),
    ("ErrorNonExistentMailbox", GraphMeaning::MailboxMissing),
    ("Request_ResourceNotFound", GraphMeaning::MailboxMissing),
    ("ErrorItemNotFound", GraphMeaning::ItemMissing),
    ("ErrorFolderNotFound", GraphMeaning::ItemMissing),
    ("ErrorInvalidIdMalformed", GraphMeaning::ItemMissing),
    ("syncStateNotFound", GraphMeaning::SyncStateLost),
    ("resyncRequired", GraphMeaning::SyncStateLost),
    ("InvalidSyncStateData", GraphMeaning::SyncStateLost),
    ("SyncStateInvalid", GraphMeaning::SyncStateLost),
    ("ApplicationThrottled", GraphMeaning::Throttled),
    ("TooManyRequests", GraphMeaning::Throttled),
    ("ErrorMessageSizeExceeded", GraphMeaning::TooLarge),
    ("ErrorQuotaExceeded", GraphMeaning::QuotaExceeded),
    ("ErrorExceededMessageLimit", GraphMeaning::QuotaExceeded),
    ("ErrorInvalidRecipients", GraphMeaning::InvalidRecipients),
    ("InefficientFilter", GraphMeaning::InefficientFilter),
    ("ErrorIrresolvableConflict", GraphMeaning::Conflict),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> GraphRefusal {
        let answer = Answer {
            status,
            code: code.to_owned(),
            message: "Graph's words.".to_owned(),
            request_id: Some("r-1".to_owned()),
            retry_after: None,
        };
        let place = ("graph.example".to_owned(), "ada@contoso.com".to_owned());
        GraphRefusal::new(place, "list messages", answer, "c-1".to_owned())
    }

    #[test]
    fn every_refusal_says_whose_move_it_is() {
        for (status, code, fault, owner) in [
            (
                401,
                "InvalidAuthenticationToken",
                "graph_token_refused",
                Owner::TenantAdmin,
            ),
            (
                403,
                "ErrorAccessDenied",
                "graph_access_denied",
                Owner::TenantAdmin,
            ),
            (403, "", "graph_access_denied", Owner::TenantAdmin),
            (
                403,
                "ErrorSendAsDenied",
                "graph_send_as_denied",
                Owner::TenantAdmin,
            ),
            (
                404,
                "MailboxNotEnabledForRESTAPI",
                "graph_mailbox_missing",
                Owner::Operator,
            ),
            (
                404,
                "ErrorItemNotFound",
                "graph_item_missing",
                Owner::Operator,
            ),
            (
                400,
                "ErrorInvalidIdMalformed",
                "graph_item_missing",
                Owner::Operator,
            ),
            (
                429,
                "ApplicationThrottled",
                "mailbox_throttled",
                Owner::Remote,
            ),
            (429, "ErrorAccessDenied", "mailbox_throttled", Owner::Remote),
            (
                503,
                "serviceNotAvailable",
                "mailbox_unavailable",
                Owner::Remote,
            ),
            (504, "", "mailbox_unavailable", Owner::Remote),
            (400, "BadRequest", "graph_refused", Owner::Remote),
            (507, "", "graph_refused", Owner::Person),
        ] {
            let refusal = refusal(status, code);
            assert_eq!(
                (refusal.code(), refusal.owner()),
                (fault, owner),
                "{status} {code}"
            );
        }
    }

    #[test]
    fn the_words_and_names_of_graph_come_last() {
        let sentence = refusal(403, "ErrorAccessDenied").to_string();
        let end = "graph.example said: ErrorAccessDenied: Graph's words. (HTTP 403, request-id r-1, client-request-id c-1)";
        assert!(sentence.ends_with(end), "{sentence}");
    }

    #[test]
    fn a_lost_sync_state_is_known_by_status_and_by_code() {
        for (status, code) in [
            (410, ""),
            (404, "syncStateNotFound"),
            (400, "resyncRequired"),
            (400, "InvalidSyncStateData"),
        ] {
            let meaning = GraphMeaning::of(status, code);
            assert_eq!(meaning, GraphMeaning::SyncStateLost, "{status} {code}");
        }
    }

    /// Whoever comes back a part of a second early is throttled again.
    #[test]
    fn a_wait_is_told_in_whole_seconds_that_are_enough() {
        for (wait, told) in [(2_415, 3), (2_000, 2), (10, 1)] {
            let answer = Answer {
                status: 429,
                code: String::new(),
                message: String::new(),
                request_id: None,
                retry_after: Some(Duration::from_millis(wait)),
            };
            let place = ("graph.test".to_owned(), "ada@contoso.com".to_owned());
            let refusal = GraphRefusal::new(place, "list messages", answer, "1".to_owned());
            let words = format!("asks to wait for {told} seconds");
            assert!(refusal.to_string().contains(&words), "{refusal}");
        }
    }

    #[test]
    fn only_graph_itself_says_that_something_is_gone() {
        for (status, code, meaning) in [
            (404, "ErrorItemNotFound", GraphMeaning::ItemMissing),
            (404, "", GraphMeaning::Unavailable),
            (404, "UnknownError", GraphMeaning::Unavailable),
            (503, "ErrorItemNotFound", GraphMeaning::Unavailable),
        ] {
            assert_eq!(GraphMeaning::of(status, code), meaning, "{status} {code}");
        }
    }

    #[test]
    fn a_wait_that_graph_names_is_kept() {
        let mut refusal = refusal(503, "");
        refusal.retry_after = Some(Duration::from_millis(2128));
        assert_eq!(
            refusal.next(),
            Next::Retry(After::AtLeast(Duration::from_millis(2128)))
        );
    }
}
