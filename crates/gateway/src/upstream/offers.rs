//! What the servers behind the SMTP doors are known to offer.

use std::sync::{Arc, Mutex, PoisonError};

use gatepost_wire::smtp::{Extension, Extensions};

/// What a client can be told to whom nobody knows yet where it leads: what every server offered
/// that was asked so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Offers(Arc<Mutex<Option<Extensions>>>);

impl Offers {
    /// What all of them offer; nothing before one was asked.
    pub(crate) fn known(&self) -> Extensions {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone().unwrap_or_default()
    }

    /// Takes what one of them offered.
    pub(crate) fn learn(&self, offered: Option<&Extensions>) {
        let Some(offered) = offered else {
            return;
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let common = match &*known {
            None => offered.clone(),
            Some(before) => common(before, offered),
        };
        *known = Some(common);
    }
}

fn common(before: &Extensions, offered: &Extensions) -> Extensions {
    let kept = before.iter().filter_map(|extension| match extension {
        Extension::Size(limit) if offered.takes_size() => {
            let limits = [*limit, offered.size_limit()];
            Some(Extension::Size(limits.into_iter().flatten().min()))
        }
        extension => offered.has(extension).then(|| extension.clone()),
    });
    Extensions::new(kept.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_all_of_them_offer_is_known() {
        let offers = Offers::default();
        assert_eq!(offers.known(), Extensions::default());
        offers.learn(Some(&Extensions::new([
            Extension::Size(Some(100)),
            Extension::EightBitMime,
            Extension::Chunking,
        ])));
        offers.learn(Some(&Extensions::new([
            Extension::EightBitMime,
            Extension::Size(Some(50)),
            Extension::SmtpUtf8,
        ])));
        let both = [Extension::Size(Some(50)), Extension::EightBitMime];
        assert_eq!(offers.known(), Extensions::new(both));
    }
}
