//! The three servers in front of an owner that only lets people in, and passes the rest on.

use crate::sasl::Credentials;
use crate::{imap, pop3, smtp};

/// What was said, and what was passed on.
type Passed = (Vec<u8>, Option<Vec<u8>>);

/// What the IMAP server says to a client that sends these octets, so many at a time.
pub(super) fn imap(input: &[u8], read: usize) -> Passed {
    use imap::server::{Answer, Ask, InClear, Mechanism, Refusal, Server, Want};
    let mut persona = super::server::persona();
    persona.mechanisms.push(Mechanism::StartTls);
    persona.in_clear = InClear::Accepted;
    let mut server = Server::new(persona);
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(Ask::SignIn(credentials)) if is_good(&credentials) => {
                server.answer(Answer::HandOver(Some("IMAP4rev1".to_owned())));
            }
            Want::Ask(Ask::SignIn(_)) => server.answer(Answer::Refused(Refusal::no("no"))),
            Want::Ask(other) => unreachable!("nobody is signed in: {other:?}"),
            Want::Read(_) => match reads.next() {
                Some(octets) => server.push(octets),
                None => return (said, None),
            },
            Want::StartTls | Want::Close => return (said, None),
            Want::HandOver(first) => return (said, Some(all(&first, reads))),
            Want::Answer => unreachable!("every question was answered at once"),
        }
    }
}

/// The same of the POP3 server.
pub(super) fn pop3(input: &[u8], read: usize) -> Passed {
    use pop3::server::{Answer, Ask, Refusal, Server, Want};
    let mut server = Server::new(super::pop3::persona());
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(Ask::SignIn(credentials)) if is_good(&credentials) => {
                server.answer(Answer::HandOver);
            }
            Want::Ask(Ask::SignIn(_)) => server.answer(Answer::Refused(Refusal::new("no"))),
            Want::Ask(other) => unreachable!("nobody is signed in: {other:?}"),
            Want::Read => match reads.next() {
                Some(octets) => server.push(octets),
                None => return (said, None),
            },
            Want::StartTls | Want::Close => return (said, None),
            Want::HandOver(first) => return (said, Some(all(&first, reads))),
            Want::Answer => unreachable!("every question was answered at once"),
        }
    }
}

/// The same of the SMTP server.
pub(super) fn smtp(input: &[u8], read: usize) -> Passed {
    use smtp::server::{Answer, Ask, Refusal, Server, SignIn, Want};
    let mut persona = super::smtp::persona();
    persona.sign_in = SignIn::Required;
    let mut server = Server::new(persona);
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(Ask::SignIn(credentials)) if is_good(&credentials) => {
                server.answer(Answer::HandOver);
            }
            Want::Ask(Ask::SignIn(_)) => {
                let refusal = Refusal::new(smtp::Reply::new(535, "no"));
                server.answer(Answer::Refused(refusal));
            }
            Want::Ask(other) => unreachable!("nobody is signed in: {other:?}"),
            Want::Read => match reads.next() {
                Some(octets) => server.push(octets),
                None => return (said, None),
            },
            Want::StartTls | Want::Close => return (said, None),
            Want::HandOver(first) => return (said, Some(all(&first, reads))),
            Want::Answer => unreachable!("every question was answered at once"),
        }
    }
}

fn is_good(credentials: &Credentials) -> bool {
    match credentials {
        Credentials::Password { user, .. } | Credentials::Bearer { user, .. } => user.len() < 9,
    }
}

/// Everything that the other server gets.
fn all<'a>(first: &[u8], rest: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let rest = rest.collect::<Vec<_>>().concat();
    [first, &rest].concat()
}
