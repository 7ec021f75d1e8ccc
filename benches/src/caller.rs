//! A client of IMAP and SMTP that does no more than is measured: it says a line and waits for the
//! answer.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Where something answers, and whether in TLS.
#[derive(Debug, Clone)]
pub struct Place {
    /// The address.
    pub address: SocketAddr,
    /// Whom to trust; `None` is a place without TLS.
    pub tls: Option<Arc<ClientConfig>>,
}

/// How somebody signs in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// By a password.
    Password(String),
    /// By a token.
    Token(String),
}

/// One connection.
#[derive(Debug)]
pub struct Caller {
    stream: BufReader<Line>,
}

#[derive(Debug)]
enum Line {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Caller {
    /// Connects and signs in by IMAP.
    pub fn imap(place: &Place, user: &str, sign_in: &SignIn) -> anyhow::Result<Self> {
        let mut caller = Self::connect(place)?;
        let greeting = caller.line()?;
        if !greeting.starts_with("* OK") {
            bail!("the greeting is {greeting}");
        }
        match sign_in {
            SignIn::Password(password) => caller.command(&format!("LOGIN {user} {password}"))?,
            SignIn::Token(token) => {
                let shown = xoauth2(user, token);
                caller.command(&format!("AUTHENTICATE XOAUTH2 {shown}"))?
            }
        };
        Ok(caller)
    }

    /// Connects and signs in by SMTP.
    pub fn smtp(place: &Place, user: &str, sign_in: &SignIn) -> anyhow::Result<Self> {
        let mut caller = Self::connect(place)?;
        caller.reply()?;
        caller.say("EHLO localhost\r\n")?;
        caller.reply()?;
        let shown = match sign_in {
            SignIn::Password(password) => {
                let plain = STANDARD.encode(format!("\0{user}\0{password}"));
                format!("AUTH PLAIN {plain}\r\n")
            }
            SignIn::Token(token) => format!("AUTH XOAUTH2 {}\r\n", xoauth2(user, token)),
        };
        caller.say(&shown)?;
        caller.reply()?;
        Ok(caller)
    }

    /// Gives a command of IMAP; answers how many octets its answer has. What is not `OK` is an
    /// error.
    pub fn command(&mut self, command: &str) -> anyhow::Result<u64> {
        self.say(&format!("a {command}\r\n"))?;
        let mut octets = 0;
        loop {
            let line = self.line()?;
            octets += line.len() as u64;
            if let Some(length) = literal(&line) {
                let read =
                    std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink())?;
                if read != length {
                    bail!("the connection ended in a literal");
                }
                octets += read;
            } else if let Some(answer) = line.strip_prefix("a ") {
                if !answer.starts_with("OK") {
                    let verb = command.split(' ').next().unwrap_or_default();
                    bail!("{verb} was answered by {answer}");
                }
                return Ok(octets);
            }
        }
    }

    /// Gives a command of IMAP, and does not read the answer.
    pub fn ask(&mut self, command: &str) -> anyhow::Result<()> {
        self.say(&format!("a {command}\r\n"))
    }

    /// Begins to idle.
    pub fn idle(&mut self) -> anyhow::Result<()> {
        self.say("a IDLE\r\n")?;
        let line = self.line()?;
        if !line.starts_with('+') {
            bail!("IDLE was answered by {line}");
        }
        Ok(())
    }

    /// Hands a message over by SMTP: `text` ends with its line that is a dot.
    pub fn submit(&mut self, (from, to): (&str, &str), text: &[u8]) -> anyhow::Result<()> {
        self.say(&format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"))?;
        for _ in 0..3 {
            self.reply()?;
        }
        self.send(text)?;
        self.reply()
    }

    fn connect(place: &Place) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(place.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let line = match &place.tls {
            None => Line::Clear(socket),
            Some(tls) => {
                let name = ServerName::try_from("localhost")?;
                let tls = ClientConnection::new(Arc::clone(tls), name)?;
                Line::Tls(Box::new(StreamOwned::new(tls, socket)))
            }
        };
        Ok(Self {
            stream: BufReader::with_capacity(BUFFER, line),
        })
    }

    fn say(&mut self, line: &str) -> anyhow::Result<()> {
        self.send(line.as_bytes())
    }

    fn send(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(octets)?;
        Ok(stream.flush()?)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line);
        if read.context("nothing is answered")? == 0 {
            bail!("the connection was closed");
        }
        Ok(line)
    }

    /// A whole reply of SMTP that is no refusal.
    fn reply(&mut self) -> anyhow::Result<()> {
        loop {
            let line = self.line()?;
            if !line.starts_with(['2', '3']) {
                bail!("the server says {line}");
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Line {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}

/// How long the literal is that begins behind this line.
fn literal(line: &str) -> Option<u64> {
    let line = line.trim_end().strip_suffix('}')?;
    line.rsplit_once('{')?.1.parse().ok()
}

const PATIENCE: Duration = Duration::from_mins(2);
const BUFFER: usize = 64 * 1024;
