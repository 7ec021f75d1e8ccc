use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::{After, Fault as _, Next};
use gatepost_host::Chance;
use url::Url;
use zeroize::Zeroizing;

use super::*;
use crate::{Audience, Cloud, IdentityHost, Proof, Registration, Tenant, WhichIdentity};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

fn machine(host: IdentityHost, which: WhichIdentity) -> Machine {
    let tenant = Tenant::parse("contoso.example").expect("a domain");
    let identity = ManagedIdentity { host, which };
    let proof = Proof::Machine(identity.clone());
    let registration =
        Registration::new("vm", (Cloud::global(), tenant), "client-1", proof.clone());
    let asking = Asking {
        registration: Arc::new(registration),
        proof,
        person: None,
        audience: Audience::Exchange,
        challenge: None,
        chance: Chance::seeded(1),
    };
    Machine::new(asking, identity)
}

fn asked(host: IdentityHost, which: WhichIdentity) -> String {
    match machine(host, which).resume(now(), Event::Start) {
        Ok(Step::Post(form)) => format!("{}?{}", form.to, *form.expose()),
        other => panic!("it asks: {other:?}"),
    }
}

fn answered(status: u16, body: &str) -> Result<Step, TokenError> {
    let reply = Reply {
        status,
        retry_after: (status == 429).then(|| "7".to_owned()),
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    };
    machine(IdentityHost::imds(), WhichIdentity::System).resume(now(), Event::Reply(&reply))
}

#[test]
fn the_metadata_service_is_asked_for_the_identity_that_is_meant() {
    let imds = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
                &resource=https%3A%2F%2Foutlook.office365.com";
    for (which, selector) in [
        (WhichIdentity::System, ""),
        (WhichIdentity::ClientId("c1".to_owned()), "&client_id=c1"),
        (WhichIdentity::ObjectId("o1".to_owned()), "&object_id=o1"),
        (
            WhichIdentity::ResourceId("/subscriptions/s".to_owned()),
            "&msi_res_id=%2Fsubscriptions%2Fs",
        ),
    ] {
        let sent = asked(IdentityHost::imds(), which);
        assert_eq!(sent, format!("{imds}{selector}"));
    }
}

#[test]
fn app_service_is_asked_where_it_says_and_its_header_is_not_shown() {
    let host = IdentityHost::AppService {
        endpoint: Url::parse("http://127.0.0.1:41741/MSI/token/").expect("an address"),
        header: "canary".into(),
    };
    let sent = asked(host.clone(), WhichIdentity::ResourceId("r1".to_owned()));
    assert_eq!(
        sent,
        "http://127.0.0.1:41741/MSI/token/?api-version=2019-08-01\
         &resource=https%3A%2F%2Foutlook.office365.com&mi_res_id=r1"
    );
    let mut machine = machine(host, WhichIdentity::System);
    let step = machine.resume(now(), Event::Start);
    assert!(!format!("{step:?} {machine:?}").contains("canary"));
}

#[test]
fn numbers_are_strings_and_the_life_may_be_an_end() {
    for body in [
        r#"{"access_token":"a1","client_id":"c","expires_in":"3599","expires_on":"1795345199","ext_expires_in":"3599","not_before":"1","resource":"r","token_type":"Bearer"}"#,
        r#"{"access_token":"a1","expires_on":"1795345199","resource":"r","token_type":"Bearer"}"#,
    ] {
        let Ok(Step::Done(granted)) = answered(200, body) else {
            panic!("it is granted");
        };
        assert_eq!(granted.access.expires_at.as_second(), 1_795_345_199);
    }
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_named() {
    for status in [404, 408, 410, 429, 500, 503] {
        let error = answered(status, "").expect_err("it is busy");
        assert_eq!(error.code(), "managed_identity_busy", "{status}");
        let wait = match status {
            429 => After::AtLeast(Duration::from_secs(7)),
            _ => After::Backoff,
        };
        assert_eq!(error.next(), Next::Retry(wait));
    }
    let refused = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let error = answered(400, refused).expect_err("it has none");
    assert_eq!(error.code(), "managed_identity_refused");
    assert!(error.to_string().contains("Identity not found"), "{error}");

    let absent = TokenError::Unreachable {
        host: "169.254.169.254".to_owned(),
        reason: "No route to host".to_owned(),
    };
    let error = machine(IdentityHost::imds(), WhichIdentity::System)
        .resume(now(), Event::Unanswered(&absent))
        .expect_err("nobody is there");
    assert_eq!(error.code(), "managed_identity_absent");
    assert!(error.to_string().contains("No route to host"), "{error}");
}
