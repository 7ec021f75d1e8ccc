//! An IMAP server that does not behave, with a certificate that is trusted or not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

/// A listener with a certificate for one name.
pub(crate) struct FakeImap {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    /// Who signed the certificate, in PEM.
    pub(crate) authority: String,
}

impl FakeImap {
    /// Listens with a certificate for `name`.
    pub(crate) fn named(name: &str) -> Self {
        Self::with(&CertificateParams::new([name.to_owned()]).expect("a name"))
    }

    /// Listens with a certificate for `localhost` that is valid in these years.
    pub(crate) fn valid(from: i32, until: i32) -> Self {
        let mut named = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        named.not_before = rcgen::date_time_ymd(from, 1, 1);
        named.not_after = rcgen::date_time_ymd(until, 1, 1);
        Self::with(&named)
    }

    fn with(parameters: &CertificateParams) -> Self {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().expect("a key");
        let authority =
            CertifiedIssuer::self_signed(authority, authority_key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters
            .signed_by(&key, &authority)
            .expect("a certificate");
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], der)
            .expect("a key that matches");
        Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"),
            config: Arc::new(config),
            authority: authority.pem(),
        }
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Serves `times` connections: says `greeting`, and `answer` to the first thing it hears,
    /// `repeats` times over. Then it closes the line.
    pub(crate) fn serve(&self, times: usize, greeting: &[u8], (answer, repeats): (&[u8], usize)) {
        for _ in 0..times {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            let Ok(connection) = ServerConnection::new(Arc::clone(&self.config)) else {
                return;
            };
            let mut stream = StreamOwned::new(connection, stream);
            if stream.write_all(greeting).is_err() {
                continue;
            }
            let mut heard = [0; 4096];
            if stream.read(&mut heard).is_ok_and(|length| length > 0) {
                for _ in 0..repeats {
                    if stream.write_all(answer).is_err() {
                        break;
                    }
                }
                let _ = stream.flush();
            }
        }
    }

    /// Lets whoever comes next in, whatever its token, and hangs up. Says how hands were shaken.
    pub(crate) fn let_in(&self) -> Option<HandshakeKind> {
        let (stream, _) = self.listener.accept().expect("somebody comes");
        let connection =
            ServerConnection::new(Arc::clone(&self.config)).expect("TLS can be set up");
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        let greeting = b"* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR] ready\r\n";
        stream.get_mut().write_all(greeting).expect("it is taken");
        let mut line = String::new();
        stream.read_line(&mut line).expect("it signs in");
        let (tag, command) = line.split_once(' ').expect("a command");
        assert!(command.starts_with("AUTHENTICATE XOAUTH2 "), "{command}");
        let welcome = format!("{tag} OK [CAPABILITY IMAP4rev1] signed in\r\n");
        let server = stream.get_mut();
        server.write_all(welcome.as_bytes()).expect("it is taken");
        server.flush().expect("it is taken");
        server.conn.handshake_kind()
    }
}
