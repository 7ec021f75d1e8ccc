//! Every decoder takes any octets, and ours agree with the codec where the codec has a view.

use gatepost_wire::fuzzing;
use gatepost_wire::imap::client::{
    Client, Command, Criterion, Event, FetchItems, UidSet, Untagged,
};
use gatepost_wire::imap::codec::{self, types};
use gatepost_wire::imap::mailbox_name;
use proptest::prelude::*;
use types::response::{Data, Response};

proptest! {
    #[test]
    fn any_octets_are_taken(octets in prop::collection::vec(any::<u8>(), 0..512)) {
        fuzzing::sasl(&octets);
        fuzzing::mailbox_names(&octets);
        fuzzing::assembler(&octets);
        fuzzing::client(&octets);
        fuzzing::response(&octets);
        fuzzing::command(&octets);
        fuzzing::imap_gate(&octets);
    }

    #[test]
    fn pieces_of_imap_in_any_order_are_taken(pieces in prop::collection::vec(piece(), 0..40)) {
        let octets = pieces.concat();
        fuzzing::assembler(octets.as_bytes());
        fuzzing::client(octets.as_bytes());
    }

    #[test]
    fn whoever_knocks_is_borne(pieces in prop::collection::vec(knock(), 0..40)) {
        fuzzing::imap_gate(&pieces.concat());
    }

    #[test]
    fn every_name_survives_the_wire(name in "\\PC{0,40}") {
        let wire = mailbox_name::encode_utf7(&name);
        prop_assert!(wire.is_ascii());
        prop_assert_eq!(mailbox_name::decode(wire.as_bytes()), name);
    }

    #[test]
    fn what_the_client_writes_the_codec_reads(name in "\\PC{1,40}", text in "\\PC{0,40}", uid: u32) {
        let commands = [
            Command::Examine { folder: name.clone().into() },
            Command::Status { folder: name.clone().into() },
            Command::UidMove { uids: UidSet::one(uid.max(1)), to: name.into() },
            Command::UidSearch(vec![Criterion::Unseen, Criterion::Subject(text)]),
            Command::UidFetch { uids: UidSet::from(uid.max(1)), items: FetchItems::Body },
        ];
        for command in commands {
            let written = written(&command);
            prop_assert!(
                codec::decode_command(&written).is_some(),
                "{:?} is written as {:?}", command, String::from_utf8_lossy(&written)
            );
        }
    }

    #[test]
    fn what_the_codec_reads_we_read_alike(seq in 1_u32.., uid in 1_u32.., seen: bool, size: u32) {
        let flags = if seen { "\\Seen" } else { "" };
        let line = format!("* {seq} FETCH (RFC822.SIZE {size} UID {uid} FLAGS ({flags}))\r\n");
        let Some(Response::Data(Data::Fetch { seq: theirs, .. })) =
            codec::decode_response(line.as_bytes())
        else {
            return Err(TestCaseError::fail("the codec reads it"));
        };
        let Some(Event::Untagged(Untagged::Fetched(ours))) = heard(&line) else {
            return Err(TestCaseError::fail("we read it"));
        };
        prop_assert_eq!(ours.seq, theirs.get());
        prop_assert_eq!((ours.uid, ours.size), (Some(uid), Some(u64::from(size))));
        prop_assert_eq!(ours.flags.map(|flags| flags.len()), Some(usize::from(seen)));
    }
}

/// What a client may send before it is signed in, in pieces.
fn knock() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(&[
        "a LOGIN ",
        "b login me secret\r\n",
        "c LOGIN somebody-else x\r\n",
        "d AUTHENTICATE PLAIN\r\n",
        "e AUTHENTICATE LOGIN bWU=\r\n",
        "AG1lAHNlY3JldA==\r\n",
        "c2VjcmV0\r\n",
        "*\r\n",
        "me ",
        "\"m\\\"e\" ",
        "{2}\r\n",
        "{2+}\r\n",
        "{65537+}\r\n",
        "{9223372036854775808}\r\n",
        "\r\n",
        "\n",
        "f STARTTLS\r\n",
        "g NOOP\r\n",
        "h ID NIL\r\n",
    ]);
    let noise = prop::collection::vec(any::<u8>(), 0..30);
    prop_oneof![4 => known.prop_map(|text| text.as_bytes().to_vec()), 1 => noise]
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("* ".to_owned()),
        Just("A1 OK ".to_owned()),
        Just("A2 BAD x".to_owned()),
        Just("+ ".to_owned()),
        Just("\r\n".to_owned()),
        Just("1 FETCH (".to_owned()),
        Just("UID 5 ".to_owned()),
        Just("BODY[] ".to_owned()),
        Just("BODY[HEADER] ".to_owned()),
        Just("FLAGS (\\Seen ".to_owned()),
        Just("LIST () \"/\" ".to_owned()),
        Just("OK [COPYUID 1 2 3] ".to_owned()),
        Just("\"quo\\\"ted\" ".to_owned()),
        Just("(".to_owned()),
        Just(")".to_owned()),
        (0_u32..40).prop_map(|length| format!("{{{length}}}\r\n")),
        (0_u32..40).prop_map(|length| format!("{{{length}+}}\r\n")),
        "[ -~]{0,20}",
    ]
}

/// What a client with no wait before literals writes.
fn written(command: &Command) -> Vec<u8> {
    let mut client = Client::new();
    client.receive(b"* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n");
    while let Ok(Some(_)) = client.next_event() {}
    client.send(command).expect("nothing is in flight");
    client.take_output().to_vec()
}

fn heard(line: &str) -> Option<Event> {
    let mut client = Client::new();
    client.receive(b"* OK ready\r\n");
    client.receive(line.as_bytes());
    let mut last = None;
    while let Ok(Some(event)) = client.next_event() {
        last = Some(event);
    }
    last
}
