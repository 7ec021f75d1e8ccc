//! An app proves who it is with a certificate that the test made itself.

use aws_lc_rs::{digest, rand, rsa, signature};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use gatepost_host::Clock;
use gatepost_sandbox::tenant::{AppCertificate, CLIENT_ID, TENANT_ID};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use crate::visitor::{Answer, EXCHANGE, Visitor, claims};

/// A key with its certificate.
struct Proof {
    key: rsa::KeyPair,
    certificate: Vec<u8>,
}

impl Proof {
    fn new() -> Self {
        Self::with(&CertificateParams::new(["app.example".to_owned()]).expect("a name"))
    }

    fn with(params: &CertificateParams) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let certificate = params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec();
        let key = rsa::KeyPair::from_pkcs8(key.serialized_der()).expect("the same key");
        Self { key, certificate }
    }

    fn sha256(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.certificate)
            .as_ref()
            .to_vec()
    }

    fn sha1(&self) -> Vec<u8> {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.certificate);
        digest.as_ref().to_vec()
    }

    fn header(&self) -> Value {
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(self.sha256())})
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let algorithm: &'static dyn signature::RsaEncoding = match header["alg"].as_str() {
            Some("RS256") => &signature::RSA_PKCS1_SHA256,
            _ => &signature::RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = rand::SystemRandom::new();
        self.key
            .sign(algorithm, &random, message.as_bytes(), &mut signature)
            .expect("an RSA key signs");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn visitor_with(proof: &Proof) -> Visitor {
    let visitor = Visitor::new().await;
    let certificate = AppCertificate::from_der(&proof.certificate).expect("a certificate");
    let mut directory = visitor.sandbox.tenant().directory();
    directory
        .app_mut(CLIENT_ID)
        .expect("the app")
        .certificates
        .push(certificate);
    drop(directory);
    visitor
}

fn good_claims(visitor: &Visitor) -> Value {
    let now = Clock::system().now().as_second();
    json!({
        "aud": visitor.token_url(),
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "jti": "5f0b8f3e-7a0f-4b8e-9b8e-0f3b5f0b8f3e",
        "nbf": now,
        "exp": now + 600,
    })
}

async fn ask(visitor: &Visitor, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", EXCHANGE),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ];
    visitor.ask(&form).await
}

