//! A connection that is cut at every octet of a session: what is reported agrees with what the
//! server has.

use bytes::Bytes;
use gatepost_host::Clock;
use gatepost_wire::InClear;
use gatepost_wire::pop3::server::{
    Answer, Ask, InitialResponse, Letter, Limits, Persona, Refusal, Server, Texts, Want,
};
use gatepost_wire::pop3::{Capabilities, Capability};
use gatepost_wire::sasl::Mechanism;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{entered, keys};
use crate::connection::stream::Stream;
use crate::scripted::{Told, start};
use crate::{FolderName, MailError, Mailbox as _};

/// How many octets may still pass, to the server and from it.
#[derive(Debug, Clone, Copy)]
struct Left {
    to_server: usize,
    from_server: usize,
}

const ALL: Left = Left {
    to_server: usize::MAX,
    from_server: usize::MAX,
};

/// What passed, and which messages the server deleted.
#[derive(Debug, Default)]
struct Passed {
    to_server: usize,
    from_server: usize,
    deleted: Vec<String>,
}

/// Serves one client, and hangs up when no octet may pass any more. The octet `spoilt` of what it
/// says is another.
async fn serve(
    mut far: DuplexStream,
    capabilities: &[Capability],
    left: Left,
    spoilt: Option<(usize, u8)>,
) -> Passed {
    let mut server = Server::new(persona(capabilities));
    let (mut passed, mut owner) = (Passed::default(), Owner::default());
    loop {
        match server.want() {
            Want::Write(octets) => {
                let most = left.from_server - passed.from_server;
                let mut octets = octets[..octets.len().min(most)].to_vec();
                if let Some((at, octet)) = spoilt
                    && let Some(place) = at.checked_sub(passed.from_server)
                    && let Some(right) = octets.get_mut(place)
                {
                    *right = octet;
                }
                if far.write_all(&octets).await.is_err() || octets.len() == most {
                    return passed;
                }
                passed.from_server += octets.len();
            }
            Want::Read => {
                let mut octets = [0; 64];
                let most = octets.len().min(left.to_server - passed.to_server);
                match far.read(&mut octets[..most]).await {
                    Ok(0) | Err(_) => return passed,
                    Ok(read) => {
                        passed.to_server += read;
                        server.push(&octets[..read]);
                    }
                }
            }
            Want::Ask(Ask::Update(uniques)) => {
                passed.deleted = uniques;
                server.answer(Answer::Done);
            }
            Want::Ask(ask) => server.answer(owner.answer(&ask)),
            Want::Answer | Want::StartTls | Want::HandOver(_) | Want::Close => return passed,
        }
    }
}

/// Hands out the messages, each in two pieces.
#[derive(Debug, Default)]
struct Owner {
    rest: &'static str,
}

impl Owner {
    fn answer(&mut self, ask: &Ask) -> Answer {
        match ask {
            Ask::SignIn(_) => Answer::Maildrop(letters()),
            Ask::Message(unique) => match MESSAGES.iter().find(|(name, _)| name == unique) {
                Some((_, text)) => {
                    let (begun, rest) = text.split_at(text.len() / 2);
                    self.rest = rest;
                    Answer::Chunk(Bytes::from_static(begun.as_bytes()))
                }
                None => Answer::Refused(Refusal::new("none")),
            },
            Ask::More if self.rest.is_empty() => Answer::End,
            Ask::More => {
                let rest = std::mem::take(&mut self.rest);
                Answer::Chunk(Bytes::from_static(rest.as_bytes()))
            }
            Ask::Update(_) => Answer::Done,
        }
    }
}

fn letters() -> Vec<Letter> {
    let letters = MESSAGES.iter().map(|(unique, text)| Letter {
        octets: text.len() as u64,
        unique: (*unique).to_owned(),
    });
    letters.collect()
}

fn persona(capabilities: &[Capability]) -> Persona {
    let sign_in = [Capability::sasl([Mechanism::Xoauth2])];
    let listed = || sign_in.iter().chain(capabilities).cloned();
    Persona {
        texts: Texts {
            greeting: "ready".to_owned(),
            authenticated: "in",
            logged_on: "in",
            sign_in_failed: "no",
            initial_response_refused: "no",
            sign_in_cancelled: "no",
            starting_tls: "go",
            goodbye: "bye",
            bad_command: "what",
            no_such_message: "none",
            closed: "closed",
        },
        capabilities: Capabilities::new(listed()),
        in_clear: InClear::default(),
        capabilities_signed_in: Capabilities::new(listed()),
        initial_response: InitialResponse::Refuse,
        limits: Limits::default(),
    }
}

/// How fetching and deleting ended, as far as it came to that.
#[derive(Debug, Default)]
struct Ended {
    fetched: Option<Result<(), MailError>>,
    deleted: Option<Result<(), MailError>>,
}

