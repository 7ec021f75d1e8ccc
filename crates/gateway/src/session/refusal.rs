//! What a client is told that is not let in.

use gatepost_fault::{Fault, Next};

use crate::admission::Turned;
use crate::one_line::one_line;

/// Why a client is not let in, in words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    /// One line.
    pub(crate) said: String,
    /// Whether the connection ends with it.
    pub(crate) ends_connection: bool,
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name or the password.
    Credentials,
    /// Something that is likely to pass.
    Temporary,
    /// Something that somebody has to change.
    Permanent,
}

impl From<&Turned> for Refusal {
    fn from(turned: &Turned) -> Self {
        Self {
            kind: if turned.is_temporary() {
                Kind::Temporary
            } else {
                Kind::Credentials
            },
            said: turned.said().to_owned(),
            ends_connection: turned.ends_connection(),
        }
    }
}

impl Refusal {
    /// Whoever showed a good password is told why there is no way on.
    pub(crate) fn of_fault(fault: &(impl Fault + ?Sized)) -> Self {
        let kind = match fault.next() {
            Next::Retry(_) => Kind::Temporary,
            Next::SignIn | Next::Reconfigure | Next::Discard => Kind::Permanent,
        };
        // A line of SMTP has 512 octets (RFC 5321 §4.5.3.1.5), and clients show ASCII.
        let mut said = one_line(&fault.to_string(), LONGEST);
        said.extend([" (", fault.code(), ")"]);
        Self {
            kind,
            said,
            ends_connection: false,
        }
    }
}

const LONGEST: usize = 400;

#[cfg(test)]
mod tests {
    use gatepost_mail::MailError;

    use super::*;

    #[test]
    fn a_reason_fits_into_a_line_whatever_a_server_said() {
        let error = MailError::Unavailable {
            host: "imap.example".to_owned(),
            mailbox: "ada@contoso.com".to_owned(),
            said: format!("käputt\r\n[{}", "x ".repeat(2000)),
        };
        let refusal = Refusal::of_fault(&error);
        assert_eq!(refusal.kind, Kind::Temporary);
        assert!(refusal.said.len() < 480, "{}", refusal.said.len());
        assert!(
            refusal
                .said
                .bytes()
                .all(|octet| matches!(octet, b' '..=b'~'))
        );
        assert!(refusal.said.contains("imap.example"), "{}", refusal.said);
        assert!(
            refusal.said.ends_with(" x ... (mailbox_unavailable)"),
            "{}",
            refusal.said
        );
    }
}
