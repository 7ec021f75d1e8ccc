//! Values that mean the same wherever they stand: addresses and durations.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::Check;
use crate::config::raw::Placed;

impl Check<'_> {
    /// A mail address, in lower case: Exchange does not tell cases apart.
    pub(super) fn address(&mut self, raw: &Placed<String>) -> Option<String> {
        let address = crate::address::normal(raw);
        self.accept(raw, address)
    }

    /// A duration such as `30s` or `5m`, or what is usual.
    pub(super) fn duration(&mut self, raw: Option<&Placed<String>>, usual: Duration) -> Duration {
        let Some(raw) = raw else { return usual };
        let read = crate::times::duration(raw);
        self.accept(raw, read).unwrap_or(usual)
    }

    /// A number that is not nothing, or what is usual.
    pub(super) fn at_least_one(&mut self, raw: Option<&Placed<u32>>, usual: u32) -> u32 {
        match raw {
            None => usual,
            Some(raw) if **raw == 0 => {
                let sentence = "0 would let nobody in; choose a larger number";
                self.report(raw, "config_wrong_value", sentence);
                usual
            }
            Some(raw) => **raw,
        }
    }

    /// How many deliveries run side by side.
    pub(super) fn parallel(&mut self, raw: Option<&Placed<u64>>) -> NonZeroUsize {
        let Some(raw) = raw else {
            return USUAL_PARALLEL;
        };
        let number = usize::try_from(**raw).ok().and_then(NonZeroUsize::new);
        if let Some(number) = number.filter(|number| number.get() <= MOST_PARALLEL) {
            return number;
        }
        let sentence = format!("`parallel` is a number from 1 to {MOST_PARALLEL}");
        self.report(raw, "config_wrong_value", sentence);
        USUAL_PARALLEL
    }
}

const USUAL_PARALLEL: NonZeroUsize = const { NonZeroUsize::new(4).expect("four is not zero") };
const MOST_PARALLEL: usize = 64;
