//! From credentials to an open mailbox: who may come in is decided while the connection to the
//! mailbox's server is made.

use std::pin::pin;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Elapsed;
use gatepost_mail::passage::{PassageError, Told};
use gatepost_wire::sasl::Credentials;
use tokio::select;

use super::refusal::{Kind, Refusal};
use super::{LetIn, Place};
use crate::admission::{Guest, Login, Turned};
use crate::upstream::NoDestination;

/// Why somebody is not let in.
enum Stopped {
    Turned(Turned),
    NoDestination(Guest, NoDestination),
    Failed(Guest, PassageError),
    TooSlow(Guest, String),
}

/// Lets somebody in, or says in words for the client why not.
pub(super) async fn let_in(place: Place<'_>, credentials: Credentials) -> Result<LetIn, Refusal> {
    // Some programs can do nothing but XOAUTH2: what they show as a token is an app password.
    let (Credentials::Password { user, password }
    | Credentials::Bearer {
        user,
        token: password,
    }) = credentials;
    let login = Login {
        protocol: place.door.protocol,
        name: user,
        password,
        address: place.address,
    };
    match Box::pin(try_to(place, &login)).await {
        Ok(let_in) => {
            tracing::info!(
                door = place.door.name,
                protocol = %place.door.protocol,
                client = %place.address,
                login = let_in.guest.login,
                mailbox = let_in.guest.mailbox,
                "signed in"
            );
            if let Told::Smtp(extensions) = &let_in.passage.told {
                place.gateway.offers.learn(extensions);
            }
            Ok(let_in)
        }
        Err(stopped) => Err(tell(place, stopped)),
    }
}

async fn try_to(place: Place<'_>, login: &Login) -> Result<LetIn, Stopped> {
    let gateway = place.gateway;
    let expected = gateway
        .admission
        .expected(login.protocol, &login.name, login.address);
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
    match gateway.clock.within(LIMIT, entering).await {
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
    tracing::warn!(
        door = place.door.name,
        protocol = %place.door.protocol,
        client = %place.address,
        login = guest.login,
        mailbox = guest.mailbox,
        code,
        "the login is good, and there is no way on: {}",
        refusal.said
    );
    refusal
}

/// Clients give up after a minute, and then nobody hears why.
const LIMIT: Duration = Duration::from_secs(45);
