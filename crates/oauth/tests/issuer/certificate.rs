//! An app proves itself with a certificate. The assertion is judged here as an issuer judges it,
//! from the certificate alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_fault::Fault as _;
use gatepost_host::Tasks;
use gatepost_oauth::{
    Audience, Certificate, CertificateFiles, Grant, Proof, Signing, TokenSource as _,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use x509_parser::pem::Pem;

use crate::issuer::{Issuer, Posted, keeper, registration, token};

const CERTIFICATE: &[u8] = include_bytes!("../keys/app.crt");
const KEY: &[u8] = include_bytes!("../keys/pkcs8.key");

fn certificate(signing: Signing) -> Certificate {
    let mut certificate = Certificate::read(&CertificateFiles {
        name: "app.crt",
        certificate: CERTIFICATE,
        key: Some(KEY),
        password: None,
    })
    .expect("the test's certificate is fine");
    certificate.signing = signing;
    certificate
}

async fn posted_with(signing: Signing) -> (Posted, String) {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([token("one")]);
    let login = issuer.listen(&tasks).await;
    let registration = registration(&login, Proof::Certificate(Box::new(certificate(signing))));
    let endpoint = registration.token_endpoint().to_string();
    let grant = Grant::named("client_credentials").expect("it is in the list");
    let keeper = keeper(registration, grant, &tasks);
    keeper.token(Audience::Exchange).await.expect("a token");
    tasks.end().await;
    (issuer.posted().remove(0), endpoint)
}

/// The claims, if the signature is the certificate's and audience and times are right now.
fn judged(posted: &Posted, algorithm: Algorithm, endpoint: &str) -> Value {
    let pem = Pem::iter_from_buffer(CERTIFICATE)
        .next()
        .expect("there is one")
        .expect("it is PEM");
    let x509 = pem.parse_x509().expect("it is a certificate");
    let key = DecodingKey::from_rsa_der(&x509.public_key().subject_public_key.data);
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[endpoint]);
    validation.set_issuer(&["client-1"]);
    validation.validate_nbf = true;
    jsonwebtoken::decode::<Value>(&posted.fields["client_assertion"], &key, &validation)
        .expect("an issuer accepts it")
        .claims
}

fn digest(algorithm: &'static aws_lc_rs::digest::Algorithm) -> String {
    let pem = Pem::iter_from_buffer(CERTIFICATE)
        .next()
        .expect("there is one")
        .expect("it is PEM");
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(algorithm, &pem.contents))
}

#[tokio::test]
async fn an_issuer_accepts_the_assertion_of_today() {
    let (posted, endpoint) = posted_with(Signing::Ps256).await;
    assert_eq!(
        posted.fields["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    assert!(!posted.fields.contains_key("client_secret"));
    let claims = judged(&posted, Algorithm::PS256, &endpoint);
    assert_eq!(claims["sub"], "client-1");
    let header = jsonwebtoken::decode_header(&posted.fields["client_assertion"]).expect("a JWT");
    assert_eq!(header.x5t_s256, Some(digest(&aws_lc_rs::digest::SHA256)));
}

#[tokio::test]
async fn an_issuer_accepts_the_assertion_of_old() {
    let (posted, endpoint) = posted_with(Signing::Rs256).await;
    judged(&posted, Algorithm::RS256, &endpoint);
    let header = jsonwebtoken::decode_header(&posted.fields["client_assertion"]).expect("a JWT");
    let sha1 = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    assert_eq!(header.x5t, Some(digest(sha1)));
}

#[tokio::test]
async fn an_expired_certificate_is_said_after_a_look_at_the_servers_clock_alone() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([(200, Vec::new(), "{}".to_owned())]);
    let login = issuer.listen(&tasks).await;
    let mut expired = certificate(Signing::Ps256);
    expired.not_after = jiff::Timestamp::UNIX_EPOCH;
    let registration = registration(&login, Proof::Certificate(Box::new(expired)));
    let grant = Grant::named("client_credentials").expect("it is in the list");
    let error = keeper(registration, grant, &tasks)
        .token(Audience::Exchange)
        .await
        .expect_err("it has expired");
    assert_eq!(error.code(), "certificate_expired");
    assert!(error.to_string().contains("app.crt"), "{error}");
    let asked = issuer.posted();
    let [look] = asked.as_slice() else {
        panic!("the clock is looked at once: {asked:?}");
    };
    assert!(look.path.ends_with("/openid-configuration"), "{look:?}");
    assert!(look.fields.is_empty(), "{look:?}");
    tasks.end().await;
}
