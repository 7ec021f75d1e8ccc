mod rotation;

use std::collections::VecDeque;
use std::time::Duration;

use gatepost_fault::Fault as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::*;
use crate::answers::Reply;
use crate::contract::MemoryGrants;
use crate::{Cloud, Form, Proof, Tenant};

/// An issuer in memory that takes some time to answer, and knows only the newest refresh token.
#[derive(Debug, Clone)]
struct Issuer(Arc<Mutex<Book>>, Clock);

#[derive(Debug, Default)]
struct Book {
    asked: Vec<String>,
    scripted: VecDeque<Reply>,
    rotation: Rotation,
}

/// What an issuer does with refresh tokens that were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Rotation {
    /// As Entra: all stay good.
    #[default]
    Lenient,
    /// As strict ones: only the newest is good.
    Strict { newest: usize },
}

impl Issuer {
    fn new(clock: &Clock) -> Self {
        Self(Arc::default(), clock.clone())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> usize {
        self.book().asked.len()
    }

    fn will_answer(&self, status: u16, body: &str) {
        self.book().scripted.push_back(reply(status, body));
    }

    fn judge(&self, form: &Form) -> Reply {
        let sent = form.expose().to_string();
        let mut book = self.book();
        book.asked.push(sent.clone());
        let count = book.asked.len();
        if let Some(reply) = book.scripted.pop_front() {
            return reply;
        }
        if let Rotation::Strict { newest } = book.rotation
            && !sent.contains(&format!("refresh_token=r{newest}&"))
        {
            return reply(400, GRANT_DEAD);
        }
        if let Rotation::Strict { newest } = &mut book.rotation {
            *newest = count;
        }
        reply(
            200,
            &format!(
                r#"{{"access_token":"a{count}","refresh_token":"r{count}","token_type":"Bearer","expires_in":3600}}"#
            ),
        )
    }
}

#[async_trait]
impl Endpoint for Issuer {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        self.1.sleep(ANSWER_TIME).await;
        Ok(self.judge(form))
    }
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status,
        body: Zeroizing::new(body.as_bytes().to_vec()),
        ..Reply::default()
    }
}

/// One machine: a clock, an issuer, a store; and as many processes on it as a test wants.
struct World {
    clock: Clock,
    issuer: Issuer,
    grants: MemoryGrants,
    tasks: Tasks,
}

impl World {
    fn new() -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a literal timestamp");
        let clock = Clock::starting_at(start);
        Self {
            issuer: Issuer::new(&clock),
            grants: MemoryGrants::default(),
            tasks: Tasks::new(),
            clock,
        }
    }

    fn app(&self) -> TokenKeeper {
        self.process("client_credentials", None)
    }

    fn ada(&self) -> TokenKeeper {
        self.process("authorization_code", Some("ada@contoso.example"))
    }

    /// A keeper as a new process has it.
    fn process(&self, grant: &str, person: Option<&str>) -> TokenKeeper {
        self.process_at(
            grant,
            person,
            (Arc::new(self.issuer.clone()), Arc::new(self.grants.clone())),
        )
    }

    fn process_at(
        &self,
        grant: &str,
        person: Option<&str>,
        (endpoint, grants): (Arc<dyn Endpoint>, Arc<dyn Grants>),
    ) -> TokenKeeper {
        let tenant = Tenant::parse("contoso.example").expect("a domain");
        let proof = Proof::Secret(SecretString::from("canary"));
        let registration =
            Registration::new("contoso", (Cloud::global(), tenant), "client-1", proof);
        TokenKeeper::new(
            Credential {
                id: CredentialId::new("contoso/test"),
                registration: Arc::new(registration),
                grant: Grant::named(grant).expect("it is in the list"),
                person: person.map(str::to_owned),
            },
            Surroundings {
                endpoint,
                grants,
                clock: self.clock.clone(),
                chance: Chance::seeded(7),
                tasks: self.tasks.clone(),
            },
        )
    }

    /// Ada signs in with the refresh token `r0`, on `keeper`.
    async fn ada_signs_in(&self, keeper: &TokenKeeper) {
        let expires_at = self.clock.now() + SignedDuration::from_hours(1);
        let granted = Granted {
            access: AccessToken::new("a0".into(), Audience::Exchange, expires_at),
            refresh: Some("r0".into()),
            person: None,
        };
        keeper.signed_in(granted).await.expect("the store works");
    }

    async fn stored_refresh_token(&self) -> String {
        use crate::Grants as _;
        use secrecy::ExposeSecret as _;
        let id = CredentialId::new("contoso/test");
        let (state, _) = self
            .grants
            .load(&id)
            .await
            .expect("memory works")
            .expect("somebody signed in");
        let refresh = keepsake::Keepsake::read(&id, &state)
            .expect("it was written here")
            .refresh;
        refresh
            .expect("it is a delegated grant")
            .expose_secret()
            .to_owned()
    }
}

