//! Proofs that change, passwords, claims challenges and clocks: what the keeper makes of them.

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::{Challenge, PasswordFrom, Proofs};

/// Two secrets stand for two certificates: what matters is the order and the refusal.
#[derive(Debug)]
struct Two;

#[async_trait]
impl Proofs for Two {
    async fn present(&self, _now: jiff::Timestamp) -> Result<Vec<Proof>, TokenError> {
        Ok(["newer", "older"]
            .map(|one| Proof::Secret(one.into()))
            .into())
    }

    fn mark(&self) -> SecretString {
        "two".into()
    }
}

#[tokio::test(start_paused = true)]
async fn the_older_certificate_goes_where_the_newer_is_not_known_yet() {
    let mut world = World::new();
    world.proofs = Some(Arc::new(Two));
    world.issuer.will_answer(401, KEY_UNKNOWN);
    exchange(&world.app()).await.expect("the older is known");
    let asked = world.issuer.book().asked.clone();
    assert!(asked[0].contains("newer") && asked[1].contains("older"));

    for _ in 0..2 {
        world.issuer.will_answer(401, KEY_UNKNOWN);
    }
    let error = world.app().token(Audience::Graph).await;
    assert_eq!(
        error.expect_err("none is known").code(),
        "certificate_unknown"
    );
    world.issuer.will_answer(401, SECRET_WRONG);
    let error = world.app().token(Audience::Graph).await;
    assert_eq!(
        error.expect_err("it is another fault").code(),
        "secret_wrong"
    );
    assert_eq!(
        world.issuer.asked(),
        5,
        "only an unknown key is a reason to go on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_password_goes_with_the_certificate_that_is_known_and_so_do_sign_ins() {
    let (mut world, folder) = (World::new(), folder());
    world.proofs = Some(Arc::new(Two));
    let keeper = password(&mut world, &folder, "pass");
    let first = keeper.asking(Audience::Exchange).await.expect("a proof");
    assert_eq!(first.proof.mark().expose_secret(), "newer");
    world.issuer.will_answer(401, KEY_UNKNOWN);
    exchange(&keeper).await.expect("the older is known");
    let asked = world.issuer.book().asked.clone();
    assert!(asked[0].contains("newer") && asked[1].contains("older"));
    assert!(asked[1].contains("password=pass"));
    for _ in 0..2 {
        let login = world.process("password", Some("ada@contoso.example"));
        let asking = login.asking(Audience::Exchange).await.expect("a proof");
        assert_eq!(asking.proof.mark().expose_secret(), "older");
        world.ada_signs_in(&login).await;
    }
}

/// A new process that finds this password in a file of `folder`.
fn password(world: &mut World, folder: &tempfile::TempDir, text: &str) -> TokenKeeper {
    let path = folder.path().join("password");
    gatepost_host::files::write_private(&path, text.as_bytes()).expect("a writable folder");
    world.password = PasswordFrom::Source(SecretSource::File(path));
    world.process("password", Some("ada@contoso.example"))
}

#[tokio::test(start_paused = true)]
async fn a_password_leads_on_where_the_sign_in_is_over() {
    let (mut world, folder) = (World::new(), folder());
    let keeper = password(&mut world, &folder, "pass");
    assert_eq!(exchange(&keeper).await.expect("a token"), "a1");
    let sent = world.issuer.book().asked[0].clone();
    assert!(sent.contains("grant_type=password") && sent.contains("password=pass"));
    keeper.token(Audience::Graph).await.expect("a token");
    let sent = world.issuer.book().asked[1].clone();
    assert!(sent.contains("grant_type=refresh_token"), "not sent again");

    world.issuer.will_answer(400, GRANT_DEAD);
    let anew = world.process("password", Some("ada@contoso.example"));
    let token = anew.token(Audience::Exchange).await.expect("it is stored");
    anew.refused(&token);
    assert_eq!(exchange(&anew).await.expect("a token"), "a4");
    assert!(world.issuer.book().asked[3].contains("grant_type=password"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_sent_once_by_all_processes_together() {
    let (mut world, folder) = (World::new(), folder());
    let keeper = password(&mut world, &folder, "wrong");
    world.issuer.will_answer(400, PASSWORD_WRONG);
    world.issuer.will_answer(404, "");
    let error = exchange(&keeper).await.expect_err("it is wrong");
    assert_eq!(error.code(), "password_wrong");
    assert_eq!(world.issuer.asked(), 2, "and whose password it is");
    for _ in 0..3 {
        let next = password(&mut world, &folder, "wrong");
        let error = exchange(&next).await.expect_err("it is still wrong");
        assert_eq!(error.code(), "password_unchanged");
    }
    assert_eq!(world.issuer.asked(), 2);
    let corrected = password(&mut world, &folder, "right");
    exchange(&corrected).await.expect("another one is tried");
}

#[tokio::test(start_paused = true)]
async fn a_password_that_another_server_checks_is_sent_once() {
    let (mut world, folder) = (World::new(), folder());
    let keeper = password(&mut world, &folder, "wrong");
    world.issuer.will_answer(400, PASSWORD_WRONG);
    world.issuer.will_answer(200, FEDERATED);
    let error = exchange(&keeper).await.expect_err("Microsoft cannot know");
    assert_eq!(error.code(), "account_federated");
    let next = password(&mut world, &folder, "wrong");
    let error = exchange(&next).await.expect_err("it is the same password");
    assert_eq!(error.code(), "password_unchanged");
    assert_eq!(world.issuer.asked(), 2, "and not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_kept_password_goes_when_it_is_not_wanted_any_more() {
    let mut world = World::new();
    let ada = Some("ada@contoso.example");
    world.password = PasswordFrom::SignIn;
    let keeper = world.process("password", ada);
    let granted = Granted {
        access: AccessToken::new("a0".into(), Audience::Exchange, world.clock.now()),
        refresh: Some("r0".into()),
        person: None,
    };
    let kept = keeper.signed_in_with(granted, Some("kept".into())).await;
    kept.expect("the store works");
    for (wanted, is_kept) in [(PasswordFrom::SignIn, true), (PasswordFrom::Nowhere, false)] {
        world.password = wanted;
        world.clock.sleep(Duration::from_hours(2)).await;
        let next = world.process("password", ada);
        exchange(&next).await.expect("a token");
        assert_eq!(world.stored().await.password.is_some(), is_kept);
    }
}

#[tokio::test(start_paused = true)]
async fn a_challenge_goes_with_every_request_from_then_on() {
    let world = World::new();
    let keeper = world.app();
    let token = keeper.token(Audience::Graph).await.expect("a token");
    let challenge = context(1);
    keeper.challenged(&token, &challenge);
    let next = keeper.token(Audience::Graph).await.expect("another");
    assert_ne!(next.expose(), token.expose());
    let sent = world.issuer.book().asked[1].clone();
    assert!(
        sent.contains("claims=%7B") && sent.contains("cp1"),
        "{sent}"
    );
    assert!(sent.contains("acrs"), "{sent}");
    // The same again: the token carries it already, so it counts as a refusal and no storm.
    for _ in 0..20 {
        keeper.challenged(&next, &challenge);
        let again = keeper.token(Audience::Graph).await;
        again.expect("there is one");
    }
    assert!(world.issuer.asked() <= 4, "{}", world.issuer.asked());
    exchange(&keeper).await.expect("a token");
    let other = world.issuer.book().asked.last().cloned();
    assert!(
        !other.expect("it asked").contains("claims"),
        "another audience"
    );
}

#[tokio::test(start_paused = true)]
async fn servers_that_contradict_each_other_are_not_obeyed_for_ever() {
    let world = World::new();
    let keeper = world.app();
    let mut ended = None;
    for turn in 0..20 {
        match keeper.token(Audience::Graph).await {
            Ok(token) => keeper.challenged(&token, &context(turn % 2)),
            Err(error) => ended = Some(error),
        }
    }
    let error = ended.expect("it does not go on for ever");
    assert_eq!(error.code(), "token_challenged_in_turn");
    assert!(error.to_string().contains("contoso"), "{error}");
    assert_eq!(world.issuer.asked(), 5, "one, and one for each of four");
    exchange(&keeper).await.expect("another audience goes on");
    // Late complaints of tokens that are held no more ask for nothing.
    world.clock.sleep(Duration::from_mins(16)).await;
    let next = keeper
        .token(Audience::Graph)
        .await
        .expect("the wait is over");
    let asked = world.issuer.asked();
    let old = AccessToken::new("a1".into(), Audience::Graph, next.expires_at);
    for number in 0..20 {
        keeper.challenged(&old, &context(number));
    }
    let held = keeper.token(Audience::Graph).await.expect("it is held");
    assert_eq!(
        (held.expose(), world.issuer.asked()),
        (next.expose(), asked)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_from_before_a_challenge_neither_lifts_a_wait_nor_brings_what_is_handed_out() {
    let in_turn = Some("token_challenged_in_turn");
    for (before, renewal, error) in [
        (4, (200, TOKEN), in_turn),
        (4, (503, ""), in_turn),
        (4, (401, SECRET_WRONG), in_turn),
        (0, (200, TOKEN), None),
        (0, (401, SECRET_WRONG), Some("secret_wrong")),
    ] {
        let world = World::new();
        let keeper = world.app();
        for turn in 0..before {
            let token = keeper.token(Audience::Graph).await.expect("a token");
            keeper.challenged(&token, &context(turn % 2));
        }
        world.issuer.will_answer(200, SHORT_LIVED);
        let old = keeper.token(Audience::Graph).await.expect("a token");
        world.clock.sleep(Duration::from_secs(265)).await;
        world.issuer.will_answer(renewal.0, renewal.1);
        let again = keeper.token(Audience::Graph).await.expect("it lives");
        assert_eq!(again.expose(), old.expose(), "it is renewed meanwhile");
        world.clock.sleep(ANSWER_TIME / 2).await;
        keeper.challenged(&old, &context(9));
        world.clock.sleep(ANSWER_TIME * 2).await;
        let asked = world.issuer.asked();
        assert_eq!(asked, before + 2, "the renewal was answered");
        let refused = keeper.token(Audience::Graph).await.err();
        assert_eq!(refused.map(|error| error.code()), error);
        world.clock.sleep(Duration::from_mins(16)).await;
        keeper.token(Audience::Graph).await.expect("it goes on");
        assert_eq!(world.issuer.asked(), asked + 1);
        let sent = world.issuer.book().asked.pop().expect("it asked");
        assert!(sent.contains("c9"), "with the newest challenge: {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_a_challenge_gets_nothing_that_was_asked_for_before_it() {
    let world = World::new();
    let keeper = world.app();
    let old = keeper.token(Audience::Exchange).await.expect("a token");
    let (runner, stop) = (keeper.clone(), world.tasks.stop());
    let running = async move { runner.run(&stop).await };
    world.tasks.start("tokens", running);
    while world.issuer.book().began == 1 {
        world.clock.sleep(ANSWER_TIME / 4).await;
    }
    keeper.challenged(&old, &context(9));
    let next = keeper.token(Audience::Exchange).await.expect("another");
    let asked = world.issuer.book().asked.clone();
    assert_eq!(asked.len(), 3, "the first, the late one and the next");
    assert!(!asked[1].contains("claims"), "it is from before");
    assert!(asked[2].contains("c9"), "{}", asked[2]);
    assert_eq!(next.expose(), "a3");
    world.tasks.end().await;
}

fn context(number: usize) -> Challenge {
    let json = format!(r#"{{"access_token":{{"acrs":{{"value":"c{number}"}}}}}}"#);
    Challenge::of_json(&json).expect("a challenge")
}

const SHORT_LIVED: &str = r#"{"access_token":"short","token_type":"Bearer","expires_in":300}"#;

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_bring_is_asked_for_at_the_next_sign_in() {
    let world = World::new();
    let daemon = world.ada();
    world.ada_signs_in(&daemon).await;
    world.clock.sleep(Duration::from_hours(2)).await;
    world.issuer.will_answer(400, POLICY);
    let error = exchange(&daemon).await.expect_err("a person must come");
    assert_eq!(error.next(), gatepost_fault::Next::SignIn);
    let login = world.ada();
    let asking = login.asking(Audience::Exchange).await.expect("a proof");
    let challenge = asking.challenge.expect("it was kept for another process");
    assert!(challenge.parameter().contains("c25"), "{challenge:?}");
    world.ada_signs_in(&login).await;
    let asking = login.asking(Audience::Exchange).await.expect("a proof");
    assert_eq!(asking.challenge, None, "the sign-in brought it");
}

/// A proof that ends then.
#[derive(Debug)]
struct Until(jiff::Timestamp);

#[async_trait]
impl Proofs for Until {
    async fn present(&self, now: jiff::Timestamp) -> Result<Vec<Proof>, TokenError> {
        if now < self.0 {
            return Ok(vec![Proof::Secret("works".into())]);
        }
        Err(TokenError::AssertionUnusable {
            who: "registration contoso".to_owned(),
            place: "/token".to_owned(),
            reason: "it expired".to_owned(),
            expired: Some(self.0),
        })
    }

    fn mark(&self) -> SecretString {
        "".into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_explains_what_is_not_valid() {
    let mut world = World::new();
    let hour = SignedDuration::from_hours(1);
    world.proofs = Some(Arc::new(Until(world.clock.now() + hour)));
    let keeper = world.app();
    let mut early = reply(200, TOKEN);
    early.date = Some("Sun, 22 Nov 2026 09:15:00 GMT".to_owned());
    world.issuer.book().scripted.push_back(early);
    exchange(&keeper).await.expect("a token");
    let skew = keeper.clock_skew().expect("it was measured");
    assert_eq!(skew.as_secs() / 60, 45);
    world.clock.sleep(Duration::from_mins(90)).await;
    let error = exchange(&keeper).await.expect_err("it expired");
    assert_eq!(error.code(), "clock_skew");
    let text = error.to_string();
    assert!(
        text.contains("45 minutes ahead of") && text.contains("/token"),
        "{text}"
    );
    world.clock.sleep(Duration::from_hours(2)).await;
    let error = exchange(&keeper).await.expect_err("it expired there, too");
    assert_eq!(error.code(), "assertion_unusable");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_wrong_from_the_start_is_found_out_by_one_look() {
    let mut world = World::new();
    let minute = SignedDuration::from_mins(1);
    world.proofs = Some(Arc::new(Until(world.clock.now() - minute)));
    let mut early = reply(200, "{}");
    early.date = Some("Sun, 22 Nov 2026 09:15:00 GMT".to_owned());
    world.issuer.book().scripted.push_back(early);
    let keeper = world.app();
    let error = exchange(&keeper).await.expect_err("it has ended here");
    assert_eq!(error.code(), "clock_skew");
    let text = error.to_string();
    assert!(text.contains("45 minutes ahead of"), "{text}");
    assert_eq!(world.issuer.asked(), 1, "the time, and no token");
    assert_eq!(world.issuer.book().asked[0], "", "nothing was sent");

    // A sign-in is told the same, and what was measured just now is not measured again.
    let error = keeper.asking(Audience::Exchange).await;
    assert_eq!(error.expect_err("it has ended").code(), "clock_skew");
    assert_eq!(world.issuer.asked(), 1);

    // Who does not say the time explains nothing.
    let silent = world.app();
    world.issuer.will_answer(503, "");
    let error = exchange(&silent).await.expect_err("it has ended");
    assert_eq!(error.code(), "assertion_unusable");
}

#[tokio::test(start_paused = true)]
async fn who_entered_a_code_must_be_named_where_somebody_is_expected() {
    let nameless = format!(
        "e30.{}.",
        base64url(r#"{"aud":"client-1","exp":4102444800}"#)
    );
    let named = format!(
        "e30.{}.",
        base64url(r#"{"aud":"client-1","exp":4102444800,"upn":"Ada@contoso.example"}"#)
    );
    for (id_token, code) in [
        (None, Some("sign_in_unnamed")),
        (Some(nameless), Some("sign_in_unnamed")),
        (Some(named), None),
    ] {
        let world = World::new();
        let keeper = world.ada();
        world.issuer.will_answer(200, CODE_ISSUED);
        let id_token =
            id_token.map_or_else(String::new, |token| format!(r#""id_token":"{token}","#));
        let granted = format!(
            r#"{{{id_token}"access_token":"a1","refresh_token":"r1","token_type":"Bearer","expires_in":3600}}"#
        );
        world.issuer.will_answer(200, &granted);
        let sign_in = crate::SignIn::by_device(Audience::Exchange);
        let error = keeper.sign_in(sign_in, |_| {}).await.err();
        assert_eq!(error.as_ref().map(TokenError::code), code);
        assert!(
            error.is_none_or(|error| error.to_string().contains("ada@contoso.example")),
            "it says who is expected"
        );
        let stored = world.grants.list().await.expect("memory works");
        assert_eq!(stored.is_empty(), code.is_some());
    }
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

const KEY_UNKNOWN: &str = r#"{"error":"invalid_client","error_description":"AADSTS700027: Client assertion contains an invalid signature. [Reason - The key was not found.]"}"#;
const PASSWORD_WRONG: &str = r#"{"error":"invalid_grant","error_description":"AADSTS50126: Error validating credentials due to invalid username or password."}"#;
const FEDERATED: &str = r#"{"ver":"1.0","account_type":"federated","federation_protocol":"WSTrust","domain_name":"contoso.example"}"#;
const CODE_ISSUED: &str = r#"{"user_code":"ABCD-1234","device_code":"d1","verification_uri":"https://microsoft.com/devicelogin","expires_in":900,"interval":5,"message":"Open it."}"#;
const POLICY: &str = r#"{"error":"invalid_grant","suberror":"message_only","error_description":"AADSTS53003: Blocked.","claims":"{\"access_token\":{\"acrs\":{\"essential\":true,\"value\":\"c25\"}}}"}"#;
const TOKEN: &str = r#"{"access_token":"a1","token_type":"Bearer","expires_in":3600}"#;
