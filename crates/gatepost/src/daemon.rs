//! What `serve` runs: one task per watch, one courier per sink, one keeper per credential, each
//! supervised, none able to take another down.

use std::sync::Arc;
use std::time::Duration;

use gatepost_host::Elapsed;
use gatepost_mailroom::Mailroom;

use crate::compose::Gatepost;
use crate::control;
use crate::failure::Failure;

/// A composition that runs.
#[derive(Debug)]
pub struct Daemon {
    /// What runs.
    pub gatepost: Arc<Gatepost>,
    /// Where it works.
    pub mailroom: Mailroom,
}

impl Daemon {
    /// Starts everything that the configuration describes. When this returns, the control
    /// socket answers.
    pub fn start(gatepost: Gatepost) -> Result<Self, Failure> {
        let gatepost = Arc::new(gatepost);
        let mailroom = gatepost.mailroom()?;
        let socket = control::bind(&control::socket(gatepost.store.folder()))?;
        let tasks = &gatepost.tasks;
        for (route, sink) in gatepost.sinks() {
            let name = format!("courier to {}", route.sink);
            let courier = mailroom.courier(route.clone(), Arc::clone(sink));
            tasks.start(&name, courier.run(tasks.stop()));
        }
        for keeper in gatepost.keepers() {
            let (keeper, stop) = (keeper.clone(), tasks.stop());
            let name = format!("tokens of {}", keeper.credential().id);
            tasks.start(&name, async move { keeper.run(&stop).await });
        }
        for (watch, opener) in gatepost.watches() {
            let name = format!("watch of {}", watch.key);
            tasks.start(&name, mailroom.listener(watch, opener).run(tasks.stop()));
        }
        tasks.start("watchman", mailroom.watchman().run(tasks.stop()));
        tasks.start("sweeper", mailroom.sweeper(RETENTION).run(tasks.stop()));
        let answering = control::serve(socket, Arc::clone(&gatepost), mailroom.clone());
        tasks.start("control socket", answering);
        Ok(Self { gatepost, mailroom })
    }

    /// Tells everything to end, and waits for it within bounds. What is cut off then is taken up
    /// again at the next start: nothing is lost by it.
    pub async fn drain(self) -> Result<(), Elapsed> {
        let drained = self.gatepost.clock.within(DRAIN, self.gatepost.end()).await;
        let _ = std::fs::remove_file(control::socket(self.gatepost.store.folder()));
        drained
    }
}

/// How long deliveries that are settled can be looked at.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// Service managers wait 90 seconds before they kill.
const DRAIN: Duration = Duration::from_secs(30);
