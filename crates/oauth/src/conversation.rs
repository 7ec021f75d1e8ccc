//! Drives a conversation against a token endpoint.

use gatepost_host::Clock;

use crate::flow::{Event, Flow, Granted, Prompt, Step};
use crate::{Endpoint, TokenError};

/// Leads `flow` to its end, where nobody is at the keyboard. A conversation that must show
/// something ends with [`TokenError::SignInNeeded`].
pub async fn converse(
    flow: &mut dyn Flow,
    endpoint: &dyn Endpoint,
    clock: &Clock,
    who: &str,
) -> Result<Granted, TokenError> {
    let line = Line {
        endpoint,
        clock,
        who,
    };
    let step = flow.resume(clock.now(), Event::Start)?;
    match line.lead(flow, step).await? {
        Halt::Done(granted) => Ok(*granted),
        Halt::Show(_) => Err(TokenError::SignInNeeded {
            who: who.to_owned(),
        }),
    }
}

/// Where a conversation cannot go on without its driver.
#[derive(Debug)]
pub(crate) enum Halt {
    Show(Box<Prompt>),
    Done(Box<Granted>),
}

/// What a conversation is led over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) endpoint: &'a dyn Endpoint,
    pub(crate) clock: &'a Clock,
    pub(crate) who: &'a str,
}

impl Line<'_> {
    /// Leads `flow` from `step` to where somebody is needed, or to its end.
    pub(crate) async fn lead(
        &self,
        flow: &mut dyn Flow,
        mut step: Step,
    ) -> Result<Halt, TokenError> {
        for _ in 0..MOST_STEPS {
            step = match step {
                Step::Post(form) => {
                    let answer = self.endpoint.post(&form).await;
                    let event = match &answer {
                        Ok(reply) => Event::Reply(reply),
                        Err(error) => Event::Unanswered(error),
                    };
                    flow.resume(self.clock.now(), event)?
                }
                Step::Wait(time) => {
                    self.clock.sleep(time).await;
                    flow.resume(self.clock.now(), Event::Woken)?
                }
                Step::Show(prompt) => return Ok(Halt::Show(Box::new(prompt))),
                Step::Done(granted) => return Ok(Halt::Done(granted)),
            };
        }
        Err(TokenError::SignInUnfinished {
            who: self.who.to_owned(),
            reason: format!("it took more than {MOST_STEPS} steps"),
        })
    }
}

/// A device code is polled once a second for an hour at most, and every poll is two steps.
const MOST_STEPS: usize = 8_000;
