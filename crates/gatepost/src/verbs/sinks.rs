//! How sinks are that take nothing at present, as the running `serve` knows it.

use gatepost_mailroom::{SinkState, SinkStatus};
use jiff::Timestamp;

use crate::failure::Failure;
use crate::screen::{self, Paint, painted};
use crate::times;

/// Tells of each sink that takes nothing at present, why, and when it is asked again.
pub(super) fn tell(sinks: &[SinkStatus], now: Timestamp) -> Result<(), Failure> {
    for status in sinks {
        let mark = painted(Paint::Bad, &format!("sink {}", status.sink));
        match &status.state {
            SinkState::Working => {}
            SinkState::Pausing { until, reason } => {
                let wait = times::ahead_of(now, *until);
                let reason = screen::clean_line(reason);
                screen::line(&format!("\n{mark} pauses and goes on {wait}: {reason}"))?;
            }
            SinkState::SwitchedOff { since, reason } => {
                let since = times::seen_from(now, *since);
                let reason = screen::clean_line(reason);
                screen::line(&format!(
                    "\n{mark} was switched off {since} and is asked again now and then: {reason}"
                ))?;
            }
        }
    }
    Ok(())
}
