//! When the operating system wants the process to end, or to read its configuration again.

use gatepost_fault::{Fault, Next, Owner};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To end, by this signal.
    End(&'static str),
    /// To read the configuration again.
    Reload,
}

/// SIGHUP besides those of [`EndSignals`], caught from now on.
#[derive(Debug)]
pub struct Signals {
    end: EndSignals,
    hang_up: Signal,
}

impl Signals {
    /// Catches them.
    pub fn catch() -> Result<Self, SignalError> {
        Ok(Self {
            end: EndSignals::catch()?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            name = self.end.next() => Wish::End(name),
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}

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
