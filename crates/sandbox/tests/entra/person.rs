//! A person signs in, consents, and stays signed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_sandbox::faults::{FaultKind, FaultOrder};
use gatepost_sandbox::tenant::{CLIENT_ID, MailProtocol, Principal, TENANT_ID, TokenRefused, USER};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::browser::Page;
use crate::visitor::{Answer, Visitor, claims};

const IMAP: &str = "https://outlook.office.com/IMAP.AccessAsUser.All";
const SCOPE: &str =
    "https://outlook.office.com/IMAP.AccessAsUser.All offline_access openid profile";
const BACK: &str = "http://localhost:49152/";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Of the verifier, RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn authorize(visitor: &Visitor, more: &[(&str, &str)]) -> String {
    let url = visitor.url(&format!("/{TENANT_ID}/oauth2/v2.0/authorize"));
    let mut url = url::Url::parse(&url).expect("an address");
    let usual = [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("scope", SCOPE),
        ("state", "a&b\"c"),
        ("nonce", "n-0S6"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual
        .iter()
        .filter(|(name, _)| !more.iter().any(|(given, _)| given == name));
    url.query_pairs_mut()
        .extend_pairs(kept.chain(more).filter(|(_, value)| !value.is_empty()));
    url.into()
}

/// Walks through both pages, as far as they are shown.
async fn sign_in(visitor: &Visitor, more: &[(&str, &str)]) -> Page {
    let page = Page::open(&visitor.http, &authorize(visitor, more)).await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    match page {
        Page::Shown { .. } if page.html().contains("Permissions requested") => {
            page.submit(&visitor.http, &[("answer", "accept")]).await
        }
        other => other,
    }
}

async fn redeem(visitor: &Visitor, code: &str, more: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", BACK),
        ("code", code),
        ("code_verifier", VERIFIER),
        ("scope", SCOPE),
    ];
    let kept = usual
        .iter()
        .filter(|(name, _)| !more.iter().any(|(given, _)| given == name));
    let form: Vec<(&str, &str)> = kept.chain(more).copied().collect();
    visitor.ask(&form).await
}

async fn signed_in(visitor: &Visitor) -> Answer {
    let code = sign_in(visitor, &[])
        .await
        .parameter("code")
        .expect("a code");
    let answer = redeem(visitor, &code, &[]).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer
}

async fn refresh(visitor: &Visitor, token: &str, more: &[(&str, &str)]) -> Answer {
    let usual = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT_ID),
        ("refresh_token", token),
    ];
    let form: Vec<(&str, &str)> = usual.iter().chain(more).copied().collect();
    visitor.ask(&form).await
}

#[tokio::test]
async fn a_person_signs_in_consents_and_opens_the_mailbox() {
    let visitor = Visitor::new().await;
    let back = sign_in(&visitor, &[]).await;
    assert_eq!(back.parameter("state").as_deref(), Some("a&b\"c"));
    let code = back.parameter("code").expect("a code");
    let answer = redeem(&visitor, &code, &[("client_info", "1")]).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.text("scope"), IMAP);

    let id = claims(answer.text("id_token"));
    assert_eq!((&id["nonce"], &id["ver"]), (&json!("n-0S6"), &json!("2.0")));
    assert_eq!(id["aud"], CLIENT_ID);
    assert_eq!(id["iss"], visitor.url(&format!("/{TENANT_ID}/v2.0")));
    assert_eq!(id["preferred_username"], USER);
    let info = URL_SAFE_NO_PAD
        .decode(answer.text("client_info"))
        .expect("base64url");
    let info: Value = serde_json::from_slice(&info).expect("JSON");
    assert_eq!(
        (&info["uid"], &info["utid"]),
        (&id["oid"], &json!(TENANT_ID))
    );

    let tenant = visitor.sandbox.tenant();
    let token = answer.text("access_token");
    let principal = tenant
        .admit(token, MailProtocol::Imap)
        .expect("it opens IMAP");
    assert!(matches!(&principal, Principal::Person { upn, .. } if upn == USER));
    assert!(tenant.may_open(&principal, USER));
    assert!(
        tenant.may_open(&principal, "support@contoso.com"),
        "shared with Ada"
    );
    assert!(!tenant.may_open(&principal, "jun.tanaka@contoso.com"));
    assert!(
        tenant.admit(token, MailProtocol::Smtp).is_err(),
        "SMTP.Send was not asked for"
    );
    assert!(
        tenant
            .admit(answer.text("id_token"), MailProtocol::Imap)
            .is_err()
    );
}

