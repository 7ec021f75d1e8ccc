//! The statement of another issuer that Entra trusts for an app (workload identity federation).
//! Whoever issues it puts a new one in the place of the old, so it is read at each use.

use async_trait::async_trait;
use gatepost_host::{Clock, SecretSource, files};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Proofs;
use crate::claims::payload;
use crate::{Proof, TokenError};

/// A statement that is found anew at each use.
#[derive(Debug)]
pub struct AssertionFile {
    registration: String,
    source: SecretSource,
    clock: Clock,
}

impl AssertionFile {
    /// The statement of the app that the configuration calls `registration`. A file may be
    /// readable by others: Kubernetes mounts it so. An environment variable holds the statement
    /// or, as `AZURE_FEDERATED_TOKEN_FILE` does, the path of its file.
    pub fn new(registration: impl Into<String>, source: SecretSource, clock: Clock) -> Self {
        Self {
            registration: registration.into(),
            source,
            clock,
        }
    }

    async fn read(&self) -> Result<(SecretString, String), TokenError> {
        let what = format!("the assertion of registration {}", self.registration);
        let path = match &self.source {
            SecretSource::File(path) => path.clone(),
            other => {
                let text = other.fetch(&self.clock, &what).await?;
                // No JWT begins with a slash.
                match text.expose_secret() {
                    path if path.starts_with('/') => path.into(),
                    _ => return Ok((text, "what it is found in".to_owned())),
                }
            }
        };
        let octets =
            files::read_public(&path, MOST).map_err(|error| TokenError::secret(&what, &error))?;
        let text = String::from_utf8_lossy(&octets);
        Ok((SecretString::from(text.trim()), path.display().to_string()))
    }
}

#[async_trait]
impl Proofs for AssertionFile {
    async fn present(&self, now: Timestamp) -> Result<Vec<Proof>, TokenError> {
        let (statement, place) = self.read().await?;
        let unusable = |reason: String, expired| TokenError::AssertionUnusable {
            who: format!("registration {}", self.registration),
            place: place.clone(),
            reason,
            expired,
        };
        let Some(claims) = payload::<Claims>(statement.expose_secret()) else {
            return Err(unusable(
                "there is no signed token (JWT) in it".to_owned(),
                None,
            ));
        };
        match claims.expiry() {
            Some(expiry) if expiry <= now => {
                Err(unusable(format!("it expired at {expiry}"), Some(expiry)))
            }
            _ => Ok(vec![Proof::Assertion(statement)]),
        }
    }

    /// Its place: the statement itself is another one each hour.
    fn mark(&self) -> SecretString {
        SecretString::from(format!("{:?}", self.source))
    }
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<serde_json::Value>,
}

impl Claims {
    /// When it expires: a number that need not be whole (RFC 7519 §2). Whether a statement may
    /// go without is for Entra to judge.
    fn expiry(&self) -> Option<Timestamp> {
        let seconds = self.exp.as_ref()?.as_f64()?;
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        Timestamp::from_duration(since).ok()
    }
}

/// Kubernetes' have 1 KiB.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use gatepost_fault::Fault as _;

    use super::*;

    fn jwt(exp: impl std::fmt::Display) -> String {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iss":"https://k8s","exp":{exp}}}"#));
        format!("e30.{claims}.canary")
    }

    async fn shown(file: &AssertionFile) -> Result<String, TokenError> {
        let proofs = file.present(Timestamp::UNIX_EPOCH).await?;
        match proofs.as_slice() {
            [Proof::Assertion(statement)] => Ok(statement.expose_secret().to_owned()),
            other => panic!("one assertion: {other:?}"),
        }
    }

    #[tokio::test]
    async fn it_is_read_at_each_use_and_what_is_wrong_with_it_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        let file = AssertionFile::new("aks", SecretSource::File(path.clone()), Clock::system());
        let missing = shown(&file).await.expect_err("nobody wrote it yet");
        assert_eq!(missing.code(), "file_missing");
        for exp in [100, 200] {
            std::fs::write(&path, format!("{}\n", jwt(exp))).expect("a writable folder");
            assert_eq!(shown(&file).await.expect("it lives"), jwt(exp));
        }
        for (content, said) in [
            (jwt(0), "expired at 1970-01-01T00:00:00Z"),
            ("nonsense".to_owned(), "no signed token"),
            (String::new(), "no signed token"),
        ] {
            std::fs::write(&path, content).expect("a writable folder");
            let error = shown(&file).await.expect_err(said);
            assert_eq!(error.code(), "assertion_unusable");
            let text = error.to_string();
            assert!(text.contains(said) && text.contains("aks"), "{text}");
            assert!(
                text.contains("/token") && !text.contains("canary"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn an_expiry_need_not_be_whole_nor_be_there() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        let file = AssertionFile::new("aks", SecretSource::File(path.clone()), Clock::system());
        for exp in ["100.5", "1e300", "null", r#""soon""#] {
            std::fs::write(&path, jwt(exp)).expect("a writable folder");
            assert_eq!(shown(&file).await.expect("it is sent"), jwt(exp));
        }
        let without = format!("e30.{}.", URL_SAFE_NO_PAD.encode("{}"));
        std::fs::write(&path, &without).expect("a writable folder");
        assert_eq!(shown(&file).await.expect("it is sent"), without);
        std::fs::write(&path, jwt("-0.5")).expect("a writable folder");
        let error = shown(&file).await.expect_err("it is over");
        assert_eq!(error.code(), "assertion_unusable");
    }

    #[tokio::test]
    async fn a_program_gives_the_statement_or_the_path_of_its_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("token");
        std::fs::write(&path, jwt(100)).expect("a writable folder");
        for text in [jwt(100), path.display().to_string()] {
            let source = SecretSource::Command(vec!["echo".to_owned(), text]);
            let file = AssertionFile::new("aks", source, Clock::system());
            assert_eq!(shown(&file).await.expect("it lives"), jwt(100));
        }
    }
}
