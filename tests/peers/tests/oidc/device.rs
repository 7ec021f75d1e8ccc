//! People who sign in on another device (RFC 8628).

use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use gatepost_oauth::{
    Audience, DeviceCode, Endpoint as _, Event, Flow, Grant, Granted, Means, Opening, Prompt,
    Proof, SignIn, Step, TokenError, TokenKeeper, TokenSource as _,
};
use tokio::sync::oneshot;

use crate::browser::Browser;
use crate::stand::{ADA, DESKTOP, Failure, Stand};

#[tokio::test]
async fn a_code_entered_elsewhere_signs_in() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut device = Device::begin(&stand).await?;
    // It asks before the person is through, is told so, and asks again.
    assert!(matches!(device.poll().await?, Step::Wait(_)));
    enter(&stand, &device.shown, None).await?;
    let Step::Done(granted) = device.poll().await? else {
        return Err("the person is through".into());
    };
    assert_eq!(granted.person.ok_or("the id token says who")?.name, ADA);
    granted
        .refresh
        .ok_or("it is good for longer than an hour")?;
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_elsewhere_and_tokens_rotate() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let registration = stand.registration(DESKTOP, Proof::None)?;
    let keeper = stand.keeper(registration, "device_code", Some(ADA))?;
    let (granted, entered) = signed_in(&stand, &keeper, None).await;
    entered?;
    let granted = granted?;
    assert_eq!(granted.person.ok_or("the id token says who")?.name, ADA);
    let held = keeper.token(Audience::Exchange).await?;
    assert_eq!(held.expose(), granted.access.expose());
    for _ in 0..2 {
        stand.let_an_hour_pass().await;
        let renewed = keeper.token(Audience::Exchange).await?;
        assert_ne!(renewed.expose(), held.expose());
    }
    Ok(())
}

#[tokio::test]
async fn who_declines_elsewhere_is_told_so_by_the_sign_in() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let registration = stand.registration(DESKTOP, Proof::None)?;
    let keeper = stand.keeper(registration, "device_code", Some(ADA))?;
    let (granted, entered) = signed_in(&stand, &keeper, Some(("abort", "yes"))).await;
    entered?;
    let error = granted.err().ok_or("declined")?;
    assert_eq!(error.code(), "access_denied", "{error}");
    let error = keeper.token(Audience::Exchange).await.err();
    assert_eq!(error.ok_or("nobody signed in")?.code(), "sign_in_needed");
    Ok(())
}

/// Signs in as the program does, while the person enters the code that it shows.
async fn signed_in(
    stand: &Stand,
    keeper: &TokenKeeper,
    also: Option<(&str, &str)>,
) -> (Result<Granted, TokenError>, Result<(), Failure>) {
    let (show, shown) = oneshot::channel();
    let mut show = Some(show);
    let signing_in = keeper.sign_in(SignIn::by_device(Audience::Exchange), |prompt| {
        if let (Prompt::Enter(shown), Some(show)) = (prompt, show.take()) {
            let _ = show.send(shown.clone());
        }
    });
    let entering = async { enter(stand, &shown.await?, also).await };
    tokio::join!(signing_in, entering)
}

/// The conversation on the machine without a browser. It does not wait between its questions.
struct Device<'a> {
    stand: &'a Stand,
    flow: Box<dyn Flow>,
    shown: DeviceCode,
}

impl<'a> Device<'a> {
    /// Asks for a code and is shown it.
    async fn begin(stand: &'a Stand) -> Result<Self, Failure> {
        let grant = Grant::named("device_code").ok_or("it is in the list")?;
        let mut flow = (grant.begin)(Opening {
            asking: stand.asking(ADA)?,
            also: Vec::new(),
            means: Means::Nothing,
        });
        let clock = Clock::system();
        let Step::Post(form) = flow.resume(clock.now(), Event::Start)? else {
            return Err("it asks for a code".into());
        };
        let reply = stand.endpoint()?.post(&form).await?;
        let Step::Show(Prompt::Enter(shown)) = flow.resume(clock.now(), Event::Reply(&reply))?
        else {
            return Err("the code is shown".into());
        };
        Ok(Self { stand, flow, shown })
    }

    /// Asks once whether the person is through.
    async fn poll(&mut self) -> Result<Step, Failure> {
        let clock = Clock::system();
        let mut step = self.flow.resume(clock.now(), Event::Woken)?;
        if matches!(step, Step::Wait(_)) {
            step = self.flow.resume(clock.now(), Event::Woken)?;
        }
        let Step::Post(form) = step else {
            return Err(format!("it asks, and does not want {step:?}").into());
        };
        let reply = self.stand.endpoint()?.post(&form).await?;
        Ok(self.flow.resume(clock.now(), Event::Reply(&reply))?)
    }
}

/// The person enters the code and presses a button, which may bring a field of its own.
async fn enter(
    stand: &Stand,
    shown: &DeviceCode,
    also: Option<(&str, &str)>,
) -> Result<(), Failure> {
    let mut browser = Browser::new(stand.http()?);
    let page = browser.open(shown.address.clone()).await?;
    let xsrf = page.hidden("xsrf")?;
    let code = ("user_code", shown.code.as_str());
    let page = browser
        .submit(&shown.address, &[("xsrf", &xsrf), code])
        .await?;
    let xsrf = page.hidden("xsrf")?;
    let mut confirmed = vec![("xsrf", xsrf.as_str()), code, ("confirm", "yes")];
    confirmed.extend(also);
    let page = browser.submit(&shown.address, &confirmed).await?;
    if page.status == 200 {
        Ok(())
    } else {
        Err(format!("the provider shows {page:?}").into())
    }
}
