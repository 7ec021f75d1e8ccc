//! Keeps tasks going: one that panicked is started again, and touches no other.

use std::time::Duration;

use gatepost_host::{Clock, Tasks};

use super::parts::Work;

/// Keeps tasks going.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// What all of them end with.
    pub(super) tasks: Tasks,
    pub(super) clock: Clock,
}

impl Supervisor {
    /// Keeps what `work` makes going among `tasks` until they end. It begins when `predecessor`
    /// has ended.
    pub(super) fn keep(
        &self,
        (name, work): (String, Work),
        tasks: &Tasks,
        predecessor: Option<Tasks>,
    ) {
        let (own, clock, stop) = (tasks.clone(), self.clock.clone(), tasks.stop());
        let supervising = async move {
            if let Some(predecessor) = predecessor {
                predecessor.end().await;
            }
            while !stop.is_requested() {
                // By itself it ends when it is stopped, and otherwise only by a panic, which is
                // caught and logged where it is started.
                let _ = own.start(&name, work(stop.clone())).await;
                if stop.is_requested() {
                    return;
                }
                tracing::error!(task = name, "it is started again");
                stop.or(clock.sleep(AFTER_A_PANIC)).await;
            }
        };
        tasks.start("supervisor", supervising);
    }
}

/// A panic is our bug, and comes back at once more often than not.
const AFTER_A_PANIC: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn supervisor() -> Supervisor {
        Supervisor {
            tasks: Tasks::new(),
            clock: Clock::system(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panicked_is_started_again() {
        let supervisor = supervisor();
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let (told, mut second) = tokio::sync::mpsc::channel(1);
        let work: Work = Box::new(move |stop| {
            let (counted, told) = (Arc::clone(&counted), told.clone());
            Box::pin(async move {
                assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
                let _ = told.send(()).await;
                stop.requested().await;
            })
        });
        let tasks = supervisor.tasks.child();
        supervisor.keep(("clumsy".to_owned(), work), &tasks, None);
        second.recv().await.expect("it is started again");
        supervisor.tasks.end().await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_successor_waits_for_the_end_of_its_predecessor() {
        let supervisor = supervisor();
        let (told, mut order) = tokio::sync::mpsc::channel(4);
        let work = |name: &'static str| -> Work {
            let told = told.clone();
            Box::new(move |stop| {
                let told = told.clone();
                Box::pin(async move {
                    let _ = told.send((name, "begins")).await;
                    stop.requested().await;
                    tokio::task::yield_now().await;
                    let _ = told.send((name, "ends")).await;
                })
            })
        };
        let first = supervisor.tasks.child();
        supervisor.keep(("first".to_owned(), work("first")), &first, None);
        assert_eq!(order.recv().await, Some(("first", "begins")));
        first.cancel();
        let second = supervisor.tasks.child();
        supervisor.keep(("second".to_owned(), work("second")), &second, Some(first));
        assert_eq!(order.recv().await, Some(("first", "ends")));
        assert_eq!(order.recv().await, Some(("second", "begins")));
        supervisor.tasks.end().await;
    }
}
