//! What can go wrong on the way to a token, as sentences that say what to do.

use std::time::Duration;

use gatepost_fault::{After, Fault, Next, Owner};
use gatepost_host::{FileError, SecretError};
use jiff::Timestamp;

use crate::answers::Refusal;
use crate::{GrantStoreError, OutOfTime, ProofError};

/// Why there is no token. It can be cloned, since all who wait for one request are told of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// What was stored of the grant cannot be read or written.
    #[error(transparent)]
    Store(#[from] GrantStoreError),
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The issuer said no, in words.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The issuer said no, and names what a person must bring to a sign-in.
    #[error("a sign-in that brings what the policy asks for may help: gatepost login. {refusal}")]
    SignInWithClaims {
        /// What the issuer said.
        refusal: Box<Refusal>,
    },
    /// Something is not valid at the time, because the two clocks differ.
    #[error(
        "the clock of this machine is {skew} that of the sign-in server, which explains the rest; set the clock (timedatectl set-ntp true). {because}"
    )]
    ClockSkew {
        /// By how much and in which direction: `7 minutes ahead of`.
        skew: String,
        /// What is not valid.
        because: Box<TokenError>,
    },
    /// The issuer wants to be asked less often.
    #[error("{host} asks {who} to wait before it asks for another token{}", wait(*.retry_after))]
    Throttled {
        /// The credential.
        who: String,
        /// The sign-in server.
        host: String,
        /// How long it said, if it said.
        retry_after: Option<Duration>,
    },
    /// The issuer has trouble of its own.
    #[error("{host} cannot give {who} a token now (HTTP {status}){}", wait(*.retry_after))]
    Failing {
        /// The credential.
        who: String,
        /// The sign-in server.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long to wait, if it said.
        retry_after: Option<Duration>,
    },
    /// The answer is no token answer at all.
    #[error(
        "{host} did not answer {who} as a sign-in server does (HTTP {status}): {reason}; check the cloud's login address and any proxy on the way{}", quoted(.excerpt)
    )]
    AnswerUnusable {
        /// The credential.
        who: String,
        /// The server.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        reason: String,
        /// The beginning of the answer where it cannot hold a secret, else empty.
        excerpt: String,
    },
    /// No connection.
    #[error("{host} cannot be reached for a token: {reason}; check the network, proxy and DNS")]
    Unreachable {
        /// The server.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// A connection, but no trust in it.
    #[error(
        "the certificate of {host} is not trusted: {reason}; if a proxy of your own stands between, name its authority as ca_file"
    )]
    Untrusted {
        /// The server.
        host: String,
        /// What TLS said.
        reason: String,
    },
    /// A connection whose certificate is not valid at the time that this machine has.
    #[error("{}", when.of_host(host, *now))]
    UntrustedNow {
        /// The server.
        host: String,
        /// When its certificate is valid.
        when: OutOfTime,
        /// What the clock of this machine said.
        now: Timestamp,
    },
    /// No answer in time.
    #[error("{host} did not answer within {} seconds", limit.as_secs())]
    TimedOut {
        /// The server.
        host: String,
        /// How long we waited.
        limit: Duration,
    },
    /// Only a person can go on.
    #[error("nobody has signed in for {who}; run gatepost login for the mailbox")]
    SignInNeeded {
        /// The credential.
        who: String,
    },
    /// An app-only grant at an endpoint for many tenants.
    #[error(
        "{who} cannot sign in as itself at {tenant}; set tenant to the directory's id or a domain of it"
    )]
    TenantNeeded {
        /// The credential.
        who: String,
        /// What is configured.
        tenant: String,
    },
    /// A password where no password is taken.
    #[error(
        "{who} cannot sign in with a password at {tenant}, where personal accounts may be meant; set tenant to the directory's id, to a domain of it, or to organizations"
    )]
    PasswordNeedsTenant {
        /// The credential.
        who: String,
        /// What is configured.
        tenant: String,
    },
    /// A password that Microsoft does not take.
    #[error(
        "the password of {who} begins or ends with a blank, and Microsoft takes no such password with this grant; nothing was sent. Look whether the blank is part of it, else choose another password"
    )]
    PasswordBlanks {
        /// The credential.
        who: String,
    },
    /// A password that was refused before.
    #[error(
        "the password of {who} is still the one that was refused before, so it was not sent again: that would lock the account. Put the right one in its place, or run gatepost login for the mailbox"
    )]
    PasswordUnchanged {
        /// The credential.
        who: String,
    },
    /// A person whose password another server checks.
    #[error(
        "Microsoft does not know the password of {who}: the people of {domain} sign in at a server of their own (federated); use grant = \"authorization_code\" or \"device_code\", or let an administrator allow cloud password validation"
    )]
    Federated {
        /// The credential.
        who: String,
        /// The domain.
        domain: String,
    },
    /// A secret cannot be had from where it is; the text is a whole sentence.
    #[error("{message}")]
    Secret {
        /// The stable code of its own fault.
        code: &'static str,
        /// Its own sentence.
        message: String,
    },
    /// The statement of another issuer cannot be shown.
    #[error(
        "{who} cannot prove itself with the assertion in {place}: {reason}; see that whoever issues it writes a new one"
    )]
    AssertionUnusable {
        /// The credential.
        who: String,
        /// Where it was found.
        place: String,
        /// What is wrong with it.
        reason: String,
        /// When it expired, if that is what is wrong.
        expired: Option<Timestamp>,
    },
    /// Nobody gives out tokens of the machine's identity.
    #[error(
        "{who} has the identity of its machine for a proof, and {host} does not give it: {reason}; is this a machine of Azure's with a managed identity?"
    )]
    IdentityAbsent {
        /// The credential.
        who: String,
        /// Who was asked.
        host: String,
        /// What the network said.
        reason: String,
    },
    /// The machine's identity cannot be had now.
    #[error(
        "{host} cannot give {who} a token of the machine's identity now (HTTP {status}){}{}", its_words(.said), wait(*.retry_after)
    )]
    IdentityBusy {
        /// The credential.
        who: String,
        /// Who was asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
        /// How long to wait, if it said.
        retry_after: Option<Duration>,
    },
    /// The machine has no such identity.
    #[error(
        "{host} gives {who} no token of the machine's identity (HTTP {status}); compare managed_identity with the identities that the machine has{}", its_words(.said)
    )]
    IdentityRefused {
        /// The credential.
        who: String,
        /// Who was asked.
        host: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// An app-only grant without a proof.
    #[error(
        "{who} has neither secret nor certificate, so it cannot sign in as itself; add one of them to the registration"
    )]
    ProofMissing {
        /// The credential.
        who: String,
    },
    /// A redirect that belongs to another sign-in. The sign-in goes on.
    #[error("the browser brought the answer to another sign-in than the one {who} waits for")]
    StateMismatch {
        /// The credential.
        who: String,
    },
    /// The browser never came back.
    #[error("the sign-in of {who} was not finished: {reason}; start it again")]
    SignInUnfinished {
        /// The credential.
        who: String,
        /// What happened instead.
        reason: String,
    },
    /// This machine gives no port to receive the browser on.
    #[error("no port of 127.0.0.1 can be opened to receive the browser: {reason}")]
    LoopbackUnusable {
        /// What the system said.
        reason: String,
    },
    /// The id token does not belong to this sign-in.
    #[error(
        "the sign-in server's id token for {who} does not belong to this sign-in: {reason}; start it again"
    )]
    IdTokenUnusable {
        /// The credential.
        who: String,
        /// Which check failed.
        reason: String,
    },
    /// Another person than the configured one signed in.
    #[error(
        "{signed_in} signed in where {expected} was expected (registration {registration}), so nothing was kept and an earlier sign-in stands; sign in as {expected}, or write sign_in_as = \"{signed_in}\" for the mailbox if that person shall open it"
    )]
    OtherPerson {
        /// The registration they signed in for.
        registration: String,
        /// Whose sign-in was expected.
        expected: String,
        /// Who signed in, as the id token says.
        signed_in: String,
    },
    /// Nothing says who signed in.
    #[error(
        "the sign-in server does not say by name who signed in{known} where {expected} was expected (registration {registration}), so nothing was kept and an earlier sign-in stands; let an administrator add upn or email to the id tokens of the app (Token configuration, Add optional claim, ID), then sign in again"
    )]
    PersonUnnamed {
        /// The registration they signed in for.
        registration: String,
        /// Whose sign-in was expected.
        expected: String,
        /// The ids that the id token has, in brackets; empty if there is none.
        known: String,
    },
    /// Servers want the tokens to carry one thing, then another, then the first again.
    #[error(
        "servers asked {times} times in a short while that the tokens of {who} carry something else than before (claims challenges), so no other is asked for in the next {} seconds; let an administrator look which Conditional Access policies contradict each other, in the sign-in logs of the app", wait.as_secs_f64().ceil()
    )]
    ChallengedInTurn {
        /// The credential.
        who: String,
        /// How often.
        times: u32,
        /// How long nothing is asked for.
        wait: Duration,
    },
    /// The renewal was stopped from outside.
    #[error("the request for a token of {who} was broken off; Gatepost is stopping or has a bug")]
    BrokenOff {
        /// The credential.
        who: String,
    },
}

