//! What Exchange Online means by its replies, as data.
//!
//! Its codes alone say little: a missing permission comes as 430 after the sign-in succeeded
//! and the whole message was sent, and a daily limit as 554. [`meaning`] looks at the phase,
//! the code, the enhanced status and the words, and answers a [`Meaning`], which says whose
//! move it is, what is next, and what to do. A server for tests takes the same table to speak
//! like Exchange: see [`KnownReply::reply`].

mod table;

use std::mem::discriminant;

use gatepost_fault::{After, Next, Owner};

use super::{EnhancedStatus, Phase, Reply};
pub use table::KNOWN;

/// A reply that Exchange Online is known to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownReply {
    /// What it means.
    pub meaning: Meaning,
    /// When it comes. For [`Phase::Recipient`] the number says nothing.
    pub phases: &'static [Phase],
    /// Such a reply, without the trace in brackets that follows.
    pub sample: &'static str,
    /// How well it is known that Exchange says this.
    pub evidence: Evidence,
    /// The code that tells it, if one does.
    code: Option<u16>,
    /// The enhanced status that tells it, if one does.
    status: Option<EnhancedStatus>,
    /// Words in lower case that tell it from others with the same codes, or nothing.
    words: &'static str,
}

/// How well a reply is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// It was recorded from the wire, word by word.
    Recorded,
    /// Microsoft documents the code; where it does not document the words, they are ours.
    Documented,
    /// The standards or similar replies suggest it; nobody has shown it.
    Presumed,
}

/// What a refusal of Exchange Online means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meaning {
    /// The token is bad, or opens no mailbox: no service principal in Exchange, no permission.
    SignInRefused,
    /// Signing in did not work this time (RFC 4954 §6).
    SignInUnavailable,
    /// SMTP AUTH is switched off for the organization.
    SmtpAuthDisabledForTenant,
    /// SMTP AUTH is switched off for this mailbox.
    SmtpAuthDisabledForMailbox,
    /// A password came, and only tokens are taken.
    PasswordsDisabled,
    /// Security defaults, conditional access or an authentication policy refuse the sign-in.
    PolicyRefusesSignIn,
    /// MAIL came before AUTH.
    NotSignedIn,
    /// The sign-in succeeded, and the app may not open the mailbox.
    MailboxNotAccessible,
    /// The sender of the message is not one that the signed-in mailbox may send as.
    SendAsDenied,
    /// More connections than a mailbox may have.
    TooManyConnections,
    /// More messages in a minute than a mailbox may send.
    TooManyMessages,
    /// More recipients in a day than a mailbox may send to.
    DailyRecipientsExceeded,
    /// More recipients than fit into this envelope; the others go in another.
    EnvelopeFull,
    /// More recipients than a message may have.
    TooManyRecipients,
    /// The mailbox is full, and a full mailbox cannot send.
    MailboxFull,
    /// The message is larger than the mailbox may send.
    MessageTooLarge,
    /// The store is in trouble that is likely to pass.
    StoreUnavailable,
    /// The service is busy, or slows this network address down.
    ServerBusy,
    /// The service takes no traffic from this network address, or not from so new a tenant.
    AddressRefused,
    /// The organization was stopped from sending.
    TenantBlocked,
    /// The mailbox was stopped from sending.
    SenderBlocked,
}

/// What this reply means, if it is one of [`KNOWN`].
pub fn meaning(phase: Phase, reply: &Reply) -> Option<Meaning> {
    let words = reply.text().to_ascii_lowercase();
    KNOWN
        .iter()
        .find(|known| known.comes_in(phase) && known.is_told_by(reply, &words))
        .map(|known| known.meaning)
}

impl KnownReply {
    /// The reply to be sent by a server that speaks like Exchange.
    pub fn reply(&self) -> Option<Reply> {
        Reply::parse(self.sample)
    }

    /// Whether it comes in this phase.
    pub fn comes_in(&self, phase: Phase) -> bool {
        let same = |known: &Phase| discriminant(known) == discriminant(&phase);
        self.phases.iter().any(same)
    }

    fn is_told_by(&self, reply: &Reply, words: &str) -> bool {
        self.code.is_none_or(|code| code == reply.code)
            && self
                .status
                .is_none_or(|status| reply.status == Some(status))
            && words.contains(self.words)
    }
}

impl Meaning {
    /// Whose move it is.
    pub fn owner(self) -> Owner {
        match self {
            Self::SignInRefused
            | Self::SmtpAuthDisabledForTenant
            | Self::SmtpAuthDisabledForMailbox
            | Self::PolicyRefusesSignIn
            | Self::MailboxNotAccessible
            | Self::SendAsDenied
            | Self::AddressRefused
            | Self::TenantBlocked
            | Self::SenderBlocked => Owner::TenantAdmin,
            Self::PasswordsDisabled | Self::NotSignedIn => Owner::Operator,
            Self::DailyRecipientsExceeded
            | Self::TooManyRecipients
            | Self::MailboxFull
            | Self::MessageTooLarge => Owner::Person,
            Self::SignInUnavailable
            | Self::TooManyConnections
            | Self::TooManyMessages
            | Self::EnvelopeFull
            | Self::StoreUnavailable
            | Self::ServerBusy => Owner::Remote,
        }
    }

