//! A person signs in: the browser is a plain HTTP client here.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_fault::Fault as _;
use gatepost_host::{HttpLimits, Tasks, Trust, http_client};
use gatepost_oauth::{
    Audience, Grant, Granted, Loopback, Prompt, Proof, SignIn, TokenError, TokenKeeper,
    TokenSource as _, Way,
};
use tokio::sync::oneshot;
use url::Url;

use crate::issuer::{Answer, Issuer, keeper, registration, token};

fn browser() -> reqwest::Client {
    http_client(&Trust::system(), HttpLimits::default()).expect("this machine has certificates")
}

/// A sign-in under way in a task, and what the browser was sent away with.
struct UnderWay {
    sent: BTreeMap<String, String>,
    keeper: TokenKeeper,
    ended: oneshot::Receiver<Result<Granted, TokenError>>,
}

async fn begin(tasks: &Tasks, login: &str, patience: Duration) -> UnderWay {
    let grant = Grant::named("authorization_code").expect("it is in the list");
    let keeper = keeper(registration(login, Proof::None), grant, tasks);
    let sign_in = SignIn {
        way: Way::Browser {
            loopback: Loopback::bind(tasks).await.expect("a free port"),
            patience,
        },
        audience: Audience::Exchange,
        also: Vec::new(),
    };
    let (show, shown) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let signing_in = keeper.clone();
    tasks.start("login", async move {
        let mut show = Some(show);
        let granted = signing_in
            .sign_in(sign_in, |prompt| {
                let Prompt::Open(url) = prompt else {
                    panic!("a browser is to be opened: {prompt:?}");
                };
                let show = show.take().expect("it is shown once");
                let _ = show.send(url.clone());
            })
            .await;
        let _ = end.send(granted);
    });
    let url: Url = shown.await.expect("the address is shown");
    UnderWay {
        sent: url.query_pairs().into_owned().collect(),
        keeper,
        ended,
    }
}

impl UnderWay {
    fn address(&self, path_and_query: &str) -> String {
        let query = path_and_query.replace("STATE", &self.sent["state"]);
        format!("{}{query}", self.sent["redirect_uri"]).replace("localhost", "127.0.0.1")
    }

    async fn get(&self, path_and_query: &str) -> (u16, String) {
        let response = browser().get(self.address(path_and_query)).send().await;
        let response = response.expect("the loopback server answers");
        let status = response.status().as_u16();
        (status, response.text().await.expect("a page"))
    }
}

/// Answers a redeemed code with an id token of the nonce that `nonce` will hold.
fn signed_in(nonce: &str) -> Answer {
    signed_in_as(nonce, r#""preferred_username":"ada@contoso.example""#)
}

/// The same with another word on who it was.
fn signed_in_as(nonce: &str, who: &str) -> Answer {
    let claims = format!(r#"{{"aud":"client-1","exp":99999999999,"nonce":"{nonce}",{who}}}"#);
    let id_token = URL_SAFE_NO_PAD.encode(claims);
    let body = format!(
        r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"a1","refresh_token":"r1","id_token":"e30.{id_token}.c","scope":"https://outlook.office.com/IMAP.AccessAsUser.All"}}"#
    );
    (200, Vec::new(), body)
}

