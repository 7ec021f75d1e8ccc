//! Exchange Online's manners, as data: greeting, capabilities, wording.

use gatepost_wire::pop3::server::{InClear, InitialResponse, Limits, Mechanism, Persona, Texts};
use gatepost_wire::pop3::{Capabilities, Capability};

use crate::imap::exchange::{SERVER, server_name};

/// How Exchange Online presents itself on port 995. It lists PLAIN and USER still, and takes no
/// password by either.
pub(super) fn persona() -> Persona {
    let listed = [
        Capability::Top,
        Capability::Uidl,
        Capability::sasl([Mechanism::Plain, Mechanism::Xoauth2]),
        Capability::User,
    ];
    Persona {
        texts: Texts {
            greeting: format!(
                "The Microsoft Exchange POP3 service is ready. [{}]",
                server_name(SERVER)
            ),
            authenticated: "User successfully authenticated.",
            logged_on: "User successfully logged on.",
            sign_in_failed: SIGN_IN_REFUSED,
            initial_response_refused: "Protocol error. 14",
            sign_in_cancelled: "The AUTH protocol exchange was canceled by the client.",
            starting_tls: "Begin TLS negotiation.",
            goodbye: "Microsoft Exchange Server POP3 server signing off.",
            bad_command: "Protocol error. 14",
            no_such_message: "The specified message is out of range.",
            closed: CLOSED,
        },
        capabilities: Capabilities::new(listed.clone()),
        capabilities_signed_in: Capabilities::new(listed),
        in_clear: InClear::default(),
        initial_response: InitialResponse::Refuse,
        limits: Limits::default(),
    }
}

/// After `-ERR `: anything that opens nothing, whatever the reason.
pub(super) const SIGN_IN_REFUSED: &str =
    "Authentication failure: unknown user name or bad password.";
/// After `-ERR `, when Exchange has had enough of a client.
pub(super) const CLOSED: &str = "Connection is closed. 14";
/// After `-ERR `: the mailbox may not be opened, by order of the fault.
pub(super) const NOT_CONNECTED: &str = "User is authenticated but not connected.";
/// After `-ERR `: too much was asked of the mailbox.
pub(super) const THROTTLED: &str =
    "Request is throttled. Suggested Backoff Time: 2415 milliseconds";
/// After `-ERR [SYS/TEMP] `: the back end cannot be reached.
pub(super) const UNAVAILABLE: &str = "Server Unavailable. 15";
/// After `-ERR `: it was there at the sign-in, and is not any more.
pub(super) const GONE: &str = "The message is no longer available.";
