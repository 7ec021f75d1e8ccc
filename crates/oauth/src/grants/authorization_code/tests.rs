use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::Chance;
use zeroize::Zeroizing;

use super::*;
use crate::flow::Granted;
use crate::{Cloud, Proof, Registration, Tenant};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a literal timestamp")
}

fn opening(endpoints: EndpointVersion) -> Opening {
    let tenant = Tenant::parse("contoso.example").expect("a domain");
    let mut registration = Registration::new(
        "contoso",
        (Cloud::global(), tenant),
        "client-1",
        Proof::None,
    );
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
        also: Vec::new(),
        means: Means::Browser {
            redirect: "http://localhost:4711".to_owned(),
        },
    }
}

/// A sign-in that waits for the browser, with what the browser was sent away with.
struct Waiting {
    flow: Box<dyn Flow>,
    sent: BTreeMap<String, String>,
}

impl Waiting {
    fn at(endpoints: EndpointVersion) -> Self {
        Self::from(opening(endpoints))
    }

    fn from(opening: Opening) -> Self {
        let mut flow = (GRANT.begin)(opening);
        let step = flow.resume(now(), Event::Start).expect("it begins");
        let Step::Show(Prompt::Open(url)) = step else {
            panic!("it opens a browser: {step:?}");
        };
        Self {
            sent: url.query_pairs().into_owned().collect(),
            flow,
        }
    }

    fn comes_back(&mut self, query: &str) -> Result<Step, TokenError> {
        let query = query.replace("STATE", &self.sent["state"]);
        let url = Url::parse(&format!("http://localhost:4711/?{query}")).expect("a URL");
        self.flow.resume(now(), Event::Redirected(&url))
    }

