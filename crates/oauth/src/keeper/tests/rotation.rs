//! Refresh tokens that rotate, through crashes, races and full disks.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::world::Issuer;
use super::*;
use crate::answers::Reply;
use crate::contract::MemoryGrants;
use crate::{Form, Generation, GrantState, GrantStoreError};

#[tokio::test(start_paused = true)]
async fn a_rotated_refresh_token_is_stored_before_the_token_is_handed_out() {
    let world = World::new();
    let keeper = world.ada();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&keeper).await;
    for round in 1..=5 {
        world.clock.sleep(Duration::from_hours(2)).await;
        assert_eq!(
            exchange(&keeper).await.expect("a token"),
            format!("a{round}")
        );
        assert_eq!(world.stored_refresh_token().await, format!("r{round}"));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_that_rotate_at_once_one_wins_and_both_go_on_with_it() {
    let world = World::new();
    let (one, two) = (world.ada(), world.ada());
    world.ada_signs_in(&one).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    let (first, second) = tokio::join!(exchange(&one), exchange(&two));
    first.expect("a token");
    second.expect("a token");
    let winner = world.stored_refresh_token().await;
    for keeper in [&one, &two] {
        world.clock.sleep(Duration::from_hours(2)).await;
        let before = world.stored_refresh_token().await;
        exchange(keeper).await.expect("a token");
        let last = world.issuer.book().asked.last().cloned().expect("it asked");
        assert!(last.contains(&format!("refresh_token={before}")), "{last}");
    }
    let rest: Vec<_> = world.issuer.book().asked.split_off(2);
    let loser = if winner == "r1" {
        "refresh_token=r2&"
    } else {
        "refresh_token=r1&"
    };
    assert!(
        rest.iter().all(|form| !form.contains(loser)),
        "the loser's is never used"
    );
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_race_at_a_strict_issuer_reloads() {
    let world = World::new();
    let (one, two) = (world.ada(), world.ada());
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&one).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    let (first, second) = tokio::join!(exchange(&one), exchange(&two));
    assert_eq!(first.expect("a token"), second.expect("the winner's token"));
    assert_eq!(world.stored_refresh_token().await, "r1");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_loses_no_refresh_token() {
    let world = World::new();
    let keeper = world.ada();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&keeper).await;
    world.grants.break_writes();
    for round in 1..=3 {
        world.clock.sleep(Duration::from_hours(2)).await;
        assert_eq!(
            exchange(&keeper).await.expect("a token"),
            format!("a{round}")
        );
    }
    assert_eq!(world.stored_refresh_token().await, "r0", "the disk is full");
    world.grants.mend_writes();
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper).await.expect("a token");
    assert_eq!(world.stored_refresh_token().await, "r4");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_at_one_audience_loses_no_refresh_token_that_is_not_stored_yet() {
    let world = World::new();
    let keeper = world.ada();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&keeper).await;
    world.grants.break_writes();
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper)
        .await
        .expect("a token, and r1 in memory only");
    world.issuer.will_answer(400, CONSENT_MISSING);
    let graph = keeper.token(Audience::Graph).await;
    graph.expect_err("nobody consented to that");
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper).await.expect("r1 is still known");
    world.grants.mend_writes();
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper).await.expect("a token");
    assert_eq!(world.stored_refresh_token().await, "r4");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_cannot_be_stored_leaves_the_one_before_as_it_was() {
    let world = World::new();
    let keeper = world.ada();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    world.ada_signs_in(&keeper).await;
    world.grants.break_writes();
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper)
        .await
        .expect("a token, and r1 in memory only");
    let proven = keeper.0.upkeep().stored();
    world.clock.sleep(Duration::from_mins(1)).await;
    let granted = Granted {
        access: AccessToken::new("b0".into(), Audience::Exchange, world.clock.now()),
        refresh: Some("s0".into()),
        person: None,
    };
    let error = keeper.signed_in(granted).await;
    assert_eq!(error.expect_err("the disk is full").code(), "disk_full");
    assert_eq!(keeper.0.upkeep().stored(), proven, "nothing was renewed");
    world.grants.mend_writes();
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&keeper).await.expect("r1 is still known");
    let last = world.issuer.book().asked.last().cloned().expect("it asked");
    assert!(last.contains("refresh_token=r1&"), "{last}");
}

