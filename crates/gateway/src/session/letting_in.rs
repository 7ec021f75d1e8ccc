//! From credentials to an open mailbox: who may come in is decided while the connection to the
//! mailbox's server is made.

use std::pin::pin;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Elapsed;
use gatepost_mail::passage::{Destination, Passage, PassageError, Told};
use gatepost_wire::sasl::Credentials;
use tokio::select;

use super::refusal::{Kind, Refusal};
use super::{LetIn, Place, Wish, telling};
use crate::admission::{Guest, Login, Presence, Turned};
use crate::upstream::NoDestination;

/// Why somebody is not let in.
enum Stopped {
    Turned(Turned),
    NoDestination(Guest, NoDestination),
    Failed(Guest, PassageError),
    TooSlow(Guest, String),
}

/// Lets somebody in, or says in words for the client why not.
pub(super) async fn let_in(place: Place<'_>, wish: Wish) -> Result<LetIn, Refusal> {
    let came = match wish {
        Wish::Credentials(credentials) => {
            Box::pin(by_login(place, &login(place, credentials))).await
        }
        Wish::AsDevice => Box::pin(as_device(place)).await,
    };
    match came {
        Ok(let_in) => {
            if let_in.guest.password.is_none() {
                telling::signed_in_without_login(place, &let_in.guest);
            } else {
                telling::signed_in(place, &let_in.guest);
            }
            if let Told::Smtp(extensions) = &let_in.passage.told {
                place.gateway.offers.learn(Some(extensions));
            }
            Ok(let_in)
        }
        Err(stopped) => Err(tell(place, stopped)),
    }
}

/// Who somebody is that goes nowhere else, or why it is turned away.
pub(super) async fn admit(place: Place<'_>, credentials: Credentials) -> Result<Guest, Turned> {
    let login = login(place, credentials);
    place.gateway.admission.admit(&login).await
}

fn login(place: Place<'_>, credentials: Credentials) -> Login {
    // Some programs can do nothing but XOAUTH2: what they show as a token is an app password.
    let (Credentials::Password { user, password }
    | Credentials::Bearer {
        user,
        token: password,
    }) = credentials;
    Login {
        protocol: place.door.protocol,
        name: user,
        password,
        from: place.from,
    }
}

/// Who a device is that needs no login, if there is one at this address.
pub(super) fn device(place: Place<'_>) -> Option<Guest> {
    let (mailbox, revoked) = place.devices.admit(place.door, place.from.trusted())?;
    Some(Guest {
        password: None,
        login: place.from.to_string(),
        mailbox: mailbox.to_owned(),
        senders: vec![mailbox.to_owned()],
        revoked,
        presence: Presence::default(),
    })
}

/// Its network opens the door to a device, and its address is its name.
async fn as_device(place: Place<'_>) -> Result<LetIn, Stopped> {
    let Some(guest) = device(place) else {
        return Err(Stopped::Turned(Turned::UnknownLogin));
    };
    let upstream = &place.gateway.upstream;
    let destination = match upstream.destination(place.door.protocol, &guest.mailbox) {
        Ok(destination) => destination,
        Err(none) => return Err(Stopped::NoDestination(guest, none)),
    };
    let entering = async {
        let reached = destination.reach().await?;
        destination.enter(reached).await
    };
    entered(place, guest, &destination, Box::pin(entering)).await
}

async fn by_login(place: Place<'_>, login: &Login) -> Result<LetIn, Stopped> {
    let gateway = place.gateway;
    let expected = gateway
        .admission
        .expected(login.protocol, &login.name, login.from.trusted());
    let ahead = expected
        .as_ref()
        .and_then(|mailbox| gateway.upstream.destination(login.protocol, mailbox).ok());
    let mut reaching = pin!(async {
        match &ahead {
            Some(destination) => destination.reach().await.map(Some),
            None => Ok(None),
        }
    });
    let mut admitting = pin!(gateway.admission.admit(login));
    let mut reached = None;
    // Whoever is turned away takes the connection along that was being made for them.
    let guest = loop {
        select! {
            biased;
            admitted = &mut admitting => break admitted.map_err(Stopped::Turned)?,
            came = &mut reaching, if reached.is_none() => reached = Some(came),
        }
    };
    let is_expected = expected.as_deref() == Some(guest.mailbox.as_str());
    let destination = match ahead.as_ref().filter(|_| is_expected) {
        Some(destination) => destination.clone(),
        None => match gateway.upstream.destination(login.protocol, &guest.mailbox) {
            Ok(destination) => destination,
            Err(none) => return Err(Stopped::NoDestination(guest, none)),
        },
    };
    let entering = async {
        let reached = match reached {
            _ if !is_expected => None,
            Some(came) => came?,
            None => reaching.await?,
        };
        let reached = match reached {
            Some(reached) => reached,
            None => destination.reach().await?,
        };
        destination.enter(reached).await
    };
    entered(place, guest, &destination, Box::pin(entering)).await
}

async fn entered(
    place: Place<'_>,
    guest: Guest,
    destination: &Destination,
    entering: impl Future<Output = Result<Passage, PassageError>>,
) -> Result<LetIn, Stopped> {
    match place.gateway.clock.within(LIMIT, entering).await {
        Ok(Ok(passage)) => Ok(LetIn { guest, passage }),
        Ok(Err(error)) => Err(Stopped::Failed(guest, error)),
        Err(Elapsed) => Err(Stopped::TooSlow(guest, destination.host().to_owned())),
    }
}

/// Words for the client; what is exact goes into the log. Who is turned away was logged already.
fn tell(place: Place<'_>, stopped: Stopped) -> Refusal {
    let (guest, refusal, code) = match stopped {
        Stopped::Turned(turned) => return Refusal::from(&turned),
        Stopped::NoDestination(guest, none) => {
            let refusal = Refusal::of_fault(&none);
            (guest, refusal, none.code())
        }
        Stopped::Failed(guest, error) => {
            let refusal = Refusal::of_fault(&error);
            (guest, refusal, error.code())
        }
        Stopped::TooSlow(guest, host) => {
            let refusal = Refusal {
                kind: Kind::Temporary,
                said: format!(
                    "{host} did not let {} in within {} seconds; try again later",
                    guest.mailbox,
                    LIMIT.as_secs()
                ),
                ends_connection: false,
            };
            (guest, refusal, "mail_server_silent")
        }
    };
    tell_of!(
        warn,
        place,
        guest,
        code,
        "the login is good, and there is no way on: {}",
        refusal.said
    );
    refusal
}

/// Clients give up after a minute, and then nobody hears why.
const LIMIT: Duration = Duration::from_secs(45);