impl TokenError {
    /// Every code this error answers; those of [`GrantStoreError`], [`ProofError`] and
    /// [`Refusal`] come on top.
    pub const CODES: &'static [&'static str] = &[
        "clock_skew",
        "token_throttled",
        "sign_in_server_failing",
        "token_answer_unusable",
        "sign_in_server_unreachable",
        "sign_in_server_untrusted",
        "sign_in_server_silent",
        "sign_in_needed",
        "tenant_needed",
        "password_unusable",
        "password_unchanged",
        "account_federated",
        "assertion_unusable",
        "managed_identity_absent",
        "managed_identity_busy",
        "managed_identity_refused",
        "proof_missing",
        "sign_in_state_mismatch",
        "sign_in_unfinished",
        "loopback_unusable",
        "id_token_unusable",
        "sign_in_by_another",
        "sign_in_unnamed",
        "token_challenged_in_turn",
        "token_request_broken_off",
    ];

    /// Whether the store has logged it, for all who wait for it.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_told())
    }

    /// A file with a secret of `what` that cannot be used.
    pub(crate) fn secret(what: &str, error: &FileError) -> Self {
        Self::Secret {
            code: error.code(),
            message: format!("{what}: {error}"),
        }
    }

    /// Whether the issuer did not know the key that the app proved itself with.
    pub(crate) fn is_of_unknown_key(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.verdict.code == "certificate_unknown")
    }

    /// Whether a password was sent and is a wrong one, as far as Microsoft is asked: one that
    /// another server checks counts against the account there as well.
    pub(crate) fn is_of_wrong_password(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.verdict.code == "password_wrong",
            Self::Federated { .. } => true,
            _ => false,
        }
    }

    /// The same error for somebody who asks later: what is left of its waiting time.
    pub(crate) fn with_wait(self, left: Duration) -> Self {
        match self {
            Self::Throttled { who, host, .. } => Self::Throttled {
                who,
                host,
                retry_after: Some(left),
            },
            Self::Failing {
                who, host, status, ..
            } => Self::Failing {
                who,
                host,
                status,
                retry_after: Some(left),
            },
            Self::IdentityBusy {
                who,
                host,
                status,
                said,
                ..
            } => Self::IdentityBusy {
                who,
                host,
                status,
                said,
                retry_after: Some(left),
            },
            Self::ChallengedInTurn { who, times, .. } => Self::ChallengedInTurn {
                who,
                times,
                wait: left,
            },
            Self::Refused(mut refusal) if refusal.retry_after.is_some() => {
                refusal.retry_after = Some(left);
                Self::Refused(refusal)
            }
            other => other,
        }
    }
}

