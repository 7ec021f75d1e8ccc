//! What the fuzz targets and the corpus test run: one function per parser, each of which
//! panics when an invariant is broken and otherwise says nothing.

use gatepost_fault::Fault as _;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::answers::{self, Expecting, Reply};
use crate::{Audience, Certificate, CertificateFiles, TokenClaims, TokenError};

/// An answer of the token endpoint: the status as two octets, one line each for `Retry-After`
/// and `Date`, then the body. Whatever it is, it becomes a living token or an error on one line
/// with a known code.
pub fn token_response(input: &[u8]) {
    let Some((status, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let mut parts = rest.splitn(3, |octet| *octet == b'\n');
    let mut header = || {
        let text = String::from_utf8(parts.next()?.to_vec()).ok()?;
        (!text.is_empty()).then_some(text)
    };
    let (retry_after, date) = (header(), header());
    let reply = Reply {
        status: u16::from_be_bytes(*status),
        retry_after,
        date,
        body: Zeroizing::new(parts.next().unwrap_or_default().to_vec()),
        ..Reply::default()
    };
    match answers::read(&reply, &expecting()) {
        Ok(answer) => {
            let token = answer.without_identity(Audience::Exchange).access;
            assert!(!token.is_expired(Timestamp::UNIX_EPOCH), "it lives");
            assert!(
                token.expose().bytes().all(|octet| octet.is_ascii_graphic()),
                "it can stand in a header"
            );
            let _ = TokenClaims::of(&token);
        }
        Err(error) => assert_sound(&error),
    }
}

/// The parsers of what an assertion is made from and made to: a PEM file of certificate and key,
/// and the claims of a JWT.
pub fn assertion(input: &[u8]) {
    let read = Certificate::read(&CertificateFiles {
        name: "fuzz.pem",
        certificate: input,
        key: None,
        // With one, a mutated iteration count would keep the fuzzer busy for ever.
        password: None,
    });
    if let Ok(certificate) = read {
        assert_eq!(
            certificate.sha256_thumbprint().len(),
            43,
            "SHA-256 as base64url"
        );
        assert_eq!(
            certificate.sha1_thumbprint().len(),
            27,
            "SHA-1 as base64url"
        );
    }
    if let Ok(text) = std::str::from_utf8(input) {
        let _: Option<serde_json::Value> = crate::claims::payload(text);
    }
}

fn expecting() -> Expecting {
    Expecting {
        who: "registration fuzz".to_owned(),
        host: "login.example".to_owned(),
        now: Timestamp::UNIX_EPOCH,
    }
}

fn assert_sound(error: &TokenError) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "it is one line: {text:?}");
    let lists = [TokenError::CODES, answers::Refusal::CODES];
    assert!(
        lists.iter().any(|list| list.contains(&error.code())),
        "{} is a known code",
        error.code()
    );
}
