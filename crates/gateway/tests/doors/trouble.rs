//! Mailbox servers in trouble: the client hears of it in words, and in time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_gateway::Protocol;
use gatepost_gateway::door::Tls;
use gatepost_host::Tasks;
use gatepost_mail::imap::TimeLimits;
use gatepost_sandbox::tenant::USER;
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::stand::{Client, PASSWORD, Stand, door};

#[tokio::test]
async fn a_refused_token_is_exchanged_once_and_the_client_hears_nothing_of_it() {
    let stand = Stand::new().await;
    stand.tokens.stale.store(1, Ordering::Relaxed);
    let address = stand.open(door(Protocol::Imap, Tls::Off));
    let mut client = stand.knock(address).await;
    client.line().await;
    let said = client.say(&format!("a LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(said.starts_with("a OK"), "{said}");
    assert_eq!(stand.tokens.refused.load(Ordering::Relaxed), 1);
    // Twice is told.
    stand.tokens.stale.store(10, Ordering::Relaxed);
    let mut client = stand.knock(address).await;
    client.line().await;
    let said = client.say(&format!("a LOGIN {USER} \"{PASSWORD}\"")).await;
    assert!(
        said.starts_with("a NO [CONTACTADMIN] localhost refused the token for"),
        "{said}"
    );
    stand.end().await;
}

/// A port whose server says these lines over TLS, each behind a line of the client's, and then
/// nothing any more.
async fn server(lines: &'static [&'static str]) -> (u16, Arc<ClientConfig>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (chain, key) = (
        vec![certificate.der().clone()],
        PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
    );
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .expect("the provider knows TLS");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a certificate");
    let trusting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it listens").port();
    Tasks::new().start("fake server", async move {
        let (stream, _) = listener.accept().await.expect("somebody connects");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let Ok(stream) = acceptor.accept(stream).await else {
            return;
        };
        let mut client = Client::new(stream);
        for line in lines {
            client.send(format!("{line}\r\n")).await;
            client.line().await;
        }
        std::future::pending::<()>().await;
    });
    (port, Arc::new(trusting))
}

#[tokio::test]
async fn a_server_that_falls_silent_is_told_of_within_its_time_limit() {
    let limits = TimeLimits {
        tls: Duration::from_secs(1),
        reply: Duration::from_secs(1),
        login: Duration::from_secs(2),
        ..TimeLimits::default()
    };
    // It takes a connection and says nothing at all.
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = mute.local_addr().expect("it listens").port();
    let nothing = (port, server(&[]).await.1);
    for place in [
        nothing,
        server(&[]).await,
        server(&["* OK ready"]).await,
        server(&["* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready"]).await,
    ] {
        let stand = Stand::in_front_of(place, limits).await;
        let address = stand.open(door(Protocol::Imap, Tls::Off));
        let mut client = stand.knock(address).await;
        client.line().await;
        let login = format!("a LOGIN {USER} \"{PASSWORD}\"");
        let saying = tokio::time::timeout(Duration::from_secs(20), client.say(&login));
        let said = saying.await.expect("it is told in time");
        assert!(said.starts_with("a NO [UNAVAILABLE] localhost "), "{said}");
        assert!(said.ends_with(" (mail_server_silent)\r\n"), "{said}");
        // The session is as it was.
        let said = client.say("b NOOP").await;
        assert_eq!(said, "b OK NOOP completed\r\n");
        stand.end().await;
    }
}
