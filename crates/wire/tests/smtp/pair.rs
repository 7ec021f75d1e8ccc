//! Our client and our server against each other, without a network between them.

use gatepost_wire::sasl::Xoauth2;
use gatepost_wire::smtp::client::{Client, Event};
use gatepost_wire::smtp::{
    Body, Envelope, Headers, Notify, Occasion, Occasions, Path, Phase, Recipient, Returned,
    ReversePath, Sender, Transfer,
};
use secrecy::SecretString;

use crate::server::Conversation;

struct Pair {
    client: Client,
    server: Conversation,
    /// How many octets a read brings.
    read: usize,
}

impl Pair {
    /// Lets both sides talk until neither has more to say; answers what the client heard.
    fn talk(&mut self) -> Vec<Event> {
        let mut heard = Vec::new();
        loop {
            let from_client = self.client.take_output();
            for octets in from_client.chunks(self.read) {
                self.server.server.push(octets);
                self.server.go_on();
            }
            self.server.go_on();
            let from_server = std::mem::take(&mut self.server.written);
            for octets in from_server.chunks(self.read) {
                self.client.receive(octets);
                while let Some(event) = self.client.next_event().expect("the server keeps to it") {
                    heard.push(event);
                }
            }
            if from_client.is_empty() && from_server.is_empty() {
                return heard;
            }
        }
    }
}

fn envelope() -> Envelope {
    let path = |text| Path::parse(text).expect("an address");
    Envelope {
        sender: Sender {
            path: ReversePath::Address(path("größe@x.test")),
            size: Some(60),
            body: Body::EightBitMime,
            headers: Headers::Utf8,
            returned: Some(Returned::Headers),
            envelope_id: Some("one + two=3".to_owned()),
        },
        recipients: vec![
            Recipient {
                path: path("\"b >\"@x.test"),
                notify: Some(Notify::On(Occasions::new(
                    Occasion::Success,
                    [Occasion::Delay],
                ))),
                original: Some("rfc822;b+c@x.test".to_owned()),
            },
            Recipient::new(path("nobody@x.test")),
        ],
    }
}

#[test]
fn an_envelope_and_its_message_arrive_as_they_were_sent() {
    for (read, transfer) in [
        (1, Transfer::Data),
        (7, Transfer::Chunks),
        (4096, Transfer::Data),
        (4096, Transfer::Chunks),
    ] {
        let mut pair = Pair {
            client: Client::new(),
            server: Conversation::new(),
            read,
        };
        pair.talk();
        pair.client.hello("x.test").expect("the client is free");
        pair.talk();
        let token = SecretString::from("good");
        let credentials = Xoauth2::new("a@x.test", token).expect("a valid sample");
        pair.client
            .authenticate(&credentials)
            .expect("the client is free");
        pair.talk();
        pair.client
            .send_envelope(&envelope())
            .expect("the client is free");
        let heard = pair.talk();
        assert!(
            heard.contains(&Event::EnvelopeSettled { accepted: 1 }),
            "{heard:?}"
        );
        pair.client
            .begin_message(transfer)
            .expect("somebody gets it");
        pair.talk();
        for piece in [".Subject: größe\r", "\n\n.\n", "..\r\n", "last"] {
            pair.client
                .message_octets(piece.as_bytes())
                .expect("it is awaited");
            pair.talk();
        }
        pair.client.end_message().expect("it is awaited");
        let heard = pair.talk();
        let done = |event: &Event| matches!(event, Event::Replied(Phase::EndOfData, reply) if reply.is_done());
        assert!(heard.iter().any(done), "{heard:?}");

        let arrived = pair.server.owner.taken.pop().expect("a message");
        assert_eq!(arrived.sender, envelope().sender);
        assert_eq!(arrived.recipients, envelope().recipients[..1]);
        assert_eq!(
            String::from_utf8_lossy(&arrived.message),
            ".Subject: größe\r\n\r\n.\r\n..\r\nlast\r\n"
        );
        pair.client.quit().expect("the client is free");
        pair.talk();
        assert!(pair.server.closed);
    }
}
