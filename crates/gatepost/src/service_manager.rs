//! What systemd is told, if it started us (`sd_notify(3)`).

use sd_notify::NotifyState;

/// Everything that was configured runs.
pub fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again, as long as this is there. However it ends, also when it
/// is given up midway, the service manager is told that it is over: until then it would wait.
#[derive(Debug)]
#[must_use = "the reload is over when this is dropped"]
pub struct Reloading(());

impl Reloading {
    /// Tells that it begins. Of a `Type=notify-reload` service systemd wants to know when that was,
    /// so that it takes no older message for the answer to its signal.
    pub fn begin() -> Self {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!("the monotonic clock cannot be read: {error}"),
        }
        Self(())
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        tell_ready();
    }
}

/// What is under way comes to its end.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::debug!("the service manager was not told: {error}");
    }
}
