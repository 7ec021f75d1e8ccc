//! The certificate of a door: read from files, and read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::files::{self, FileStamp};
use gatepost_host::{Clock, FileError};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider, sign};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::DoorError;

/// The files of a certificate, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The name of the door that shows it, for whoever reads what is wrong with it.
    pub door: String,
    /// The certificate, and behind it those that lead to an authority.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate that is shown to clients. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Certificate {
    config: Arc<ServerConfig>,
    shown: Arc<Shown>,
    files: CertificateFiles,
    clock: Clock,
    looked: Arc<Mutex<(Timestamp, Stamps)>>,
}

type Stamps = [Option<FileStamp>; 2];

/// What is shown at present.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// Reads it. TLS 1.2 and 1.3 are spoken with it.
    pub fn open(files: CertificateFiles, clock: Clock) -> Result<Self, DoorError> {
        let stamps = stamps(&files);
        let shown = Arc::new(Shown(RwLock::new(Arc::new(read(&files)?))));
        let unusable = |error: rustls::Error| unusable(&files, unexpected(&error));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Shown>::clone(&shown));
        // A client that comes again every few seconds need not prove everything anew.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        Ok(Self {
            config: Arc::new(config),
            shown,
            looked: Arc::new(Mutex::new((clock.now(), stamps))),
            files,
            clock,
        })
    }

    /// One that nobody vouches for, for these names and addresses. It is made once and kept in
    /// these files, so that clients that trust it go on to.
    pub fn self_signed(
        names: &[String],
        files: CertificateFiles,
        clock: Clock,
    ) -> Result<Self, DoorError> {
        if files::stamp(&files.key).is_none() || files::stamp(&files.chain).is_none() {
            let unusable = |error: rcgen::Error| {
                unusable(
                    &files,
                    format!("one of its own could not be made ({error})"),
                )
            };
            let key = KeyPair::generate().map_err(unusable)?;
            let params = params(names, clock.now()).map_err(unusable)?;
            let certificate = params.self_signed(&key).map_err(unusable)?;
            let unwritable = |source| unread(&files, source);
            files::write_private(&files.key, key.serialize_pem().as_bytes()).map_err(unwritable)?;
            files::write_private(&files.chain, certificate.pem().as_bytes()).map_err(unwritable)?;
        }
        Self::open(files, clock)
    }

    /// How TLS is spoken with it, with what its files hold now.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.look();
        Arc::clone(&self.config)
    }

    /// Reads it again if its files have changed. What cannot be used is complained of, and what
    /// was read before stays.
    fn look(&self) {
        let now = self.clock.now();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, before) = *looked;
        if now.duration_since(at).unsigned_abs() < LOOK_EVERY {
            return;
        }
        let stamps = stamps(&self.files);
        *looked = (now, stamps);
        if stamps == before {
            return;
        }
        match read(&self.files) {
            Ok(certificate) => {
                self.shown.set(certificate);
                tracing::info!(file = %self.files.chain.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(
                code = error.code(),
                "{error}; the one before is shown until it is put right"
            ),
        }
    }
}

/// What it is made of. What its files hold now makes no difference: they are read again.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files
    }
}

impl Eq for Certificate {}

impl Shown {
    fn set(&self, certificate: CertifiedKey) {
        let mut shown = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::new(certificate);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&shown))
    }
}

/// Whether a file has a certificate and no key: then its mode is not what is wrong with it.
pub fn is_certificate_alone(file: &Path) -> bool {
    files::read_public(file, MOST).is_ok_and(|pem| {
        let holds = |mark: &[u8]| memchr::memmem::find(&pem, mark).is_some();
        holds(b"-----BEGIN CERTIFICATE-----") && !holds(b"PRIVATE KEY-----")
    })
}

fn stamps(files: &CertificateFiles) -> Stamps {
    [files::stamp(&files.chain), files::stamp(&files.key)]
}

fn read(files: &CertificateFiles) -> Result<CertifiedKey, DoorError> {
    let unusable = |reason: String| unusable(files, reason);
    let unread = |source| unread(files, source);
    let pem = files::read_public(&files.chain, MOST).map_err(unread)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| {
        let broken = "the file of the certificate is no PEM that can be read";
        unusable(format!("{broken} ({error}): write it anew"))
    })?;
    if chain.is_empty() {
        return Err(unusable(NO_CERTIFICATE.to_owned()));
    }
    let pem = match files::read_private(&files.key, MOST) {
        Ok(pem) => pem,
        Err(FileError::TooOpen { .. }) if is_certificate_alone(&files.key) => {
            return Err(unusable(PUBLIC.to_owned()));
        }
        Err(error) => return Err(unread(error)),
    };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable(no_key(&pem)))?;
    let key = sign::any_supported_type(&key).map_err(|_| unusable(OTHER_KIND.to_owned()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // A kind of key whose public half is not told apart is found out by the first handshake.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(certified)
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(unusable(FOREIGN_KEY.to_owned())),
        Err(rustls::Error::InvalidCertificate(_)) => Err(unusable(DAMAGED.to_owned())),
        Err(error) => Err(unusable(unexpected(&error))),
    }
}

fn unusable(files: &CertificateFiles, reason: String) -> DoorError {
    DoorError::Certificate {
        files: Box::new(files.clone()),
        reason,
    }
}

fn unread(files: &CertificateFiles, source: FileError) -> DoorError {
    let door = files.door.clone();
    DoorError::File { door, source }
}

/// What is the matter with a file of a key in which none is found.
fn no_key(pem: &[u8]) -> String {
    let is_locked = [&b"ENCRYPTED PRIVATE KEY"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| memchr::memmem::find(pem, mark).is_some());
    if is_locked { LOCKED_KEY } else { NO_KEY }.to_owned()
}

