//! What `serve` runs: one task per watch, one courier per sink, one keeper per credential, each
//! supervised, none able to take another down.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use gatepost_host::{Clock, Elapsed, Tasks};
use gatepost_mailroom::Mailroom;

use crate::compose::Gatepost;
use crate::control;
use crate::failure::Failure;
use crate::token_files::TokenFile;

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
        let watches = gatepost.watches()?;
        let socket = control::bind(&control::socket(gatepost.store.folder()))?;
        let tasks = &gatepost.tasks;
        let supervisor = Supervisor {
            tasks: tasks.clone(),
            clock: gatepost.clock.clone(),
        };
        for (route, sink) in gatepost.sinks().iter().cloned() {
            let (room, stop) = (mailroom.clone(), tasks.stop());
            supervisor.keep(format!("courier to {}", route.sink), move || {
                room.courier(route.clone(), Arc::clone(&sink))
                    .run(stop.clone())
            });
        }
        for keeper in gatepost.keepers() {
            let name = format!("tokens of {}", keeper.credential().id);
            let (kept, stop) = (keeper.clone(), tasks.stop());
            supervisor.keep(name, move || {
                let (keeper, stop) = (kept.clone(), stop.clone());
                async move { keeper.run(&stop).await }
            });
        }
        for (watch, opener) in watches {
            let (room, stop) = (mailroom.clone(), tasks.stop());
            supervisor.keep(format!("watch of {}", watch.key), move || {
                room.listener(watch.clone(), Arc::clone(&opener))
                    .run(stop.clone())
            });
        }
        for settings in &gatepost.config.token_files {
            let file = TokenFile::new(settings.clone(), Arc::clone(&gatepost));
            let (name, stop) = (
                format!("token file {}", settings.path.display()),
                tasks.stop(),
            );
            supervisor.keep(name, move || file.clone().run(stop.clone()));
        }
        let (room, stop) = (mailroom.clone(), tasks.stop());
        supervisor.keep("watchman".to_owned(), move || {
            room.watchman().run(stop.clone())
        });
        let (room, stop) = (mailroom.clone(), tasks.stop());
        supervisor.keep("sweeper".to_owned(), move || {
            room.sweeper(RETENTION).run(stop.clone())
        });
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

/// Keeps tasks going: one that panicked is started again, and touches no other.
struct Supervisor {
    tasks: Tasks,
    clock: Clock,
}

impl Supervisor {
    /// Keeps what `work` makes going until everything ends.
    fn keep<F>(&self, name: String, work: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tasks, clock, stop) = (self.tasks.clone(), self.clock.clone(), self.tasks.stop());
        let supervising = async move {
            loop {
                // By itself it ends when everything does, and otherwise only by a panic, which is
                // caught and logged where it is started.
                let _ = tasks.start(&name, work()).await;
                if stop.is_requested() {
                    return;
                }
                tracing::error!(task = name, "it is started again");
                if stop.or(clock.sleep(AFTER_A_PANIC)).await.is_none() {
                    return;
                }
            }
        };
        self.tasks.start("supervisor", supervising);
    }
}

/// A panic is our bug, and comes back at once more often than not.
const AFTER_A_PANIC: Duration = Duration::from_secs(30);
/// How long deliveries that are settled can be looked at.
const RETENTION: Duration = Duration::from_hours(7 * 24);
/// Service managers wait 90 seconds before they kill.
const DRAIN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panicked_is_started_again() {
        let tasks = Tasks::new();
        let supervisor = Supervisor {
            tasks: tasks.clone(),
            clock: Clock::system(),
        };
        let starts = Arc::new(AtomicU32::new(0));
        let (counted, stop) = (Arc::clone(&starts), tasks.stop());
        let (told, mut second) = tokio::sync::mpsc::channel(1);
        supervisor.keep("clumsy".to_owned(), move || {
            let (counted, stop, told) = (Arc::clone(&counted), stop.clone(), told.clone());
            async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
                let _ = told.send(()).await;
                stop.requested().await;
            }
        });
        second.recv().await.expect("it is started again");
        tasks.end().await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }
}
