//! The replies, most telling first: the first that fits is taken.

use super::{EnhancedStatus, Evidence, KnownReply, Meaning, Phase};

/// Every reply of Exchange Online that means something of its own.
pub const KNOWN: &[KnownReply] = &[
    told(
        Meaning::SmtpAuthDisabledForTenant,
        AUTH,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
    )
    .code(535)
    .words("disabled for the tenant"),
    told(
        Meaning::SmtpAuthDisabledForMailbox,
        AUTH,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.",
    )
    .presumed()
    .code(535)
    .words("disabled for the mailbox"),
    told(
        Meaning::PasswordsDisabled,
        AUTH,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
    )
    .code(535)
    .words("basic authentication is disabled"),
    told(
        Meaning::PolicyRefusesSignIn,
        AUTH,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.",
    )
    .code(535)
    .status(5, 7, 139),
    told(
        Meaning::SignInRefused,
        AUTH,
        "535 5.7.3 Authentication unsuccessful",
    )
    .documented()
    .code(535),
    told(
        Meaning::SignInUnavailable,
        AUTH,
        "454 4.7.0 Temporary authentication failure",
    )
    .presumed()
    .code(454),
    told(
        Meaning::NotSignedIn,
        SENDING,
        "530 5.7.57 Client not authenticated to send mail.",
    )
    .status(5, 7, 57),
    told(
        Meaning::NotSignedIn,
        SENDING,
        "530 5.7.1 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
    )
    .presumed()
    .words("client was not authenticated"),
    told(
        Meaning::MailboxNotAccessible,
        MESSAGE,
        "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:MapiExceptionLogonFailed; AuthenticationContext has no rights on this session",
    )
    .words("mailbox logon failure"),
    told(
        Meaning::MailboxNotAccessible,
        MESSAGE,
        "430 4.2.0 STOREDRV.Submission.Exception:MapiExceptionLogonFailed",
    )
    .presumed()
    .words("mapiexceptionlogonfailed"),
    told(
        Meaning::SendAsDenied,
        MESSAGE,
        "554 5.2.252 SendAsDenied; a@contoso.com not allowed to send as b@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied;",
    )
    .status(5, 2, 252),
    told(
        Meaning::SendAsDenied,
        MESSAGE,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied;",
    )
    .presumed()
    .words("sendasdenied"),
    told(
        Meaning::SendAsDenied,
        SENDING,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    )
    .documented()
    .status(5, 7, 60),
    told(
        Meaning::TooManyConnections,
        ANY,
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information.",
    )
    .words("concurrent connections limit"),
    told(
        Meaning::TooManyConnections,
        ANY,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
    )
    .documented()
    .words("sender thread limit"),
    told(
        Meaning::TooManyMessages,
        ANY,
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
    )
    .presumed()
    .words("submission rate"),
    told(
        Meaning::DailyRecipientsExceeded,
        SENDING,
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
    )
    .documented()
    .words("submissionquotaexceeded"),
    told(
        Meaning::MailboxFull,
        MESSAGE,
        "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException",
    )
    .documented()
    .status(5, 2, 2),
    told(
        Meaning::StoreUnavailable,
        MESSAGE,
        "432 4.3.2 STOREDRV.Submission; temporary failure",
    )
    .presumed()
    .code(432)
    .words("storedrv"),
    told(
        Meaning::StoreUnavailable,
        MESSAGE,
        "430 4.2.0 STOREDRV; temporary failure",
    )
    .presumed()
    .code(430)
    .words("storedrv"),
    told(
        Meaning::EnvelopeFull,
        RECIPIENT,
        "452 4.5.3 Too many recipients",
    )
    .presumed()
    .code(452)
    .status(4, 5, 3),
    told(
        Meaning::TooManyRecipients,
        SENDING,
        "550 5.5.3 Too many recipients",
    )
    .presumed()
    .status(5, 5, 3),
    told(
        Meaning::MessageTooLarge,
        SENDING,
        "552 5.3.4 Message size exceeds fixed maximum message size",
    )
    .presumed()
    .status(5, 3, 4),
    told(
        Meaning::ServerBusy,
        ANY,
        "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)",
    )
    .status(4, 7, 500),
    told(
        Meaning::AddressRefused,
        ANY,
        "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. AS(7910)",
    )
    .status(5, 7, 708),
    told(
        Meaning::TenantBlocked,
        SENDING,
        "550 5.7.705 Access denied, tenant has exceeded threshold",
    )
    .documented()
    .status(5, 7, 705),
    told(
        Meaning::TenantBlocked,
        SENDING,
        "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains",
    )
    .documented()
    .status(5, 7, 750),
    told(
        Meaning::SenderBlocked,
        SENDING,
        "550 5.1.8 Access denied, bad outbound sender",
    )
    .documented()
    .status(5, 1, 8),
    told(
        Meaning::SenderBlocked,
        SENDING,
        "550 5.7.501 Access denied, spam abuse detected",
    )
    .documented()
    .status(5, 7, 501),
    told(
        Meaning::SenderBlocked,
        SENDING,
        "550 5.7.502 Access denied, banned sender",
    )
    .documented()
    .status(5, 7, 502),
    told(
        Meaning::SenderBlocked,
        SENDING,
        "550 5.7.503 Access denied, banned sender",
    )
    .documented()
    .status(5, 7, 503),
];

const AUTH: &[Phase] = &[Phase::Auth];
const RECIPIENT: &[Phase] = &[Phase::Recipient(0)];
/// Once the message is there.
const MESSAGE: &[Phase] = &[Phase::Chunk, Phase::EndOfData];
const SENDING: &[Phase] = &[
    Phase::Mail,
    Phase::Recipient(0),
    Phase::BeforeData,
    Phase::Chunk,
    Phase::EndOfData,
];
const ANY: &[Phase] = &[
    Phase::Greeting,
    Phase::Hello,
    Phase::Auth,
    Phase::Mail,
    Phase::Recipient(0),
    Phase::BeforeData,
    Phase::Chunk,
    Phase::EndOfData,
];

const fn told(meaning: Meaning, phases: &'static [Phase], sample: &'static str) -> KnownReply {
    KnownReply {
        meaning,
        phases,
        sample,
        evidence: Evidence::Recorded,
        code: None,
        status: None,
        words: "",
    }
}

impl KnownReply {
    const fn documented(mut self) -> Self {
        self.evidence = Evidence::Documented;
        self
    }

    const fn presumed(mut self) -> Self {
        self.evidence = Evidence::Presumed;
        self
    }

    const fn code(mut self, code: u16) -> Self {
        self.code = Some(code);
        self
    }

    const fn status(mut self, class: u8, subject: u16, detail: u16) -> Self {
        self.status = Some(EnhancedStatus::new(class, subject, detail));
        self
    }

    const fn words(mut self, words: &'static str) -> Self {
        self.words = words;
        self
    }
}
