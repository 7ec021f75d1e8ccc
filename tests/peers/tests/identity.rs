//! The identity endpoint, judged over HTTPS.

use gatepost_peers::{App, IdentityEndpoint, Proof};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

#[tokio::test]
async fn a_secret_is_compared() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let right = ask(&identity, &app_only(IdentityEndpoint::CLIENT_SECRET)).await?;
    assert_eq!(right["token_type"], "Bearer");
    let wrong = ask(&identity, &app_only("guessed")).await?;
    assert_eq!(wrong["error_codes"], json!([7_000_215]));
    assert_eq!(identity.tokens_issued(), 1);
    Ok(())
}

#[tokio::test]
async fn a_refresh_token_works_once() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let first = identity.sign_in(IdentityEndpoint::CLIENT_ID, "ada@contoso.com");
    let answer = ask(&identity, &refresh(&first)).await?;
    let second = answer["refresh_token"].as_str().ok_or("no refresh token")?;
    assert_ne!(first, second);
    assert_eq!(
        ask(&identity, &refresh(&first)).await?["error"],
        "invalid_grant"
    );
    identity.revoke("ADA@contoso.com");
    assert_eq!(
        ask(&identity, &refresh(second)).await?["error"],
        "invalid_grant"
    );
    Ok(())
}

#[tokio::test]
async fn an_assertion_is_verified() -> Result<(), Failure> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = CertificateParams::new([])?.self_signed(&key)?;
    let app = App {
        client_id: "certified".to_owned(),
        proof: Proof::Certificate(certificate.pem()),
    };
    let identity = IdentityEndpoint::start_with(vec![app])?;

    let other = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    for (key, accepted) in [(&key, true), (&other, false)] {
        let assertion = assertion(&identity, key, certificate.der())?;
        let answer = ask(
            &identity,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "certified"),
                ("client_assertion", &assertion),
                ("scope", "https://outlook.office365.com/.default"),
            ],
        )
        .await?;
        assert_eq!(answer["access_token"].is_string(), accepted, "{answer}");
    }
    Ok(())
}

fn assertion(
    identity: &IdentityEndpoint,
    key: &KeyPair,
    certificate: &[u8],
) -> Result<String, Failure> {
    use base64::Engine as _;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest));
    let now = gatepost_host::Clock::system().now().as_second();
    let claims = json!({
        "aud": token_url(identity),
        "iss": "certified", "sub": "certified", "jti": "1",
        "nbf": now, "exp": now + 600,
    });
    let key = EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes())?;
    Ok(jsonwebtoken::encode(&header, &claims, &key)?)
}

fn app_only(secret: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("client_id", IdentityEndpoint::CLIENT_ID),
        ("client_secret", secret),
        ("scope", "https://outlook.office365.com/.default"),
    ]
}

fn refresh(token: &str) -> [(&'static str, &str); 4] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", IdentityEndpoint::CLIENT_ID),
        ("client_secret", IdentityEndpoint::CLIENT_SECRET),
        ("refresh_token", token),
    ]
}

fn token_url(identity: &IdentityEndpoint) -> String {
    format!(
        "{}/{}/oauth2/v2.0/token",
        identity.login_url(),
        IdentityEndpoint::TENANT
    )
}

async fn ask(identity: &IdentityEndpoint, form: &[(&str, &str)]) -> Result<Value, Failure> {
    let authority =
        reqwest::Certificate::from_pem(identity.authority().certificate_pem().as_bytes())?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the judge must not be Gatepost's own client"
    )]
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .build()?;
    Ok(client
        .post(token_url(identity))
        .form(form)
        .send()
        .await?
        .json()
        .await?)
}
