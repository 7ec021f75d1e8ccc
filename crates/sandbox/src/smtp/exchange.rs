//! Exchange Online's manners, as data: greeting, extensions, wording.

use gatepost_wire::smtp::exchange::{KNOWN, KnownReply, Meaning};
use gatepost_wire::smtp::server::{InClear, Limits, Mechanism, Persona, Replies, SignIn};
use gatepost_wire::smtp::{EnhancedStatus, Extension, Extensions, Phase, Reply};
use jiff::Timestamp;

/// Whether TLS protects what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    None,
    Tls,
}

/// How Exchange Online presents itself to submitters at `peer`. AUTH takes the place of STARTTLS
/// once TLS is there.
pub(super) fn persona(protection: Protection, peer: &str, now: Timestamp) -> Persona {
    let secured = match protection {
        Protection::None => Extension::StartTls,
        Protection::Tls => Extension::auth([Mechanism::Login, Mechanism::Xoauth2]),
    };
    let date = now.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let number = number(now);
    let reply = |code, status, text: &str| Reply::with_status(code, status, text);
    Persona {
        greeting: Reply::new(
            220,
            format!("{SERVER} Microsoft ESMTP MAIL Service ready at {date} [{number}]"),
        ),
        hello: format!("{SERVER} Hello [{peer}]"),
        extensions: Extensions::new([
            Extension::Size(Some(LARGEST_MESSAGE)),
            Extension::Pipelining,
            Extension::Dsn,
            Extension::EnhancedStatusCodes,
            secured,
            Extension::EightBitMime,
            Extension::BinaryMime,
            Extension::Chunking,
            Extension::SmtpUtf8,
        ]),
        in_clear: InClear::default(),
        sign_in: SignIn::Required,
        replies: Replies {
            starting_tls: reply(220, EnhancedStatus::new(2, 0, 0), "SMTP server ready"),
            authenticated: reply(
                235,
                EnhancedStatus::new(2, 7, 0),
                "Authentication successful",
            ),
            not_signed_in: refusing(Meaning::NotSignedIn, Phase::Mail, now),
            sender_accepted: reply(250, EnhancedStatus::new(2, 1, 0), "Sender OK"),
            recipient_accepted: reply(250, EnhancedStatus::new(2, 1, 5), "Recipient OK"),
            too_large: refusing(Meaning::MessageTooLarge, Phase::Mail, now),
            ..Replies::default()
        },
        limits: Limits::default(),
    }
}

/// What Exchange says when it takes a message.
pub(super) fn accepted(message_id: &str) -> Reply {
    Reply::with_status(
        250,
        EnhancedStatus::new(2, 0, 0),
        format!("OK {message_id} [Hostname={BACK_END}]"),
    )
}

/// What Exchange says that means this; what the table does not know is refused all the same.
pub(super) fn refusing(meaning: Meaning, phase: Phase, now: Timestamp) -> Reply {
    let known = KNOWN
        .iter()
        .find(|known| known.meaning == meaning && known.comes_in(phase));
    match known {
        Some(known) => traced(known, phase, now),
        None => Reply::new(554, "Transaction failed"),
    }
}

/// The reply as it stands on the wire: with a trace of the servers behind it.
pub(super) fn traced(known: &KnownReply, phase: Phase, now: Timestamp) -> Reply {
    let Some(mut reply) = known.reply() else {
        return Reply::new(554, "Transaction failed");
    };
    let trace = match phase {
        Phase::Greeting | Phase::Hello | Phase::Auth | Phase::Mail => {
            let at = now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
            format!(" [{SERVER} {at} {}]", number(now))
        }
        _ => format!(" [Hostname={BACK_END}]"),
    };
    if let Some(last) = reply.lines.last_mut() {
        last.push_str(&trace);
    }
    reply
}

/// Whom the message names and the mailbox may not send as.
pub(super) fn send_as_denied(mailbox: &str, from: &str) -> Reply {
    Reply::with_status(
        554,
        EnhancedStatus::new(5, 2, 252),
        format!(
            "SendAsDenied; {mailbox} not allowed to send as {from}; \
             STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed \
             to process message due to a permanent exception with message \
             [BeginDiagnosticData]Cannot submit message. \
             0.35250:0A00E084[EndDiagnosticData] [Hostname={BACK_END}]"
        ),
    )
}

/// Numbers of sessions rise with time.
fn number(now: Timestamp) -> String {
    format!("{:016X}", now.as_microsecond())
}

/// `SIZE`: the largest message that a tenant can allow, in octets.
const LARGEST_MESSAGE: u64 = 157_286_400;
const SERVER: &str = "LA0P152CA0001.outlook.office365.com";
const BACK_END: &str = "LA0P152MB0001.LAMP152.PROD.OUTLOOK.COM";
