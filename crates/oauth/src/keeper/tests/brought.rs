//! Sign-ins that another program leaves behind.

use secrecy::SecretString;

use super::*;
use crate::Brought;

#[tokio::test(start_paused = true)]
async fn a_refresh_token_of_another_program_brings_the_next_token() {
    let world = World::new();
    let keeper = world.ada();
    let brought = Brought {
        refresh_token: Some(SecretString::from("r0")),
        password: None,
    };
    let credential = keeper.credential();
    let state = brought.into_state(credential.grant.name);
    let stored = world.grants.replace(&credential.id, None, &state).await;
    stored.expect("memory works");
    exchange(&keeper).await.expect("nobody has to sign in");
}