#[tokio::test]
async fn strays_are_answered_and_the_right_redirect_signs_in() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let sign_in = begin(&tasks, &login, SignIn::PATIENCE).await;
    issuer.will_answer(signed_in(&sign_in.sent["nonce"]));

    assert_eq!(sign_in.get("/favicon.ico").await.0, 404);
    assert_eq!(sign_in.get("/../../etc/passwd").await.0, 404);
    let (status, page) = sign_in.get("/").await;
    assert_eq!((status, page.contains("waits")), (200, true), "{page}");
    for foreign in [
        "/?code=evil&state=guess",
        "/?error=access_denied&state=",
        "/?code=%3Cscript%3E&state=%3Cscript%3E",
    ] {
        let (_, page) = sign_in.get(foreign).await;
        assert!(page.contains("another sign-in"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
    for _ in 0..150 {
        sign_in.get("/?code=flood&state=guess").await;
    }
    let too_much = "x".repeat(100_000);
    let response = browser().post(sign_in.address("/")).body(too_much).send();
    assert_eq!(response.await.expect("it answers").status().as_u16(), 413);

    let (_, page) = sign_in.get("/?code=c0de&state=STATE").await;
    assert!(page.contains("You are signed in"), "{page}");
    let granted = sign_in.ended.await.expect("it ends").expect("signed in");
    assert_eq!(granted.access.expose(), "a1");
    assert_eq!(
        granted.person.expect("the id token says who").name,
        "ada@contoso.example"
    );
    assert_eq!(issuer.posted().len(), 1, "no stray reached the issuer");

    // The keeper has it, and renews with the refresh token when a server refuses the first one.
    let keeper = sign_in.keeper;
    let first = keeper.token(Audience::Exchange).await.expect("a token");
    assert_eq!(first.expose(), "a1");
    keeper.refused(&first);
    issuer.will_answer(token("a2"));
    let renewed = keeper.token(Audience::Exchange).await.expect("a token");
    assert_eq!(renewed.expose(), "a2");
    assert_eq!(issuer.posted()[1].fields["refresh_token"], "r1");
    tasks.end().await;
}

#[tokio::test]
async fn a_posted_form_is_a_redirect_too() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let sign_in = begin(&tasks, &login, SignIn::PATIENCE).await;
    issuer.will_answer(signed_in(&sign_in.sent["nonce"]));
    let form = [("code", "c0de"), ("state", &sign_in.sent["state"])];
    let response = browser().post(sign_in.address("/")).form(&form).send();
    let page = response.await.expect("it answers").text().await;
    assert!(page.expect("a page").contains("You are signed in"));
    sign_in.ended.await.expect("it ends").expect("signed in");
    tasks.end().await;
}

#[tokio::test]
async fn a_failed_sign_in_says_why_and_the_next_one_works_at_once() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let first = begin(&tasks, &login, SignIn::PATIENCE).await;
    let (_, page) = first
        .get("/?error=access_denied&error_description=the+user+canceled+the+authentication&state=STATE")
        .await;
    assert!(page.contains("did not work"), "{page}");
    let error = first.ended.await.expect("it ends").expect_err("cancelled");
    assert_eq!(error.code(), "access_denied");

    let second = begin(&tasks, &login, SignIn::PATIENCE).await;
    issuer.will_answer(signed_in("of another sign-in"));
    let (_, page) = second.get("/?code=c&state=STATE").await;
    assert!(page.contains("did not work"), "{page}");
    let error = second.ended.await.expect("it ends").expect_err("nonce");
    assert_eq!(error.code(), "id_token_unusable");

    let third = begin(&tasks, &login, SignIn::PATIENCE).await;
    issuer.will_answer(signed_in(&third.sent["nonce"]));
    third.get("/?code=c&state=STATE").await;
    third.ended.await.expect("it ends").expect("signed in");
    tasks.end().await;
}

#[tokio::test]
async fn whoever_the_issuer_does_not_name_is_nobody() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let first = begin(&tasks, &login, SignIn::PATIENCE).await;
    let unnamed = r#""oid":"o-1","tid":"t-1","preferred_username":"","name":"Ada""#;
    issuer.will_answer(signed_in_as(&first.sent["nonce"], unnamed));
    let (_, page) = first.get("/?code=c&state=STATE").await;
    assert!(page.contains("did not work"), "{page}");
    let error = first.ended.await.expect("it ends").expect_err("unnamed");
    assert_eq!(error.code(), "sign_in_unnamed");
    let text = error.to_string();
    for said in ["object id o-1 of tenant t-1", "ada@contoso.example"] {
        assert!(text.contains(said), "{text}");
    }
    let kept = first.keeper.token(Audience::Exchange).await;
    assert_eq!(kept.expect_err("nothing was kept").code(), "sign_in_needed");
    tasks.end().await;
}

#[tokio::test]
async fn patience_ends() {
    let tasks = Tasks::new();
    let issuer = Issuer::answering([]);
    let login = issuer.listen(&tasks).await;
    let sign_in = begin(&tasks, &login, Duration::from_millis(20)).await;
    let error = sign_in
        .ended
        .await
        .expect("it ends")
        .expect_err("nobody came");
    assert_eq!(error.code(), "sign_in_unfinished");
    tasks.end().await;
}
