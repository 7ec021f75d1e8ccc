//! A connection that is cut at every octet of a session: what is reported agrees with what the
//! server has.

use gatepost_host::Clock;
use gatepost_wire::sasl::Mechanism;
use gatepost_wire::smtp::server::{
    Answer, Ask, InClear, Limits, Persona, Replies, Server, SignIn, Want,
};
use gatepost_wire::smtp::{Extension, Extensions, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{entered, envelope};
use crate::connection::stream::Stream;
use crate::contract::{Letter, Told};
use crate::scripted::start;
use crate::{Receipt, Submit as _, SubmitError};

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

/// What passed, and whether the server took a message.
#[derive(Debug, Default)]
struct Passed {
    to_server: usize,
    from_server: usize,
    taken: Option<Vec<u8>>,
}

/// Serves one client, and hangs up when no octet may pass any more. The octet `spoilt` of what it
/// says is another.
async fn serve(
    mut far: DuplexStream,
    extensions: &Extensions,
    left: Left,
    spoilt: Option<(usize, u8)>,
) -> Passed {
    let mut server = Server::new(persona(extensions));
    let (mut passed, mut message) = (Passed::default(), Vec::new());
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
            Want::Ask(Ask::MessageOctets(octets)) => {
                message.extend_from_slice(&octets);
                server.answer(Answer::Done);
            }
            Want::Ask(Ask::MessageEnds) => {
                passed.taken = Some(std::mem::take(&mut message));
                server.answer(Answer::Accepted(Reply::new(250, "OK")));
            }
            Want::Ask(_) => server.answer(Answer::Done),
            Want::Answer | Want::StartTls | Want::HandOver(_) | Want::Close => return passed,
        }
    }
}

fn persona(extensions: &Extensions) -> Persona {
    Persona {
        greeting: Reply::new(220, "ready"),
        hello: "hello".to_owned(),
        extensions: extensions.clone(),
        in_clear: InClear::default(),
        sign_in: SignIn::Required,
        replies: Replies::default(),
        limits: Limits::default(),
    }
}

/// Submits one message; answers how that ended, what was told, and what passed.
async fn submit(
    extensions: &Extensions,
    left: Left,
    spoilt: Option<(usize, u8)>,
) -> (Result<Receipt, SubmitError>, Told, Passed) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let clock = Clock::starting_at(start());
    let client = async {
        let mut told = Told::default();
        let outcome = async {
            let mut session = entered(Stream::Memory(near), &clock).await?;
            let mut letter = Letter::new(["Subject: x\r\n\r\n", ".dot\r\n", "end\r\n"]);
            let bob = envelope(&["bob@contoso.com"]);
            session.submit(&bob, &mut letter, &mut told).await
        };
        (outcome.await, told)
    };
    let ((outcome, told), passed) = tokio::join!(client, serve(far, extensions, left, spoilt));
    (outcome, told, passed)
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_of_a_cut_connection_is_true() {
    let sign_in = || Extension::auth([Mechanism::Xoauth2]);
    for offered in [
        vec![sign_in()],
        vec![sign_in(), Extension::Pipelining],
        vec![sign_in(), Extension::Pipelining, Extension::Chunking],
        vec![sign_in(), Extension::Chunking],
    ] {
        let extensions = Extensions::new(offered);
        let (outcome, _, whole) = submit(&extensions, ALL, None).await;
        outcome.expect("nothing is cut");
        let taken = whole.taken.expect("it was taken");
        assert_eq!(taken, b"Subject: x\r\n\r\n.dot\r\nend\r\n");
        let to_server = (0..whole.to_server).map(|to_server| Left { to_server, ..ALL });
        let from_server = (0..whole.from_server).map(|from_server| Left { from_server, ..ALL });
        let mut seen = Seen::default();
        for left in to_server.chain(from_server) {
            let (outcome, told, passed) = submit(&extensions, left, None).await;
            seen.judge(&outcome, told.begun.is_some(), passed.taken.is_some(), left);
        }
        assert!(
            seen.before > 0 && seen.within > 0 && seen.unknown > 0,
            "{seen:?}"
        );
        assert!(seen.unknown_and_taken > 0, "{seen:?}");
    }
}

/// Whatever a server says instead, the end is one that is foreseen, and a message that is called
/// sent was taken.
#[tokio::test(start_paused = true)]
async fn no_octet_of_a_server_is_trusted() {
    let extensions = Extensions::new([
        Extension::auth([Mechanism::Xoauth2]),
        Extension::Pipelining,
        Extension::Chunking,
    ]);
    let (_, _, whole) = submit(&extensions, ALL, None).await;
    for at in 0..whole.from_server {
        for octet in [0, b'\n', b' ', b'-', b'2', b'3', b'4', b'5', 0xff] {
            let (outcome, told, passed) = submit(&extensions, ALL, Some((at, octet))).await;
            match outcome {
                Ok(_) => assert!(passed.taken.is_some(), "{at} {octet}: nothing was taken"),
                Err(error) if error.is_unknown() => assert!(told.begun.is_some(), "{at} {octet}"),
                Err(_) => {}
            }
        }
    }
}

/// How often what happened.
#[derive(Debug, Default)]
struct Seen {
    before: u32,
    within: u32,
    unknown: u32,
    unknown_and_taken: u32,
}

impl Seen {
    fn judge(
        &mut self,
        outcome: &Result<Receipt, SubmitError>,
        begun: bool,
        taken: bool,
        left: Left,
    ) {
        match outcome {
            Ok(_) => assert!(taken, "{left:?}: nothing was taken"),
            Err(error) if error.is_unknown() => {
                assert!(begun, "{left:?}: {error}");
                self.unknown += 1;
                self.unknown_and_taken += u32::from(taken);
            }
            Err(error) => {
                assert!(
                    !taken,
                    "{left:?}: it was taken, and is called unsent: {error}"
                );
                self.before += u32::from(!begun);
                self.within += u32::from(begun);
            }
        }
    }
}