impl From<SecretError> for TokenError {
    fn from(error: SecretError) -> Self {
        Self::Secret {
            code: error.code(),
            message: error.to_string(),
        }
    }
}

impl Fault for TokenError {
    fn code(&self) -> &'static str {
        match self {
            Self::Store(store) => store.code(),
            Self::Proof(proof) => proof.code(),
            Self::Refused(refusal) | Self::SignInWithClaims { refusal } => refusal.verdict.code,
            Self::ClockSkew { .. }
            | Self::UntrustedNow {
                when: OutOfTime::NotBegun(_),
                ..
            } => "clock_skew",
            Self::Throttled { .. } => "token_throttled",
            Self::Failing { .. } => "sign_in_server_failing",
            Self::AnswerUnusable { .. } => "token_answer_unusable",
            Self::Unreachable { .. } => "sign_in_server_unreachable",
            Self::Untrusted { .. } | Self::UntrustedNow { .. } => "sign_in_server_untrusted",
            Self::TimedOut { .. } => "sign_in_server_silent",
            Self::SignInNeeded { .. } => "sign_in_needed",
            Self::TenantNeeded { .. } | Self::PasswordNeedsTenant { .. } => "tenant_needed",
            Self::PasswordBlanks { .. } => "password_unusable",
            Self::PasswordUnchanged { .. } => "password_unchanged",
            Self::Federated { .. } => "account_federated",
            Self::Secret { code, .. } => code,
            Self::AssertionUnusable { .. } => "assertion_unusable",
            Self::IdentityAbsent { .. } => "managed_identity_absent",
            Self::IdentityBusy { .. } => "managed_identity_busy",
            Self::IdentityRefused { .. } => "managed_identity_refused",
            Self::ProofMissing { .. } => "proof_missing",
            Self::StateMismatch { .. } => "sign_in_state_mismatch",
            Self::SignInUnfinished { .. } => "sign_in_unfinished",
            Self::LoopbackUnusable { .. } => "loopback_unusable",
            Self::IdTokenUnusable { .. } => "id_token_unusable",
            Self::OtherPerson { .. } => "sign_in_by_another",
            Self::PersonUnnamed { .. } => "sign_in_unnamed",
            Self::ChallengedInTurn { .. } => "token_challenged_in_turn",
            Self::BrokenOff { .. } => "token_request_broken_off",
        }
    }

    fn owner(&self) -> Owner {
        match self {
            Self::Store(store) => store.owner(),
            Self::Proof(proof) => proof.owner(),
            Self::Refused(refusal) | Self::SignInWithClaims { refusal } => refusal.verdict.owner,
            Self::ClockSkew { .. }
            | Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::UntrustedNow { .. }
            | Self::LoopbackUnusable { .. }
            | Self::BrokenOff { .. }
            | Self::TenantNeeded { .. }
            | Self::PasswordNeedsTenant { .. }
            | Self::PasswordBlanks { .. }
            | Self::PasswordUnchanged { .. }
            | Self::Federated { .. }
            | Self::Secret { .. }
            | Self::AssertionUnusable { .. }
            | Self::IdentityAbsent { .. }
            | Self::IdentityRefused { .. }
            | Self::ProofMissing { .. } => Owner::Operator,
            Self::PersonUnnamed { .. } | Self::ChallengedInTurn { .. } => Owner::TenantAdmin,
            Self::Throttled { .. }
            | Self::Failing { .. }
            | Self::AnswerUnusable { .. }
            | Self::IdentityBusy { .. }
            | Self::TimedOut { .. } => Owner::Remote,
            Self::SignInNeeded { .. }
            | Self::StateMismatch { .. }
            | Self::SignInUnfinished { .. }
            | Self::IdTokenUnusable { .. }
            | Self::OtherPerson { .. } => Owner::Person,
        }
    }

    fn next(&self) -> Next {
        match self {
            Self::Store(store) => store.next(),
            Self::Proof(proof) => proof.next(),
            Self::Refused(refusal) => refusal.next(),
            Self::Throttled { retry_after, .. }
            | Self::Failing { retry_after, .. }
            | Self::IdentityBusy { retry_after, .. } => {
                Next::Retry(retry_after.map_or(After::Backoff, After::AtLeast))
            }
            Self::ChallengedInTurn { wait, .. } => Next::Retry(After::AtLeast(*wait)),
            Self::ClockSkew { .. }
            | Self::UntrustedNow { .. }
            | Self::AnswerUnusable { .. }
            | Self::AssertionUnusable { .. }
            | Self::IdentityAbsent { .. }
            | Self::Unreachable { .. }
            | Self::LoopbackUnusable { .. }
            | Self::TimedOut { .. }
            | Self::BrokenOff { .. } => Next::Retry(After::Backoff),
            Self::Untrusted { .. }
            | Self::TenantNeeded { .. }
            | Self::PasswordNeedsTenant { .. }
            | Self::PasswordBlanks { .. }
            | Self::Federated { .. }
            | Self::Secret { .. }
            | Self::IdentityRefused { .. }
            | Self::PersonUnnamed { .. }
            | Self::ProofMissing { .. } => Next::Reconfigure,
            Self::SignInNeeded { .. }
            | Self::SignInWithClaims { .. }
            | Self::PasswordUnchanged { .. }
            | Self::StateMismatch { .. }
            | Self::SignInUnfinished { .. }
            | Self::IdTokenUnusable { .. }
            | Self::OtherPerson { .. } => Next::SignIn,
        }
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| {
        format!(
            "; it may be asked again in {} seconds",
            wait.as_secs_f64().ceil()
        )
    })
}

fn its_words(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(". It said {words}")
    }
}

fn quoted(excerpt: &str) -> String {
    if excerpt.is_empty() {
        String::new()
    } else {
        format!(". It began: {excerpt}")
    }
}

#[cfg(test)]
mod tests;
