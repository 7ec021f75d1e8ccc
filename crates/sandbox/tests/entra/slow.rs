//! Clients that take their time: connections are few.

use std::time::Duration;

use gatepost_host::{Clock, Trust};
use gatepost_sandbox::tenant::TENANT_ID;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::visitor::Visitor;

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let visitor = Visitor::new().await;
    let mut stream = connect(&visitor).await;
    assert_eq!(answer_in_time(&mut stream).await, "");
}

#[tokio::test]
async fn a_form_that_does_not_come_is_given_up() {
    let visitor = Visitor::new().await;
    for place in ["login", "consent", "oauth2/v2.0/token"] {
        let mut stream = connect(&visitor).await;
        let request = format!(
            "POST /{TENANT_ID}/{place} HTTP/1.1\r\nHost: localhost\r\n\
             Content-Length: 100\r\n\r\nflow="
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it listens");
        let answer = answer_in_time(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{place}: {answer}");
        assert!(answer.contains("AADSTS9002313"), "{place}: {answer}");
    }
}

async fn connect(visitor: &Visitor) -> TlsStream<TcpStream> {
    let trust = Trust::with_authority(&visitor.sandbox.ca_file()).expect("the authority");
    let connector = TlsConnector::from(trust.client_config().expect("usable roots"));
    let address = visitor.sandbox.addresses().https;
    let stream = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, stream).await.expect("TLS starts")
}

/// What is said until the connection is quiet or closed, once two minutes have passed.
async fn answer_in_time(stream: &mut TlsStream<TcpStream>) -> String {
    let clock = Clock::system();
    let mut octets = vec![0; 16 * 1024];
    for _ in 0..4 {
        // In real time, for what is on its way.
        let read = clock.within(Duration::from_secs(1), stream.read(&mut octets));
        if let Ok(read) = read.await {
            let length = read.unwrap_or_default();
            return String::from_utf8_lossy(&octets[..length]).into_owned();
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(31)).await;
        tokio::time::resume();
    }
    panic!("the sandbox waits for ever");
}
