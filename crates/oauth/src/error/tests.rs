use super::*;
use crate::CredentialId;

/// Every error that is no refusal, each with the sentence an operator reads. The refusals are
/// beside the reader of answers.
#[test]
fn every_error_has_its_sentence() {
    let errors = [of_the_network(), of_the_sign_in(), of_here()].concat();
    let golden: Vec<String> = errors
        .iter()
        .map(|error| {
            let (code, exit) = (error.code(), error.exit());
            format!(
                "{code} | {:?} | {:?} | {exit:?}\n{error}\n",
                error.owner(),
                error.next()
            )
        })
        .collect();
    insta::assert_snapshot!(golden.join("\n"));
    let codes: std::collections::BTreeSet<_> = errors.iter().map(Fault::code).collect();
    for code in TokenError::CODES {
        assert!(codes.contains(code), "{code} is not here");
    }
}

fn who() -> String {
    "registration contoso".to_owned()
}

fn ada() -> String {
    "ada@contoso.com (registration contoso)".to_owned()
}

fn host() -> String {
    "login.microsoftonline.com".to_owned()
}

fn of_the_network() -> Vec<TokenError> {
    vec![
        TokenError::Throttled {
            who: who(),
            host: host(),
            retry_after: Some(Duration::from_millis(2128)),
        },
        TokenError::Failing {
            who: who(),
            host: host(),
            status: 503,
            retry_after: None,
        },
        TokenError::AnswerUnusable {
            who: who(),
            host: host(),
            status: 403,
            reason: "its answer is a web page".to_owned(),
            excerpt: "<html>The proxy says no".to_owned(),
        },
        TokenError::Unreachable {
            host: host(),
            reason: "Connection refused (os error 111)".to_owned(),
        },
        TokenError::Untrusted {
            host: host(),
            reason: "invalid peer certificate: UnknownIssuer".to_owned(),
        },
        TokenError::UntrustedNow {
            host: host(),
            when: OutOfTime::NotBegun("2026-09-01T00:00:00Z".parse().expect("a time")),
            now: "1970-01-01T00:01:00Z".parse().expect("a time"),
        },
        TokenError::UntrustedNow {
            host: host(),
            when: OutOfTime::Ended("2026-11-22T00:00:00Z".parse().expect("a time")),
            now: "2026-11-22T10:00:00Z".parse().expect("a time"),
        },
        TokenError::TimedOut {
            host: host(),
            limit: Duration::from_secs(30),
        },
    ]
}

fn of_the_sign_in() -> Vec<TokenError> {
    vec![
        TokenError::SignInNeeded { who: ada() },
        TokenError::StateMismatch { who: ada() },
        TokenError::SignInUnfinished {
            who: ada(),
            reason: "nobody came back from the browser within 15 minutes".to_owned(),
        },
        TokenError::LoopbackUnusable {
            reason: "Permission denied (os error 13)".to_owned(),
        },
        TokenError::OtherPerson {
            registration: "contoso".to_owned(),
            expected: "ada@contoso.com".to_owned(),
            signed_in: "jun@contoso.com".to_owned(),
        },
        TokenError::PersonUnnamed {
            registration: "contoso".to_owned(),
            expected: "ada@contoso.com".to_owned(),
            known: " (object id 4e1f of tenant 9188)".to_owned(),
        },
        TokenError::IdTokenUnusable {
            who: ada(),
            reason: "its nonce is another one".to_owned(),
        },
        TokenError::Store(GrantStoreError::Stale {
            id: CredentialId::new("contoso/authorization_code/ada@contoso.com"),
        }),
        TokenError::Store(GrantStoreError::Unsealable {
            id: CredentialId::new("contoso/authorization_code/ada@contoso.com"),
            reason: "it was sealed with another key".to_owned(),
        }),
    ]
}

fn of_here() -> Vec<TokenError> {
    vec![
        TokenError::TenantNeeded {
            who: who(),
            tenant: "common".to_owned(),
        },
        TokenError::PasswordNeedsTenant {
            who: ada(),
            tenant: "common".to_owned(),
        },
        TokenError::PasswordBlanks { who: ada() },
        TokenError::PasswordUnchanged { who: ada() },
        TokenError::Federated {
            who: ada(),
            domain: "contoso.com".to_owned(),
        },
        TokenError::AssertionUnusable {
            who: who(),
            place: "/var/run/secrets/token".to_owned(),
            reason: "it expired at 2026-11-22T10:00:00Z".to_owned(),
            expired: None,
        },
        TokenError::IdentityAbsent {
            who: who(),
            host: "169.254.169.254".to_owned(),
            reason: "No route to host (os error 113)".to_owned(),
        },
        TokenError::IdentityBusy {
            who: who(),
            host: "169.254.169.254".to_owned(),
            status: 429,
            said: String::new(),
            retry_after: Some(Duration::from_secs(7)),
        },
        TokenError::IdentityRefused {
            who: who(),
            host: "169.254.169.254".to_owned(),
            status: 400,
            said: "invalid_request: Identity not found".to_owned(),
        },
        TokenError::ProofMissing { who: who() },
        TokenError::ChallengedInTurn {
            who: ada(),
            times: 5,
            wait: Duration::from_mins(11),
        },
        TokenError::BrokenOff { who: who() },
    ]
}
