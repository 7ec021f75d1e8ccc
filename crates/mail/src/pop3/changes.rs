//! What is new in the mailbox since a cursor.

use super::TRANSPORT;
use super::cursor::Seen;
use super::headers::{arrival, headers};
use super::maildrop::Letter;
use super::session::{Open, Session};
use crate::{Changes, Cursor, FolderName, MailError, Pull, Resync, fingerprint};

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
            Some(_) if is_foreign => Seen::default(),
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
        if is_foreign || is_forgotten {
            let newest = letters.len().saturating_sub(MOST_IDENTIFIED);
            let newest = &letters[newest..];
            let found = headers(link, newest).await?;
            let present = newest.iter().zip(&found);
            let present =
                present.map(|(letter, header)| (arrival(letter, header), fingerprint(header)));
            return Ok(Changes::Lost(Resync {
                present: present.collect(),
                restart: Seen::all(letters).into(),
                more: false,
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
/// When the server forgot every name, the newest messages are compared with what is known. What
/// stands before them was there before, and is no news.
const MOST_IDENTIFIED: usize = 1_000;