#[tokio::test]
async fn what_a_challenge_wants_is_in_the_token_or_a_sign_in_is_asked_for() {
    let visitor = Visitor::new().await;
    let tenant = visitor.sandbox.tenant();
    let opens = |answer: &Answer| tenant.admit(answer.text("access_token"), MailProtocol::Imap);
    let before = signed_in(&visitor).await;
    let plain = claims(before.text("access_token"));
    assert!(
        plain["acrs"].is_null() && plain["xms_cc"].is_null(),
        "{plain}"
    );

    // What the client can do and how young the token is, no person is needed for.
    let age = plain["iat"].as_i64().expect("a time") - 60;
    let young = format!(
        r#"{{"access_token":{{"nbf":{{"essential":true,"value":"{age}"}},"xms_cc":{{"values":["cp1"]}}}}}}"#
    );
    let refresh_token = before.text("refresh_token");
    let answer = refresh(&visitor, refresh_token, &[("claims", &young)]).await;
    let token = claims(answer.text("access_token"));
    assert_eq!(token["xms_cc"], json!(["cp1"]));
    assert!(token["nbf"].as_i64() >= Some(age), "{token}");

    let context = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let refused = refresh(&visitor, refresh_token, &[("claims", context)]).await;
    assert_eq!(refused.text("error"), "interaction_required");
    let wanted: Value = serde_json::from_str(refused.text("claims")).expect("JSON");
    assert_eq!(wanted["access_token"]["acrs"]["value"], "c1");
    let damaged = refresh(&visitor, refresh_token, &[("claims", "c1")]).await;
    assert_eq!(damaged.code(), 9_002_313);

    let order = FaultOrder::everywhere(FaultKind::RequireClaims);
    visitor.sandbox.faults().order(order);
    assert_eq!(opens(&before), Err(TokenRefused::Claims));
    let refused = refresh(&visitor, refresh_token, &[]).await;
    assert_eq!(refused.code(), 50076, "{:?}", refused.body);
    let back = sign_in(&visitor, &[("claims", refused.text("claims"))]).await;
    let code = back.parameter("code").expect("a code");
    let answer = redeem(&visitor, &code, &[("claims", context)]).await;
    assert_eq!(claims(answer.text("access_token"))["acrs"], json!(["c1"]));
    opens(&answer).expect("it carries what is wanted");
    let next = refresh(&visitor, answer.text("refresh_token"), &[]).await;
    opens(&next).expect("the sign-in brought it for good");
}

#[tokio::test]
async fn consent_is_asked_once() {
    let visitor = Visitor::new().await;
    signed_in(&visitor).await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = Page::open(&visitor.http, &authorize(&visitor, &[])).await;
    assert!(
        page.submit(&visitor.http, &filled)
            .await
            .parameter("code")
            .is_some()
    );
    let page = Page::open(
        &visitor.http,
        &authorize(&visitor, &[("prompt", "consent")]),
    )
    .await;
    let page = page.submit(&visitor.http, &filled).await;
    assert!(page.html().contains("Permissions requested"));
}

#[tokio::test]
async fn a_wrong_password_can_be_corrected_on_the_page() {
    let visitor = Visitor::new().await;
    let hint = "<b>\"x\"@contoso.com";
    let page = Page::open(&visitor.http, &authorize(&visitor, &[("login_hint", hint)])).await;
    assert!(!page.html().contains("<b>"), "the hint is escaped");
    assert!(
        page.fields()
            .contains(&("username".to_owned(), hint.to_owned()))
    );
    let page = page
        .submit(&visitor.http, &[("username", USER), ("password", "wrong")])
        .await;
    assert!(page.html().contains("AADSTS50126"));
    let nobody = [("username", "nobody@contoso.com"), ("password", "wrong")];
    let page = page.submit(&visitor.http, &nobody).await;
    assert!(page.html().contains("AADSTS50034"));
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    assert!(page.html().contains("Permissions requested"));
}

