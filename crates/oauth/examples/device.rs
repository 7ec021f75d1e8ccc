//! A token for a person who signs in once, on another device: this machine needs no browser.
//!
//! Run it against the sandbox: `set -a; . FILE; set +a` with the env file of `gatepost sandbox`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this is another program than Gatepost"
)]

use std::env::var;
use std::error::Error;
use std::path::Path;

use gatepost_oauth::{
    Audience, Cloud, Credential, Prompt, Proof, Registration, SignIn, Surroundings, Tenant,
    TokenKeeper, TokenSource as _, Trust,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cloud = Cloud::at("sandbox", &var("GATEPOST_SANDBOX_LOGIN")?)?;
    let tenant = Tenant::parse(&var("GATEPOST_SANDBOX_TENANT")?)?;
    let client_id = var("GATEPOST_SANDBOX_CLIENT_ID")?;
    let app = Registration::new("contoso", (cloud, tenant), client_id, Proof::None);
    let trust = Trust::with_authority(Path::new(&var("GATEPOST_SANDBOX_CA")?))?;

    let ada = Credential::of_person(app, var("GATEPOST_SANDBOX_USER")?);
    let keeper = TokenKeeper::new(ada, Surroundings::trusting(&trust)?);
    keeper
        .sign_in(SignIn::by_device(Audience::Exchange), |prompt| {
            if let Prompt::Enter(shown) = prompt {
                println!("{}\n{}", shown.address, shown.code);
            }
        })
        .await?;
    let token = keeper.token(Audience::Exchange).await?;
    println!("{}", token.expose());
    Ok(())
}
