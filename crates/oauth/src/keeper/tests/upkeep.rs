//! Sign-ins that nobody asks tokens of.

use std::time::Duration;

use super::super::*;
use super::world::{GRANT_DEAD, SECRET_WRONG, World, exchange};

const DAY: Duration = Duration::from_hours(24);

/// Runs the keeper as `serve` does.
fn keep(world: &World, keeper: &TokenKeeper) {
    let (runner, stop) = (keeper.clone(), world.tasks.stop());
    let running = async move { runner.run(&stop).await };
    world.tasks.start("keeper", running);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_is_used_once_a_day_while_nobody_asks() {
    let world = World::new();
    world.ada_signs_in(&world.ada()).await;
    // Another process, which nobody asks for a token.
    keep(&world, &world.ada());
    world.clock.sleep(DAY * 100).await;
    let asked = world.issuer.asked();
    assert!((100..=134).contains(&asked), "{asked} in a hundred days");
    assert_eq!(world.stored_refresh_token().await, format!("r{asked}"));
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_neither_hasten_nor_forget_it() {
    let world = World::new();
    world.ada_signs_in(&world.ada()).await;
    for _ in 0..40 {
        let process = World {
            tasks: Tasks::new(),
            secret: world.secret,
            clock: world.clock.clone(),
            issuer: world.issuer.clone(),
            grants: world.grants.clone(),
            password: world.password.clone(),
            proofs: world.proofs.clone(),
        };
        keep(&process, &process.ada());
        world.clock.sleep(DAY / 4).await;
        process.tasks.end().await;
    }
    let asked = world.issuer.asked();
    assert!((8..=14).contains(&asked), "{asked} in ten days");
}

#[tokio::test(start_paused = true)]
async fn what_is_late_at_a_start_is_spread() {
    let world = World::new();
    world.ada_signs_in(&world.ada()).await;
    world.clock.sleep(DAY * 30).await;
    keep(&world, &world.ada());
    world.clock.sleep(Duration::from_millis(1)).await;
    assert_eq!(world.issuer.asked(), 0, "not at the start itself");
    world.clock.sleep(Duration::from_mins(16)).await;
    assert_eq!(world.issuer.asked(), 1);
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_sign_in_is_seldom_asked_about_and_a_new_one_is_found() {
    let world = World::new();
    let keeper = world.ada();
    world.ada_signs_in(&world.ada()).await;
    for _ in 0..1000 {
        world.issuer.will_answer(400, GRANT_DEAD);
    }
    keep(&world, &keeper);
    world.clock.sleep(DAY * 10).await;
    let CredentialState::Failing { error, .. } = keeper.standing().state else {
        panic!("it is refused: {:?}", keeper.standing());
    };
    assert_eq!(gatepost_fault::Fault::code(&*error), "sign_in_revoked");
    let asked = world.issuer.asked();
    assert!((20..=70).contains(&asked), "{asked} in ten days");
    // Ada signs in again, with another process.
    world.issuer.book().scripted.clear();
    world.ada_signs_in(&world.ada()).await;
    world.clock.sleep(DAY).await;
    let standing = keeper.standing();
    assert!(
        matches!(standing.state, CredentialState::Working),
        "{standing:?}"
    );
    assert!(standing.renewed_at.is_some());
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_signed_in_is_no_failure() {
    let world = World::new();
    let keeper = world.ada();
    assert!(matches!(keeper.standing().state, CredentialState::Unasked));
    keep(&world, &keeper);
    world.clock.sleep(DAY * 3).await;
    let standing = keeper.standing();
    assert!(
        matches!(standing.state, CredentialState::SignedOut),
        "{standing:?}"
    );
    assert_eq!(world.issuer.asked(), 0);
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_app_is_asked_for_nothing_that_nobody_wants() {
    let world = World::new();
    let keeper = world.app();
    keep(&world, &keeper);
    world.clock.sleep(DAY * 10).await;
    assert_eq!(world.issuer.asked(), 0);
    assert!(matches!(keeper.standing().state, CredentialState::Unasked));
    world.tasks.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_secret_is_tried_at_once() {
    let world = World::new();
    let keeper = world.app();
    world.issuer.will_answer(401, SECRET_WRONG);
    exchange(&keeper).await.expect_err("the secret is wrong");
    assert!(matches!(
        keeper.standing().state,
        CredentialState::Failing { .. }
    ));
    let mut registration = Registration::clone(&keeper.credential().registration);
    keeper.adopt(Arc::new(registration.clone()));
    exchange(&keeper)
        .await
        .expect_err("it is the same secret, within the same minute");
    registration.proof = Proof::Secret("another".into()).into();
    keeper.adopt(Arc::new(registration));
    exchange(&keeper).await.expect("this one is good");
    assert!(matches!(keeper.standing().state, CredentialState::Working));
    assert_eq!(world.issuer.asked(), 2);
}