#[tokio::test]
async fn whoever_says_no_goes_back_with_the_reason() {
    let visitor = Visitor::new().await;
    let page = Page::open(&visitor.http, &authorize(&visitor, &[])).await;
    let cancelled = page.submit(&visitor.http, &[("answer", "cancel")]).await;
    assert_eq!(
        cancelled.parameter("error").as_deref(),
        Some("access_denied")
    );
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    let declined = page.submit(&visitor.http, &[("answer", "cancel")]).await;
    let description = declined
        .parameter("error_description")
        .expect("a description");
    assert!(description.starts_with("AADSTS65004: "), "{description}");
    assert_eq!(declined.parameter("state").as_deref(), Some("a&b\"c"));
}

#[tokio::test]
async fn nothing_goes_to_an_address_that_is_not_the_apps() {
    let visitor = Visitor::new().await;
    for (more, code) in [
        (("redirect_uri", "https://evil.example/"), "AADSTS50011"),
        (
            ("client_id", "00000000-0000-4000-8000-000000000000"),
            "AADSTS700016",
        ),
        (("redirect_uri", ""), "AADSTS900144"),
    ] {
        let page = Page::open(&visitor.http, &authorize(&visitor, &[more])).await;
        assert_eq!(page.status(), 400);
        assert!(page.html().contains(code), "{}", page.html());
    }
}

#[tokio::test]
async fn wishes_that_cannot_be_met_go_back_to_the_app() {
    let visitor = Visitor::new().await;
    for (more, error) in [
        (("response_type", "id_token"), "unsupported_response_type"),
        (
            ("scope", "https://api.example/.default"),
            "invalid_resource",
        ),
        (
            ("scope", "https://outlook.office.com/Nothing"),
            "invalid_scope",
        ),
        (("prompt", "none"), "login_required"),
        (("code_challenge", "short"), "invalid_request"),
    ] {
        let page = Page::open(&visitor.http, &authorize(&visitor, &[more])).await;
        assert_eq!(page.parameter("error").as_deref(), Some(error), "{more:?}");
        assert_eq!(page.parameter("state").as_deref(), Some("a&b\"c"));
    }
}

