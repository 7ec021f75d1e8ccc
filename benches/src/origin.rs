//! A server of IMAP that costs next to nothing: it lets everybody in, and what it sends lies
//! ready.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use gatepost_peers::{IdentityEndpoint, large_message};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A running origin, which speaks TLS from the first octet.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Origin {
    /// Starts one whose mailbox holds `messages` times the same message of `octets`.
    pub fn start(
        identity: &IdentityEndpoint,
        (messages, octets): (u32, usize),
    ) -> anyhow::Result<Self> {
        let issued = identity.authority().issue(&["localhost", "127.0.0.1"])?;
        let chain = CertificateDer::pem_slice_iter(issued.certificate_pem.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let tls = TlsAcceptor::from(Arc::new(tls));
        let mailbox = Mailbox {
            messages,
            message: large_message(octets).into(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(bound).context("no port is free")?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, mailbox) = (tls.clone(), mailbox.clone());
                tokio::spawn(async move {
                    // Whoever leaves in the middle has seen enough.
                    let _ = serve(stream, &tls, &mailbox).await;
                });
            }
        });
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Clone)]
struct Mailbox {
    messages: u32,
    message: Arc<[u8]>,
}

type Line = BufReader<TlsStream<TcpStream>>;

async fn serve(stream: TcpStream, tls: &TlsAcceptor, mailbox: &Mailbox) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = tls.accept(stream).await?;
    let mut line = BufReader::with_capacity(1024, stream);
    let greeting = format!("* OK [CAPABILITY {CAPABILITY}] ready\r\n");
    say(&mut line, greeting.as_bytes()).await?;
    loop {
        let command = heard(&mut line).await?;
        let mut words = command.split(' ');
        let tag = words.next().unwrap_or_default();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "" => return Ok(()),
            "CAPABILITY" => {
                say(
                    &mut line,
                    format!("* CAPABILITY {CAPABILITY}\r\n").as_bytes(),
                )
                .await?;
            }
            // The token may come at once, or when it is asked for.
            "AUTHENTICATE" if words.nth(1).is_none() => {
                say(&mut line, b"+ \r\n").await?;
                heard(&mut line).await?;
            }
            "EXAMINE" | "SELECT" => {
                say(
                    &mut line,
                    format!("* {} EXISTS\r\n", mailbox.messages).as_bytes(),
                )
                .await?;
            }
            "IDLE" => {
                say(&mut line, b"+ idling\r\n").await?;
                heard(&mut line).await?;
            }
            "FETCH" => send(&mut line, mailbox).await?,
            _ => {}
        }
        say(
            &mut line,
            format!("{tag} OK {verb} completed\r\n").as_bytes(),
        )
        .await?;
        if verb == "LOGOUT" {
            return line.shutdown().await;
        }
    }
}

async fn send(line: &mut Line, mailbox: &Mailbox) -> std::io::Result<()> {
    for number in 1..=mailbox.messages {
        let size = mailbox.message.len();
        let before = format!("* {number} FETCH (BODY[] {{{size}}}\r\n");
        line.write_all(before.as_bytes()).await?;
        line.write_all(&mailbox.message).await?;
        line.write_all(b")\r\n").await?;
    }
    Ok(())
}

/// A line without its end; nothing at the end of the connection.
async fn heard(line: &mut Line) -> std::io::Result<String> {
    let mut text = String::new();
    line.read_line(&mut text).await?;
    Ok(text.trim_end().to_owned())
}

async fn say(line: &mut Line, words: &[u8]) -> std::io::Result<()> {
    line.write_all(words).await?;
    line.flush().await
}

const CAPABILITY: &str = "IMAP4rev1 SASL-IR IDLE AUTH=XOAUTH2";
