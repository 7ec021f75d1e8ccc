//! A person's sign-in from its first step to the token, with a browser and a loopback server.

use std::time::Duration;

use gatepost_host::Clock;
use tokio::sync::oneshot;

use crate::flow::{Event, Flow, Granted, Prompt, Step};
use crate::loopback::Page;
use crate::{Endpoint, Loopback, TokenError};

/// What a sign-in needs.
#[derive(Debug)]
pub struct SignIn<'a> {
    /// Where forms are posted.
    pub endpoint: &'a dyn Endpoint,
    /// Where the browser comes back to.
    pub loopback: Loopback,
    /// The time.
    pub clock: &'a Clock,
    /// Names the credential in errors.
    pub who: &'a str,
    /// How long the person has; [`SignIn::PATIENCE`] is usual.
    pub patience: Duration,
}

/// The browser that waits to be shown how the sign-in ended.
type Browser = Option<oneshot::Sender<Page>>;

impl SignIn<'_> {
    /// Long enough to find a phone for the second factor.
    pub const PATIENCE: Duration = Duration::from_mins(15);

    /// Leads `flow` to its end. `show` is called with what the person must see. Redirects of
    /// other sign-ins are answered and otherwise ignored.
    pub async fn run(
        mut self,
        flow: &mut dyn Flow,
        show: impl FnMut(&Prompt),
    ) -> Result<Granted, TokenError> {
        let (clock, patience) = (self.clock, self.patience);
        let mut browser = None;
        let ended = clock
            .within(patience, self.converse(flow, show, &mut browser))
            .await
            .unwrap_or_else(|_| {
                Err(self.unfinished(&format!(
                    "nobody came back from the browser within {} minutes",
                    patience.as_secs() / 60
                )))
            });
        if let Some(page) = browser {
            // Whoever closed the window does not miss the page.
            let _ = page.send(if ended.is_ok() {
                Page::Done
            } else {
                Page::Failed
            });
        }
        self.loopback.close(clock).await;
        ended
    }

    async fn converse(
        &mut self,
        flow: &mut dyn Flow,
        mut show: impl FnMut(&Prompt),
        browser: &mut Browser,
    ) -> Result<Granted, TokenError> {
        let mut step = flow.resume(self.clock.now(), Event::Start)?;
        loop {
            step = match step {
                Step::Show(prompt) => {
                    show(&prompt);
                    match prompt {
                        Prompt::Open(_) => self.redirected(flow, browser).await?,
                    }
                }
                Step::Post(form) => {
                    let reply = self.endpoint.post(&form).await?;
                    flow.resume(self.clock.now(), Event::Reply(&reply))?
                }
                Step::Wait(time) => {
                    self.clock.sleep(time).await;
                    flow.resume(self.clock.now(), Event::Woken)?
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
        for _ in 0..MOST_STRAYS {
            let Some(arrival) = self.loopback.arrival().await else {
                break;
            };
            match flow.resume(self.clock.now(), Event::Redirected(&arrival.url)) {
                Err(error @ TokenError::StateMismatch { .. }) => {
                    tracing::warn!("{error}");
                    let _ = arrival.page.send(Page::Foreign);
                }
                judged => {
                    *browser = Some(arrival.page);
                    return judged;
                }
            }
        }
        Err(self.unfinished("too many redirects of other sign-ins came"))
    }

    fn unfinished(&self, reason: &str) -> TokenError {
        TokenError::SignInUnfinished {
            who: self.who.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Reloaded tabs of earlier sign-ins and other programs' mistakes.
const MOST_STRAYS: usize = 100;
