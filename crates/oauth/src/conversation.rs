//! Drives a conversation against a token endpoint, where nobody is at the keyboard.

use gatepost_host::Clock;

use crate::flow::{Event, Flow, Granted, Step};
use crate::{Endpoint, TokenError};

/// Leads `flow` to its end. A conversation that must show something ends with
/// [`TokenError::SignInNeeded`].
pub async fn converse(
    flow: &mut dyn Flow,
    endpoint: &dyn Endpoint,
    clock: &Clock,
    who: &str,
) -> Result<Granted, TokenError> {
    let mut step = flow.resume(clock.now(), Event::Start)?;
    for _ in 0..MOST_STEPS {
        step = match step {
            Step::Post(form) => {
                let reply = endpoint.post(&form).await?;
                flow.resume(clock.now(), Event::Reply(&reply))?
            }
            Step::Wait(time) => {
                clock.sleep(time).await;
                flow.resume(clock.now(), Event::Woken)?
            }
            Step::Show(_) => {
                return Err(TokenError::SignInNeeded {
                    who: who.to_owned(),
                });
            }
            Step::Done(granted) => return Ok(*granted),
        };
    }
    Err(TokenError::SignInUnfinished {
        who: who.to_owned(),
        reason: format!("it took more than {MOST_STEPS} steps"),
    })
}

/// A device code is polled for 15 minutes at most, every 5 seconds or slower.
const MOST_STEPS: usize = 500;