/// Signs in, fetches two messages and deletes the first; answers how that ended, what was told,
/// and what passed.
async fn talk(
    capabilities: &[Capability],
    left: Left,
    spoilt: Option<(usize, u8)>,
) -> (Ended, Vec<String>, Passed) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let clock = Clock::starting_at(start());
    let told = Told::default();
    let mut intake = told.clone();
    let client = async {
        let mut ended = Ended::default();
        let Ok(mut session) = entered(Stream::Memory(near), &clock).await else {
            return ended;
        };
        let inbox = FolderName::inbox();
        let both = keys(&["one", "two"]);
        let fetched = session.fetch(&inbox, &both, &mut intake).await;
        let goes_on = fetched.is_ok();
        ended.fetched = Some(fetched);
        if goes_on {
            ended.deleted = Some(session.delete(&inbox, &both[..1]).await);
        }
        ended
    };
    let (ended, passed) = tokio::join!(client, serve(far, capabilities, left, spoilt));
    (ended, told.all(), passed)
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_of_a_cut_connection_is_true() {
    let known = [Capability::Top, Capability::Uidl];
    let pipelining = [Capability::Top, Capability::Uidl, Capability::Pipelining];
    for capabilities in [&known[..], &pipelining] {
        let (ended, told, whole) = talk(capabilities, ALL, None).await;
        assert!(
            matches!(
                (&ended.fetched, &ended.deleted),
                (Some(Ok(())), Some(Ok(())))
            ),
            "{ended:?}"
        );
        assert_eq!(told.len(), MESSAGES.len());
        assert_eq!(whole.deleted, ["one"]);
        let to_server = (0..whole.to_server).map(|to_server| Left { to_server, ..ALL });
        let from_server = (0..whole.from_server).map(|from_server| Left { from_server, ..ALL });
        let mut seen = Seen::default();
        for left in to_server.chain(from_server) {
            let (ended, told, passed) = talk(capabilities, left, None).await;
            seen.judge(&ended, &told, &passed, left);
        }
        assert!(
            seen.outside > 0 && seen.half > 0 && seen.one_whole > 0,
            "{seen:?}"
        );
        assert!(seen.not_deleted > 0 && seen.deleted_untold > 0, "{seen:?}");
    }
}

/// Whatever a server says instead, the end is one that is foreseen.
#[tokio::test(start_paused = true)]
async fn no_octet_of_a_server_is_trusted() {
    let capabilities = [Capability::Top, Capability::Uidl, Capability::Pipelining];
    let (_, _, whole) = talk(&capabilities, ALL, None).await;
    for at in 0..whole.from_server {
        for octet in [0, b'\r', b'\n', b' ', b'.', b'+', b'-', b'9', 0xff] {
            let (ended, told, _) = talk(&capabilities, ALL, Some((at, octet))).await;
            if matches!(ended.fetched, Some(Ok(()))) {
                let is_whole = |told: &String| told.ends_with('.') || told.ends_with("gone");
                assert!(told.iter().all(is_whole), "{at} {octet}: {told:?}");
            }
        }
    }
}

/// How often what happened.
#[derive(Debug, Default)]
struct Seen {
    outside: u32,
    half: u32,
    one_whole: u32,
    not_deleted: u32,
    deleted_untold: u32,
}

impl Seen {
    fn judge(&mut self, ended: &Ended, told: &[String], passed: &Passed, left: Left) {
        let mut whole = 0;
        for ((unique, text), told) in MESSAGES.iter().zip(told) {
            if *told == format!("pop3:{unique} {text}.") {
                whole += 1;
            } else {
                // What came of it is its beginning, and it was not said to be complete.
                let came = told.strip_prefix(&format!("pop3:{unique} "));
                let is_begun = came.is_some_and(|came| text.starts_with(came));
                assert!(is_begun, "{left:?}: {told}");
                self.half += 1;
            }
        }
        match &ended.fetched {
            None => self.outside += 1,
            Some(Ok(())) => assert_eq!(whole, MESSAGES.len(), "{left:?}: not all of them came"),
            Some(Err(error)) => {
                assert!(error.is_disconnected(), "{left:?}: {error}");
                self.one_whole += u32::from(whole == 1);
            }
        }
        match &ended.deleted {
            Some(Ok(())) => assert_eq!(passed.deleted, ["one"], "{left:?}: it is not deleted"),
            Some(Err(_)) if passed.deleted.is_empty() => self.not_deleted += 1,
            // Only the answer was lost.
            Some(Err(_)) => self.deleted_untold += 1,
            None => assert!(passed.deleted.is_empty(), "{left:?}: nobody asked for that"),
        }
    }
}

/// Their names and texts; the first has a line that is a dot.
const MESSAGES: [(&str, &str); 2] = [
    ("one", "Subject: one\r\n\r\n.\r\n..dots\r\nend\r\n"),
    ("two", "Subject: two\r\n\r\nbody\r\n"),
];
