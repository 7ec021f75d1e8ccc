//! Everything that is started has an owner that can stop it and wait for it.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns tasks: starts them, tells them to stop, waits for their end. Clones share the tasks.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    /// Those that these are children of: they wait for these too.
    parents: Vec<TaskTracker>,
    stop: Stop,
}

/// Tells a task when it should come to an end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    own: CancellationToken,
    /// Of those that the task's owner is a child of, if it is one.
    above: Option<CancellationToken>,
}

impl Tasks {
    /// Owns no task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. A panic in it ends that task only and is logged with its `name`.
    pub fn start<F>(&self, name: &str, task: F) -> tokio::task::JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = name.to_owned();
        // What an async block takes in and moves on stays a part of it: a task would take its
        // memory twice.
        let task = Box::pin(task);
        let awaited: Vec<_> = self.parents.iter().map(TaskTracker::token).collect();
        self.tracker.spawn(async move {
            let _awaited = awaited;
            let caught = CatchUnwind(AssertUnwindSafe(task)).await;
            if caught.is_err() {
                tracing::error!(task = name, "a task panicked; this is a bug in Gatepost");
            }
        })
    }

    /// What a task watches to know when to end.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Owns tasks that end with these, and can be ended before them.
    #[must_use]
    pub fn child(&self) -> Self {
        let own = std::iter::once(&self.tracker);
        Self {
            tracker: TaskTracker::new(),
            parents: own.chain(&self.parents).cloned().collect(),
            stop: Stop {
                own: self.stop.own.child_token(),
                above: Some(self.stop.own.clone()),
            },
        }
    }

    /// Tells all tasks to end, without waiting.
    pub fn cancel(&self) {
        self.stop.own.cancel();
    }

    /// Whether none runs any more.
    pub fn have_ended(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Tells all tasks to end and waits until they have.
    pub async fn end(&self) {
        self.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Stop {
    /// A signal that never comes.
    pub fn never() -> Self {
        Self::default()
    }

    /// Waits for the signal.
    pub async fn requested(&self) {
        self.own.cancelled().await;
    }

    /// Whether the signal has come.
    pub fn is_requested(&self) -> bool {
        self.own.is_cancelled()
    }

    /// Whether the signal came to these tasks alone, and what they are a part of goes on.
    pub fn is_for_these_alone(&self) -> bool {
        let goes_on = |above: &CancellationToken| !above.is_cancelled();
        self.is_requested() && self.above.as_ref().is_some_and(goes_on)
    }

    /// Runs `future` until it is ready or the signal comes, which gives `None`.
    pub async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.own.cancelled() => None,
            output = future => Some(output),
        }
    }
}

/// Turns a panic of the inner future into an error.
struct CatchUnwind<F>(AssertUnwindSafe<std::pin::Pin<Box<F>>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let inner = AssertUnwindSafe(|| self.0.0.as_mut().poll(context));
        match std::panic::catch_unwind(inner) {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(output)) => std::task::Poll::Ready(Ok(output)),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_the_tasks_of_children_too() {
        let tasks = Tasks::new();
        let grandchild = tasks.child().child();
        let stop = grandchild.stop();
        let (done, mut ended) = tokio::sync::oneshot::channel();
        grandchild.start("slow", async move {
            stop.requested().await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let _ = done.send(());
        });
        tasks.end().await;
        ended.try_recv().expect("it ended before its owner");
    }

    #[test]
    fn a_part_that_ends_alone_is_told_from_the_end_of_all() {
        let tasks = Tasks::new();
        let (part, other) = (tasks.child(), tasks.child());
        part.cancel();
        assert!(part.stop().is_for_these_alone());
        assert!(!other.stop().is_for_these_alone(), "it goes on");
        tasks.cancel();
        for stop in [part.stop(), other.stop(), tasks.stop()] {
            assert!(stop.is_requested() && !stop.is_for_these_alone());
        }
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_and_no_other() {
        let tasks = Tasks::new();
        let stop = tasks.stop();
        let (done, wait) = tokio::sync::oneshot::channel();
        tasks.start("bad", async { panic!("on purpose") });
        tasks.start("good", async move {
            stop.requested().await;
            let _ = done.send(());
        });
        tasks.end().await;
        wait.await.expect("the good task ended in its own way");
    }
}
