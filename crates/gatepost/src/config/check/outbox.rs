//! How messages are sent: by mailboxes that exist and send, within limits that let something pass.

use std::time::Duration;

use gatepost_mailroom::UnknownThen;
use gatepost_mailroom::outbox::{BounceTo, SendLimits, SendPolicy};

use super::Check;
use crate::config::checked::OutboxSettings;
use crate::config::raw::{Placed, RawBounce, RawConfig, RawUnknown};

pub(super) fn check(raw: &RawConfig, check: &mut Check<'_>) -> OutboxSettings {
    let outbox = &raw.outbox;
    let usual = SendLimits::default();
    let mut positive = |limit: &Option<Placed<u32>>, usual: u32| match limit {
        None => usual,
        Some(limit) if **limit == 0 => {
            let sentence = "0 would never send anything; choose a larger number";
            check.report(limit, "config_wrong_value", sentence);
            usual
        }
        Some(limit) => **limit,
    };
    let usual_recipients = u32::try_from(usual.recipients_per_day).unwrap_or(u32::MAX);
    let limits = SendLimits {
        messages_per_minute: positive(&outbox.messages_per_minute, usual.messages_per_minute),
        connections: positive(&outbox.connections, usual.connections),
        recipients_per_day: positive(&outbox.recipients_per_day, usual_recipients).into(),
        recipients_per_message: positive(
            &outbox.recipients_per_message,
            usual.recipients_per_message,
        ),
    };
    let usual_hours = SendPolicy::GIVE_UP_AFTER.as_secs() / 3600;
    let usual_hours = u32::try_from(usual_hours).unwrap_or(u32::MAX);
    let hours = positive(&outbox.give_up_hours, usual_hours);
    OutboxSettings {
        default: outbox
            .default
            .as_ref()
            .and_then(|mailbox| sender(mailbox, raw, check)),
        local: outbox.local.as_ref().and_then(|local| check.address(local)),
        on_unknown: match outbox.unknown {
            None | Some(RawUnknown::Hold) => UnknownThen::Hold,
            Some(RawUnknown::Resend) => UnknownThen::Resend,
            Some(RawUnknown::Drop) => UnknownThen::Drop,
        },
        bounce: match outbox.bounce {
            None | Some(RawBounce::Nobody) => BounceTo::Nobody,
            Some(RawBounce::Sender) => BounceTo::Sender,
        },
        give_up_after: Duration::from_hours(hours.into()),
        limits,
    }
}

fn sender(named: &Placed<String>, raw: &RawConfig, check: &mut Check<'_>) -> Option<String> {
    let address = check.address(named)?;
    let found = raw
        .mailbox
        .iter()
        .find(|(name, _)| name.to_lowercase() == address);
    match found {
        None => {
            let known: Vec<_> = raw.mailbox.keys().map(|name| name.as_str()).collect();
            check.unknown(named, "mailbox", known);
        }
        Some((_, mailbox)) if mailbox.send.is_none() => {
            let sentence = format!("the mailbox `{address}` does not send: give it a `send`");
            check.report(named, "config_contradiction", sentence);
        }
        Some(_) => {}
    }
    Some(address)
}
