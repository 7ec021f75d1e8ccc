//! Our client and our server against each other, without a network between them.

use gatepost_wire::imap::client::{
    Append, Client, Command, Event, FetchItems, Flag, FlagChange, Outcome, UidSet, Untagged,
};
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
    fn new(read: usize) -> Self {
        Self {
            client: Client::new(),
            server: Conversation::new(),
            read,
        }
    }

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
        assert!(succeeded(&heard), "{command:?}: {heard:?}");
        heard
    }
}

fn succeeded(heard: &[Event]) -> bool {
    let ok = |event: &Event| matches!(event, Event::Completed(_, reply) if matches!(reply.outcome, Outcome::Ok));
    heard.iter().any(ok)
}

fn untagged(heard: &[Event]) -> impl Iterator<Item = &Untagged> {
    heard.iter().filter_map(|event| match event {
        Event::Untagged(untagged) => Some(untagged),
        _ => None,
    })
}

fn bodies(heard: &[Event]) -> Vec<String> {
    let mut bodies: Vec<String> = Vec::new();
    for event in heard {
        match event {
            Event::BodyBegins { .. } => bodies.push(String::new()),
            Event::BodyChunk(octets) => {
                let body = bodies.last_mut().expect("a body has begun");
                body.push_str(&String::from_utf8_lossy(octets));
            }
            _ => {}
        }
    }
    bodies
}

#[test]
fn client_and_server_understand_each_other() {
    for read in [usize::MAX, 1] {
        let mut pair = Pair::new(read);
        pair.talk();
        let token = SecretString::from("good");
        let credentials = Xoauth2::new("a@x.test", token).expect("good credentials");
        pair.client
            .authenticate(&credentials)
            .expect("the client is free");
        assert!(succeeded(&pair.talk()));

        let heard = pair.order(&Command::List {
            pattern: "*".to_owned(),
        });
        let names = untagged(&heard).filter_map(|untagged| match untagged {
            Untagged::Listed(listed) => Some(listed.name.as_str()),
            _ => None,
        });
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["Archive", "Entwürfe/alt", "INBOX"]
        );

        pair.order(&Command::Select {
            folder: "INBOX".into(),
        });
        let all = || UidSet::from(1);
        let heard = pair.order(&Command::UidFetch {
            uids: all(),
            items: FetchItems::Body,
        });
        assert_eq!(bodies(&heard).len(), 3);
        assert!(bodies(&heard)[2].ends_with("body 3\r\n"), "{heard:?}");

        pair.order(&Command::UidStore {
            uids: UidSet::one(2),
            change: FlagChange::Add,
            flags: vec![Flag::Deleted],
        });
        let heard = pair.order(&Command::Expunge);
        assert!(untagged(&heard).any(|untagged| matches!(untagged, Untagged::Expunged(2))));
        let heard = pair.order(&Command::UidMove {
            uids: UidSet::one(1),
            to: "Archive".into(),
        });
        assert!(untagged(&heard).any(|untagged| matches!(untagged, Untagged::Expunged(1))));
    }
}

#[test]
fn an_upload_passes_and_idle_tells_of_it() {
    let mut pair = Pair::new(3);
    pair.talk();
    let credentials = Xoauth2::new("a@x.test", SecretString::from("good"));
    pair.client
        .authenticate(&credentials.expect("good credentials"))
        .expect("it is free");
    pair.talk();
    pair.order(&Command::Select {
        folder: "INBOX".into(),
    });

    let message = b"Subject: up\r\n\r\nload\r\n";
    let append = Append {
        folder: "INBOX",
        flags: &[Flag::Seen],
        size: message.len() as u64,
    };
    pair.client.append(&append).expect("the client is free");
    let heard = pair.talk();
    assert!(
        heard
            .iter()
            .any(|event| matches!(event, Event::Continues(_))),
        "{heard:?}"
    );
    assert_eq!(pair.client.append_octets(message), message.len());
    let heard = pair.talk();
    assert!(succeeded(&heard), "{heard:?}");
    assert!(untagged(&heard).any(|untagged| matches!(untagged, Untagged::Exists(4))));

    pair.client.idle().expect("the client is free");
    pair.talk();
    pair.server
        .owner
        .deliver("Subject: new\r\n\r\n", [].into_iter().collect());
    pair.server.server.changed();
    let heard = pair.talk();
    assert!(
        untagged(&heard).any(|untagged| matches!(untagged, Untagged::Exists(5))),
        "{heard:?}"
    );
    pair.client.done();
    assert!(succeeded(&pair.talk()));
}
