//! What is new in a folder since a cursor.

use std::collections::{BTreeMap, VecDeque};

use gatepost_wire::imap::client::{Command, FetchItems, Fetched, UidSet, Untagged};

use super::alter::from_wire;
use super::cursor::Position;
use super::session::{Mode, Selected, Session};
use super::verdict::Asked;
use crate::{
    Arrival, Changes, Cursor, FolderName, MailError, MessageKey, Pull, Resync, fingerprint,
};

/// What is known of the messages behind a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upcoming {
    position: Position,
    /// Their UIDs, ascending. Empty: everything up to `position` was seen, and only what came
    /// since is of interest.
    uids: VecDeque<u32>,
}

impl Session {
    pub(super) async fn changes_since(
        &mut self,
        folder: &FolderName,
        pull: Pull<'_>,
    ) -> Result<Changes, MailError> {
        let selected = self.open(folder, Mode::Read).await?;
        let since = match pull.since {
            Some(cursor) => self.position(folder, cursor)?,
            None => Position {
                uidvalidity: selected.uidvalidity,
                next: 1,
            },
        };
        if since.uidvalidity != selected.uidvalidity {
            return self.identify_all(&selected).await.map(Changes::Lost);
        }
        let known = self.upcoming.take().filter(|known| known.position == since);
        let mut arrivals = match known {
            Some(known) if !known.uids.is_empty() => {
                self.page(&selected, known.uids, pull.limit).await?
            }
            known => {
                let beginning = match known {
                    Some(_) => Beginning::AtTip,
                    None => Beginning::Anywhere,
                };
                let range = (since.next, pull.limit);
                let found = self.look(&selected, beginning, range).await?;
                if found.is_empty() && self.has_looked_again().await? {
                    self.look(&selected, beginning, range).await?
                } else {
                    found
                }
            }
        };
        let next = Position {
            next: arrivals.next.max(since.next),
            ..since
        };
        let more = !arrivals.rest.is_empty();
        self.upcoming = Some(Upcoming {
            position: next,
            uids: std::mem::take(&mut arrivals.rest),
        });
        Ok(Changes::Since {
            arrivals: arrivals.page,
            next: next.into(),
            more,
        })
    }

    async fn look(
        &mut self,
        selected: &Selected,
        beginning: Beginning,
        (first, limit): (u32, usize),
    ) -> Result<Arrivals, MailError> {
        // What is pushed from here on is news again.
        self.link.news = false;
        match beginning {
            Beginning::AtTip => self.arrivals_from(selected, first, limit).await,
            Beginning::Anywhere => {
                let uids = self.uids_from(first).await?;
                self.page(selected, uids, limit).await
            }
        }
    }

    /// A server shows a session what came to the open folder only when it likes to; NOOP makes
    /// it look (RFC 9051 §5.2, §6.1.2). Dovecot does so only if nothing else is in flight.
    pub(super) async fn has_looked_again(&mut self) -> Result<bool, MailError> {
        let asked = Asked::Other("say what is new");
        self.link.must(&Command::Noop, asked, |_| {}).await?;
        Ok(self.link.news)
    }

    /// The position behind everything that is there.
    pub(super) async fn position_of_all(
        &mut self,
        folder: &FolderName,
    ) -> Result<Cursor, MailError> {
        let selected = self.reopen(folder, Mode::Read).await?;
        let next = match selected.uidnext {
            Some(next) => next,
            None => self.next_after_highest().await?,
        };
        let position = Position {
            uidvalidity: selected.uidvalidity,
            next,
        };
        self.upcoming = Some(Upcoming {
            position,
            uids: VecDeque::new(),
        });
        Ok(position.into())
    }

    fn position(&self, folder: &FolderName, cursor: &Cursor) -> Result<Position, MailError> {
        Position::try_from(cursor).map_err(|reason| MailError::Cursor {
            mailbox: self.link.place.mailbox.clone(),
            folder: folder.to_string(),
            reason,
        })
    }

    /// Some servers do not say UIDNEXT when a folder is opened; `*` is the highest message.
    async fn next_after_highest(&mut self) -> Result<u32, MailError> {
        let highest = self.uids_from(u32::MAX).await?;
        Ok(highest.back().map_or(1, |uid| uid.saturating_add(1)))
    }

    /// The UIDs from `first` on, ascending. Asked for when there may be a great many: a line
    /// for each, and nothing that the server would have to open the messages for.
    async fn uids_from(&mut self, first: u32) -> Result<VecDeque<u32>, MailError> {
        let mut uids: Vec<u32> = Vec::new();
        let fetch = Command::UidFetch {
            uids: UidSet::from(first),
            items: FetchItems::Uids,
        };
        let highest_only = first == u32::MAX;
        self.link
            .must(&fetch, Asked::Other("list messages"), |untagged| {
                if let Untagged::Fetched(Fetched { uid: Some(uid), .. }) = untagged
                    && (uid >= first || highest_only)
                {
                    uids.push(uid);
                }
            })
            .await?;
        uids.sort_unstable();
        uids.dedup();
        Ok(uids.into())
    }

