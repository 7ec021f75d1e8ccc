//! The doors that are open, and the sessions behind them.

use std::collections::BTreeMap;

use gatepost_gateway::Gateway;
use gatepost_gateway::door::{Behind, DoorError, Inherited};
use gatepost_host::Tasks;

use super::parts::{Changes, Part, Parts};
use super::supervisor::Supervisor;
use crate::compose::{DoorMadeOf, Gatepost, OpenedDoor, Sockets};

/// The gateway, as far as it runs.
#[derive(Debug)]
pub(super) struct Doors {
    /// Not there before the first door can be opened.
    gateway: Option<Gateway>,
    inherited: Inherited,
    sockets: Sockets,
    open: Parts<String, DoorMadeOf>,
    /// Sessions by the name of the door that they came through. They outlive a change of it.
    sessions: BTreeMap<String, Sessions>,
}

/// Those who came through a door of one name.
#[derive(Debug, Clone)]
struct Sessions {
    tasks: Tasks,
    behind: Behind,
}

impl Doors {
    /// None is open. What systemd handed over is taken.
    pub(super) fn closed() -> Self {
        Self {
            gateway: None,
            inherited: Inherited::take(),
            sockets: Sockets::default(),
            open: Parts::default(),
            sessions: BTreeMap::new(),
        }
    }

    /// Binds what the doors of a composition want. Nothing has happened if one cannot be bound.
    pub(super) fn sockets(&self, gatepost: &Gatepost) -> Result<Sockets, DoorError> {
        self.sockets.bound_for(&gatepost.config, &self.inherited)
    }

    /// Goes on with these sockets. Others are closed with the last door that listens at them.
    pub(super) fn have(&mut self, sockets: Sockets) {
        self.sockets = sockets;
    }

    /// Who comes in goes this way.
    pub(super) fn lead_to(&mut self, gateway: Gateway) {
        self.gateway = Some(gateway);
    }

    /// Opens these doors and no others. Who came through one that is gone has to leave.
    pub(super) fn become_those(
        &mut self,
        described: Vec<OpenedDoor>,
        supervisor: &Supervisor,
    ) -> Changes {
        self.sessions.retain(|name, sessions| {
            let stays = described.iter().any(|door| door.made_of.name() == name);
            if !stays {
                sessions.tasks.cancel();
            }
            stays
        });
        let Some(gateway) = &self.gateway else {
            return Changes::default();
        };
        let mut doors = Vec::new();
        for OpenedDoor { door, made_of } in described {
            let name = made_of.name().to_owned();
            if !self.open.has(&name, &made_of) {
                for address in door.addresses() {
                    let protocol = made_of.protocol();
                    tracing::info!(door = name, %protocol, %address, "the door listens");
                }
            }
            let sessions = self.sessions.entry(name.clone());
            let sessions = sessions.or_insert_with(|| Sessions {
                tasks: supervisor.tasks.child(),
                behind: Behind::default(),
            });
            let door = door.in_place_of(sessions.behind.clone());
            let (gateway, sessions) = (gateway.clone(), sessions.tasks.clone());
            doors.push(Part::new(
                (name.clone(), made_of),
                format!("door {name}"),
                move |stop| {
                    let (door, gateway, sessions) =
                        (door.clone(), gateway.clone(), sessions.clone());
                    async move { door.open(&gateway, &sessions, stop).await }
                },
            ));
        }
        let gone = |name: &String| tracing::info!(door = name, "the door is closed");
        self.open
            .become_those(doors, supervisor, (gone, |_: &_| false))
    }
}
