//! Exchange Online's manners, as data: greeting, capabilities, wording.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_wire::imap::server::{InClear, Limits, Mechanism, Persona, Quirks, Texts};

/// How Exchange Online presents itself on port 993.
pub(super) fn persona() -> Persona {
    Persona {
        texts: Texts {
            greeting: format!(
                "The Microsoft Exchange IMAP4 service is ready. [{}]",
                server_name(SERVER)
            ),
            id: "(\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")".into(),
            completed: "completed.",
            failed: "failed.",
            go_ahead: "Ready for additional command text.",
            idle: "IDLE accepted, awaiting DONE command.",
            logout: "Microsoft Exchange Server IMAP4 server signing off.",
            bad_command: "Command Error. 12",
            bad_arguments: "Command Argument Error. 11",
            wrong_state: "Command received in Invalid state.",
            bad_set: "The specified message set is invalid.",
            read_only: "The mailbox is read-only.",
            sign_in_cancelled: "The AUTH protocol exchange was canceled by the client.",
            no_such_mechanism: "AUTHENTICATE failed.",
            privacy_required: "LOGIN failed.",
            bad_charset: "[BADCHARSET (US-ASCII)] The specified charset is not supported.",
            closed: CLOSED,
        },
        capability_before_login: "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID \
            UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
            .into(),
        capability_after_login: "IMAP4 IMAP4rev1 AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT \
            CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE \
            NAMESPACE LITERAL+"
            .into(),
        mechanisms: vec![Mechanism::Xoauth2],
        in_clear: InClear::default(),
        charsets: &["US-ASCII"],
        limits: Limits::default(),
        quirks: Quirks::default(),
    }
}

/// The name of the front end, as the greeting hides it: base64 of UTF-16, little endian.
pub(crate) fn server_name(name: &str) -> String {
    let octets: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    STANDARD.encode(octets)
}

/// After `* BYE `, when Exchange has had enough of a client.
pub(super) const CLOSED: &str = "Connection closed. 14";
/// After `* BYE `, when nothing was said for too long.
pub(super) const TIMED_OUT: &str = "Connection is closed. 13";
/// After `* BYE `, when the token of a session is void.
pub(super) const TOKEN_EXPIRED: &str = "Session invalidated - AccessTokenExpired";
/// After `NO `: any token that opens nothing, whatever the reason.
pub(super) const SIGN_IN_REFUSED: &str = "AUTHENTICATE failed.";
/// After `BAD `: the token is good and the mailbox is not open to it.
pub(super) const SWITCHED_OFF: &str = "IMAP is disabled for this mailbox.";
pub(super) const NOT_CONNECTED: &str = "User is authenticated but not connected.";
/// After `BAD `: too much was asked of the mailbox.
pub(super) const THROTTLED: &str =
    "Request is throttled. Suggested Backoff Time: 2415 milliseconds";
/// After `BAD `: the back end cannot be reached.
pub(super) const UNAVAILABLE: &str = "Server Unavailable. 15";
/// After `NO `: an uploaded message is too large.
pub(super) const TOO_LARGE: &str = "Maximum size of appendable message has been exceeded.";

pub(crate) const SERVER: &str = "SC1P152CA0001.LAMP152.PROD.OUTLOOK.COM";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_hides_the_server_as_exchange_does() {
        assert!(persona().texts.greeting.contains("[UwBDADEAUAAx"));
    }
}
