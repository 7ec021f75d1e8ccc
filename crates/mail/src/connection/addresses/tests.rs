//! Resolvers that count, that are away, and that take their time.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tracing::span;

use super::*;
use crate::connection::tests::listener_that_swallows;
use crate::connection::{ALONE, Site, TimeLimits, reach};
use crate::scripted::trusting_nobody;

const HOST: &str = "imap.example";
const LIMIT: Duration = Duration::from_secs(20);

/// A resolver that counts, and answers as it is told.
#[derive(Clone, Default)]
struct Counting {
    asked: Arc<AtomicUsize>,
    /// The last octet of what it answers; it has no answer without.
    answer: Arc<Mutex<Option<u8>>>,
    takes: Arc<Mutex<Duration>>,
}

impl Counting {
    fn answers(last: impl Into<Option<u8>>, takes: Duration) -> Self {
        let resolver = Self::default();
        resolver.now_answers(last, takes);
        resolver
    }

    fn now_answers(&self, last: impl Into<Option<u8>>, takes: Duration) {
        *self.answer.lock().expect("no panic") = last.into();
        *self.takes.lock().expect("no panic") = takes;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Resolver for Counting {
    fn resolve(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = *self.answer.lock().expect("no panic");
        let takes = *self.takes.lock().expect("no panic");
        async move {
            Clock::system().sleep(takes).await;
            let last = answer.ok_or_else(|| io::Error::other("the resolver is away"))?;
            Ok(vec![address(last)])
        }
        .boxed()
    }
}

fn address(last: u8) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, last), 0).into()
}

fn kept(last: u8) -> Found {
    Found {
        addresses: vec![address(last)],
        is_kept: true,
    }
}

fn asked_for(last: u8) -> Found {
    Found {
        is_kept: false,
        ..kept(last)
    }
}

const MOMENT: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn sixteen_at_once_ask_once_and_nobody_within_a_minute() {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let resolver = Counting::answers(7, MOMENT);
    let addresses = Addresses::by(resolver.clone());
    let at_once = (0..16).map(|_| addresses.find(HOST, LIMIT, &clock));
    for found in join_all(at_once).await {
        assert_eq!(found, Ok(asked_for(7)));
    }
    assert_eq!(resolver.asked(), 1);
    resolver.now_answers(8, MOMENT);
    clock.sleep(FRESH.saturating_sub(MOMENT * 2)).await;
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(7)));
    clock.sleep(MOMENT * 2).await;
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(8)));
    assert_eq!(resolver.asked(), 2);
    // An address is not asked about.
    let found = addresses.find("127.0.0.9", LIMIT, &clock).await;
    assert_eq!((found, resolver.asked()), (Ok(asked_for(9)), 2));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_does_not_take_the_question_along() {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let resolver = Counting::answers(7, MOMENT);
    let addresses = Addresses::by(resolver.clone());
    let left = clock.within(MOMENT / 2, addresses.find(HOST, LIMIT, &clock));
    left.await.expect_err("it left");
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(7)));
    assert_eq!(resolver.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_resolver_is_away_the_last_addresses_are_good_for_an_hour() {
    let warned = Arc::new(AtomicUsize::new(0));
    let _log = tracing::subscriber::set_default(Warnings(Arc::clone(&warned)));
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let resolver = Counting::answers(7, Duration::ZERO);
    let addresses = Addresses::by(resolver.clone());
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(7)));
    resolver.now_answers(None, Duration::ZERO);
    clock.sleep(FRESH).await;
    for _ in 0..50 {
        assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(7)));
        clock.sleep(Duration::from_mins(1)).await;
    }
    // It is told once until there was an answer, and asked again now and then.
    assert_eq!((warned.load(Ordering::Relaxed), resolver.asked()), (1, 51));
    for _ in 0..2 {
        assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(7)));
    }
    assert_eq!(resolver.asked(), 52);
    clock.sleep(Duration::from_mins(9)).await;
    let none = addresses.find(HOST, LIMIT, &clock).await;
    assert_eq!(none, Err("the resolver is away".to_owned()));
    resolver.now_answers(8, Duration::ZERO);
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(8)));
    resolver.now_answers(None, Duration::ZERO);
    clock.sleep(FRESH).await;
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(8)));
    assert_eq!(warned.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_says_nothing_costs_a_moment_and_its_late_answer_is_taken() {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let slow = Duration::from_secs(5);
    let resolver = Counting::answers(7, slow);
    let addresses = Addresses::by(resolver.clone());
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(7)));
    resolver.now_answers(8, slow);
    clock.sleep(FRESH).await;
    let began = clock.now();
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(7)));
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(kept(7)));
    let waited = Duration::try_from(clock.now().duration_since(began));
    assert!(waited.is_ok_and(|waited| waited < PATIENCE + MOMENT));
    clock.sleep(PAUSE).await;
    assert_eq!(addresses.find(HOST, LIMIT, &clock).await, Ok(asked_for(8)));
    assert_eq!(resolver.asked(), 2);
    // With nothing to fall back on it is waited for as long as may be.
    resolver.now_answers(9, LIMIT * 2);
    let none = addresses.find("pop.example", LIMIT, &clock).await;
    assert_eq!(none, Err("the name is not resolved".to_owned()));
}

