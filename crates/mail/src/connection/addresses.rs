//! Where hosts are: the resolver is asked once for all who want to know at the same time, and
//! what it said is kept for a while.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use gatepost_host::{Clock, Countdown, Elapsed};
use tokio::net::lookup_host;

/// The addresses of hosts. Whoever connects by clones of one value asks the resolver together.
///
/// The system's resolver (`getaddrinfo`) does not say how long an answer is good, so each is kept
/// for a minute. Where it has no answer, the last one is good for an hour.
#[derive(Clone)]
pub struct Addresses(Arc<Kept>);

struct Kept {
    resolver: Box<dyn Resolver>,
    hosts: Mutex<BTreeMap<String, Host>>,
}

/// Who knows the addresses of a name.
trait Resolver: Send + Sync {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// That of the system.
struct System;

#[derive(Default)]
struct Host {
    known: Option<Known>,
    question: Option<Question>,
    /// It is in the log that the resolver has no answer, and none came since.
    is_told: bool,
}

struct Known {
    addresses: Vec<SocketAddr>,
    /// Until then nobody asks again.
    fresh: Countdown,
    /// Until then they are better than nothing.
    good: Countdown,
}

/// What the resolver was asked. It goes on while nobody waits for it.
#[derive(Clone)]
struct Question {
    answer: Shared<BoxFuture<'static, Answer>>,
    /// How long its answer is fresh: that counts from the question.
    fresh: Countdown,
}

type Answer = Result<Vec<SocketAddr>, String>;

/// What is known of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) addresses: Vec<SocketAddr>,
    /// The resolver was not asked just now.
    pub(super) is_kept: bool,
}

impl Addresses {
    /// As the resolver of the system says.
    pub fn new() -> Self {
        Self::by(System)
    }

    fn by(resolver: impl Resolver + 'static) -> Self {
        Self(Arc::new(Kept {
            resolver: Box::new(resolver),
            hosts: Mutex::default(),
        }))
    }

    /// The addresses of `host`, with no port. The error says why there is none.
    pub(super) async fn find(
        &self,
        host: &str,
        limit: Duration,
        clock: &Clock,
    ) -> Result<Found, String> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Found {
                addresses: vec![(address, 0).into()],
                is_kept: false,
            });
        }
        let (question, limit) = match self.look(host, clock) {
            Look::Kept(found) => return Ok(found),
            Look::Ask(question) => (question, limit),
            Look::AskInPassing(question) => (question, limit.min(PATIENCE)),
        };
        let reason = match clock.within(limit, question.answer.clone()).await {
            Ok(answer) => {
                self.learn(host, &question, &answer, clock);
                match answer {
                    Ok(addresses) => {
                        return Ok(Found {
                            addresses,
                            is_kept: false,
                        });
                    }
                    Err(reason) => reason,
                }
            }
            Err(Elapsed) => "the name is not resolved".to_owned(),
        };
        self.last_good(host, &reason, clock).ok_or(reason)
    }

    /// Nobody answers at these addresses of `host`: the resolver is asked before anybody tries
    /// them again.
    pub(super) fn doubt(&self, host: &str, tried: &[SocketAddr], clock: &Clock) {
        let mut hosts = self.hosts();
        let known = hosts.get_mut(host).and_then(|host| host.known.as_mut());
        if let Some(known) = known.filter(|known| known.addresses == tried) {
            known.fresh = Countdown::of(clock, Duration::ZERO);
        }
    }

    fn look(&self, name: &str, clock: &Clock) -> Look {
        let mut hosts = self.hosts();
        make_room(&mut hosts, name);
        let host = hosts.entry(name.to_owned()).or_default();
        if let Some(found) = host.known.as_ref().and_then(Known::while_fresh) {
            return Look::Kept(found);
        }
        // One that nobody waited for may have been answered long ago.
        let asked = host.question.take();
        let question = asked.filter(|asked| !asked.fresh.left().is_zero());
        let question = question.unwrap_or_else(|| {
            let resolving = self.0.resolver.resolve(name);
            let answer = async move {
                match resolving.await {
                    Ok(addresses) if addresses.is_empty() => {
                        Err("the name has no address".to_owned())
                    }
                    Ok(addresses) => Ok(addresses),
                    Err(error) => Err(error.to_string()),
                }
            };
            Question {
                answer: answer.boxed().shared(),
                fresh: Countdown::of(clock, FRESH),
            }
        });
        host.question = Some(question.clone());
        match &host.known {
            Some(known) if !known.good.left().is_zero() => Look::AskInPassing(question),
            _ => Look::Ask(question),
        }
    }

    /// Keeps an answer, unless somebody did.
    fn learn(&self, host: &str, question: &Question, answer: &Answer, clock: &Clock) {
        let mut hosts = self.hosts();
        let Some(host) = hosts.get_mut(host) else {
            return;
        };
        let is_open = |open: &Question| open.answer.ptr_eq(&question.answer);
        if !host.question.as_ref().is_some_and(is_open) {
            return;
        }
        host.question = None;
        if let Ok(addresses) = answer {
            host.is_told = false;
            host.known = Some(Known {
                addresses: addresses.clone(),
                fresh: question.fresh.clone(),
                good: Countdown::of(clock, GOOD),
            });
        }
    }

    /// What the resolver said before it had no answer. For a moment it is not asked again.
    fn last_good(&self, name: &str, reason: &str, clock: &Clock) -> Option<Found> {
        let mut hosts = self.hosts();
        let host = hosts.get_mut(name)?;
        let known = host.known.as_mut()?;
        if known.good.left().is_zero() {
            return None;
        }
        known.fresh = Countdown::of(clock, PAUSE);
        if !host.is_told {
            host.is_told = true;
            tracing::warn!(
                host = name,
                "{name} cannot be resolved ({reason}); it is still looked for where it was last, \
                 for an hour at most"
            );
        }
        Some(known.found())
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be done about a host.
enum Look {
    Kept(Found),
    Ask(Question),
    /// As [`Look::Ask`], and there are addresses to fall back on.
    AskInPassing(Question),
}

impl Known {
    fn while_fresh(&self) -> Option<Found> {
        (!self.fresh.left().is_zero()).then(|| self.found())
    }

    fn found(&self) -> Found {
        Found {
            addresses: self.addresses.clone(),
            is_kept: true,
        }
    }
}

/// Forgets the host that was found the longest ago, if one more would be too many.
fn make_room(hosts: &mut BTreeMap<String, Host>, name: &str) {
    if hosts.len() < MOST || hosts.contains_key(name) {
        return;
    }
    let left = |host: &Host| host.known.as_ref().map(|known| known.good.left());
    let oldest = hosts.iter().min_by_key(|(_, host)| left(host));
    if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
        hosts.remove(&oldest);
    }
}

impl Resolver for System {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        async move { Ok(lookup_host((host, 0)).await?.collect()) }.boxed()
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addresses").finish_non_exhaustive()
    }
}

/// How long nobody asks again.
const FRESH: Duration = Duration::from_mins(1);

/// How long the last answer is used while there is no other.
const GOOD: Duration = Duration::from_hours(1);

/// How long the resolver is waited for where there is an earlier answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How soon one that had no answer is asked again.
const PAUSE: Duration = Duration::from_secs(10);

/// So many hosts are remembered: more than configurations have.
const MOST: usize = 64;
