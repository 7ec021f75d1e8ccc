//! A token for an app that acts for itself, with a certificate: a renewed file is read without a
//! restart.
//!
//! Run it against the sandbox: `set -a; . FILE; set +a` with the env file of `gatepost sandbox`.
//! In the cloud of Microsoft it is `Cloud::global()` and `Trust::system()`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this is another program than Gatepost"
)]

use std::env::var;
use std::error::Error;
use std::path::Path;

use gatepost_oauth::{
    Audience, CertificateSource, Certificates, Clock, Cloud, Credential, Registration,
    SecretSource, Signing, Surroundings, Tenant, TokenKeeper, TokenSource as _, Trust,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cloud = Cloud::at("sandbox", &var("GATEPOST_SANDBOX_LOGIN")?)?;
    let tenant = Tenant::parse(&var("GATEPOST_SANDBOX_TENANT")?)?;
    let files = CertificateSource {
        certificate: SecretSource::File(var("GATEPOST_SANDBOX_CERTIFICATE")?.into()),
        private_key: Some(SecretSource::File(
            var("GATEPOST_SANDBOX_PRIVATE_KEY")?.into(),
        )),
        password: None,
    };
    let (signing, clock) = (Signing::default(), Clock::system());
    let proof = Certificates::read("contoso", vec![files], signing, clock).await?;
    let client_id = var("GATEPOST_SANDBOX_CLIENT_ID")?;
    let app = Registration::new("contoso", (cloud, tenant), client_id, proof);
    let trust = Trust::with_authority(Path::new(&var("GATEPOST_SANDBOX_CA")?))?;

    let keeper = TokenKeeper::new(Credential::of_app(app), Surroundings::trusting(&trust)?);
    let token = keeper.token(Audience::Exchange).await?;
    println!("{}", token.expose());
    Ok(())
}
