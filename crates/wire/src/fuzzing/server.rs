//! The IMAP server in front of an owner that agrees to everything.

use bytes::Bytes;
use jiff::Timestamp;

use crate::imap::server::{
    Answer, Ask, Attribute, Change, Copied, Flags, InClear, Limits, Listed, Loaded, Mechanism,
    Opened, Persona, Quirks, Server, Status, Texts, Want,
};

/// What the server says to a client that sends these octets, so many at a time.
pub(super) fn said(input: &[u8], read: usize) -> Vec<u8> {
    let mut server = Server::new(persona());
    let mut reads = input.chunks(read);
    let mut said = Vec::new();
    loop {
        match server.want() {
            Want::Write(octets) => said.extend_from_slice(&octets),
            Want::Ask(ask) => server.answer(agree(ask)),
            Want::Read(_) => match reads.next() {
                Some(octets) => server.push(octets),
                None => return said,
            },
            Want::StartTls | Want::Close | Want::HandOver(_) => return said,
            Want::Answer => unreachable!("every question was answered at once"),
        }
    }
}

fn agree(ask: Ask) -> Answer {
    match ask {
        Ask::Folders => Answer::Folders(vec![Listed {
            name: "Entwürfe/alt".to_owned(),
            attributes: vec![Attribute::HasNoChildren],
            subscribed: true,
        }]),
        Ask::Status(_) => Answer::Status(Status {
            messages: 3,
            unseen: 3,
            uidnext: 9,
            uidvalidity: 7,
        }),
        Ask::Open(..) => Answer::Opened(Opened {
            uidvalidity: 7,
            uidnext: 9,
            version: 1,
            messages: [1, 5, 8].map(|uid| (uid, Flags::NONE)).to_vec(),
        }),
        Ask::Changes { .. } => Answer::Changed(Change::Nothing),
        Ask::Load(_) => Answer::Loaded(Some(Loaded {
            raw: Bytes::from_static(MESSAGE),
            size: 7,
            received_at: Timestamp::UNIX_EPOCH,
        })),
        Ask::Search(_) => Answer::Found(vec![1, 8]),
        Ask::Store(uids, edit) => Answer::Flags(
            uids.into_iter()
                .map(|uid| (uid, edit.apply(Flags::NONE)))
                .collect(),
        ),
        Ask::Copy(uids, _) | Ask::Move(uids, _) => Answer::Copied(Copied {
            uidvalidity: 7,
            uids: uids.into_iter().map(|uid| (uid, uid)).collect(),
        }),
        Ask::UploadEnd => Answer::Uploaded(7, 9),
        _ => Answer::Done,
    }
}

pub(super) fn persona() -> Persona {
    Persona {
        texts: Texts {
            greeting: "ready".to_owned(),
            id: "NIL".to_owned(),
            completed: "completed",
            failed: "failed",
            go_ahead: "go ahead",
            idle: "idling",
            logout: "bye",
            bad_command: "bad command",
            bad_arguments: "bad arguments",
            wrong_state: "wrong state",
            bad_set: "bad set",
            read_only: "read-only",
            sign_in_cancelled: "cancelled",
            no_such_mechanism: "no such mechanism",
            privacy_required: "privacy required",
            bad_charset: "bad charset",
            closed: "closed",
        },
        capability_before_login: "IMAP4rev1".to_owned(),
        capability_after_login: "IMAP4rev1".to_owned(),
        mechanisms: vec![
            Mechanism::Xoauth2,
            Mechanism::Plain,
            Mechanism::AuthLogin,
            Mechanism::Login,
        ],
        in_clear: InClear::default(),
        charsets: &["US-ASCII"],
        limits: Limits::default(),
        quirks: Quirks::default(),
    }
}

const MESSAGE: &[u8] = b"From: \"A\" <a@x.test>, g: b@y.test;\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\
    Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"x\\\"y\"\r\n\r\n\
    Subject: in\r\n\r\ntwo\r\n--b--\r\n";
