//! Our client and our server against each other, without a network between them.

use gatepost_wire::pop3::Outcome;
use gatepost_wire::pop3::client::{Client, Command, Event, InitialResponse};
use gatepost_wire::sasl::Xoauth2;
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

    fn order(&mut self, command: &Command) -> Vec<Event> {
        self.client.send(command).expect("the client is free");
        let heard = self.talk();
        let ok = |event: &Event| matches!(event, Event::Completed(_, reply) if reply.outcome == Outcome::Ok);
        assert!(heard.iter().any(ok), "{command:?}: {heard:?}");
        heard
    }
}

#[test]
fn a_session_from_sign_in_to_goodbye() {
    for read in [1, 7, 4096] {
        let mut pair = Pair {
            client: Client::new(),
            server: Conversation::new(),
            read,
        };
        pair.talk();
        pair.order(&Command::Capabilities);
        assert_eq!(
            pair.client.capabilities().mechanisms().collect::<Vec<_>>(),
            ["PLAIN", "XOAUTH2"]
        );
        let credentials =
            Xoauth2::new("a@x.test", SecretString::from("good")).expect("a valid sample");
        pair.client
            .authenticate(&credentials, InitialResponse::Never)
            .expect("the client is free");
        pair.talk();
        let heard = pair.order(&Command::Uidl);
        let names = heard.iter().filter_map(|event| match event {
            Event::Named { unique, .. } => Some(unique.as_str()),
            _ => None,
        });
        assert_eq!(names.collect::<Vec<_>>(), ["a1", "b2", "c3"]);

        let heard = pair.order(&Command::Retrieve(2));
        let mut body = Vec::new();
        for event in heard {
            if let Event::BodyChunk(octets) = event {
                body.extend_from_slice(&octets);
            }
        }
        assert_eq!(
            String::from_utf8_lossy(&body),
            "Subject: dots\r\n\r\n.\r\n..two\r\nlast\r\n"
        );
        pair.order(&Command::Delete(1));
        pair.order(&Command::Quit);
        assert_eq!(pair.server.owner.names(), ["b2", "c3"]);
        assert!(pair.server.closed);
    }
}
