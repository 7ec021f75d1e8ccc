//! Somebody who takes webhooks, or does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Answers every request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    answering: Option<JoinHandle<()>>,
}

/// How it answers, and what it has taken.
#[derive(Debug)]
enum Mood {
    Answering {
        status: &'static str,
        said: &'static str,
        taken: Vec<String>,
    },
    Leaving,
}

impl Receiver {
    /// A receiver that answers with this status line and these words.
    #[expect(
        clippy::disallowed_methods,
        reason = "the thread ends with the receiver, which joins it"
    )]
    pub(crate) fn answering(status: &'static str, said: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let mood = Arc::new(Mutex::new(Mood::Answering {
            status,
            said,
            taken: Vec::new(),
        }));
        let shared = Arc::clone(&mood);
        let answering = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if !answer(stream, &shared) {
                    return;
                }
            }
        });
        Self {
            address,
            mood,
            answering: Some(answering),
        }
    }

    /// From now on it takes everything.
    pub(crate) fn takes(&self) {
        let mut mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        if let Mood::Answering { status, said, .. } = &mut *mood {
            (*status, *said) = ("204 No Content", "");
        }
    }

    /// The bodies that it took.
    pub(crate) fn taken(&self) -> Vec<String> {
        let mood = self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        match &*mood {
            Mood::Answering { taken, .. } => taken.clone(),
            Mood::Leaving => Vec::new(),
        }
    }

    /// The sink as it is typed, without its name.
    pub(crate) fn sink(&self) -> String {
        format!(
            "kind = \"webhook\"\nurl = \"http://{}/\"\nallow = [\"127.0.0.1\"]\n",
            self.address
        )
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = Mood::Leaving;
        // It is waiting for somebody.
        let _ = TcpStream::connect(self.address);
        if let Some(answering) = self.answering.take() {
            let _ = answering.join();
        }
    }
}

/// Answers one request; `false` when there is nothing more to answer. Whoever leaves before the
/// end is of no interest.
fn answer(mut stream: TcpStream, mood: &Mutex<Mood>) -> bool {
    let body = read(&stream).unwrap_or_default();
    let mut mood = mood.lock().unwrap_or_else(PoisonError::into_inner);
    let Mood::Answering {
        status,
        said,
        taken,
    } = &mut *mood
    else {
        return false;
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
        said.len()
    );
    if stream.write_all(answer.as_bytes()).is_ok() && status.starts_with('2') {
        taken.push(body);
    }
    true
}

fn read(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        let octets = reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if octets == 0 || line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}
