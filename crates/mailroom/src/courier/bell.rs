//! Wakes the couriers when there is something to deliver.

use tokio::sync::watch;

/// Rings for all couriers. Clones are the same bell.
#[derive(Debug, Clone)]
pub struct Bell(watch::Sender<Rung>);

/// Hears one bell.
#[derive(Debug)]
pub struct Ear {
    bell: watch::Receiver<Rung>,
    /// How many urgent rings were heard.
    urges: u64,
}

/// How often it rang.
#[derive(Debug, Clone, Copy, Default)]
struct Rung {
    rings: u64,
    /// Those of them that are urgent.
    urges: u64,
}

/// What a ring asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// To look at what is due.
    Look,
    /// To ask the sink, even if it was switched off.
    Urgent,
}

impl Bell {
    /// A bell that nobody hears yet.
    pub fn new() -> Self {
        Self(watch::Sender::default())
    }

    /// Rings. Rings that nobody has heard yet become one.
    pub fn ring(&self) {
        self.0
            .send_modify(|rung| rung.rings = rung.rings.wrapping_add(1));
    }

    /// Rings because a person asks for it: a sink that was switched off is asked at once, too.
    pub fn urge(&self) {
        self.0
            .send_modify(|rung| rung.urges = rung.urges.wrapping_add(1));
    }

    /// An ear that hears every ring from now on.
    pub fn ear(&self) -> Ear {
        let bell = self.0.subscribe();
        let urges = bell.borrow().urges;
        Ear { bell, urges }
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
    pub async fn heard(&mut self) -> Call {
        if self.bell.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let urges = self.bell.borrow_and_update().urges;
        let call = if urges == self.urges {
            Call::Look
        } else {
            Call::Urgent
        };
        self.urges = urges;
        call
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

    #[test]
    fn an_urgent_ring_is_not_lost_among_others() {
        let bell = Bell::new();
        let mut ear = bell.ear();
        bell.urge();
        bell.ring();
        assert_eq!(ear.heard().now_or_never(), Some(Call::Urgent));
        bell.ring();
        assert_eq!(ear.heard().now_or_never(), Some(Call::Look));
    }
}
