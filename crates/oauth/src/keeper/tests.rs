mod brought;
mod exploration;
mod inheritance;
mod proving;
mod rotation;
mod upkeep;
mod world;

use std::time::Duration;

use gatepost_fault::Fault as _;

use super::*;
use world::{
    ANSWER_TIME, CONSENT_MISSING, GRANT_DEAD, Rotation, SECRET_WRONG, World, exchange, reply,
};

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
async fn a_wait_holds_for_the_other_audience_too() {
    let world = World::new();
    let keeper = world.app();
    let mut throttled = reply(429, "");
    throttled.retry_after = Some("90".to_owned());
    world.issuer.book().scripted.push_back(throttled);
    exchange(&keeper).await.expect_err("throttled");
    world.clock.sleep(Duration::from_mins(1)).await;
    let error = keeper.token(Audience::Graph).await.expect_err("still");
    assert_eq!(error.code(), "token_throttled");
    assert_eq!(world.issuer.asked(), 1);
    world.clock.sleep(Duration::from_mins(1)).await;
    keeper.token(Audience::Graph).await.expect("it is over");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_token_causes_no_storm() {
    let world = World::new();
    let keeper = world.app();
    for _ in 0..3600 {
        let token = keeper.token(Audience::Exchange).await;
        let token = token.expect("the issuer works");
        // Fifty connections were opened with it and all report it.
        for _ in 0..50 {
            keeper.refused(&token);
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    let asked = world.issuer.asked();
    assert!((4..=10).contains(&asked), "{asked} tokens in an hour");
}

/// An app opens many mailboxes with one token, and may not open one of them.
#[tokio::test(start_paused = true)]
async fn a_mailbox_that_refuses_every_token_takes_it_from_no_other() {
    let world = World::new();
    let keeper = world.app();
    for _ in 0..20 {
        let opened = keeper.token(Audience::Exchange).await.expect("a token");
        keeper.refused(&opened);
        let fresh = keeper.token(Audience::Exchange).await.expect("another");
        keeper.refused(&fresh);
        let of_another = exchange(&keeper).await.expect("no other mailbox waits");
        assert_eq!(of_another, fresh.expose());
        world.clock.sleep(Duration::from_secs(45)).await;
    }
}

#[test]
fn a_clock_that_was_wrong_for_a_moment_holds_nothing_back() {
    let at = |seconds: i64| jiff::Timestamp::from_second(1_800_000_000 + seconds).expect("a time");
    let (year, chance) = (365 * 86_400, Chance::seeded(1));
    let error = TokenError::SignInNeeded {
        who: "ada".to_owned(),
    };
    let mut slot = Slot::default();
    slot.land(&Err(error), at(year), &chance);
    let started = || watch::channel(None).1;
    assert!(matches!(slot.look(at(year), started), Look::Fail(_)));
    assert!(matches!(slot.look(at(0), started), Look::Wait(_)));
}

#[tokio::test(start_paused = true)]
async fn a_new_sign_in_ends_the_tokens_of_the_one_before() {
    let world = World::new();
    let keeper = world.ada();
    world.ada_signs_in(&keeper).await;
    let before = keeper.token(Audience::Graph).await.expect("a token");
    world.ada_signs_in(&keeper).await;
    let after = keeper.token(Audience::Graph).await.expect("a token");
    assert_ne!(before.expose(), after.expose());
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
async fn a_stored_token_does_not_hide_that_the_secret_was_changed() {
    let mut world = World::new();
    exchange(&world.app()).await.expect("a token");
    world.secret = "canary, mistyped";
    world.issuer.will_answer(401, SECRET_WRONG);
    let error = exchange(&world.app()).await.expect_err("it is wrong now");
    assert_eq!(error.code(), "secret_wrong");
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
async fn what_is_not_permitted_at_one_audience_does_not_stop_the_other() {
    let world = World::new();
    let keeper = world.ada();
    world.ada_signs_in(&keeper).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    world.issuer.will_answer(400, CONSENT_MISSING);
    let error = keeper.token(Audience::Graph).await.expect_err("no consent");
    assert_eq!(error.code(), "consent_missing");
    exchange(&keeper).await.expect("mail is permitted");
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
