//! `gatepost registration certificate REG`: a key and a self-signed certificate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost_host::{Chance, Clock, SecretSource, files};
use gatepost_oauth::{Certificate, CertificateFiles, CertificateOrder, RsaSize, SelfSigned};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use zeroize::Zeroizing;

use super::named;
use crate::config::{Config, ProofSource, RegistrationSettings};
use crate::failure::Failure;
use crate::runtime;
use crate::screen::{self, Form};
use crate::usage::UsageError;

/// What `registration certificate` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name of the registration in the configuration.
    registration: String,
    /// For how many days it is valid.
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// The kind and size of its key.
    #[arg(long, value_enum, default_value_t = Key::Rsa3072)]
    key: Key,
    /// Write key and certificate together into this file, and not where the configuration
    /// expects them: for a renewal, while the old ones are still in use.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

/// The kind and size of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Key {
    /// The fastest.
    Rsa2048,
    /// As strong as a 128-bit cipher.
    Rsa3072,
    /// For those whose rules demand it.
    Rsa4096,
}

/// Makes them, and says what is to be done with them.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let (name, settings) = named(config, &arguments.registration)?;
    let place = match &arguments.out {
        Some(file) => Place::together(std::path::absolute(file).unwrap_or_else(|_| file.clone())),
        None => expected(name, settings)?,
    };
    place.check_free(name)?;
    let clock = Clock::system();
    let password = runtime::briefly(password(name, settings, &clock))?;
    let now = clock.now();
    let made = SelfSigned::make(
        &CertificateOrder {
            name: &format!("Gatepost {}", screen::clean_line(name)),
            key: match arguments.key {
                Key::Rsa2048 => RsaSize::Rsa2048,
                Key::Rsa3072 => RsaSize::Rsa3072,
                Key::Rsa4096 => RsaSize::Rsa4096,
            },
            // Clocks differ: whoever is a little behind shall take it at once.
            not_before: now - SLACK,
            not_after: now + A_DAY * u32::from(arguments.days),
            password: password.as_ref(),
        },
        &Chance::system(),
    );
    // What our own reader refuses is not written.
    let certificate = Certificate::read(&CertificateFiles {
        name: &format!("the new certificate of registration {name}"),
        certificate: made.certificate.as_bytes(),
        key: Some(made.key.expose_secret().as_bytes()),
        password: password.as_ref(),
    })?;
    place.write(&made)?;
    if arguments.form.is_json() {
        return screen::json(&described(&place, &certificate));
    }
    tell(arguments, &place, &certificate)
}

/// The files that a certificate is written to.
struct Place {
    key: PathBuf,
    /// Holds the certificate alone: the one file that is uploaded.
    certificate: PathBuf,
    /// Whether the key's file holds the certificate too.
    is_together: bool,
}

impl Place {
    /// Key and certificate in `file`, and the certificate alone beside it.
    fn together(file: PathBuf) -> Self {
        let mut certificate = file.with_extension("cer");
        if certificate == file {
            certificate.as_mut_os_string().push(".cer");
        }
        Self {
            key: file,
            certificate,
            is_together: true,
        }
    }

    fn check_free(&self, registration: &str) -> Result<(), UsageError> {
        let taken = [&self.key, &self.certificate]
            .into_iter()
            .find(|path| path.symlink_metadata().is_ok());
        match taken {
            None => Ok(()),
            Some(path) => Err(UsageError::CertificateExists {
                file: path.display().to_string(),
                registration: registration.to_owned(),
            }),
        }
    }

    fn write(&self, made: &SelfSigned) -> Result<(), Failure> {
        let mut secret = Zeroizing::new(made.key.expose_secret().to_owned());
        if self.is_together {
            secret.push_str(&made.certificate);
        }
        for path in [&self.key, &self.certificate] {
            if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
                files::make_private_folder(folder)?;
            }
        }
        files::create_private(&self.key, secret.as_bytes())?;
        let written = files::create_private(&self.certificate, made.certificate.as_bytes());
        if written.is_err() {
            // Half of it would be in the way of the next try.
            let _ = std::fs::remove_file(&self.key);
        }
        Ok(written?)
    }
}