fn unexpected(error: &rustls::Error) -> String {
    format!("TLS cannot be spoken with it ({error}): make a new certificate and key")
}

fn params(names: &[String], now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Gatepost");
    for name in names {
        let name = match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into()?),
        };
        params.subject_alt_names.push(name);
    }
    let day = |at: Timestamp| {
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        rcgen::date_time_ymd(i32::from(date.year()), month, day)
    };
    // Devices whose clock is behind, and that nobody visits for years.
    params.not_before = day(now.checked_sub(YEAR).unwrap_or(now));
    params.not_after = day(now.checked_add(YEAR * 20).unwrap_or(now));
    Ok(params)
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
const YEAR: Duration = Duration::from_hours(365 * 24);
const MOST: usize = 1024 * 1024;
const NO_CERTIFICATE: &str = "there is no PEM certificate in the file of the certificate: put it \
     there, and behind it those that lead to its authority";
const NO_KEY: &str = "there is no PEM private key in the file of the key: put the one there that \
     the certificate was made for";
const PUBLIC: &str = "the file of the key holds a certificate and no private key: name the file of \
     the key that the certificate was made for";
const LOCKED_KEY: &str = "the key is locked with a passphrase, which nobody types when a door is \
     opened: write it without one, `openssl pkey -in LOCKED -out KEY`, with the mode 0600";
const OTHER_KIND: &str = "the key is of a kind that TLS does not know here: make a new key, RSA of \
     2048 bits or more or ECDSA, and a certificate for it";
const FOREIGN_KEY: &str = "the key is not the one that the certificate was made for: mostly one of \
     the two was renewed and the other was not; name the two files that belong together";
const DAMAGED: &str = "the certificate cannot be read: write it anew";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files(folder: &Path) -> CertificateFiles {
        CertificateFiles {
            door: "imap".to_owned(),
            chain: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        }
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        let shown = certificate.shown.0.read().expect("nobody panicked");
        shown.cert[0].to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn another_certificate_in_the_files_is_shown_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH + YEAR * 56);
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = Certificate::self_signed(&names, files(folder.path()), clock.clone());
        let certificate = made.expect("it is made");
        let first = shown(&certificate);
        let again = Certificate::self_signed(&names, files(folder.path()), clock.clone());
        assert_eq!(shown(&again.expect("it is kept")), first);

        let other = tempfile::tempdir().expect("a temporary folder");
        let made = Certificate::self_signed(&names, files(other.path()), clock.clone());
        let second = shown(&made.expect("it is made"));
        let [from, to] = [files(other.path()), files(folder.path())];
        std::fs::copy(&from.key, &to.key).expect("a writable folder");
        std::fs::copy(&from.chain, &to.chain).expect("a writable folder");
        certificate.config();
        assert_eq!(
            shown(&certificate),
            first,
            "it does not look at every connection"
        );
        clock.sleep(LOOK_EVERY).await;
        certificate.config();
        assert_eq!(shown(&certificate), second);

        files::write_private(&to.chain, b"nothing").expect("a writable folder");
        clock.sleep(LOOK_EVERY).await;
        certificate.config();
        assert_eq!(shown(&certificate), second, "what was good stays");
        let error = Certificate::open(to, clock).expect_err("there is no certificate");
        assert_eq!(error.code(), "door_certificate_unusable");
    }

    #[test]
    fn what_cannot_be_used_is_told_with_the_door_both_files_and_what_to_do() {
        let (one, other) = (
            tempfile::tempdir().expect("a temporary folder"),
            tempfile::tempdir().expect("a temporary folder"),
        );
        let clock = Clock::system();
        for folder in [&one, &other] {
            let made = Certificate::self_signed(&[], files(folder.path()), clock.clone());
            made.expect("it is made");
        }
        let mixed = CertificateFiles {
            key: files(other.path()).key,
            ..files(one.path())
        };
        let refused = |words: &str| {
            let error = Certificate::open(mixed.clone(), clock.clone());
            let error = error.expect_err("it cannot be used");
            assert_eq!(error.code(), "door_certificate_unusable");
            let said = error.to_string();
            let both = [&mixed.chain, &mixed.key].map(|file| file.display().to_string());
            let named = ["the door imap", &both[0], &both[1], words];
            assert!(named.iter().all(|word| said.contains(word)), "{said}");
        };
        refused("name the two files that belong together");
        for (key, words) in [
            ("nothing", "no PEM private key"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "openssl pkey",
            ),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "a kind that TLS does not know",
            ),
        ] {
            files::write_private(&mixed.key, key.as_bytes()).expect("a writable folder");
            refused(words);
        }
        std::fs::copy(files(one.path()).key, &mixed.key).expect("a writable folder");
        for (chain, words) in [
            ("nothing", "no PEM certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "the certificate cannot be read",
            ),
        ] {
            files::write_private(&mixed.chain, chain.as_bytes()).expect("a writable folder");
            refused(words);
        }
        // The certificate itself, which everybody may read.
        let one = files(one.path());
        std::fs::set_permissions(&one.chain, std::fs::Permissions::from_mode(0o644))
            .expect("our own file");
        let twice = CertificateFiles {
            key: one.chain.clone(),
            ..one
        };
        let error = Certificate::open(twice, clock.clone()).expect_err("there is no key");
        let said = error.to_string();
        assert!(
            said.contains("holds a certificate and no private key") && !said.contains("chmod"),
            "{said}"
        );
        std::fs::remove_file(&mixed.chain).expect("our own file");
        let missing = Certificate::open(mixed, clock).expect_err("it is not there");
        assert_eq!(missing.code(), "file_missing");
        assert!(missing.to_string().contains("the door imap"), "{missing}");
    }
}
