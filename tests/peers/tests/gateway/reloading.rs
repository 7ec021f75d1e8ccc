//! A reload while many idle: none is dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::stand::{Failure, Stand};

/// A client that idles.
struct Idler(BufReader<TcpStream>);

impl Idler {
    fn new(port: u16, mailbox: &str, password: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut client = Self(BufReader::new(stream));
        client.until("* OK")?;
        client.send(&format!(
            "a LOGIN {mailbox} {password}\r\nb EXAMINE INBOX\r\nc IDLE\r\n"
        ))?;
        client.until("+ ")?;
        Ok(client)
    }

    fn send(&mut self, octets: &str) -> Result<(), Failure> {
        Ok(self.0.get_mut().write_all(octets.as_bytes())?)
    }

    fn until(&mut self, beginning: &str) -> Result<(), Failure> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if line.starts_with(beginning) {
                return Ok(());
            }
            if line.is_empty() {
                return Err(format!("the session ended before {beginning}").into());
            }
        }
    }
}

#[test]
fn a_hundred_that_idle_stay_connected() -> Result<(), Failure> {
    let stand = Stand::new(&[])?;
    let port = stand.port("imap")?;
    let mut clients = Vec::new();
    // Dovecot bears ten of one person.
    for number in 0..20 {
        let mailbox = format!("person{number}@contoso.com");
        let password = stand.add_password(&mailbox)?;
        for _ in 0..5 {
            clients.push((mailbox.clone(), Idler::new(port, &mailbox, &password)?));
        }
    }
    assert_eq!(clients.len(), 100);
    for _ in 0..3 {
        stand.reload()?;
    }
    for number in 0..20 {
        let mailbox = format!("person{number}@contoso.com");
        stand
            .dovecot
            .deliver(&mailbox, "INBOX", b"Subject: news\n\nhello\n")?;
    }
    for (mailbox, client) in &mut clients {
        client
            .until("* 1 EXISTS")
            .map_err(|error| format!("{mailbox}: {error}"))?;
        client.send("DONE\r\nd LOGOUT\r\n")?;
        client.until("c OK")?;
        client.until("* BYE")?;
    }
    Ok(())
}
