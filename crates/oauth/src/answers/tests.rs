use std::fmt::Write as _;

use gatepost_fault::Fault as _;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

fn expecting() -> Expecting {
    Expecting {
        who: "registration contoso".to_owned(),
        host: "login.microsoftonline.com".to_owned(),
        now: now(),
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    }
}

fn fails(reply: &Reply) -> TokenError {
    read(reply, &expecting()).expect_err("it is no token answer")
}

/// Every kind of answer, each with the sentence an operator reads.
#[test]
fn every_answer_has_its_sentence() {
    let mut golden = String::new();
    for (status, body) in ANSWERS {
        let error = fails(&reply(*status, body));
        writeln!(
            golden,
            "{status} {}\n=> {} | {:?} | {:?}\n{error}\n",
            body.replace('\u{1b}', "ESC"),
            error.code(),
            error.owner(),
            error.next(),
        )
        .expect("a string takes everything");
    }
    let said: String = golden
        .lines()
        .filter(|line| !line.starts_with("200 "))
        .collect();
    assert!(!said.contains("canary"), "a token is in an error");
    insta::assert_snapshot!(golden);
}

#[test]
fn numbers_and_strings_of_both_generations_are_read() {
    let life = |fields: &str| {
        let body = format!(r#"{{"access_token":"t","token_type":"Bearer",{fields}}}"#);
        let answer = read(&reply(200, &body), &expecting()).expect("a token answer");
        answer.expires_at.duration_since(now()).as_secs()
    };
    assert_eq!(life(r#""expires_in":3599"#), 3599);
    assert_eq!(life(r#""expires_in":"3599""#), 3599);
    let at = now().as_second() + 60;
    assert_eq!(life(&format!(r#""expires_on":"{at}""#)), 60);
    assert_eq!(
        life(&format!(r#""expires_in":"3599","expires_on":"{at}""#)),
        3599,
        "the span is right whatever our clock says"
    );
    assert_eq!(life(r#""expires_in":18446744073709551615"#), 7 * 24 * 3600);
}

#[test]
fn a_wait_is_taken_from_the_header() {
    let mut throttled = reply(429, "");
    throttled.retry_after = Some("2.128".to_owned());
    let error = fails(&throttled);
    assert_eq!(
        error.next(),
        gatepost_fault::Next::Retry(gatepost_fault::After::AtLeast(Duration::from_millis(2128)))
    );
    let mut in_words = reply(
        400,
        r#"{"error":"invalid_request","error_description":"AADSTS90055: throttled"}"#,
    );
    in_words.retry_after = Some("Sun, 22 Nov 2026 10:01:00 GMT".to_owned());
    assert_eq!(
        fails(&in_words).next(),
        gatepost_fault::Next::Retry(gatepost_fault::After::AtLeast(Duration::from_mins(1)))
    );
}

/// A gateway in front of the sign-in server has words of its own.
#[test]
fn words_that_nobody_knows_do_not_make_a_bad_moment_permanent() {
    let body = r#"{"error":"upstream_overloaded","error_description":"try later"}"#;
    assert_eq!(fails(&reply(503, body)).code(), "sign_in_server_failing");
    assert_eq!(fails(&reply(429, body)).code(), "token_throttled");
    assert_eq!(fails(&reply(400, body)).code(), "token_refused");
}

#[test]
fn a_field_of_the_wrong_type_hides_no_refusal() {
    let body = r#"{"error":"invalid_client","error_description":7,"suberror":{},"error_codes":["7000222"],"claims":{},"trace_id":1}"#;
    let error = fails(&reply(401, body));
    assert_eq!(error.code(), "secret_expired");
    assert!(error.to_string().contains("AADSTS7000222"), "{error}");
}

#[test]
fn a_wrong_clock_is_named_when_an_assertion_is_refused() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS700024: Client assertion is not within its valid time range.","error_codes":[700024]}"#;
    let at = |date: &str| {
        let mut reply = reply(401, body);
        reply.date = Some(date.to_owned());
        fails(&reply)
    };
    let skewed = at("Sun, 22 Nov 2026 09:53:00 GMT");
    assert_eq!(skewed.code(), "clock_skew");
    assert!(
        skewed.to_string().contains("7 minutes ahead of"),
        "{skewed}"
    );
    assert!(skewed.to_string().contains("AADSTS700024"), "{skewed}");
    let behind = at("Sun, 22 Nov 2026 13:00:00 GMT");
    assert!(behind.to_string().contains("3 hours behind"), "{behind}");
    assert_eq!(
        at("Sun, 22 Nov 2026 10:00:20 GMT").code(),
        "assertion_not_in_time",
        "twenty seconds explain nothing"
    );
    assert_eq!(fails(&reply(401, body)).code(), "assertion_not_in_time");
}

#[test]
fn an_oversized_answer_is_none() {
    let mut oversized = reply(200, "");
    oversized.is_oversized = true;
    assert!(fails(&oversized).to_string().contains("64 KiB"));
}

#[test]
fn every_code_is_listed_and_listed_once() {
    for code in TokenError::CODES {
        assert!(!Refusal::CODES.contains(code), "{code} means two things");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_a_server_sends_panics_or_leaks(
        status in 100_u16..600,
        body in "(\\PC|\\n){0,80}",
        retry_after in proptest::option::of(".{0,30}"),
        date in proptest::option::of(".{0,30}"),
    ) {
        let mut reply = reply(status, &body);
        reply.retry_after = retry_after;
        reply.date = date;
        if let Err(error) = read(&reply, &expecting()) {
            let text = error.to_string();
            proptest::prop_assert!(!text.contains(char::is_control));
        }
    }

    #[test]
    fn refusals_of_any_shape_are_read(
        error in "[a-z_]{1,20}",
        suberror in proptest::option::of("[a-z_]{1,20}"),
        description in "(AADSTS[0-9]{0,12})?.{0,60}( Trace ID:)?.{0,20}( Correlation ID:)?.{0,20}",
    ) {
        let body = serde_json::json!({"error": error, "suberror": suberror, "error_description": description});
        let failed = fails(&reply(400, &body.to_string()));
        proptest::prop_assert!(failed.to_string().contains(&error));
    }
}

const ANSWERS: &[(u16, &str)] = &[
    (
        401,
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'bcdb'.\r\nTrace ID: 3d8e\r\nCorrelation ID: 086c\r\nTimestamp: 2026-11-22 08:38:00Z","error_codes":[7000215],"timestamp":"2026-11-22 08:38:00Z","trace_id":"3d8e","correlation_id":"086c","error_uri":"https://login.microsoftonline.com/error?code=7000215"}"#,
    ),
    (
        400,
        r#"{"error":"invalid_tenant","error_description":"AADSTS90002: Tenant 'tenant' not found. Check to make sure you have the correct tenant ID. Trace ID: aaaa Correlation ID: bbbb Timestamp: 2026-11-22 08:38:00Z","error_codes":[90002]}"#,
    ),
    (
        400,
        r#"{"error":"unauthorized_client","error_description":"AADSTS700016: Application with identifier 'x' was not found in the directory 'Contoso'.","error_codes":[700016]}"#,
    ),
    (
        400,
        r#"{"error":"invalid_grant","suberror":"basic_action","error_description":"AADSTS50076: Due to a configuration change made by your administrator, you must use multi-factor authentication to access '00000003'.","error_codes":[50076],"claims":"{\"access_token\":{}}"}"#,
    ),
    (
        400,
        r#"{"error":"invalid_grant","suberror":"consent_required","error_description":"AADSTS65001: The user or administrator has not consented to use the application.","error_codes":[65001]}"#,
    ),
    (
        400,
        r#"{"error":"invalid_grant","suberror":"token_expired","error_description":"AADSTS9999999: A number of tomorrow.","error_codes":[9999999]}"#,
    ),
    (
        400,
        r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.","error_codes":[700082]}"#,
    ),
    (
        400,
        r#"{"error":"something_new","error_description":"AADSTS1234567: Something new.","error_codes":[1234567]}"#,
    ),
    (400, r#"{"error":"invalid_request"}"#),
    (
        503,
        r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred. Please try again.","error_codes":[90033]}"#,
    ),
    (500, "Internal Server Error"),
    (429, ""),
    (502, "<html><body>Bad gateway"),
    (403, "<!DOCTYPE html><html>\u{1b}[31mThe proxy says no"),
    (400, r#"{"message":"no"}"#),
    (302, ""),
    (404, "not json"),
    (200, ""),
    (200, "<html>Please log in to the hotel network"),
    (200, r#"{"token_type":"Bearer","expires_in":3599}"#),
    (200, r#"{"access_token":"canary","expires_in":3599}"#),
    (
        200,
        r#"{"access_token":"canary","token_type":"pop","expires_in":3599}"#,
    ),
    (200, r#"{"access_token":"canary","token_type":"Bearer"}"#),
    (
        200,
        r#"{"access_token":"canary","token_type":"Bearer","expires_in":0}"#,
    ),
    (
        200,
        r#"{"access_token":"canary","token_type":"Bearer","expires_in":-5}"#,
    ),
    (
        200,
        r#"{"access_token":"canary","token_type":"Bearer","expires_in":"soon"}"#,
    ),
    (
        200,
        r#"{"access_token":"can\r\nary","token_type":"Bearer","expires_in":3599}"#,
    ),
    (
        200,
        r#"{"access_token":["canary"],"token_type":"Bearer","expires_in":3599}"#,
    ),
    (200, r#"{"access_token":"canary","#),
    (200, "[1,2]"),
];
