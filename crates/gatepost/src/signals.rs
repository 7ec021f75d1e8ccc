//! When the operating system wants the process to end.

use gatepost_fault::{Fault, Next, Owner};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, caught from now on.
#[derive(Debug)]
pub struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl EndSignals {
    /// Catches them.
    pub fn catch() -> Result<Self, SignalError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one and gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Signals cannot be caught.
#[derive(Debug, thiserror::Error)]
#[error("the operating system does not let this process catch signals: {0}")]
pub struct SignalError(#[from] std::io::Error);

impl SignalError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["signals_unusable"];
}

impl Fault for SignalError {
    fn code(&self) -> &'static str {
        "signals_unusable"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}