/// Where the configuration expects them.
fn expected(name: &str, settings: &RegistrationSettings) -> Result<Place, UsageError> {
    let nowhere = |reason: &str| UsageError::Argument {
        argument: format!("registration {name}"),
        reason: format!(
            "the configuration {reason}; write certificate = {{ file = \"{}.pem\" }} into \
             [registration.{name}], or say where with --out FILE",
            "gatepost"
        ),
    };
    match &settings.proof {
        ProofSource::Certificate {
            certificate: SecretSource::File(file),
            private_key: None,
            ..
        } => Ok(Place::together(file.clone())),
        ProofSource::Certificate {
            certificate: SecretSource::File(certificate),
            private_key: Some(SecretSource::File(key)),
            ..
        } => Ok(Place {
            key: key.clone(),
            certificate: certificate.clone(),
            is_together: false,
        }),
        ProofSource::Certificate { .. } => Err(nowhere("finds its certificate in no file")),
        ProofSource::Public
        | ProofSource::Secret(_)
        | ProofSource::Assertion(_)
        | ProofSource::FederatedIdentity(_)
        | ProofSource::Machine(_) => Err(nowhere("names no certificate for it")),
    }
}

/// The password with which the configuration will open the key.
async fn password(
    name: &str,
    settings: &RegistrationSettings,
    clock: &Clock,
) -> Result<Option<SecretString>, Failure> {
    let ProofSource::Certificate {
        password: Some(source),
        ..
    } = &settings.proof
    else {
        return Ok(None);
    };
    let what = format!("the private key's password of registration {name}");
    Ok(Some(source.fetch(clock, &what).await?))
}

fn described(place: &Place, certificate: &Certificate) -> serde_json::Value {
    let (sha1, sha256) = (certificate.sha1(), certificate.sha256());
    json!({
        "key_file": place.key,
        "certificate_file": place.certificate,
        "subject": certificate.subject,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "sha1": { "hex": sha1.hex(), "base64url": sha1.base64url() },
        "sha256": { "hex": sha256.hex(), "base64url": sha256.base64url() },
    })
}

fn tell(arguments: &Arguments, place: &Place, certificate: &Certificate) -> Result<(), Failure> {
    let name = &arguments.registration;
    let (sha1, sha256) = (certificate.sha1(), certificate.sha256());
    let holds = if place.is_together {
        "key and certificate"
    } else {
        "the key"
    };
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    screen::line(&format!(
        "made {} ({holds}) and {} (the certificate alone)\n\
         valid until {}\n\
         SHA-1    hex        {}\n\
         \x20        base64url  {}   x5t\n\
         SHA-256  hex        {}\n\
         \x20        base64url  {}   x5t#S256\n",
        shown(&place.key),
        shown(&place.certificate),
        day(certificate.not_after),
        sha1.hex(),
        sha1.base64url(),
        sha256.hex(),
        sha256.base64url(),
    ))?;
    screen::line(&format!(
        "next: upload {} to the app, never the key: in the Entra admin center under App\n\
         registrations, Certificates & secrets; or with what these print:\n\
         \x20 gatepost registration manifest {name}\n\
         \x20 gatepost registration script {name}",
        shown(&place.certificate),
    ))?;
    match &arguments.out {
        Some(_) => screen::line(&format!(
            "then name {} as certificate of [registration.{name}], and when that works, remove \
             the old certificate from the app",
            shown(&place.key)
        )),
        None => screen::line("then: gatepost config check --secrets"),
    }
}

fn shown(path: &Path) -> String {
    screen::clean_line(&path.display().to_string())
}

const SLACK: Duration = Duration::from_mins(5);
const A_DAY: Duration = Duration::from_hours(24);