    fn answered(&mut self, id_claims: &str) -> Result<Granted, TokenError> {
        let id_token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(id_claims));
        self.answered_with(&format!(r#","refresh_token":"r1","id_token":"{id_token}""#))
    }

    fn answered_with(&mut self, fields: &str) -> Result<Granted, TokenError> {
        let body =
            format!(r#"{{"token_type":"Bearer","access_token":"a1","expires_in":3599{fields}}}"#);
        let reply = Reply {
            status: 200,
            body: Zeroizing::new(body.into_bytes()),
            ..Reply::default()
        };
        match self.flow.resume(now(), Event::Reply(&reply))? {
            Step::Done(granted) => Ok(*granted),
            other => panic!("it ends here: {other:?}"),
        }
    }

    fn claims(&self) -> serde_json::Value {
        serde_json::json!({
            "aud": "client-1",
            "exp": now().as_second() + 3600,
            "nonce": self.sent["nonce"],
            "preferred_username": "ada@contoso.example",
            "tid": "t-1",
        })
    }
}

#[test]
fn the_code_is_redeemed_with_its_verifier() {
    let mut sign_in = Waiting::at(EndpointVersion::V2);
    assert_eq!(sign_in.sent["code_challenge_method"], "S256");
    assert_eq!(sign_in.sent["login_hint"], "ada@contoso.example");
    assert_eq!(
        sign_in.sent["scope"],
        "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid profile"
    );
    let step = sign_in
        .comes_back("code=c0de&state=STATE&session_state=x")
        .expect("it is ours");
    let Step::Post(form) = step else {
        panic!("the code is redeemed: {step:?}");
    };
    assert!(!format!("{form:?}").contains("c0de"));
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(form.expose().as_bytes())
        .into_owned()
        .collect();
    assert_eq!(fields["grant_type"], "authorization_code");
    assert_eq!(fields["code"], "c0de");
    assert_eq!(fields["redirect_uri"], sign_in.sent["redirect_uri"]);
    let challenge = digest(&SHA256, fields["code_verifier"].as_bytes());
    assert_eq!(
        sign_in.sent["code_challenge"],
        URL_SAFE_NO_PAD.encode(challenge.as_ref())
    );
    let claims = sign_in.claims().to_string();
    let granted = sign_in.answered(&claims).expect("all is well");
    let person = granted.person.expect("the id token says who");
    assert_eq!(person.name, "ada@contoso.example");
    assert_eq!(person.tenant.as_deref(), Some("t-1"));
}

#[test]
fn a_sign_in_may_consent_for_both_audiences_but_asks_one_token() {
    let mut opening = opening(EndpointVersion::V2);
    opening.also = vec![Audience::Graph, Audience::Exchange];
    let mut sign_in = Waiting::from(opening);
    let scope = sign_in.sent["scope"].clone();
    assert!(scope.contains("https://graph.microsoft.com/Mail.Send"));
    assert_eq!(scope.matches("IMAP.AccessAsUser.All").count(), 1);
    assert_eq!(scope.matches("offline_access").count(), 1);
    let Ok(Step::Post(form)) = sign_in.comes_back("code=c&state=STATE") else {
        panic!("the code is redeemed");
    };
    assert!(!form.expose().contains("graph"));
}

#[test]
fn v1_endpoints_are_asked_for_a_resource() {
    let mut sign_in = Waiting::at(EndpointVersion::V1);
    assert_eq!(sign_in.sent["resource"], "https://outlook.office365.com");
    assert_eq!(sign_in.sent["scope"], "openid");
    let Ok(Step::Post(form)) = sign_in.comes_back("code=c&state=STATE") else {
        panic!("the code is redeemed");
    };
    assert!(form.to.path().ends_with("/oauth2/token"));
    assert!(
        form.expose()
            .contains("resource=https%3A%2F%2Foutlook.office365.com")
    );
    assert!(!form.expose().contains("scope="));
}

#[test]
fn a_foreign_redirect_neither_ends_nor_fools_the_sign_in() {
    let mut sign_in = Waiting::at(EndpointVersion::V2);
    for query in [
        "code=evil&state=guess",
        "code=evil",
        "error=access_denied&state=guess",
        "error=access_denied",
        "code=evil&state=STATE&state=STATE",
        "code=evil&state=STATEx",
        "",
    ] {
        let error = sign_in.comes_back(query).expect_err(query);
        assert!(matches!(error, TokenError::StateMismatch { .. }), "{query}");
    }
    sign_in
        .comes_back("code=c0de&state=STATE")
        .expect("it still waits for its own");
}

#[test]
fn a_refusal_in_the_browser_is_classified_like_any_other() {
    let mut sign_in = Waiting::at(EndpointVersion::V2);
    let error = sign_in
        .comes_back("error=access_denied&error_description=AADSTS65004%3A+User+declined+to+consent+to+access+the+app.%0D%0ATrace+ID%3A+3d8e&state=STATE")
        .expect_err("it was declined");
    assert_eq!(error.code(), "consent_declined");
    for part in ["AADSTS65004", "ada@contoso.example", "trace id 3d8e"] {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    let error = sign_in.comes_back("state=STATE").expect_err("no code");
    assert_eq!(error.code(), "sign_in_unfinished");
}

#[test]
fn the_name_is_where_the_kind_of_account_has_it() {
    let named = |changes: &[(&str, &str)]| {
        let mut sign_in = Waiting::at(EndpointVersion::V1);
        sign_in
            .comes_back("code=c&state=STATE")
            .expect("it is ours");
        let mut claims = sign_in.claims();
        claims["preferred_username"] = serde_json::Value::Null;
        for (claim, value) in changes {
            claims[*claim] = (*value).into();
        }
        let granted = sign_in.answered(&claims.to_string()).expect("it is ours");
        granted.person.expect("there is an id token").name
    };
    let ada = "ada@contoso.example";
    assert_eq!(named(&[("upn", ada), ("unique_name", "other")]), ada);
    assert_eq!(named(&[("unique_name", ada)]), ada);
    assert_eq!(named(&[("preferred_username", " "), ("email", ada)]), ada);
    assert_eq!(named(&[("oid", "o-1")]), "");
}

#[test]
fn an_id_token_that_is_not_of_this_sign_in_is_refused() {
    let change = |field: &str, value: serde_json::Value| {
        let mut sign_in = Waiting::at(EndpointVersion::V2);
        sign_in
            .comes_back("code=c&state=STATE")
            .expect("it is ours");
        let mut claims = sign_in.claims();
        claims[field] = value;
        sign_in
            .answered(&claims.to_string())
            .expect_err(field)
            .to_string()
    };
    let past = now().as_second() - 3600;
    for (field, value, named) in [
        ("nonce", "another".into(), "nonce"),
        ("nonce", serde_json::Value::Null, "nonce"),
        ("aud", "client-2".into(), "aud"),
        ("aud", serde_json::json!(["client-1", "client-2"]), "aud"),
        ("exp", past.into(), "exp"),
        ("exp", "soon".into(), "damaged"),
    ] {
        let text = change(field, value);
        assert!(text.contains(named), "{named}: {text}");
    }
    let mut sign_in = Waiting::at(EndpointVersion::V2);
    let error = sign_in
        .answered_with(r#","refresh_token":"r1""#)
        .expect_err("without an id token the nonce is unchecked");
    assert_eq!(error.code(), "id_token_unusable");
    let mut sign_in = Waiting::at(EndpointVersion::V2);
    let id_token = URL_SAFE_NO_PAD.encode(sign_in.claims().to_string());
    let error = sign_in
        .answered_with(&format!(r#","id_token":"e30.{id_token}.c""#))
        .expect_err("without a refresh token it would last an hour");
    assert_eq!(error.code(), "sign_in_unfinished");
}

#[test]
fn nothing_secret_is_printed() {
    let sign_in = Waiting::at(EndpointVersion::V2);
    let printed = format!("{:?}", sign_in.flow);
    for field in ["state", "nonce"] {
        assert!(
            !printed.contains(&sign_in.sent[field]),
            "{field}: {printed}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn no_redirect_panics(query in ".{0,80}") {
        let mut sign_in = Waiting::at(EndpointVersion::V2);
        let mut url = Url::parse("http://localhost:4711/").expect("a URL");
        url.set_query(Some(&query));
        proptest::prop_assert!(sign_in.flow.resume(now(), Event::Redirected(&url)).is_err());
    }
}