#[tokio::test]
async fn every_form_that_the_libraries_write_is_accepted() {
    let proof = Proof::new();
    let visitor = visitor_with(&proof).await;
    let old = |text: String| json!({"alg": "RS256", "typ": "JWT", "x5t": text});
    let new = |text: String| json!({"alg": "PS256", "typ": "JWT", "x5t#S256": text});
    for header in [
        proof.header(),
        new(URL_SAFE.encode(proof.sha256())),
        new(STANDARD.encode(proof.sha256())),
        old(URL_SAFE_NO_PAD.encode(proof.sha1())),
        old(STANDARD.encode(proof.sha1())),
        json!({"alg": "RS256", "x5t": URL_SAFE.encode(proof.sha1()), "x5c": "MII"}),
        json!({"alg": "PS256", "x5t#S256": STANDARD.encode(proof.sha256()), "x5c": ["MII\r\n"]}),
    ] {
        let answer = ask(&visitor, &proof.sign(&header, &good_claims(&visitor))).await;
        assert_eq!(answer.status, 200, "{header}: {:?}", answer.body);
        assert_eq!(claims(answer.text("access_token"))["appidacr"], "2");
    }
    let now = Clock::system().now().as_second();
    for (name, value) in [
        ("exp", json!((now + 600).to_string())),
        (
            "exp",
            json!(f64::from(u32::try_from(now).expect("before 2106")) + 600.5),
        ),
        ("nbf", json!(now.to_string())),
        ("nbf", json!(now + 2)),
        ("nbf", Value::Null),
        ("jti", Value::Null),
        ("aud", json!(visitor.url("/common/oauth2/v2.0/token"))),
        (
            "aud",
            json!(visitor.url("/contoso.onmicrosoft.com/oauth2/v2.0/token")),
        ),
        ("aud", json!(visitor.url(&format!("/{TENANT_ID}/v2.0")))),
        ("aud", json!([visitor.token_url()])),
    ] {
        let mut claims = good_claims(&visitor);
        claims[name] = value;
        let answer = ask(&visitor, &proof.sign(&proof.header(), &claims)).await;
        assert_eq!(answer.status, 200, "{claims}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_said() {
    let proof = Proof::new();
    let visitor = visitor_with(&proof).await;
    let now = Clock::system().now().as_second();
    for (name, value, code) in [
        ("exp", json!(now - 301), 700_024),
        ("nbf", json!(now + 400), 700_024),
        (
            "aud",
            json!("https://login.microsoftonline.com/common/oauth2/v2.0/token"),
            700_023,
        ),
        (
            "aud",
            json!(visitor.url("/fabrikam.com/oauth2/v2.0/token")),
            700_023,
        ),
        ("iss", json!("somebody"), 50048),
    ] {
        let mut claims = good_claims(&visitor);
        claims[name] = value;
        let answer = ask(&visitor, &proof.sign(&proof.header(), &claims)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, code),
            "{claims}"
        );
    }
    let mut of_other_app = good_claims(&visitor);
    of_other_app["iss"] = json!("00000000-0000-4000-8000-000000000000");
    of_other_app["sub"] = of_other_app["iss"].clone();
    let answer = ask(&visitor, &proof.sign(&proof.header(), &of_other_app)).await;
    assert_eq!(answer.code(), 700_021);
}

#[tokio::test]
async fn only_the_uploaded_key_signs() {
    let (proof, stranger) = (Proof::new(), Proof::new());
    let visitor = visitor_with(&proof).await;
    let claims = good_claims(&visitor);
    let unknown = ask(&visitor, &stranger.sign(&stranger.header(), &claims)).await;
    assert!(
        unknown
            .text("error_description")
            .contains("The key was not found.")
    );
    let forged = ask(&visitor, &stranger.sign(&proof.header(), &claims)).await;
    assert_eq!(forged.code(), 700_027);
    assert!(
        forged.text("error_description").contains("signature value"),
        "{:?}",
        forged.body
    );

    let good = proof.sign(&proof.header(), &claims);
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let mut changed = claims.clone();
    changed["exp"] = json!(4_000_000_000_u32);
    let header = message.split('.').next().expect("a header");
    let changed = URL_SAFE_NO_PAD.encode(changed.to_string());
    let tampered = ask(&visitor, &format!("{header}.{changed}.{signature}")).await;
    assert_eq!(tampered.code(), 700_027);

    let unsigned = json!({"alg": "none", "x5t#S256": URL_SAFE_NO_PAD.encode(proof.sha256())});
    assert_eq!(
        ask(&visitor, &proof.sign(&unsigned, &claims)).await.code(),
        5_002_738
    );
    let nameless = json!({"alg": "PS256"});
    assert_eq!(
        ask(&visitor, &proof.sign(&nameless, &claims)).await.code(),
        700_027
    );
    assert_eq!(ask(&visitor, "not.a.jwt").await.status, 400);
}

#[tokio::test]
async fn a_certificate_ends() {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let proof = Proof::with(&params);
    let visitor = visitor_with(&proof).await;
    let answer = ask(
        &visitor,
        &proof.sign(&proof.header(), &good_claims(&visitor)),
    )
    .await;
    assert_eq!(answer.code(), 700_027);
    assert!(
        answer.text("error_description").contains("expired"),
        "{:?}",
        answer.body
    );
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_a_quarter_of_an_hour_is_too_wrong() {
    let proof = Proof::new();
    let visitor = visitor_with(&proof).await;
    let faults = visitor.sandbox.faults();
    faults.order("skewed-clock".parse().expect("a well-formed order"));
    let mut claims = good_claims(&visitor);
    claims["exp"] = json!(claims["nbf"].as_i64().expect("a number") + 300);
    let answer = ask(&visitor, &proof.sign(&proof.header(), &claims)).await;
    assert_eq!(answer.code(), 700_024);
    assert!(answer.text("error_description").contains("Current time: "));
}
