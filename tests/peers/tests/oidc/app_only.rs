//! Apps that act for themselves.

use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::{Chance, Clock};
use gatepost_oauth::{
    Asking, Audience, Endpoint as _, Event, Grant, Means, Opening, Proof, Signing, Step,
    TokenSource as _,
};
use serde_json::Value;

use crate::stand::{
    DESKTOP, Failure, HAS_SECRET, SECRET, SIGNS_PS256, SIGNS_RS256, Stand, unknown_certificate,
};

const APP: &str = "client_credentials";

#[tokio::test]
async fn discovery_names_the_addresses_that_we_use() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let registration = stand.registration(DESKTOP, Proof::None)?;
    let login = stand.provider.login_url();
    let found: Value = stand
        .http()?
        .get(format!("{login}/.well-known/openid-configuration"))
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(
        found["token_endpoint"],
        registration.token_endpoint().as_str()
    );
    assert_eq!(
        found["authorization_endpoint"],
        registration.authorize_endpoint().as_str()
    );
    assert_eq!(
        found["device_authorization_endpoint"],
        registration.device_code_endpoint().as_str()
    );
    assert_eq!(found["issuer"], login);
    // It says that it knows each thing that the tests beside this one do with it.
    for (name, used) in [
        (
            "grant_types_supported",
            &[
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ][..],
        ),
        ("response_types_supported", &["code"]),
        ("code_challenge_methods_supported", &["S256"]),
        (
            "token_endpoint_auth_methods_supported",
            &["private_key_jwt", "client_secret_post", "none"],
        ),
        (
            "token_endpoint_auth_signing_alg_values_supported",
            &["PS256", "RS256"],
        ),
        ("claims_supported", &["preferred_username"]),
    ] {
        let known = found[name].as_array().ok_or(name)?;
        for one in used {
            assert!(known.iter().any(|known| known == one), "{name}: {known:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_signed_assertion_proves_an_app() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for (client, signing) in [(SIGNS_PS256, Signing::Ps256), (SIGNS_RS256, Signing::Rs256)] {
        let registration = stand.registration(client, stand.certificate(signing)?)?;
        let keeper = stand.keeper(registration, APP, None)?;
        let first = keeper.token(Audience::Exchange).await?;
        // Each request is signed anew: the provider takes no assertion twice.
        keeper.refused(&first);
        let second = keeper.token(Audience::Exchange).await?;
        assert_ne!(first.expose(), second.expose(), "{client}");
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_proves_an_app_whatever_characters_it_has() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let registration = stand.registration(HAS_SECRET, Proof::Secret(SECRET.into()))?;
    stand
        .keeper(registration, APP, None)?
        .token(Audience::Exchange)
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_assertion_works_once() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let proof = stand.certificate(Signing::Ps256)?;
    let registration = stand.registration(SIGNS_PS256, proof.clone())?;
    let grant = Grant::named(APP).ok_or("it is in the list")?;
    let mut flow = (grant.begin)(Opening {
        asking: Asking {
            registration: Arc::new(registration),
            proof,
            person: None,
            audience: Audience::Exchange,
            challenge: None,
            chance: Chance::system(),
        },
        also: Vec::new(),
        means: Means::Nothing,
    });
    let Step::Post(form) = flow.resume(Clock::system().now(), Event::Start)? else {
        return Err("an app posts at once".into());
    };
    let endpoint = stand.endpoint()?;
    assert_eq!(endpoint.post(&form).await?.status, 200);
    assert_eq!(endpoint.post(&form).await?.status, 401);
    Ok(())
}

#[tokio::test]
async fn who_proves_nothing_is_refused_with_a_name() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let wrong_algorithm = stand.certificate(Signing::Rs256)?;
    for (client, proof) in [
        (SIGNS_PS256, unknown_certificate()?),
        (SIGNS_PS256, wrong_algorithm),
        (SIGNS_PS256, Proof::Secret("guessed".into())),
        (HAS_SECRET, Proof::Secret("guessed".into())),
        (HAS_SECRET, stand.certificate(Signing::Ps256)?),
        ("nobody", Proof::Secret("guessed".into())),
    ] {
        let kind = format!("{client} with {proof:?}");
        let registration = stand.registration(client, proof)?;
        let keeper = stand.keeper(registration, APP, None)?;
        let error = keeper
            .token(Audience::Exchange)
            .await
            .err()
            .ok_or(kind.clone())?;
        assert_eq!(error.code(), "client_refused", "{kind}: {error}");
        assert!(error.to_string().contains("localhost"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_scope_that_is_not_allowed_is_refused_with_a_name() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut registration = stand.registration(HAS_SECRET, Proof::Secret(SECRET.into()))?;
    // It is known to the provider, and not this client's.
    registration.cloud.names.exchange_app = "openid offline_access x".to_owned();
    let keeper = stand.keeper(registration, APP, None)?;
    let error = keeper
        .token(Audience::Exchange)
        .await
        .err()
        .ok_or("granted")?;
    assert_eq!(error.code(), "scope_invalid", "{error}");
    Ok(())
}
