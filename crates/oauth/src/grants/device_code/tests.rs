use std::sync::Arc;

use gatepost_host::Chance;
use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::super::Means;
use super::*;
use crate::flow::Granted;
use crate::{Cloud, Proof, Registration, Tenant};

fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

fn opening(endpoints: EndpointVersion, also: Vec<Audience>) -> Opening {
    let tenant = Tenant::parse("organizations").expect("a name for many tenants");
    let home = (Cloud::global(), tenant);
    let mut registration = Registration::new("people", home, "client-1", Proof::None);
    registration.endpoints = endpoints;
    Opening {
        asking: Asking {
            registration: Arc::new(registration),
            proof: Proof::None,
            challenge: None,
            person: Some("ada@contoso.example".to_owned()),
            audience: Audience::Exchange,
            chance: Chance::seeded(1),
        },
        also,
        means: Means::Nothing,
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    }
}

/// A sign-in in virtual time.
struct Device {
    flow: Box<dyn Flow>,
    now: Timestamp,
}

impl Device {
    fn shown(issued: &str) -> Self {
        let flow = (GRANT.begin)(opening(EndpointVersion::V2, Vec::new()));
        let mut device = Self { flow, now: start() };
        assert!(matches!(device.resume(Event::Start), Ok(Step::Post(_))));
        let shown = device.resume(Event::Reply(&reply(200, issued)));
        assert!(
            matches!(shown, Ok(Step::Show(Prompt::Enter(_)))),
            "{shown:?}"
        );
        device
    }

    fn resume(&mut self, event: Event<'_>) -> Result<Step, TokenError> {
        self.flow.resume(self.now, event)
    }

    /// Wakes it after the wait it asked for; gives the next form.
    fn waits(&mut self, step: Result<Step, TokenError>, seconds: i64) -> Form {
        let wait = match step {
            Ok(Step::Wait(wait)) => wait,
            other => panic!("it waits: {other:?}"),
        };
        assert_eq!(wait, Duration::from_secs(seconds.unsigned_abs()));
        self.now += SignedDuration::from_secs(seconds);
        match self.resume(Event::Woken) {
            Ok(Step::Post(form)) => form,
            other => panic!("it asks again: {other:?}"),
        }
    }

    fn told(&mut self, status: u16, body: &str) -> Result<Step, TokenError> {
        self.resume(Event::Reply(&reply(status, body)))
    }
}

fn granted(step: Result<Step, TokenError>) -> Granted {
    match step {
        Ok(Step::Done(granted)) => *granted,
        other => panic!("it is granted: {other:?}"),
    }
}

#[test]
fn a_code_is_shown_and_asked_about_at_the_servers_pace() {
    let mut device = Device::shown(ISSUED);
    let woken = device.resume(Event::Woken);
    let form = device.waits(woken, 5);
    let sent = form.expose().to_string();
    assert_eq!(
        sent,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
         &device_code=DEVICE-canary&client_id=client-1"
    );
    assert!(!format!("{:?} {form:?}", device.flow).contains("canary"));
    let pending = device.told(400, PENDING_ANSWER);
    device.waits(pending, 5);
    let granted = granted(device.told(200, GRANTED));
    assert_eq!(granted.access.expose(), "a1");
    assert_eq!(granted.person, None, "no id token, no name");
}

