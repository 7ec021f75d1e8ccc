//! Who of a message's recipients is in the next envelope, and what stands in it.

use gatepost_mail::SubmitError;
use gatepost_mail::submission::{
    Envelope, Notify as NotifyOf, Occasion as OccasionOf, Occasions, Path, Recipient,
    Returned as ReturnedOf, ReversePath, Sender,
};

use crate::{Addressee, DsnRequest, DueSubmission, Notify, Occasion, RecipientFate, Returned};

/// Everybody as he is at the beginning of a try: those of the next envelope, `most` at most, are
/// [`RecipientFate::Open`]. Whom none of the envelopes before had room for comes before those whom
/// the server refused for now, who wait until all others had their turn.
///
/// Who may have it already is in an envelope with nobody else: a copy among the sent messages tells
/// of all who are in one, whichever of its transmissions left it.
pub(super) fn next_turn(recipients: &[Addressee], most: usize) -> Vec<Addressee> {
    let mut turned = recipients.to_vec();
    let somebody_waits = turned.iter().any(|one| one.fate == RecipientFate::Waiting);
    let has_turn = |one: &Addressee| match &one.fate {
        RecipientFate::Open | RecipientFate::Waiting => true,
        RecipientFate::Deferred { .. } => !somebody_waits,
        RecipientFate::Taken | RecipientFate::Refused { .. } | RecipientFate::Dropped { .. } => {
            false
        }
    };
    let of_them = turned.iter().filter(|one| has_turn(one));
    let lost = match most {
        EVERYBODY => None,
        _ => of_them.filter_map(|one| one.departures.last()).max(),
    };
    let lost = lost.copied();
    let mut room = most.max(1);
    for recipient in turned.iter_mut().filter(|one| has_turn(one)) {
        let is_now = lost.is_none() || recipient.departures.last() == lost.as_ref();
        recipient.fate = if is_now && room > 0 {
            room -= 1;
            RecipientFate::Open
        } else {
            RecipientFate::Waiting
        };
    }
    turned
}

/// The envelope for those of `recipients` whose turn it is.
pub(super) fn envelope(
    due: &DueSubmission,
    recipients: &[Addressee],
) -> Result<Envelope, SubmitError> {
    let unsendable = |address: &str, reason: &dyn std::fmt::Display| SubmitError::Unsendable {
        host: "the server".to_owned(),
        mailbox: due.letter.mailbox.clone(),
        reason: format!("{address}: {reason}"),
    };
    let path = |address: &str| Path::parse(address).map_err(|error| unsendable(address, &error));
    let sender = match &due.letter.sender {
        None => ReversePath::Null,
        Some(address) => ReversePath::Address(path(address)?),
    };
    let dsn = &due.letter.dsn;
    let open = recipients
        .iter()
        .filter(|one| one.fate == RecipientFate::Open);
    let recipients = open.map(|one| {
        Ok::<_, SubmitError>(Recipient {
            notify: notify(dsn),
            ..Recipient::new(path(&one.address)?)
        })
    });
    Ok(Envelope {
        sender: Sender {
            returned: dsn.returned.map(|returned| match returned {
                Returned::Full => ReturnedOf::Full,
                Returned::Headers => ReturnedOf::Headers,
            }),
            envelope_id: dsn.envelope_id.clone(),
            ..Sender::new(sender)
        },
        recipients: recipients.collect::<Result<_, _>>()?,
    })
}

fn notify(dsn: &DsnRequest) -> Option<NotifyOf> {
    match dsn.notify.as_ref()? {
        Notify::Never => Some(NotifyOf::Never),
        Notify::On(occasions) => {
            let mut occasions = occasions.iter().map(|occasion| match occasion {
                Occasion::Success => OccasionOf::Success,
                Occasion::Failure => OccasionOf::Failure,
                Occasion::Delay => OccasionOf::Delay,
            });
            let first = occasions.next()?;
            Some(NotifyOf::On(Occasions::new(first, occasions)))
        }
    }
}

