//! What is new in the mailbox since a cursor.

use super::TRANSPORT;
use super::cursor::Seen;
use super::headers::{arrival, headers};
use super::link::Link;
use super::maildrop::Letter;
use super::session::{Open, Session};
use crate::{Arrival, Changes, Cursor, FolderName, MailError, Pull, Resync, fingerprint};

impl Session {
    pub(super) async fn changes_since(
        &mut self,
        folder: &FolderName,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        self.expect_inbox(folder)?;
        let is_foreign = pull
            .since
            .is_some_and(|cursor| cursor.is_foreign_to(TRANSPORT.name));
        let seen = match pull.since {
            Some(_) if is_foreign => Seen::begin_to_identify(),
            Some(cursor) => Seen::try_from(cursor).map_err(|reason| MailError::Cursor {
                mailbox: self.settings.mailbox.clone(),
                folder: folder.to_string(),
                reason,
            })?,
            None => Seen::default(),
        };
        let goes_on = pull.since.is_some() && self.goes_on_at.as_ref() == pull.since;
        self.goes_on_at = None;
        let seen = seen.without(&self.removed());
        let Open { link, maildrop, .. } = if goes_on {
            self.opened().await?
        } else {
            self.look().await?
        };
        let letters = &maildrop.letters;
        let unseen = seen.unseen(letters);
        let is_forgotten = !seen.is_empty() && !unseen.is_empty() && unseen.len() == letters.len();
        if seen.is_identifying() || is_forgotten {
            let (seen, unseen) = if is_forgotten {
                (Seen::begin_to_identify(), letters.clone())
            } else {
                (seen, unseen)
            };
            let part = &unseen[..unseen.len().min(PAGE)];
            let present = identified(link, part).await?;
            let more = part.len() < unseen.len();
            let seen = seen.and(letters, part);
            let restart = Cursor::from(if more { seen } else { seen.identified() });
            if more {
                self.goes_on_at = Some(restart.clone());
            }
            return Ok(Changes::Lost(Resync {
                present,
                restart,
                more,
            }));
        }
        let page = page(&unseen, &pull);
        let found = headers(link, page).await?;
        let arrivals = page.iter().zip(&found);
        let arrivals = arrivals.map(|(letter, header)| arrival(letter, header));
        let arrivals = arrivals.collect();
        let next = Cursor::from(seen.and(letters, page));
        let more = page.len() < unseen.len();
        if more {
            self.goes_on_at = Some(next.clone());
        }
        Ok(Changes::Since {
            arrivals,
            next,
            more,
        })
    }

    /// The cursor behind everything that is there.
    pub(super) async fn all_seen(&mut self, folder: &FolderName) -> Result<Cursor, MailError> {
        self.expect_inbox(folder)?;
        let open = self.look().await?;
        Ok(Seen::all(&open.maildrop.letters).into())
    }
}

/// Each of these messages with its fingerprint. Only some headers are held at once.
async fn identified(
    link: &mut Link,
    letters: &[Letter],
) -> Result<Vec<(Arrival, [u8; 32])>, MailError> {
    let mut present = Vec::with_capacity(letters.len());
    for some in letters.chunks(HEADERS_AT_ONCE) {
        let found = headers(link, some).await?;
        let some = some.iter().zip(&found);
        present.extend(some.map(|(letter, header)| (arrival(letter, header), fingerprint(header))));
    }
    Ok(present)
}

/// As many of them as are wanted at once; one always.
fn page<'a>(unseen: &'a [Letter], pull: &Pull<'_>) -> &'a [Letter] {
    let most = &unseen[..unseen.len().min(pull.limit).min(PAGE)];
    let mut left = pull.octets;
    let beyond = most.iter().position(|letter| {
        let size = letter.octets.unwrap_or_default();
        let fits = size <= left;
        left = left.saturating_sub(size);
        !fits
    });
    &most[..beyond.map_or(most.len(), |beyond| beyond.max(1))]
}

/// Each of them costs a question of its own, which is answered in a tenth of a second at worst,
/// and all of them have to be answered in a minute.
const PAGE: usize = 512;
/// A header has 256 KiB at most.
const HEADERS_AT_ONCE: usize = 64;
