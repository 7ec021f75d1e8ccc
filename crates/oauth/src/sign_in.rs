//! A person's sign-in from its first step to the token, with a browser and a loopback server.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::flow::{Event, Flow, Granted, Prompt, Step};
use crate::grants::Opening;
use crate::loopback::Page;
use crate::{Audience, Loopback, TokenError, TokenKeeper};

/// How a person signs in.
#[derive(Debug)]
pub struct SignIn {
    /// Where the browser comes back to.
    pub loopback: Loopback,
    /// What the first token is for.
    pub audience: Audience,
    /// Further audiences to consent to in the same sign-in.
    pub also: Vec<Audience>,
    /// How long the person has; [`SignIn::PATIENCE`] is usual.
    pub patience: Duration,
}

impl SignIn {
    /// Long enough to find a phone for the second factor.
    pub const PATIENCE: Duration = Duration::from_mins(15);
}

impl TokenKeeper {
    /// Signs the person of this credential in. `show` is called with what the person must see.
    /// Redirects of other sign-ins are answered and otherwise ignored. The browser is told of
    /// success when what was granted is stored, not before.
    pub async fn sign_in(
        &self,
        sign_in: SignIn,
        show: impl FnMut(&Prompt),
    ) -> Result<Granted, TokenError> {
        let opening = Opening {
            asking: self.asking(sign_in.audience),
            also: sign_in.also,
            redirect: Some(sign_in.loopback.redirect().to_owned()),
        };
        let mut flow = (self.credential().grant.begin)(opening);
        let mut visit = Visit {
            keeper: self,
            loopback: sign_in.loopback,
        };
        let clock = &self.surroundings().clock;
        let mut browser = None;
        let ended = clock
            .within(
                sign_in.patience,
                visit.converse(&mut *flow, show, &mut browser),
            )
            .await
            .unwrap_or_else(|_| Err(visit.nobody_came(sign_in.patience)));
        let ended = match ended {
            Ok(granted) => self.signed_in(granted.clone()).await.map(|()| granted),
            Err(error) => Err(error),
        };
        if let Some(page) = browser {
            // Whoever closed the window does not miss the page.
            let _ = page.send(match ended {
                Ok(_) => Page::Done,
                Err(_) => Page::Failed,
            });
        }
        visit.loopback.close(clock).await;
        ended
    }
}

/// The browser that waits to be shown how the sign-in ended.
type Browser = Option<oneshot::Sender<Page>>;

/// A sign-in under way.
struct Visit<'a> {
    keeper: &'a TokenKeeper,
    loopback: Loopback,
}

impl Visit<'_> {
    async fn converse(
        &mut self,
        flow: &mut dyn Flow,
        mut show: impl FnMut(&Prompt),
        browser: &mut Browser,
    ) -> Result<Granted, TokenError> {
        let around = self.keeper.surroundings();
        let mut step = flow.resume(around.clock.now(), Event::Start)?;
        loop {
            step = match step {
                Step::Show(prompt) => {
                    show(&prompt);
                    match prompt {
                        Prompt::Open(_) => self.redirected(flow, browser).await?,
                    }
                }
                Step::Post(form) => {
                    let reply = around.endpoint.post(&form).await?;
                    flow.resume(around.clock.now(), Event::Reply(&reply))?
                }
                Step::Wait(time) => {
                    around.clock.sleep(time).await;
                    flow.resume(around.clock.now(), Event::Woken)?
                }
                Step::Done(granted) => return Ok(*granted),
            };
        }
    }

    /// Waits for the browser that belongs to this sign-in.
    async fn redirected(
        &mut self,
        flow: &mut dyn Flow,
        browser: &mut Browser,
    ) -> Result<Step, TokenError> {
        let mut strays = 0_u32;
        while let Some(arrival) = self.loopback.arrival().await {
            let now = self.keeper.surroundings().clock.now();
            match flow.resume(now, Event::Redirected(&arrival.url)) {
                // However many come: whoever can reach the port must not end the sign-in. It
                // ends when the person's time is over.
                Err(error @ TokenError::StateMismatch { .. }) => {
                    strays = strays.saturating_add(1);
                    if strays <= STRAYS_LOGGED {
                        tracing::warn!("{error}");
                    }
                    let _ = arrival.page.send(Page::Foreign);
                }
                judged => {
                    *browser = Some(arrival.page);
                    return judged;
                }
            }
        }
        Err(self.unfinished("the redirect cannot be received any more"))
    }

    fn unfinished(&self, reason: &str) -> TokenError {
        TokenError::SignInUnfinished {
            who: self.keeper.who(),
            reason: reason.to_owned(),
        }
    }

    fn nobody_came(&self, patience: Duration) -> TokenError {
        self.unfinished(&format!(
            "nobody came back from the browser within {} minutes",
            patience.as_secs() / 60
        ))
    }
}

/// Reloaded tabs of earlier sign-ins and other programs' mistakes; more say nothing new.
const STRAYS_LOGGED: u32 = 10;
