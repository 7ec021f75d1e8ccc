//! What can go wrong between here and the issuer.

use std::net::SocketAddr;
use std::sync::Arc;

use gatepost_fault::Fault as _;
use gatepost_host::{Chance, Clock, Tasks, Trust};
use gatepost_oauth::{
    Audience, Endpoint as _, Form, Grant, HttpEndpoint, Proof, TokenError, TokenSource as _,
};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::issuer::{Answer, Issuer, keeper, registration};

async fn failure(answer: Answer) -> TokenError {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([answer]);
    let login = issuer.listen(&tasks).await;
    let error = ask(&login, &tasks).await;
    tasks.end().await;
    error
}

async fn ask(login: &str, tasks: &Tasks) -> TokenError {
    let proof = Proof::Secret("canary-secret".into());
    let grant = Grant::named("client_credentials").expect("it is in the list");
    let keeper = keeper(registration(login, proof), grant, tasks);
    let error = keeper
        .token(Audience::Exchange)
        .await
        .expect_err("there is no token to be had");
    assert!(!error.to_string().contains("canary"), "{error}");
    error
}

/// An issuer that writes these octets to whoever connects and closes.
async fn raw(octets: &'static [u8], tasks: &Tasks) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stop = tasks.stop();
    tasks.start("raw issuer", async move {
        while let Some(Ok((mut stream, _))) = stop.or(listener.accept()).await {
            let _ = stream.write_all(octets).await;
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_echo_of_the_request_does_not_carry_the_secret() {
    let page = "<html>debugging proxy: client_secret was canary-secret".to_owned();
    let error = failure((403, Vec::new(), page)).await;
    assert_eq!(error.code(), "token_answer_unusable");
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let error = failure((200, Vec::new(), "x".repeat(1024 * 1024))).await;
    assert!(error.to_string().contains("longer than 64 KiB"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = vec![("location", "https://evil.example/".to_owned())];
    let error = failure((307, elsewhere, String::new())).await;
    assert_eq!(error.code(), "token_answer_unusable");
    assert!(error.to_string().contains("HTTP 307"), "{error}");
}

#[tokio::test]
async fn a_throttled_app_is_told_how_long_to_wait() {
    let wait = vec![("retry-after", "2.128".to_owned())];
    let error = failure((429, wait, String::new())).await;
    assert_eq!(error.code(), "token_throttled");
    assert!(error.to_string().contains("in 3 seconds"), "{error}");
}

#[tokio::test]
async fn garbage_and_a_closed_port_are_told_apart_from_refusals() {
    let tasks = Tasks::new();
    for octets in [
        &b"\x00\xff\x00garbage"[..],
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{",
    ] {
        let login = raw(octets, &tasks).await;
        assert_eq!(
            ask(&login, &tasks).await.code(),
            "sign_in_server_unreachable"
        );
    }
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let error = ask(&format!("http://{address}"), &tasks).await;
    assert_eq!(error.code(), "sign_in_server_unreachable");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    tasks.end().await;
}

/// In virtual time, so that the half minute takes none.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_is_given_up() {
    let tasks = Tasks::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let login = format!("http://{}", listener.local_addr().expect("it is bound"));
    let error = ask(&login, &tasks).await;
    assert_eq!(error.code(), "sign_in_server_silent", "{error}");
    tasks.end().await;
}

#[tokio::test]
async fn a_server_of_unknown_authority_gets_no_secret() {
    let tasks = Tasks::new();
    let address = tls_issuer(&tasks).await;
    let endpoint = HttpEndpoint::new(&Trust::system(), Clock::system(), Chance::system())
        .expect("this machine has certificates");
    let to = url::Url::parse(&format!("https://localhost:{}/", address.port())).expect("a URL");
    let error = endpoint
        .post(&Form::new(to))
        .await
        .expect_err("nobody vouches for it");
    assert_eq!(error.code(), "sign_in_server_untrusted", "{error}");
    assert!(error.to_string().contains("ca_file"), "{error}");
    tasks.end().await;
}

#[tokio::test]
async fn a_certificate_out_of_its_time_makes_the_clock_suspect() {
    let tasks = Tasks::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (years, code, said) in [
        ((2000, 2001), "sign_in_server_untrusted", "until 2001-01-01"),
        ((2900, 2901), "clock_skew", "is behind by"),
    ] {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut named = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        named.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        named.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let made = named.self_signed(&key).expect("a certificate");
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, made.pem()).expect("a writable folder");
        let trust = Trust::with_authority(&ca_file).expect("a certificate");
        let address = tls_server(&made, &key, &tasks).await;
        let endpoint = HttpEndpoint::new(&trust, Clock::system(), Chance::system());
        let endpoint = endpoint.expect("this machine has certificates");
        let to = format!("https://localhost:{}/", address.port());
        let form = Form::new(url::Url::parse(&to).expect("a URL"));
        let error = endpoint.post(&form).await.expect_err("out of its time");
        assert_eq!(error.code(), code, "{error}");
        for said in [said, "clock", "localhost"] {
            assert!(error.to_string().contains(said), "{error}");
        }
    }
    tasks.end().await;
}

/// A TLS server with a certificate of its own making.
async fn tls_issuer(tasks: &Tasks) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    tls_server(&made.cert, &made.signing_key, tasks).await
}

/// A TLS server with this certificate, that says nothing.
async fn tls_server(
    certificate: &rcgen::Certificate,
    key: &rcgen::KeyPair,
    tasks: &Tasks,
) -> SocketAddr {
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der())
        .expect("rcgen writes PKCS#8");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they belong together");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stop = tasks.stop();
    tasks.start("tls issuer", async move {
        while let Some(Ok((stream, _))) = stop.or(listener.accept()).await {
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}