#[test]
fn it_slows_down_when_told_and_while_nobody_answers() {
    let mut device = Device::shown(ISSUED);
    let woken = device.resume(Event::Woken);
    device.waits(woken, 5);
    let slow = device.told(400, r#"{"error":"slow_down"}"#);
    device.waits(slow, 10);
    let pending = device.told(400, PENDING_ANSWER);
    device.waits(pending, 10);
    let silent = TokenError::TimedOut {
        host: "login".to_owned(),
        limit: Duration::from_secs(30),
    };
    let unanswered = device.resume(Event::Unanswered(&silent));
    device.waits(unanswered, 20);
    let busy = device.told(503, "");
    device.waits(busy, 30);
    let mut throttled = reply(429, "");
    throttled.retry_after = Some("44".to_owned());
    let throttled = device.resume(Event::Reply(&throttled));
    device.waits(throttled, 44);
    granted(device.told(200, GRANTED));
}

#[test]
fn it_ends_when_the_person_refuses_or_never_comes() {
    for (answer, code) in [
        (r#"{"error":"authorization_declined"}"#, "access_denied"),
        (r#"{"error":"access_denied"}"#, "access_denied"),
        (
            r#"{"error":"expired_token","error_description":"AADSTS70019: over"}"#,
            "device_code_over",
        ),
        (r#"{"error":"bad_verification_code"}"#, "device_code_over"),
        (r#"{"error":"invalid_client"}"#, "client_refused"),
    ] {
        let mut device = Device::shown(ISSUED);
        let woken = device.resume(Event::Woken);
        device.waits(woken, 5);
        let error = device.told(400, answer).expect_err("it is over");
        assert_eq!(error.code(), code);
    }
    let mut device = Device::shown(ISSUED);
    let woken = device.resume(Event::Woken);
    device.waits(woken, 5);
    device.now = start() + SignedDuration::from_secs(899);
    let last = device.told(400, PENDING_ANSWER);
    device.waits(last, 1);
    let error = device.told(400, PENDING_ANSWER).expect_err("it is over");
    assert_eq!(error.code(), "sign_in_unfinished");
    assert!(error.to_string().contains("ABCD-1234"), "{error}");
}

#[test]
fn version_1_has_names_of_its_own() {
    let mut flow = (GRANT.begin)(opening(EndpointVersion::V1, Vec::new()));
    let Ok(Step::Post(form)) = flow.resume(start(), Event::Start) else {
        panic!("it asks for a code");
    };
    assert_eq!(form.to.path(), "/organizations/oauth2/devicecode");
    let sent = form.expose();
    assert!(
        sent.contains("resource=https") && sent.contains("scope=openid"),
        "{form:?}"
    );
    let answer = reply(
        200,
        r#"{"user_code":"ABCD1234","device_code":"D1","verification_url":"https://aka.ms/devicelogin","expires_in":"900","interval":"5","message":"Open it."}"#,
    );
    let Ok(Step::Show(Prompt::Enter(shown))) = flow.resume(start(), Event::Reply(&answer)) else {
        panic!("it shows the code");
    };
    assert_eq!(shown.address.as_str(), "https://aka.ms/devicelogin");
    flow.resume(start(), Event::Woken).expect("it waits");
    let Ok(Step::Post(form)) = flow.resume(start(), Event::Woken) else {
        panic!("it asks");
    };
    let sent = form.expose();
    for part in ["&device_code=D1&code=D1&", "&resource=https"] {
        assert!(sent.contains(part), "{part} is missing");
    }
}

#[test]
fn of_several_resources_the_token_is_for_one() {
    let mut flow = (GRANT.begin)(opening(EndpointVersion::V2, vec![Audience::Graph]));
    let Ok(Step::Post(form)) = flow.resume(start(), Event::Start) else {
        panic!("it asks for a code");
    };
    let sent = form.expose();
    assert!(sent.contains("IMAP.AccessAsUser.All") && sent.contains("Mail.ReadWrite"));
    let issued = reply(200, ISSUED);
    flow.resume(start(), Event::Reply(&issued)).expect("shown");
    flow.resume(start(), Event::Woken).expect("it waits");
    let Ok(Step::Post(form)) = flow.resume(start(), Event::Woken) else {
        panic!("it asks");
    };
    let sent = form.expose();
    assert!(sent.contains("IMAP.AccessAsUser.All") && !sent.contains("Mail.ReadWrite"));
}

#[test]
fn an_answer_without_a_usable_code_is_refused() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"device_code":"d","user_code":"","verification_uri":"https://x.example","expires_in":900}"#,
        r#"{"device_code":"d","user_code":"c","verification_uri":"javascript:alert(1)","expires_in":900}"#,
        r#"{"device_code":"d","user_code":"c","verification_uri":"https://x.example"}"#,
    ] {
        let mut flow = (GRANT.begin)(opening(EndpointVersion::V2, Vec::new()));
        flow.resume(start(), Event::Start).expect("it asks");
        let error = flow
            .resume(start(), Event::Reply(&reply(200, body)))
            .expect_err(body);
        assert_eq!(error.code(), "token_answer_unusable", "{body}");
    }
}

const ISSUED: &str = r#"{"user_code":"ABCD-1234","device_code":"DEVICE-canary","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5,"message":"Open it."}"#;
const PENDING_ANSWER: &str = r#"{"error":"authorization_pending","error_description":"AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue polling.","error_codes":[70016]}"#;
const GRANTED: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a1","refresh_token":"r1","scope":"https://outlook.office.com/IMAP.AccessAsUser.All"}"#;
