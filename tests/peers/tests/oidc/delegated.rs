//! People who sign in with a browser.

use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use gatepost_oauth::{
    Audience, Endpoint as _, Event, Flow, Grant, Granted, Loopback, Means, Opening, Prompt, Proof,
    SignIn, Step, TokenError, TokenKeeper, TokenSource as _, Way, converse,
};
use gatepost_peers::OpenIdProvider;
use tokio::sync::oneshot;

use crate::browser::{Browser, Page};
use crate::stand::{ADA, DESKTOP, Failure, Stand};

const CODE: &str = "authorization_code";

#[tokio::test]
async fn a_person_signs_in_and_tokens_rotate() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let keeper = keeper(&stand, ADA)?;
    let (granted, page) = signed_in(&stand, &keeper).await?;
    let granted = granted?;
    assert!(page.text.contains("You are signed in"), "{page:?}");
    assert_eq!(granted.person.ok_or("the id token says who")?.name, ADA);
    let mut seen = vec![granted.access.expose().to_owned()];
    // Each renewal uses the refresh token of the one before: a lost one would end this.
    for _ in 0..3 {
        stand.let_an_hour_pass().await;
        let renewed = keeper.token(Audience::Exchange).await?;
        assert!(!seen.iter().any(|old| old == renewed.expose()));
        seen.push(renewed.expose().to_owned());
    }
    Ok(())
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_sign_in_of_both() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let keeper = keeper(&stand, ADA)?;
    let (granted, _) = signed_in(&stand, &keeper).await?;
    let stolen = granted?.refresh.ok_or("there is a refresh token")?;
    stand.let_an_hour_pass().await;
    keeper.token(Audience::Exchange).await?;

    let renew = keeper.credential().grant.renew.ok_or("it can be renewed")?;
    let mut thief = renew(stand.asking(ADA)?, stolen);
    let error = converse(&mut *thief, &stand.endpoint()?, &Clock::system(), "a thief")
        .await
        .err()
        .ok_or("it was used already")?;
    assert!(error.to_string().contains("invalid_grant"), "{error}");

    stand.let_an_hour_pass().await;
    let error = keeper
        .token(Audience::Exchange)
        .await
        .err()
        .ok_or("the sign-in is over")?;
    assert_eq!(error.next(), gatepost_fault::Next::SignIn, "{error}");
    Ok(())
}

#[tokio::test]
async fn who_declines_is_told_so() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let keeper = keeper(&stand, OpenIdProvider::DECLINER)?;
    let (granted, page) = signed_in(&stand, &keeper).await?;
    assert_eq!(granted.err().ok_or("declined")?.code(), "access_denied");
    assert!(page.text.contains("did not work"), "{page:?}");
    Ok(())
}

#[tokio::test]
async fn an_id_token_without_our_nonce_is_refused() -> Result<(), Failure> {
    let stand = Stand::new()?;
    for nonce in [None, Some("of another sign-in")] {
        let error = with_query(&stand, "nonce", nonce)
            .await?
            .err()
            .ok_or("no nonce")?;
        assert_eq!(error.code(), "id_token_unusable", "{error}");
    }
    let same = with_query(&stand, "prompt", Some("consent")).await?;
    same.map_err(|error| format!("with its own nonce it works: {error}"))?;
    Ok(())
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_verifier() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let error = with_query(&stand, "code_challenge", challenge).await?;
    let error = error.err().ok_or("PKCE is checked")?;
    assert!(error.to_string().contains("invalid_grant"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_unknown_app_is_stopped_in_the_browser() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let registration = stand.registration("nobody", Proof::None)?;
    let page = Browser::new(stand.http()?)
        .open(registration.authorize_endpoint())
        .await?;
    assert_eq!(page.status, 400, "{page:?}");
    Ok(())
}

fn keeper(stand: &Stand, person: &str) -> Result<TokenKeeper, Failure> {
    stand.keeper(
        stand.registration(DESKTOP, Proof::None)?,
        CODE,
        Some(person),
    )
}

/// Signs in as the program does; the browser ends on the page of the loopback server.
async fn signed_in(
    stand: &Stand,
    keeper: &TokenKeeper,
) -> Result<(Result<Granted, TokenError>, Page), Failure> {
    let sign_in = SignIn {
        way: Way::Browser {
            loopback: Loopback::bind(&stand.tasks).await?,
            patience: SignIn::PATIENCE,
        },
        audience: Audience::Exchange,
        also: Vec::new(),
    };
    let (show, shown) = oneshot::channel();
    let mut show = Some(show);
    let signing_in = keeper.sign_in(sign_in, |prompt| {
        if let (Prompt::Open(url), Some(show)) = (prompt, show.take()) {
            let _ = show.send(url.clone());
        }
    });
    let browsing = async {
        let url = shown.await?;
        Browser::new(stand.http()?).open(url).await
    };
    let (granted, page) = tokio::join!(signing_in, browsing);
    Ok((granted, page?))
}

/// Drives the conversation by hand, with one parameter of the authorization request changed.
async fn with_query(
    stand: &Stand,
    name: &str,
    value: Option<&str>,
) -> Result<Result<Granted, TokenError>, Failure> {
    let mut flow = begin(stand)?;
    let clock = Clock::system();
    let Step::Show(Prompt::Open(url)) = flow.resume(clock.now(), Event::Start)? else {
        return Err("a person is sent to a browser".into());
    };
    let mut changed = url.clone();
    changed
        .query_pairs_mut()
        .clear()
        .extend_pairs(url.query_pairs().filter(|(key, _)| key != name))
        .extend_pairs(value.map(|value| (name, value)));
    let mut browser = Browser::new(stand.http()?);
    // Nobody listens at the redirect: the address is all that is wanted.
    let redirect = browser.until(changed, NOBODY).await?;
    let step = flow.resume(clock.now(), Event::Redirected(&redirect))?;
    let Step::Post(form) = step else {
        return Err("the code is redeemed".into());
    };
    let endpoint = stand.endpoint()?;
    let reply = endpoint.post(&form).await?;
    Ok(match flow.resume(clock.now(), Event::Reply(&reply)) {
        Ok(Step::Done(granted)) => Ok(*granted),
        Ok(other) => return Err(format!("it goes on with {other:?}").into()),
        Err(error) => Err(error),
    })
}

fn begin(stand: &Stand) -> Result<Box<dyn Flow>, Failure> {
    let grant = Grant::named(CODE).ok_or("it is in the list")?;
    Ok((grant.begin)(Opening {
        asking: stand.asking(ADA)?,
        also: Vec::new(),
        means: Means::Browser {
            redirect: NOBODY.to_owned(),
        },
    }))
}

/// A redirect address that a native app may use.
const NOBODY: &str = "http://localhost:1";