    /// The first of `uids`, with what there is to know about them. Those that are gone by now
    /// are left out.
    async fn page(
        &mut self,
        selected: &Selected,
        mut uids: VecDeque<u32>,
        limit: usize,
    ) -> Result<Arrivals, MailError> {
        let wanted: Vec<u32> = uids.drain(..limit.min(uids.len())).collect();
        let mut found: BTreeMap<u32, Arrival> = BTreeMap::new();
        for set in super::alter::sets(&wanted) {
            let fetch = Command::UidFetch {
                uids: set,
                items: FetchItems::Overview,
            };
            self.link
                .must(&fetch, Asked::Other("list messages"), |untagged| {
                    if let Untagged::Fetched(fetched) = untagged
                        && let Some(uid) = fetched.uid
                        && wanted.binary_search(&uid).is_ok()
                    {
                        found
                            .entry(uid)
                            .or_insert_with(|| arrival(selected, uid, fetched));
                    }
                })
                .await?;
        }
        let next = wanted.last().map_or(0, |last| last.saturating_add(1));
        Ok(Arrivals {
            page: found.into_values().collect(),
            next,
            rest: uids,
        })
    }

    /// What came since everything up to `first` was seen: usually one message, in one question.
    async fn arrivals_from(
        &mut self,
        selected: &Selected,
        first: u32,
        limit: usize,
    ) -> Result<Arrivals, MailError> {
        let mut page: BTreeMap<u32, Arrival> = BTreeMap::new();
        let mut rest: Vec<u32> = Vec::new();
        let fetch = Command::UidFetch {
            uids: UidSet::from(first),
            items: FetchItems::Overview,
        };
        self.link
            .must(&fetch, Asked::Other("list messages"), |untagged| {
                // `n:*` also names the highest message when it is below n (RFC 9051 §9). Changed
                // flags come here too, but have no date.
                if let Untagged::Fetched(fetched) = untagged
                    && let Some(uid) = fetched.uid.filter(|uid| *uid >= first)
                    && fetched.internal_date.is_some()
                {
                    page.insert(uid, arrival(selected, uid, fetched));
                    if page.len() > limit
                        && let Some((beyond, _)) = page.pop_last()
                    {
                        rest.push(beyond);
                    }
                }
            })
            .await?;
        rest.sort_unstable();
        let next = page
            .last_key_value()
            .map_or(0, |(last, _)| last.saturating_add(1));
        Ok(Arrivals {
            page: page.into_values().collect(),
            next,
            rest: rest.into(),
        })
    }

    /// Everything that is in the folder, each with what tells it when UIDs do not.
    async fn identify_all(&mut self, selected: &Selected) -> Result<Resync, MailError> {
        let uids = self.uids_from(1).await?;
        let all: Vec<u32> = uids.into();
        let mut present: BTreeMap<u32, (Arrival, [u8; 32])> = BTreeMap::new();
        for set in super::alter::sets(&all) {
            let fetch = Command::UidFetch {
                uids: set,
                items: FetchItems::Headers,
            };
            self.link
                .must(&fetch, Asked::Other("list messages"), |untagged| {
                    if let Untagged::Fetched(mut fetched) = untagged
                        && let Some(uid) = fetched.uid
                    {
                        let print = fingerprint(&fetched.header.take().unwrap_or_default());
                        present.insert(uid, (arrival(selected, uid, fetched), print));
                    }
                })
                .await?;
        }
        let highest = all.last().map_or(1, |last| last.saturating_add(1));
        let restart = Position {
            uidvalidity: selected.uidvalidity,
            next: highest,
        };
        self.upcoming = Some(Upcoming {
            position: restart,
            uids: VecDeque::new(),
        });
        Ok(Resync {
            present: present.into_values().collect(),
            restart: restart.into(),
        })
    }
}

/// How much there may be behind a position.
#[derive(Debug, Clone, Copy)]
enum Beginning {
    /// Nothing but what came since the last look.
    AtTip,
    /// Perhaps the whole folder.
    Anywhere,
}

struct Arrivals {
    page: Vec<Arrival>,
    /// The UID behind the last of them; 0 if there are none.
    next: u32,
    rest: VecDeque<u32>,
}

impl Arrivals {
    fn is_empty(&self) -> bool {
        self.page.is_empty() && self.rest.is_empty()
    }
}

pub(super) fn arrival(selected: &Selected, uid: u32, fetched: Fetched) -> Arrival {
    Arrival {
        key: MessageKey::Imap {
            uidvalidity: selected.uidvalidity,
            uid,
        },
        received_at: fetched.internal_date,
        size_hint: fetched.size,
        flags: from_wire(fetched.flags.unwrap_or_default()),
    }
}
