use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::Chance;
use zeroize::Zeroizing;

use super::*;
use crate::flow::Granted;
use crate::{Audience, Cloud, EndpointVersion, Proof, Registration, Tenant};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

fn flow(tenant: &str, endpoints: EndpointVersion, password: &str) -> Box<dyn Flow> {
    let tenant = Tenant::parse(tenant).expect("a tenant");
    let home = (Cloud::global(), tenant);
    let mut registration = Registration::new("people", home, "client-1", Proof::None);
    registration.endpoints = endpoints;
    (GRANT.begin)(Opening {
        asking: Asking {
            registration: Arc::new(registration),
            proof: Proof::None,
            challenge: None,
            person: Some("ada@contoso.example".to_owned()),
            audience: Audience::Exchange,
            chance: Chance::seeded(1),
        },
        also: Vec::new(),
        means: Means::Password(password.into()),
    })
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    }
}

fn posted(step: Result<Step, TokenError>) -> Form {
    match step {
        Ok(Step::Post(form)) => form,
        other => panic!("it asks: {other:?}"),
    }
}

#[test]
fn name_and_password_go_to_the_tenant_whatever_letters_they_have() {
    let mut flow = flow("contoso.example", EndpointVersion::V2, "pä ss wörd&=é");
    let form = posted(flow.resume(now(), Event::Start));
    let sent = form.expose();
    for part in [
        "grant_type=password",
        "username=ada%40contoso.example",
        "password=p%C3%A4+ss+w%C3%B6rd%26%3D%C3%A9",
        "offline_access",
    ] {
        assert!(sent.contains(part), "{part} is missing");
    }
    assert!(
        !format!("{flow:?} {form:?}").contains("ss w"),
        "never shown"
    );
    let granted = flow.resume(now(), Event::Reply(&reply(200, GRANTED)));
    let Ok(Step::Done(granted)) = granted else {
        panic!("it is granted: {granted:?}");
    };
    let Granted { access, .. } = *granted;
    assert_eq!(access.expose(), "a1");
}

#[test]
fn version_1_asks_for_the_identity_by_name() {
    let mut flow = flow("contoso.example", EndpointVersion::V1, "secret-canary");
    let form = posted(flow.resume(now(), Event::Start));
    let sent = form.expose();
    assert!(sent.contains("resource=https") && sent.contains("scope=openid"));
}

#[test]
fn what_microsoft_never_takes_is_said_before_anything_is_sent() {
    for (tenant, password, code) in [
        ("common", "secret", "tenant_needed"),
        ("consumers", "secret", "tenant_needed"),
        (
            "9188040d-6c67-4c5b-b112-36a304b66dad",
            "secret",
            "tenant_needed",
        ),
        ("contoso.example", " secret", "password_unusable"),
        ("contoso.example", "secret\t", "password_unusable"),
    ] {
        let error = flow(tenant, EndpointVersion::V2, password)
            .resume(now(), Event::Start)
            .expect_err(code);
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    posted(flow("organizations", EndpointVersion::V2, "secret").resume(now(), Event::Start));
}

#[test]
fn a_password_that_another_server_checks_is_told_from_a_wrong_one() {
    for (status, realm, code) in [
        (200, FEDERATED, "account_federated"),
        (200, r#"{"account_type":"Managed"}"#, "password_wrong"),
        (404, "", "password_wrong"),
        (200, "<html>", "password_wrong"),
    ] {
        let mut flow = flow("contoso.example", EndpointVersion::V2, "secret");
        posted(flow.resume(now(), Event::Start));
        let question = posted(flow.resume(now(), Event::Reply(&reply(400, WRONG))));
        assert_eq!(
            question.to.as_str(),
            "https://login.microsoftonline.com/common/userrealm/ada@contoso.example"
        );
        assert_eq!(question.expose().as_str(), "api-version=1.0");
        let error = flow
            .resume(now(), Event::Reply(&reply(status, realm)))
            .expect_err(code);
        assert_eq!(error.code(), code);
    }
    let mut flow = flow("contoso.example", EndpointVersion::V2, "secret");
    posted(flow.resume(now(), Event::Start));
    posted(flow.resume(now(), Event::Reply(&reply(400, WRONG))));
    let silent = TokenError::BrokenOff { who: String::new() };
    let error = flow.resume(now(), Event::Unanswered(&silent));
    assert_eq!(error.expect_err("still wrong").code(), "password_wrong");
}

#[test]
fn every_refusal_has_its_way_out() {
    for (body, code) in [
        (MFA, "mfa_required"),
        (
            r#"{"error":"interaction_required","error_description":"AADSTS50079: enrol"}"#,
            "mfa_required",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"AADSTS50057: disabled"}"#,
            "account_disabled",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"AADSTS50053: locked"}"#,
            "account_locked",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"AADSTS50055: expired","suberror":"user_password_expired"}"#,
            "password_expired",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"AADSTS65001: consent","suberror":"consent_required"}"#,
            "consent_missing",
        ),
        (
            r#"{"error":"invalid_client","error_description":"AADSTS7000218: no secret"}"#,
            "proof_not_sent",
        ),
        (
            r#"{"error":"invalid_request","error_description":"AADSTS9001023: endpoint"}"#,
            "tenant_too_wide",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"AADSTS53003: policy","suberror":"message_only"}"#,
            "policy_blocked",
        ),
    ] {
        let mut flow = flow("contoso.example", EndpointVersion::V2, "secret");
        posted(flow.resume(now(), Event::Start));
        let error = flow
            .resume(now(), Event::Reply(&reply(400, body)))
            .expect_err(code);
        assert_eq!(error.code(), code);
    }
}

const GRANTED: &str =
    r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a1","refresh_token":"r1"}"#;
const WRONG: &str = r#"{"error":"invalid_grant","error_description":"AADSTS50126: Error validating credentials due to invalid username or password."}"#;
const MFA: &str = r#"{"error":"invalid_grant","suberror":"basic_action","error_description":"AADSTS50076: Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0ff1-ce00-000000000000'."}"#;
const FEDERATED: &str = r#"{"ver":"1.0","account_type":"federated","federation_protocol":"WSTrust","domain_name":"contoso.example"}"#;