#[tokio::test]
async fn an_answer_can_be_posted_back() {
    let visitor = Visitor::new().await;
    let page = sign_in(&visitor, &[("response_mode", "form_post")]).await;
    assert_eq!(page.action(), BACK);
    let fields = page.fields();
    let code = fields
        .iter()
        .find(|(name, _)| name == "code")
        .expect("a code");
    assert!(fields.contains(&("state".to_owned(), "a&b\"c".to_owned())));
    assert_eq!(redeem(&visitor, &code.1, &[]).await.status, 200);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_verifier() {
    let visitor = Visitor::new().await;
    let code = sign_in(&visitor, &[])
        .await
        .parameter("code")
        .expect("a code");
    assert_eq!(redeem(&visitor, &code, &[]).await.status, 200);
    assert_eq!(redeem(&visitor, &code, &[]).await.code(), 54005);
    assert_eq!(redeem(&visitor, "1.invented", &[]).await.code(), 70000);
    let other = "another-verifier-of-more-than-forty-three-octets";
    for (more, code) in [
        (("code_verifier", other), 501_481),
        (("code_verifier", "short"), 501_491),
        (("code_verifier", ""), 501_481),
        (("redirect_uri", "http://localhost:1/"), 500_112),
        (
            ("scope", "https://outlook.office.com/SMTP.Send Mail.Read"),
            28000,
        ),
        (("scope", "https://outlook.office.com/SMTP.Send"), 65001),
    ] {
        let fresh = sign_in(&visitor, &[])
            .await
            .parameter("code")
            .expect("a code");
        let answer = redeem(&visitor, &fresh, &[more]).await;
        assert_eq!(answer.code(), code, "{more:?}");
    }
}

#[tokio::test]
async fn a_challenge_cannot_be_taken_away() {
    let visitor = Visitor::new().await;
    let back = sign_in(&visitor, &[("code_challenge", "")]).await;
    let code = back.parameter("code").expect("a code");
    assert_eq!(redeem(&visitor, &code, &[]).await.code(), 501_481);
}

#[tokio::test]
async fn a_refresh_token_rotates_and_the_old_one_works_on() {
    let visitor = Visitor::new().await;
    let first = signed_in(&visitor).await;
    let old = first.text("refresh_token");
    let second = refresh(&visitor, old, &[("scope", SCOPE)]).await;
    assert_eq!(second.status, 200, "{:?}", second.body);
    assert_ne!(second.text("refresh_token"), old);
    let unscoped = refresh(&visitor, old, &[]).await;
    assert_eq!(
        unscoped.text("scope"),
        IMAP,
        "the original scopes are meant"
    );
    let more = refresh(&visitor, old, &[("scope", "Mail.Read")]).await;
    assert_eq!(more.code(), 65001);
    assert_eq!(more.text("suberror"), "consent_required");
    let invented = refresh(&visitor, "1.invented", &[]).await;
    assert_eq!(
        (invented.code(), invented.text("suberror")),
        (70000, "bad_token")
    );
    visitor.sandbox.tenant().revoke_refresh_token(old);
    assert_eq!(refresh(&visitor, old, &[]).await.code(), 50173);
    assert_eq!(
        refresh(&visitor, second.text("refresh_token"), &[])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn used_refresh_tokens_can_be_revoked() {
    let visitor = Visitor::new().await;
    let first = signed_in(&visitor).await;
    let first = first.text("refresh_token");
    // An answer may be lost on its way.
    let lost = refresh(&visitor, first, &[]).await;
    let second = refresh(&visitor, first, &[]).await;
    let faults = visitor.sandbox.faults();
    faults.order(FaultOrder::everywhere(FaultKind::RevokeUsed));
    let again = refresh(&visitor, first, &[]).await;
    assert_eq!((again.code(), again.text("suberror")), (50173, "bad_token"));
    let second = second.text("refresh_token");
    for unused in [lost.text("refresh_token"), second] {
        let answer = refresh(&visitor, unused, &[]).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let again = refresh(&visitor, second, &[]).await;
    assert_eq!(again.status, 200, "it was used after the order");
}

#[tokio::test]
async fn consent_and_sessions_can_be_revoked() {
    let visitor = Visitor::new().await;
    let token = signed_in(&visitor).await.text("refresh_token").to_owned();
    let faults = visitor.sandbox.faults();
    faults.order(FaultOrder::everywhere(FaultKind::RevokeConsent));
    assert_eq!(refresh(&visitor, &token, &[]).await.code(), 65001);
    let anew = signed_in(&visitor).await.text("refresh_token").to_owned();
    assert_eq!(
        refresh(&visitor, &anew, &[]).await.status,
        200,
        "consented anew"
    );
    faults.order(FaultOrder::everywhere(FaultKind::RevokeSessions));
    let revoked = refresh(&visitor, &anew, &[]).await;
    assert_eq!(
        (revoked.code(), revoked.text("error")),
        (50173, "invalid_grant")
    );
    let again = signed_in(&visitor).await;
    assert_eq!(
        refresh(&visitor, again.text("refresh_token"), &[])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn version_1_signs_people_in_for_a_resource() {
    let visitor = Visitor::new().await;
    let url = authorize(
        &visitor,
        &[("scope", ""), ("resource", "https://outlook.office365.com")],
    )
    .replace("/oauth2/v2.0/", "/oauth2/");
    let page = Page::open(&visitor.http, &url).await;
    let password = visitor.sandbox.password();
    let filled = [("username", USER), ("password", password.expose_secret())];
    let page = page.submit(&visitor.http, &filled).await;
    let back = page.submit(&visitor.http, &[("answer", "accept")]).await;
    let code = back.parameter("code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", BACK),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let answer = visitor
        .ask_at(&visitor.url("/common/oauth2/token"), &form)
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.text("expires_in"), "3599");
    assert!(answer.text("scope").contains("IMAP.AccessAsUser.All"));
    assert!(answer.body["refresh_token"].is_string());
}

#[tokio::test]
async fn nothing_secret_shows_when_a_sandbox_is_printed() {
    let visitor = Visitor::new().await;
    let answer = signed_in(&visitor).await;
    let printed = format!("{:?} {:?}", visitor.sandbox, visitor.sandbox.env());
    let (password, secret) = (visitor.sandbox.password(), visitor.sandbox.client_secret());
    for hidden in [
        password.expose_secret(),
        secret.expose_secret(),
        answer.text("refresh_token"),
        "PRIVATE KEY",
    ] {
        assert!(!printed.contains(hidden), "a secret shows");
    }
}
