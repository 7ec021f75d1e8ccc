//! Runs a server through the dialogues of its protocol: it must say exactly what stands there.

use crate::dialogue::{self, Dialogue, Step};

/// A server of one protocol, with whoever owns it.
pub(crate) trait ServerSide {
    /// Whether what a client sends at once may be answered at once, at its end.
    const PIPELINES: bool;

    /// Takes octets of the client, and says what there is to say.
    fn push(&mut self, octets: &[u8]);

    /// What it said since it was last asked.
    fn said(&mut self) -> Vec<u8>;

    /// Time passed, until `what` happened.
    fn waited(&mut self, what: &str);

    fn is_closed(&self) -> bool;
}

/// Runs a server that `new` makes through every dialogue that is for servers, of which there are
/// at least so many. How many octets come at once, which `new` is told, makes no difference.
pub(crate) fn holds_its_part<S: ServerSide>(
    protocol: &str,
    at_least: usize,
    new: impl Fn(&Dialogue, usize) -> S,
) {
    let dialogues = dialogue::all(protocol).into_iter();
    let dialogues: Vec<Dialogue> = dialogues.filter(|one| one.for_server).collect();
    assert!(dialogues.len() >= at_least, "the dialogues are there");
    for dialogue in &dialogues {
        for octets_at_once in [usize::MAX, 7, 1] {
            replay(dialogue, octets_at_once, new(dialogue, octets_at_once));
        }
    }
}

fn replay<S: ServerSide>(dialogue: &Dialogue, octets_at_once: usize, mut server: S) {
    let name = &dialogue.name;
    let mut expected = Vec::new();
    let mut after_client = true;
    for step in &dialogue.steps {
        if !matches!(step, Step::Server(_)) {
            let goes_on = matches!(step, Step::Client(_)) && after_client && S::PIPELINES;
            if !goes_on {
                assert_said(name, &mut server, &mut expected);
            }
        }
        after_client = matches!(step, Step::Client(_));
        match step {
            Step::Server(octets) => expected.extend_from_slice(octets),
            Step::Client(octets) => {
                for some in octets.chunks(octets_at_once) {
                    server.push(some);
                }
            }
            Step::Wait(what) => server.waited(what),
            Step::Drop => assert!(server.is_closed(), "{name}: the server hangs up"),
        }
    }
    assert_said(name, &mut server, &mut expected);
}

fn assert_said(name: &str, server: &mut impl ServerSide, expected: &mut Vec<u8>) {
    let said = server.said();
    assert_eq!(
        String::from_utf8_lossy(&said),
        String::from_utf8_lossy(expected),
        "in {name}"
    );
    expected.clear();
}
