//! People who sign in on another device (RFC 8628).

use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use gatepost_oauth::{
    DeviceCode, Endpoint as _, Event, Flow, Grant, Means, Opening, Prompt, Step, TokenError,
};

use crate::browser::Browser;
use crate::stand::{ADA, Failure, Stand};

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
async fn who_declines_elsewhere_is_told_so_here() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let mut device = Device::begin(&stand).await?;
    enter(&stand, &device.shown, Some(("abort", "yes"))).await?;
    let error = device.poll().await.err().ok_or("declined")?;
    let error = error.downcast::<TokenError>()?;
    assert_eq!(error.code(), "access_denied", "{error}");
    Ok(())
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