/// A process that dies for good, as by `kill -9`, when it comes to its last moment: before or
/// after a request, before or after a write.
#[derive(Debug, Clone)]
struct Mortal {
    issuer: Issuer,
    grants: MemoryGrants,
    moments_left: Arc<AtomicUsize>,
}

impl Mortal {
    async fn live_another_moment(&self) {
        let lives = self
            .moments_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if lives.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Endpoint for Mortal {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        self.live_another_moment().await;
        let reply = self.issuer.post(form).await;
        self.live_another_moment().await;
        reply
    }
}

#[async_trait]
impl Grants for Mortal {
    async fn load(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        self.live_another_moment().await;
        self.grants.load(id).await
    }

    async fn replace(
        &self,
        id: &CredentialId,
        seen: Option<Generation>,
        state: &GrantState,
    ) -> Result<Generation, GrantStoreError> {
        self.live_another_moment().await;
        let generation = self.grants.replace(id, seen, state).await;
        self.live_another_moment().await;
        generation
    }

    async fn remove(&self, id: &CredentialId) -> Result<(), GrantStoreError> {
        self.grants.remove(id).await
    }

    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError> {
        self.grants.list().await
    }
}

/// Lets a process die after `moments` of a rotation. Says whether it handed out a token before.
async fn die_after(world: &World, moments: usize) -> bool {
    let mortal = Mortal {
        issuer: world.issuer.clone(),
        grants: world.grants.clone(),
        moments_left: Arc::new(AtomicUsize::new(moments)),
    };
    let around: (Arc<dyn Endpoint>, Arc<dyn Grants>) = (Arc::new(mortal.clone()), Arc::new(mortal));
    let keeper = world.process_at("authorization_code", Some("ada@contoso.example"), around);
    let handed_out = world
        .clock
        .within(Duration::from_mins(1), exchange(&keeper))
        .await;
    handed_out.is_ok()
}

/// load, send, answered, write, written.
const MOMENTS: usize = 5;

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_in_a_rotation_loses_nothing() {
    for moments in 0..=MOMENTS {
        let world = World::new();
        world.ada_signs_in(&world.ada()).await;
        world.clock.sleep(Duration::from_hours(2)).await;
        let handed_out = die_after(&world, moments).await;
        assert_eq!(handed_out, moments == MOMENTS, "all moments are counted");
        let left_behind = world.stored_refresh_token().await;
        let newest = if moments >= MOMENTS - 1 { "r1" } else { "r0" };
        assert_eq!(left_behind, newest, "died after {moments} moments");

        world.clock.sleep(Duration::from_hours(2)).await;
        let heir = world.ada();
        exchange(&heir).await.expect("the next process goes on");
        let asked = world.issuer.book().asked.clone();
        let last = asked.last().expect("it asked");
        assert!(
            last.contains(&format!("refresh_token={left_behind}&")),
            "{last}"
        );
        assert_eq!(
            world.stored_refresh_token().await,
            format!("r{}", asked.len()),
            "one is in use, the newest"
        );
    }
}

/// A strict issuer kills the old refresh token when it answers. Whoever dies with the answer in
/// hand has lost it, whatever the client does; Entra is not like that. At every other moment
/// nothing is lost there either.
#[tokio::test(start_paused = true)]
async fn at_a_strict_issuer_only_the_answer_on_its_way_can_be_lost() {
    for moments in 0..=MOMENTS {
        let world = World::new();
        world.issuer.book().rotation = Rotation::Strict { newest: 0 };
        world.ada_signs_in(&world.ada()).await;
        world.clock.sleep(Duration::from_hours(2)).await;
        die_after(&world, moments).await;
        world.clock.sleep(Duration::from_hours(2)).await;
        let answer_in_hand = matches!(moments, 2 | 3);
        assert_eq!(
            exchange(&world.ada()).await.is_err(),
            answer_in_hand,
            "{moments}"
        );
    }
}
