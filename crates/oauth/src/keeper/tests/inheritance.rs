//! Sign-ins that are stored under the name of a time when the tenant was not known.

use jiff::SignedDuration;

use super::*;
use crate::{Person, Tenant};

const GUID: &str = "7cb6ac3f-9b35-4a3b-8b5a-6fd1f6f0f5aa";
const SHARED: &str = "login/organizations/client-1/authorization_code/ada";
const OWN: &str = "login/7cb6ac3f/client-1/authorization_code/ada";

/// Ada's keeper in a new process, with this tenant in the registration.
fn ada(world: &World, tenant: &str) -> TokenKeeper {
    let template = world.ada();
    let mut credential = template.credential();
    let mut registration = Registration::clone(&credential.registration);
    registration.tenant = Tenant::parse(tenant).expect("a tenant");
    credential.registration = Arc::new(registration);
    let (id, formerly) = match tenant {
        "organizations" => (SHARED, Vec::new()),
        _ => (
            OWN,
            vec![CredentialId::new("nobody"), CredentialId::new(SHARED)],
        ),
    };
    credential.id = CredentialId::new(id);
    TokenKeeper::heir(credential, formerly, template.surroundings().clone())
}

async fn signs_in(world: &World, keeper: &TokenKeeper, tenant: Option<&str>) {
    let person = Person {
        name: "ada@contoso.example".to_owned(),
        tenant: tenant.map(str::to_owned),
        object_id: None,
    };
    let expires_at = world.clock.now() + SignedDuration::from_hours(1);
    let granted = Granted {
        access: AccessToken::new("a0".into(), Audience::Exchange, expires_at),
        refresh: Some("r0".into()),
        person: Some(person),
    };
    keeper.signed_in(granted).await.expect("the store works");
}

async fn stored(world: &World) -> Vec<String> {
    let ids = world.grants.list().await.expect("memory works");
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_stays_when_its_tenant_is_filled_in() {
    let world = World::new();
    world.issuer.book().rotation = Rotation::Strict { newest: 0 };
    let before = ada(&world, "organizations");
    signs_in(&world, &before, Some(&GUID.to_uppercase())).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&before)
        .await
        .expect("it is renewed, which tells no tenant");

    let after = ada(&world, GUID);
    let token = exchange(&after).await.expect("nobody signs in again");
    assert_eq!(
        token, "a2",
        "the token of another endpoint is not handed out"
    );
    let sent = world.issuer.book().asked[1].clone();
    assert!(sent.contains("refresh_token=r1"), "{sent}");
    assert_eq!(stored(&world).await, [OWN]);
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&ada(&world, GUID)).await.expect("it goes on");
    let error = exchange(&ada(&world, "organizations")).await;
    assert_eq!(error.expect_err("it was moved").code(), "sign_in_needed");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_of_another_tenant_or_of_none_that_is_known_stays_where_it_is() {
    for tenant in [Some("11111111-9b35-4a3b-8b5a-6fd1f6f0f5aa"), None] {
        let world = World::new();
        signs_in(&world, &ada(&world, "organizations"), tenant).await;
        let error = exchange(&ada(&world, GUID)).await;
        assert_eq!(error.expect_err("another").code(), "sign_in_needed");
        assert_eq!(world.issuer.asked(), 0);
        assert_eq!(stored(&world).await, [SHARED]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_under_the_present_name_is_not_replaced_by_one_of_before() {
    let world = World::new();
    let before = ada(&world, "organizations");
    let after = ada(&world, GUID);
    signs_in(&world, &after, Some(GUID)).await;
    signs_in(&world, &before, Some(GUID)).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    exchange(&ada(&world, GUID)).await.expect("a token");
    let mut names = stored(&world).await;
    names.sort();
    assert_eq!(names, [OWN, SHARED]);
}
