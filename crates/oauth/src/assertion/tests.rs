use aws_lc_rs::signature::KeyPair as _;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::*;
use crate::{CertificateFiles, Cloud, Proof, Tenant};

const PEM: &[u8] = include_bytes!("../../tests/keys/bag-attributes.pem");

fn certificate(signing: Signing) -> Certificate {
    let mut certificate = Certificate::read(&CertificateFiles {
        name: "test",
        certificate: PEM,
        key: None,
        password: None,
    })
    .expect("the test's certificate is fine");
    certificate.signing = signing;
    certificate
}

fn registration() -> Registration {
    let tenant = Tenant::parse("contoso.example").expect("a domain");
    Registration::new(
        "contoso",
        (Cloud::global(), tenant),
        "client-1",
        Proof::None,
    )
}

fn claims(certificate: &Certificate) -> Claims {
    let now = certificate.not_before + jiff::SignedDuration::from_hours(1);
    Claims::new(&registration(), &Chance::seeded(1), now)
}

/// Verifies as the issuer would: with the public key of the certificate.
fn verified(jwt: &str, algorithm: Algorithm, claims: &Claims) -> Value {
    let certificate = certificate(Signing::Ps256);
    let public = certificate.key().public_key();
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[&claims.aud]);
    validation.set_issuer(&["client-1"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_rsa_der(public.as_ref());
    jsonwebtoken::decode::<Value>(jwt, &key, &validation)
        .expect("the signature and the claims are right")
        .claims
}

#[test]
fn todays_form_is_ps256_with_the_sha256_thumbprint() {
    let certificate = certificate(Signing::default());
    let claims = claims(&certificate);
    let jwt = sign(&certificate, &claims).expect("it is valid");
    let said = verified(jwt.expose_secret(), Algorithm::PS256, &claims);
    assert_eq!(said["sub"], said["iss"]);
    assert_eq!(
        said["aud"],
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(
        said["exp"].as_i64(),
        said["nbf"].as_i64().map(|nbf| nbf + 600)
    );
    let header = jsonwebtoken::decode_header(jwt.expose_secret()).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(
        header.x5t_s256.as_deref(),
        Some(certificate.sha256_thumbprint())
    );
    assert_eq!(header.x5t, None);
}

#[test]
fn the_old_form_is_rs256_with_the_sha1_thumbprint() {
    let certificate = certificate(Signing::Rs256);
    let claims = claims(&certificate);
    let jwt = sign(&certificate, &claims).expect("it is valid");
    verified(jwt.expose_secret(), Algorithm::RS256, &claims);
    let header = jsonwebtoken::decode_header(jwt.expose_secret()).expect("a header");
    assert_eq!(header.x5t.as_deref(), Some(certificate.sha1_thumbprint()));
    assert_eq!(header.x5t_s256, None);
}

#[test]
fn no_two_assertions_are_alike() {
    let chance = Chance::system();
    let now = Timestamp::UNIX_EPOCH;
    let one = Claims::new(&registration(), &chance, now);
    assert_ne!(one.jti, Claims::new(&registration(), &chance, now).jti);
}

#[test]
fn an_expired_certificate_signs_nothing() {
    let certificate = certificate(Signing::default());
    let late = Claims::new(&registration(), &Chance::seeded(1), certificate.not_after);
    let error = sign(&certificate, &late).expect_err("it has expired");
    assert!(error.to_string().contains("expired"), "{error}");
}
