//! The two ways in which verbs run.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};

/// Runs a verb that does one thing and ends, on this thread alone.
pub fn briefly<F: Future>(work: F) -> F::Output {
    started(&mut Builder::new_current_thread()).block_on(work)
}

/// Runs a verb that serves many mailboxes until it is stopped, on all processors.
pub fn at_length<F: Future>(work: F) -> F::Output {
    started(&mut Builder::new_multi_thread()).block_on(work)
}

fn started(builder: &mut Builder) -> Runtime {
    builder
        .enable_all()
        .build()
        .expect("the operating system gives threads and an event queue")
}
