//! What else stands between a program and a mail server: `haproxy`, which takes TLS off and puts
//! it on again, and `emailproxy`, which puts a token in the place of a password.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use gatepost_peers::{EmailProxy, IdentityEndpoint};
use tempfile::TempDir;

use crate::until;

/// A running relay; it ends with this value.
#[derive(Debug)]
pub struct Relay {
    process: Child,
    _folder: TempDir,
}

/// One way through a relay.
#[derive(Debug, Clone, Copy)]
pub struct Passage {
    /// Where programs connect.
    pub near: SocketAddr,
    /// Whether they speak TLS.
    pub in_tls: bool,
    /// The server, which speaks TLS.
    pub far: SocketAddr,
}

impl Relay {
    /// `haproxy` with these passages.
    pub fn haproxy(identity: &IdentityEndpoint, passages: &[Passage]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let certificate = certificate(identity, folder.path())?;
        let authority = identity.authority().certificate_file().display();
        let mut text = String::from(
            "global\n  maxconn 6000\ndefaults\n  mode tcp\n  timeout connect 10s\n  \
             timeout client 1h\n  timeout server 1h\n",
        );
        for passage in passages {
            let tls = if passage.in_tls {
                format!(" ssl crt {}", certificate.both.display())
            } else {
                String::new()
            };
            let _ = write!(
                text,
                "listen at-{port}\n  bind {near}{tls}\n  server far {far} ssl verify required \
                 ca-file {authority}\n",
                port = passage.near.port(),
                near = passage.near,
                far = passage.far,
            );
        }
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text)?;
        let program = if Path::new(HAPROXY).exists() {
            HAPROXY
        } else {
            "haproxy"
        };
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file);
        Self::started(command, folder, passages)
    }

    /// `emailproxy` with a passage of IMAP, for `user`.
    pub fn emailproxy(
        identity: &IdentityEndpoint,
        user: &str,
        passage: Passage,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let certificate = certificate(identity, folder.path())?;
        let tls = if passage.in_tls {
            format!(
                "local_certificate_path = {}\nlocal_key_path = {}\n",
                certificate.chain.display(),
                certificate.key.display()
            )
        } else {
            String::new()
        };
        let text = format!(
            "[IMAP-{near}]\nlocal_address = 127.0.0.1\nserver_address = localhost\n\
             server_port = {far}\n{tls}\n\
             [{user}]\ntoken_url = {}/{}/oauth2/v2.0/token\n\
             oauth2_scope = https://outlook.office365.com/.default\n\
             oauth2_flow = client_credentials\nredirect_uri = http://localhost\n\
             client_id = {}\nclient_secret = {}\n",
            identity.login_url(),
            IdentityEndpoint::TENANT,
            IdentityEndpoint::CLIENT_ID,
            IdentityEndpoint::CLIENT_SECRET,
            near = passage.near.port(),
            far = passage.far.port(),
        );
        let file = folder.path().join("emailproxy.config");
        std::fs::write(&file, text)?;
        let mut command = EmailProxy::installed()?.python();
        command
            .args(["-m", "emailproxy", "--no-gui"])
            .arg("--config-file")
            .arg(&file)
            .arg("--cache-store")
            .arg(folder.path().join("cache"))
            .arg("--log-file")
            .arg(folder.path().join("log"))
            .env("SSL_CERT_FILE", identity.authority().certificate_file());
        Self::started(command, folder, &[passage])
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn started(
        mut command: Command,
        folder: TempDir,
        passages: &[Passage],
    ) -> anyhow::Result<Self> {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        let mut relay = Self {
            process,
            _folder: folder,
        };
        for passage in passages {
            until("the relay", || {
                if let Some(status) = relay.process.try_wait()? {
                    bail!("{command:?} ended early: {status}");
                }
                Ok(TcpStream::connect(passage.near).is_ok())
            })?;
        }
        Ok(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A certificate in files, as several programs want it.
#[derive(Debug)]
pub struct CertificateFiles {
    /// The certificate.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Both, one behind the other.
    pub both: PathBuf,
}

/// A certificate for this machine, of the authority of `identity`.
pub fn certificate(identity: &IdentityEndpoint, folder: &Path) -> anyhow::Result<CertificateFiles> {
    let issued = identity.authority().issue(&["localhost", "127.0.0.1"])?;
    let files = CertificateFiles {
        chain: folder.join("door.pem"),
        key: folder.join("door.key"),
        both: folder.join("door-both.pem"),
    };
    std::fs::write(&files.chain, &issued.certificate_pem)?;
    let both = format!("{}\n{}", issued.certificate_pem, issued.key_pem);
    for (file, text) in [(&files.key, issued.key_pem.as_str()), (&files.both, &both)] {
        gatepost_host::files::write_private(file, text.as_bytes())?;
    }
    Ok(files)
}

/// An address on loopback that was free a moment ago.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Debian puts it where not everybody looks.
const HAPROXY: &str = "/usr/sbin/haproxy";
