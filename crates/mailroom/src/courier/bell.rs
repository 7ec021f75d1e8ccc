//! Wakes the couriers when there is something to deliver.

use tokio::sync::watch;

/// Rings for all couriers. Clones are the same bell.
#[derive(Debug, Clone)]
pub struct Bell(watch::Sender<u64>);

/// Hears one bell.
#[derive(Debug)]
pub struct Ear(watch::Receiver<u64>);

impl Bell {
    /// A bell that nobody hears yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Rings. Rings that nobody has heard yet become one.
    pub fn ring(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// An ear that hears every ring from now on.
    pub fn ear(&self) -> Ear {
        Ear(self.0.subscribe())
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Ear {
    /// Waits for a ring that was not heard yet, at once if there was one. Waits for ever if the
    /// bell is gone.
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_ring_before_the_listening_is_heard_once() {
        let bell = Bell::new();
        let mut ear = bell.ear();
        assert!(ear.heard().now_or_never().is_none());
        bell.ring();
        bell.clone().ring();
        assert!(ear.heard().now_or_never().is_some());
        assert!(ear.heard().now_or_never().is_none());
    }
}