#[tokio::test]
async fn a_server_that_moved_is_found_at_once() {
    let listening = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 7), 0)).await;
    let before = listening.expect("a free port");
    let port = before.local_addr().expect("it is bound").port();
    let resolver = Counting::answers(7, Duration::ZERO);
    let addresses = Addresses::by(resolver.clone());
    let site = Site {
        host: HOST.to_owned(),
        port,
        mailbox: "ada@contoso.com".to_owned(),
        tls: trusting_nobody(),
        addresses,
        clock: Clock::system(),
        limits: TimeLimits::default(),
    };
    for _ in 0..2 {
        let connected = reach(&site).await.expect("it is there");
        assert_eq!(connected.peer_addr().ok(), before.local_addr().ok());
    }
    assert_eq!(resolver.asked(), 1);
    drop(before);
    let listening = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 8), port)).await;
    let now = listening.expect("a free port");
    resolver.now_answers(8, Duration::ZERO);
    // Several hold the old address.
    for connected in join_all((0..3).map(|_| reach(&site))).await {
        let connected = connected.expect("it is found");
        assert_eq!(connected.peer_addr().ok(), now.local_addr().ok());
    }
    assert_eq!(resolver.asked(), 2);
    // Where it is nowhere, it is asked for each time.
    drop(now);
    for asked in [3, 4] {
        reach(&site).await.expect_err("nobody is there");
        assert_eq!(resolver.asked(), asked);
    }
}

/// What stands in front of a server that is gone often drops what comes for it.
#[tokio::test]
async fn a_server_that_moved_is_found_though_its_old_address_says_nothing() {
    let clock = Clock::system();
    let full = listener_that_swallows(Ipv4Addr::new(127, 0, 0, 7), &clock).await;
    let port = full.0.local_addr().expect("it is bound").port();
    let listening = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 8), port)).await;
    let now = listening.expect("a free port");
    let resolver = Counting::answers(7, Duration::ZERO);
    let site = Site {
        host: HOST.to_owned(),
        port,
        mailbox: "ada@contoso.com".to_owned(),
        tls: trusting_nobody(),
        addresses: Addresses::by(resolver.clone()),
        clock: clock.clone(),
        limits: TimeLimits::default(),
    };
    let found = site.addresses.find(HOST, LIMIT, &clock).await;
    assert_eq!(found, Ok(asked_for(7)));
    resolver.now_answers(8, Duration::ZERO);
    let connecting = clock.within(site.limits.connect / 2, reach(&site));
    let connected = connecting.await.expect("in time").expect("it is found");
    assert_eq!(connected.peer_addr().ok(), now.local_addr().ok());
    assert_eq!(resolver.asked(), 2);
    // The next comes there at once.
    let connecting = clock.within(ALONE, reach(&site)).await;
    connecting.expect("in time").expect("it is known");
}

#[tokio::test(start_paused = true)]
async fn so_many_hosts_are_remembered_and_the_oldest_is_forgotten() {
    let clock = Clock::starting_at(Timestamp::UNIX_EPOCH);
    let addresses = Addresses::by(Counting::answers(7, Duration::from_millis(1)));
    for number in 0..=MOST {
        let host = format!("host{number}.example");
        let found = addresses.find(&host, LIMIT, &clock).await;
        assert_eq!(found, Ok(asked_for(7)));
    }
    assert_eq!(addresses.hosts().len(), MOST);
    let oldest = addresses.find("host1.example", LIMIT, &clock).await;
    assert_eq!(oldest, Ok(kept(7)));
    let forgotten = addresses.find("host0.example", LIMIT, &clock).await;
    assert_eq!(forgotten, Ok(asked_for(7)));
}

/// A log that counts its warnings.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