/// No limit of an envelope: whoever sends goes to all at once, or not at all.
pub(super) const EVERYBODY: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn four() -> Vec<Addressee> {
        let addresses = ["a@x.test", "b@x.test", "c@x.test", "d@x.test"];
        let all = addresses.iter();
        all.map(|address| Addressee::new((*address).to_owned()))
            .collect()
    }

    fn fates(turned: &[Addressee]) -> String {
        let letters = turned.iter().map(|one| match one.fate {
            RecipientFate::Open => 'o',
            RecipientFate::Waiting => 'w',
            RecipientFate::Deferred { .. } => 'd',
            RecipientFate::Taken => 't',
            RecipientFate::Refused { .. } => 'r',
            RecipientFate::Dropped { .. } => 'x',
        });
        letters.collect()
    }

    /// So it can be looked up of whom it is when its answer is lost once more.
    #[test]
    fn who_may_have_it_is_in_an_envelope_with_nobody_else() {
        let mut all = four();
        let (first, second) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        all[0].departs(first);
        all[2].departs(first);
        assert_eq!(fates(&next_turn(&all, 500)), "owow");
        assert_eq!(fates(&next_turn(&all, 1)), "owww");
        assert_eq!(fates(&next_turn(&all, EVERYBODY)), "oooo", "or nobody");
        all[2].departs(second);
        assert_eq!(fates(&next_turn(&all, 500)), "wwow", "the last one first");
        all[2].fate = RecipientFate::Taken;
        assert_eq!(fates(&next_turn(&all, 500)), "owtw");
        all[0].fate = RecipientFate::Dropped {
            reason: "nobody knows".to_owned(),
        };
        assert_eq!(fates(&next_turn(&all, 500)), "xoto");
    }

    #[test]
    fn all_others_have_their_turn_before_anybody_has_a_second() {
        let all = four();
        assert_eq!(fates(&next_turn(&all, 500)), "oooo");
        assert_eq!(fates(&next_turn(&all, 0)), "owww", "somebody always has");
        let mut first = next_turn(&all, 2);
        assert_eq!(fates(&first), "ooww");
        first[0].fate = RecipientFate::Deferred {
            reason: "450".to_owned(),
        };
        first[1].fate = RecipientFate::Taken;
        assert_eq!(fates(&next_turn(&first, 1)), "dtow");
        let mut second = next_turn(&first, 2);
        assert_eq!(fates(&second), "dtoo");
        second[2].fate = RecipientFate::Taken;
        second[3].fate = RecipientFate::Taken;
        assert_eq!(fates(&next_turn(&second, 2)), "ottt");
        // A try that failed as a whole leaves those open whose turn it was.
        assert_eq!(fates(&next_turn(&next_turn(&all, 2), 1)), "owww");
    }

    #[test]
    fn wishes_for_reports_stand_in_the_envelope() {
        let dsn = DsnRequest {
            notify: Some(Notify::On([Occasion::Failure, Occasion::Delay].into())),
            returned: Some(Returned::Headers),
            envelope_id: Some("QQ1".to_owned()),
        };
        let written = serde_json::to_string(&dsn).expect("it is written");
        assert_eq!(
            serde_json::from_str::<DsnRequest>(&written).ok(),
            Some(dsn.clone())
        );
        let expected = Occasions::new(OccasionOf::Failure, [OccasionOf::Delay]);
        assert_eq!(notify(&dsn), Some(NotifyOf::On(expected)));
        let never = DsnRequest {
            notify: Some(Notify::Never),
            ..DsnRequest::default()
        };
        assert_eq!(notify(&never), Some(NotifyOf::Never));
        assert_eq!(notify(&DsnRequest::default()), None);
        assert!(!never.tell_of_failure() && dsn.tell_of_failure());
    }
}
