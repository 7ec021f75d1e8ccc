//! Every refusal that the sandbox gives on demand is understood: whose move it is, and what is
//! next.

use std::collections::HashMap;

use gatepost_host::Tasks;
use gatepost_oauth::{
    Audience, Cloud, Credential, Fault as _, Proof, Registration, Surroundings, Tenant, TokenError,
    TokenKeeper, TokenSource as _, Trust,
};
use gatepost_sandbox::Sandbox;
use gatepost_sandbox::faults::{FaultKind, OnDemand};

use super::{Failure, sandbox};

#[tokio::test]
async fn every_number_that_a_mail_integration_meets_is_understood() -> Result<(), Failure> {
    let tasks = Tasks::new();
    let sandbox = sandbox(&tasks).await?;
    for ordered in OnDemand::all() {
        let order = format!("{},code={}", FaultKind::Refuse, ordered.code);
        sandbox.faults().order(order.parse()?);
        let refused = ask(&sandbox).await;
        sandbox.faults().clear_all();
        let number = ordered.code;
        let error = refused.expect_err("it was ordered");
        let TokenError::Refused(refusal) = &error else {
            return Err(format!("AADSTS{number} is no refusal: {error}").into());
        };
        assert_eq!(refusal.aadsts, Some(number));
        assert_eq!(refusal.error, ordered.error);
        assert_ne!(error.code(), "token_refused", "nobody knows AADSTS{number}");
        let sentence = error.to_string();
        assert!(sentence.contains(&format!("AADSTS{number}")), "{sentence}");
        assert!(refusal.trace_id.is_some() && refusal.correlation_id.is_some());
    }
    assert!(ask(&sandbox).await.is_ok(), "nothing is ordered any more");
    tasks.end().await;
    Ok(())
}

/// Asks for a token as somebody who never asked before.
async fn ask(sandbox: &Sandbox) -> Result<(), TokenError> {
    let trust = Trust::with_authority(&sandbox.ca_file()).expect("the sandbox's own");
    let cloud = Cloud::at("sandbox", &sandbox.login()).expect("it has an address");
    let env = sandbox.env();
    let variables: HashMap<_, _> = env.variables().collect();
    let of = |name: &str| variables[name].to_owned();
    let tenant = Tenant::parse(&of("GATEPOST_SANDBOX_TENANT")).expect("it has a tenant");
    let proof = Proof::Secret(sandbox.client_secret());
    let client_id = of("GATEPOST_SANDBOX_CLIENT_ID");
    let app = Registration::new("contoso", (cloud, tenant), client_id, proof);
    let surroundings = Surroundings::trusting(&trust).expect("a client");
    let keeper = TokenKeeper::new(Credential::of_app(app), surroundings);
    keeper.token(Audience::Exchange).await.map(drop)
}
