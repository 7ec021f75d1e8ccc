//! One client, from its greeting to the end of its connection.
//!
//! Before the login the gateway itself is the server, with the machines of `wire`. Whoever shows
//! a good password is signed in with the mailbox's own server, to which the connection was made
//! while the password was looked at; from then on octets are relayed.

mod conversation;
#[macro_use]
mod telling;
mod ending;
mod imap;
mod letting_in;
mod pop3;
mod refusal;
mod smtp;
mod spool;
mod stream;

use std::sync::Arc;

use gatepost_host::{ReadAhead, Stop};
use gatepost_mail::passage::Passage;
use gatepost_wire::InClear;
use gatepost_wire::sasl::Credentials;
use gatepost_wire::smtp::server::SignIn;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::admission::{Guest, Presence};
use crate::door::{Devices, DoorSettings, LeadsTo};
use crate::relay::{Bounds, Ended, Relay};
use crate::{ClientAddress, Gateway, Protocol};
use conversation::{Conversation, Machine, Next};
use ending::Whose;
use refusal::Refusal;

pub(crate) use conversation::{Bye, protect};
pub(crate) use stream::ClientStream;

/// A client that has arrived at a door.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its connection.
    pub(crate) stream: ClientStream,
    /// Where it connects from.
    pub(crate) from: ClientAddress,
    /// With what it can be protected, if it can be and is not.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Whether it may sign in unprotected.
    pub(crate) in_clear: InClear,
}

/// Whoever was let in, and where to.
struct LetIn {
    guest: Guest,
    passage: Passage,
}

/// Two connections that are relayed, and for whom.
struct Relayed {
    relay: Relay<ClientStream, Box<TlsStream<ReadAhead<TcpStream>>>>,
    revoked: CancellationToken,
    whose: Whose,
    /// Counts the session for as long as it lasts.
    _presence: Presence,
}

/// A machine that lets people in.
trait Greeter: Machine {
    /// What the client wants.
    fn wish(&mut self, ask: Self::Ask) -> Option<Wish>;

    /// They are good, and the mailbox's server has told this of itself.
    fn let_in(&mut self, told: &gatepost_mail::passage::Told);

    /// They are not, or nobody can go on.
    fn turn_away(&mut self, refusal: &Refusal);
}

/// How somebody wants to be let in.
enum Wish {
    /// With these.
    Credentials(Credentials),
    /// As a device of its network.
    AsDevice,
}

/// Where a session takes place.
#[derive(Clone, Copy)]
struct Place<'a> {
    gateway: &'a Gateway,
    door: &'a DoorSettings,
    devices: &'a Devices,
    from: ClientAddress,
}

/// Serves a client until its connection ends, or until it is to stop.
pub(crate) async fn serve(
    gateway: &Gateway,
    (door, devices): (&DoorSettings, &Devices),
    arrival: Arrival,
    stop: &Stop,
) {
    let place = Place {
        gateway,
        door,
        devices,
        from: arrival.from,
    };
    if let (LeadsTo::Spool { rewrite_from }, Some(acceptance)) =
        (door.leads_to, &gateway.acceptance)
    {
        let spool = spool::Spool {
            acceptance: &**acceptance,
            rewrite_from,
        };
        Box::pin(spool::take(place, spool, arrival, stop)).await;
        return;
    }
    // What is needed to let somebody in is large, and not needed any more behind the login.
    let Some(relayed) = Box::pin(before_login(place, arrival, stop)).await else {
        return;
    };
    relay(place, relayed, stop).await;
}

async fn before_login(place: Place<'_>, arrival: Arrival, stop: &Stop) -> Option<Box<Relayed>> {
    let Arrival {
        stream,
        tls,
        in_clear,
        ..
    } = arrival;
    let around = (place.gateway.clock.clone(), stop.clone());
    let protection = (tls.is_some(), in_clear);
    let told = match place.door.protocol {
        Protocol::Imap => {
            let machine = imap::Imap::new(protection);
            talk(place, Conversation::new(machine, stream, tls, around)).await
        }
        Protocol::Pop3 => {
            let machine = pop3::Pop3::new(protection);
            talk(place, Conversation::new(machine, stream, tls, around)).await
        }
        Protocol::Smtp => {
            let known = place.gateway.offers.known();
            let sign_in = match place.devices.admit(place.door, place.from.trusted()) {
                Some(_) => SignIn::Optional,
                None => SignIn::Required,
            };
            let machine = smtp::Smtp::new(protection, sign_in, known);
            talk(place, Conversation::new(machine, stream, tls, around)).await
        }
    };
    match told {
        Ok(relayed) => relayed,
        Err(error) => {
            tracing::debug!(
                door = place.door.name,
                client = %place.from,
                "the client left before it signed in: {error}"
            );
            None
        }
    }
}

async fn talk<M: Greeter>(
    place: Place<'_>,
    mut conversation: Conversation<M>,
) -> std::io::Result<Option<Box<Relayed>>> {
    let mut admitted = None;
    loop {
        match conversation.next().await? {
            Next::Asked(ask) => {
                // Nothing else is asked of somebody who is not signed in.
                let Some(wish) = conversation.machine.wish(ask) else {
                    return Ok(None);
                };
                match letting_in::let_in(place, wish).await {
                    Ok(let_in) => {
                        conversation.machine.let_in(&let_in.passage.told);
                        admitted = Some(let_in);
                    }
                    Err(refusal) => conversation.machine.turn_away(&refusal),
                }
            }
            Next::HandOver(stream, first) => {
                return Ok(admitted.map(|LetIn { guest, passage }| {
                    let server = (passage.stream, &*passage.read);
                    Box::new(Relayed {
                        relay: Relay::new((stream, &first), server),
                        whose: Whose::of(&guest, place.gateway.clock.now()),
                        revoked: guest.revoked,
                        _presence: guest.presence,
                    })
                }));
            }
            Next::Over => return Ok(None),
        }
    }
}

/// What is relayed comes in a box: a session that idles would hold each place that it was handed
/// through.
async fn relay(place: Place<'_>, mut relayed: Box<Relayed>, stop: &Stop) {
    let Relayed {
        relay,
        revoked,
        whose,
        ..
    } = &mut *relayed;
    let bounds = Bounds {
        idle: place.door.idle,
        revoked,
        stop,
    };
    let protocol = place.door.protocol;
    let goodbye = move |ended: &Ended| goodbye(protocol, ended);
    let ended = relay.run(&place.gateway.clock, bounds, goodbye).await;
    whose.tell(place, relay.passed(), None, &ended.into());
}

fn goodbye(protocol: Protocol, ended: &Ended) -> &'static [u8] {
    match (protocol, ended) {
        (Protocol::Imap, Ended::Stopped) => {
            b"* BYE Gatepost is being stopped, connect again in a moment\r\n"
        }
        (Protocol::Imap, Ended::DoorGone) => {
            b"* BYE Gatepost does not listen here any more, ask whoever runs it\r\n"
        }
        (Protocol::Imap, Ended::Idle) => b"* BYE Nothing was said for too long\r\n",
        (Protocol::Imap, Ended::Revoked) => b"* BYE Authentication is not valid any more\r\n",
        // The others say nothing that was not asked for.
        _ => b"",
    }
}
