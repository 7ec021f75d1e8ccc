//! Waits for a change, by IDLE or by asking, and proves all the while that the server lives.

use std::time::Duration;

use gatepost_host::Countdown;
use gatepost_wire::imap::client::{Capability, Command, Event, Outcome};
use jiff::Timestamp;

use super::link::Reading;
use super::quirks::Pushing;
use super::session::Session;
use super::verdict::Asked;
use crate::{MailError, Woke};

/// How an idling ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idled {
    /// There was news, or the time was over.
    UntilAsked,
    /// The server ended it of its own accord.
    NotLonger,
}

impl Session {
    /// Waits until messages came to the open folder, at most until `until`. `TimeOver` is
    /// answered only by a server that has just proved to be alive.
    ///
    /// A server that says NO or BAD of its own accord is looked at, too: the folder may be gone.
    /// One that says so all the time is asked as often as one that tells of nothing.
    pub(super) async fn wait_until(&mut self, until: Timestamp) -> Result<Woke, MailError> {
        let until = Countdown::until(&self.link.clock, until);
        loop {
            // Told once: whoever cannot look now must not be woken by the same news for ever.
            if std::mem::take(&mut self.link.news) {
                self.leave_idle();
                return Ok(Woke::Changed);
            }
            if self.until_doubt().is_zero() {
                self.doubts_from = Some(self.countdown(self.link.quirks.poll_every));
                self.leave_idle();
                return Ok(Woke::Changed);
            }
            let left = until.left();
            let renewal = self.link.limits.probe.min(self.link.quirks.renew_idle);
            if self.selected.is_some() && self.can_be_pushed() {
                let began = self.link.clock.now();
                let idled = self.idle(left.min(renewal)).await;
                self.note(began, &idled);
                idled?;
            } else {
                let pause = left.min(self.link.quirks.poll_every);
                self.pause(pause).await?;
                self.ask().await?;
            }
            if !self.link.news && until.left().is_zero() {
                return Ok(Woke::TimeOver);
            }
        }
    }

    /// Ends the idling, if there is any. The answer to it comes before that to the next
    /// command, so nobody waits for it here.
    pub(super) fn leave_idle(&mut self) {
        if self.idling.take().is_some() {
            self.link.client.done();
        }
    }

    /// Whether the server says that it tells of changes, and is believed.
    pub(super) fn can_be_pushed(&self) -> bool {
        self.link.quirks.pushing == Pushing::Announced
            && self.link.client.capabilities().has(Capability::Idle)
            && self.idles.are_trusted(self.link.clock.now())
    }

    /// Remembers whether idling works with this server.
    fn note(&self, began: Timestamp, idled: &Result<Idled, MailError>) {
        match idled {
            Ok(Idled::UntilAsked) => self.idles.survived(),
            Ok(Idled::NotLonger) | Err(MailError::Disconnected { .. }) => {
                let now = self.link.clock.now();
                self.idles.dropped(&self.link.place, (began, now));
            }
            // A server that is silent or goes away with words has said nothing about idling.
            Err(_) => {}
        }
    }

    /// Idles until there is news, or for this long; then the server must confirm the end.
    async fn idle(&mut self, at_most: Duration) -> Result<Idled, MailError> {
        let deadline = self.countdown(at_most);
        if self.idling.is_none() {
            self.idling = Some(
                self.link
                    .client
                    .idle()
                    .expect("the sign-in is over before any waiting"),
            );
        }
        let Some(ticket) = self.idling else {
            return Ok(Idled::NotLonger);
        };
        loop {
            let left = deadline.left().min(self.until_doubt());
            // A server that never stops talking must not make the deadline pass unseen.
            let event = if left.is_zero() {
                None
            } else {
                self.link.event_within(left, Reading::Quiet).await?
            };
            match event {
                Some(Event::Completed(of, reply)) if of == ticket => {
                    // The server ended it by itself, or does not idle after all.
                    self.idling = None;
                    self.link.check(&reply, Asked::Other("push changes"))?;
                    return Ok(Idled::NotLonger);
                }
                Some(_) if self.link.news => {
                    self.leave_idle();
                    self.link.flush().await?;
                    return Ok(Idled::UntilAsked);
                }
                Some(_) => {}
                None => {
                    self.leave_idle();
                    let reply = self.link.answer_to(ticket, |_| {}).await?;
                    if reply.outcome != Outcome::Ok {
                        self.link.check(&reply, Asked::Other("push changes"))?;
                    }
                    return Ok(Idled::UntilAsked);
                }
            }
        }
    }

    /// Lets time pass; what the server says meanwhile is taken note of.
    async fn pause(&mut self, pause: Duration) -> Result<(), MailError> {
        let deadline = self.countdown(pause);
        loop {
            let left = deadline.left();
            if left.is_zero()
                || self
                    .link
                    .event_within(left, Reading::Quiet)
                    .await?
                    .is_none()
            {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self) -> Result<(), MailError> {
        self.link
            .must(&Command::Noop, Asked::Other("say what is new"), |_| {})
            .await
    }

    /// How long a doubt goes on waiting before it ends the wait; for ever if there is none.
    fn until_doubt(&self) -> Duration {
        if self.link.doubted {
            let from = self.doubts_from.as_ref();
            from.map(Countdown::left).unwrap_or_default()
        } else {
            Duration::MAX
        }
    }

    fn countdown(&self, time: Duration) -> Countdown {
        Countdown::of(&self.link.clock, time)
    }
}