    /// Whether the same may succeed later. It often differs from what the first digit of the
    /// code says.
    pub fn next(self) -> Next {
        match self {
            Self::SignInUnavailable
            | Self::TooManyConnections
            | Self::TooManyMessages
            | Self::DailyRecipientsExceeded
            | Self::EnvelopeFull
            | Self::MailboxFull
            | Self::StoreUnavailable
            | Self::ServerBusy => Next::Retry(After::Backoff),
            Self::SignInRefused
            | Self::SmtpAuthDisabledForTenant
            | Self::SmtpAuthDisabledForMailbox
            | Self::PasswordsDisabled
            | Self::PolicyRefusesSignIn
            | Self::NotSignedIn
            | Self::MailboxNotAccessible
            | Self::SendAsDenied
            | Self::AddressRefused
            | Self::TenantBlocked
            | Self::SenderBlocked => Next::Reconfigure,
            Self::TooManyRecipients | Self::MessageTooLarge => Next::Discard,
        }
    }

    /// What to do, as a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::SignInRefused => {
                "Check that the token is for this mailbox, that the app's service principal exists in Exchange with the object id of the enterprise application, and that it may send as the mailbox."
            }
            Self::SignInUnavailable => "Wait and try again.",
            Self::SmtpAuthDisabledForTenant => {
                "Switch SMTP AUTH on for the mailbox (Set-CASMailbox -SmtpClientAuthenticationDisabled $false), which wins over the organization's switch, or send through Graph."
            }
            Self::SmtpAuthDisabledForMailbox => {
                "Switch SMTP AUTH on for the mailbox: Set-CASMailbox -SmtpClientAuthenticationDisabled $false."
            }
            Self::PasswordsDisabled => "Sign in with a token (XOAUTH2) instead of a password.",
            Self::PolicyRefusesSignIn => {
                "Look at the sign-in log for the policy that refused: security defaults, conditional access, or an authentication policy."
            }
            Self::NotSignedIn => "Sign in before sending.",
            Self::MailboxNotAccessible => {
                "Give the app's service principal access to the mailbox (Add-MailboxPermission FullAccess and Add-RecipientPermission SendAs); if that was done just now, wait an hour."
            }
            Self::SendAsDenied => {
                "Send with the address of the signed-in mailbox in From, or give it the permission SendAs on the other: Add-RecipientPermission OTHER -Trustee MAILBOX -AccessRights SendAs."
            }
            Self::TooManyConnections => {
                "Send over fewer connections: a mailbox has three at a time."
            }
            Self::TooManyMessages => "Send more slowly: a mailbox sends 30 messages a minute.",
            Self::DailyRecipientsExceeded => {
                "Wait until tomorrow: a mailbox sends to 10,000 recipients a day."
            }
            Self::EnvelopeFull => "Send the message to the remaining recipients by itself.",
            Self::TooManyRecipients => {
                "Send to fewer recipients at once, or have the mailbox's limit raised (Set-Mailbox -RecipientLimits)."
            }
            Self::MailboxFull => "Empty the mailbox, or give it more space.",
            Self::MessageTooLarge => {
                "Send a smaller message, or have the mailbox's limit raised (Set-Mailbox -MaxSendSize)."
            }
            Self::StoreUnavailable | Self::ServerBusy => {
                "Wait and try again, more slowly each time."
            }
            Self::AddressRefused => {
                "Send from another network address, or ask Microsoft's support to let this tenant's traffic in."
            }
            Self::TenantBlocked => {
                "Find out who sent spam, verify the tenant's domains, and ask Microsoft's support to lift the block."
            }
            Self::SenderBlocked => {
                "Secure the account, and release it under Restricted entities in the Defender portal."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(phase: Phase, line: &str) -> Option<Meaning> {
        meaning(phase, &Reply::parse(line).expect("a reply"))
    }

    /// No entry hides another that stands behind it.
    #[test]
    fn every_sample_means_what_its_entry_says() {
        for known in KNOWN {
            let reply = known.reply().expect(known.sample);
            assert!(!known.phases.is_empty(), "{}", known.sample);
            for phase in known.phases {
                let found = meaning(*phase, &reply);
                assert_eq!(found, Some(known.meaning), "{phase:?}: {}", known.sample);
            }
        }
    }

    #[test]
    fn recorded_replies_are_understood_with_their_traces() {
        for (phase, line, expected) in [
            (
                Phase::Auth,
                "535 5.7.3 Authentication unsuccessful [MN2PR05CA0004.namprd05.prod.outlook.com 2023-09-12T20:59:57.214Z 08DBB276B7E699C4]",
                Meaning::SignInRefused,
            ),
            (
                Phase::Auth,
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR02CA0001.eurprd02.prod.outlook.com]",
                Meaning::SmtpAuthDisabledForMailbox,
            ),
            (
                Phase::EndOfData,
                "554 5.2.252 SendAsDenied; a@contoso.com not allowed to send as b@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message [BeginDiagnosticData]Cannot submit message. 0.35250:0A00E084[EndDiagnosticData] [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
                Meaning::SendAsDenied,
            ),
            (
                Phase::EndOfData,
                "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:MapiExceptionLogonFailed; AuthenticationContext has no rights on this session",
                Meaning::MailboxNotAccessible,
            ),
            (
                Phase::BeforeData,
                "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
                Meaning::TooManyConnections,
            ),
            (
                Phase::Greeting,
                "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
                Meaning::ServerBusy,
            ),
            (
                Phase::Mail,
                "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
                Meaning::NotSignedIn,
            ),
            (
                Phase::Recipient(7),
                "452 4.5.3 Too many recipients",
                Meaning::EnvelopeFull,
            ),
        ] {
            assert_eq!(means(phase, line), Some(expected), "{line}");
        }
    }

    /// With other ends than the table's own samples have, in every phase in which each can come.
    #[test]
    fn what_blocks_a_sender_is_understood_wherever_it_comes() {
        let sending = [
            Phase::Mail,
            Phase::Recipient(3),
            Phase::BeforeData,
            Phase::Chunk,
            Phase::EndOfData,
        ];
        let ahead = [Phase::Greeting, Phase::Hello, Phase::Auth];
        for (line, expected, comes_ahead) in [
            (
                "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. For more information please go to http://go.microsoft.com/fwlink/?LinkId=526655 AS(7230)",
                Meaning::AddressRefused,
                true,
            ),
            (
                "451 4.7.500 Server busy. Please try again later from [203.0.113.9]. (AS77713171)",
                Meaning::ServerBusy,
                true,
            ),
            (
                "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=LA0P152MB0001.LAMP152.PROD.OUTLOOK.COM]",
                Meaning::TooManyConnections,
                true,
            ),
            (
                "550 5.7.705 Access denied, tenant has exceeded threshold. AS(1400)",
                Meaning::TenantBlocked,
                false,
            ),
            (
                "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domain contoso.example. AS(1410)",
                Meaning::TenantBlocked,
                false,
            ),
            (
                "501 5.1.8 Access denied, bad outbound sender AS(42003)",
                Meaning::SenderBlocked,
                false,
            ),
            (
                "550 5.7.501 Service unavailable. Access denied, spam abuse detected from the account",
                Meaning::SenderBlocked,
                false,
            ),
            (
                "550 5.7.502 Access denied, banned sender [192.0.2.1]",
                Meaning::SenderBlocked,
                false,
            ),
            (
                "550 5.7.503 Access denied, banned recipient",
                Meaning::SenderBlocked,
                false,
            ),
            (
                "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception",
                Meaning::DailyRecipientsExceeded,
                false,
            ),
        ] {
            for phase in sending {
                assert_eq!(means(phase, line), Some(expected), "{phase:?}: {line}");
            }
            for phase in ahead {
                let found = means(phase, line);
                let is_known = found == Some(expected);
                assert_eq!(is_known, comes_ahead, "{phase:?}: {line}: {found:?}");
            }
        }
    }

    /// The same words in another phase are another thing, and unknown ones are nothing.
    #[test]
    fn the_phase_counts() {
        let line = "535 5.7.3 Authentication unsuccessful";
        assert_eq!(means(Phase::EndOfData, line), None);
        assert_eq!(means(Phase::Recipient(0), "550 5.1.1 unknown"), None);
        // Somebody else's mailbox is full.
        assert_eq!(means(Phase::Recipient(0), "552 5.2.2 mailbox full"), None);
        assert_eq!(means(Phase::EndOfData, "250 2.0.0 OK <a@b>"), None);
    }

    #[test]
    fn only_what_was_recorded_is_called_so() {
        for (beginning, evidence) in [
            ("530 5.7.57 ", Evidence::Recorded),
            ("530 5.7.1 ", Evidence::Presumed),
            ("554 5.2.252 ", Evidence::Recorded),
            (
                "554 5.2.0 STOREDRV.Submission.Exception:Send",
                Evidence::Presumed,
            ),
            ("554 5.2.2 ", Evidence::Documented),
            ("550 5.7.60 ", Evidence::Documented),
        ] {
            let known = KNOWN
                .iter()
                .find(|known| known.sample.starts_with(beginning));
            assert_eq!(
                known.map(|known| known.evidence),
                Some(evidence),
                "{beginning}"
            );
        }
    }

    /// What comes as a transient code and is none, and the other way round.
    #[test]
    fn the_first_digit_does_not_decide() {
        let line = "430 4.2.0 STOREDRV; mailbox logon failure";
        let meaning = means(Phase::EndOfData, line).expect("it is known");
        assert_eq!(meaning.next(), Next::Reconfigure);
        let line = "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException";
        let meaning = means(Phase::EndOfData, line).expect("it is known");
        assert!(meaning.next().is_retry());
    }

    #[test]
    fn every_advice_is_a_sentence() {
        for known in KNOWN {
            let advice = known.meaning.advice();
            assert!(
                advice.ends_with('.') && advice.starts_with(char::is_uppercase),
                "{advice}"
            );
        }
    }
}