async fn exchange(keeper: &TokenKeeper) -> Result<String, TokenError> {
    let token = keeper.token(Audience::Exchange).await?;
    Ok(token.expose().to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_who_ask_at_once_cause_one_request() {
    let world = World::new();
    let keeper = world.app();
    exchange(&keeper).await.expect("the first token");
    world.clock.sleep(Duration::from_hours(2)).await;
    let askers: Vec<_> = (0..100)
        .map(|_| {
            let keeper = keeper.clone();
            let (tell, told) = tokio::sync::oneshot::channel();
            world.tasks.start("asker", async move {
                let _ = tell.send(exchange(&keeper).await);
            });
            told
        })
        .collect();
    for asker in askers {
        let got = asker.await.expect("it asks").expect("it is given one");
        assert_eq!(got, "a2");
    }
    assert_eq!(world.issuer.asked(), 2, "one at first, one for the hundred");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_spoils_it_for_nobody() {
    let world = World::new();
    let keeper = world.app();
    let impatient = world.clock.within(ANSWER_TIME / 2, exchange(&keeper));
    impatient.await.expect_err("it takes longer");
    assert_eq!(exchange(&keeper).await.expect("a token"), "a1");
    assert_eq!(world.issuer.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_ahead_while_nobody_asks() {
    let world = World::new();
    let keeper = world.app();
    exchange(&keeper).await.expect("the first token");
    let (runner, stop) = (keeper.clone(), world.tasks.stop());
    world
        .tasks
        .start("keeper", async move { runner.run(&stop).await });
    world.clock.sleep(Duration::from_mins(44)).await;
    assert_eq!(
        world.issuer.asked(),
        1,
        "three quarters of its life are not over"
    );
    world.clock.sleep(Duration::from_mins(15)).await;
    assert_eq!(world.issuer.asked(), 2, "it is renewed before it expires");
    world.clock.sleep(Duration::from_hours(10)).await;
    let asked = world.issuer.asked();
    assert!(
        (12..=16).contains(&asked),
        "about every 50 minutes: {asked}"
    );
    assert_eq!(
        exchange(&keeper).await.expect("a token"),
        format!("a{asked}")
    );
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_old_token_is_handed_out_while_it_lives_and_renewal_fails() {
    let world = World::new();
    let keeper = world.app();
    exchange(&keeper).await.expect("the first token");
    for _ in 0..40 {
        world.issuer.will_answer(503, "");
    }
    world.clock.sleep(Duration::from_mins(55)).await;
    assert_eq!(exchange(&keeper).await.expect("it lives"), "a1");
    world.clock.sleep(Duration::from_mins(10)).await;
    let error = exchange(&keeper).await.expect_err("it is dead now");
    assert_eq!(error.code(), "sign_in_server_failing");
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_asked_about_once_a_minute() {
    let world = World::new();
    let keeper = world.app();
    for _ in 0..1000 {
        world.issuer.will_answer(401, SECRET_WRONG);
    }
    for _ in 0..600 {
        let error = exchange(&keeper).await.expect_err("the secret is wrong");
        assert_eq!(error.code(), "secret_wrong");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    let asked = world.issuer.asked();
    assert!((9..=11).contains(&asked), "{asked} in ten minutes");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_holds_for_everybody() {
    let world = World::new();
    let keeper = world.app();
    let mut throttled = reply(429, "");
    throttled.retry_after = Some("90.5".to_owned());
    world.issuer.book().scripted.push_back(throttled);
    exchange(&keeper).await.expect_err("throttled");
    world.clock.sleep(Duration::from_mins(1)).await;
    let error = exchange(&keeper).await.expect_err("still");
    let gatepost_fault::Next::Retry(gatepost_fault::After::AtLeast(left)) = error.next() else {
        panic!("it says how long: {error}");
    };
    assert!(
        (Duration::from_secs(28)..Duration::from_secs(33)).contains(&left),
        "{left:?}"
    );
    assert_eq!(world.issuer.asked(), 1);
    world.clock.sleep(left + Duration::from_millis(1)).await;
    exchange(&keeper).await.expect("the wait is over");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_token_causes_no_storm() {
    let world = World::new();
    let keeper = world.app();
    let mut refused = 0;
    for _ in 0..3600 {
        match keeper.token(Audience::Exchange).await {
            Ok(token) => {
                refused += 1;
                // Fifty connections were opened with it and all report it.
                for _ in 0..50 {
                    keeper.refused(&token);
                }
            }
            Err(error) => assert_eq!(error.code(), "token_refused_repeatedly"),
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(world.issuer.asked(), refused, "each was fetched once");
    assert!((4..=10).contains(&refused), "{refused} tokens in an hour");
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_takes_the_stored_token_but_never_a_refused_one() {
    let world = World::new();
    assert_eq!(exchange(&world.app()).await.expect("a token"), "a1");
    let second = world.app();
    let token = second.token(Audience::Exchange).await.expect("a token");
    assert_eq!(token.expose(), "a1", "it was stored");
    second.refused(&token);
    assert_eq!(exchange(&second).await.expect("a token"), "a2");
    assert_eq!(world.issuer.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_needs_no_store() {
    let world = World::new();
    world.grants.break_writes();
    assert_eq!(exchange(&world.app()).await.expect("a token"), "a1");
}

#[tokio::test(start_paused = true)]
async fn nobody_signed_in_is_said_and_a_sign_in_heals_it_in_another_process() {
    let world = World::new();
    let daemon = world.ada();
    let error = exchange(&daemon).await.expect_err("nobody signed in");
    assert_eq!(error.code(), "sign_in_needed");
    world.ada_signs_in(&world.ada()).await;
    world.clock.sleep(Duration::from_secs(61)).await;
    assert_eq!(exchange(&daemon).await.expect("ada signed in"), "a0");
    assert_eq!(world.issuer.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dead_sign_in_is_not_tried_every_minute() {
    let world = World::new();
    let keeper = world.ada();
    world.ada_signs_in(&keeper).await;
    for _ in 0..100 {
        world.issuer.will_answer(400, GRANT_DEAD);
    }
    world.clock.sleep(Duration::from_hours(2)).await;
    for _ in 0..60 {
        let error = exchange(&keeper).await.expect_err("it was revoked");
        assert_eq!(error.code(), "sign_in_revoked");
        world.clock.sleep(Duration::from_mins(1)).await;
    }
    let asked = world.issuer.asked();
    assert!((3..=5).contains(&asked), "{asked} in an hour");
}

#[tokio::test(start_paused = true)]
async fn the_audiences_take_turns_on_one_refresh_token() {
    let world = World::new();
    let keeper = world.ada();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&keeper).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    let (mail, graph) = tokio::join!(
        keeper.token(Audience::Exchange),
        keeper.token(Audience::Graph)
    );
    mail.expect("a token");
    graph.expect("another token");
    assert_eq!(world.stored_refresh_token().await, "r2");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let world = World::new();
    let keeper = world.ada();
    world.ada_signs_in(&keeper).await;
    let token = keeper.token(Audience::Exchange).await.expect("a token");
    let printed = format!("{keeper:?} {token:?} {:?}", world.grants);
    for secret in ["canary", "r0", "\"a0"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

const ANSWER_TIME: Duration = Duration::from_millis(500);
const SECRET_WRONG: &str =
    r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}"#;
const GRANT_DEAD: &str =
    r#"{"error":"invalid_grant","error_description":"AADSTS50173: The grant was revoked."}"#;
