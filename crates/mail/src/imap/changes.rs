//! What is new in a folder since a cursor.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gatepost_wire::imap::client::{Command, FetchItems, Fetched, UidSet, Untagged};

use super::TRANSPORT;
use super::alter::{UIDS_IN_COMMAND, from_wire};
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
            Some(cursor) if cursor.is_foreign_to(TRANSPORT.name) => {
                return self.identify_all(&selected).await.map(Changes::Lost);
            }
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
                self.page(&selected, known.uids, &pull).await?
            }
            known => {
                let beginning = match known {
                    Some(_) => Beginning::AtTip,
                    None => Beginning::Anywhere,
                };
                let range = (since.next, &pull);
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
        (first, pull): (u32, &Pull<'_>),
    ) -> Result<Arrivals, MailError> {
        // What is pushed from here on is news again.
        self.link.news = false;
        match beginning {
            Beginning::AtTip => self.arrivals_from(selected, first, pull).await,
            Beginning::Anywhere => {
                let uids = self.uids_from(first).await?;
                self.page(selected, uids, pull).await
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
        let mut damaged = false;
        let items = FetchItems::Uids;
        let fetch = Command::UidFetch {
            uids: UidSet::from(first),
            items,
        };
        let highest_only = first == u32::MAX;
        self.link
            .must(&fetch, Asked::Other("list messages"), |untagged| {
                if let Untagged::Fetched(fetched) = untagged {
                    damaged |= is_damaged(&fetched);
                    uids.extend(fetched.uid.filter(|uid| *uid >= first || highest_only));
                }
            })
            .await?;
        self.expect_undamaged(damaged)?;
        uids.sort_unstable();
        uids.dedup();
        self.expect_believable(uids.last().copied())?;
        Ok(uids.into())
    }

    /// The first of `uids`, with what there is to know about them. Those of which nothing is
    /// told are on the page too: whether they are gone is seen when they are fetched.
    async fn page(
        &mut self,
        selected: &Selected,
        mut uids: VecDeque<u32>,
        pull: &Pull<'_>,
    ) -> Result<Arrivals, MailError> {
        let wanted: Vec<u32> = uids.drain(..pull.limit.min(uids.len())).collect();
        let mut found: BTreeMap<u32, Fetched> = bare(&wanted);
        self.ask_about(&wanted, FetchItems::Overview, |uid, fetched| {
            if let Some(known) = found.get_mut(&uid) {
                learn(known, fetched);
            }
        })
        .await?;
        for beyond in cut(&mut found, pull.octets).into_iter().rev() {
            uids.push_front(beyond);
        }
        let next = found
            .last_key_value()
            .map_or(0, |(last, _)| last.saturating_add(1));
        Ok(Arrivals {
            page: arrivals(selected, found),
            next,
            rest: uids,
        })
    }

    /// What came since everything up to `first` was seen: usually one message, in one question.
    async fn arrivals_from(
        &mut self,
        selected: &Selected,
        first: u32,
        pull: &Pull<'_>,
    ) -> Result<Arrivals, MailError> {
        let mut found: BTreeMap<u32, Fetched> = BTreeMap::new();
        let mut rest: BTreeSet<u32> = BTreeSet::new();
        let mut damaged = false;
        let (uids, items) = (UidSet::from(first), FetchItems::Overview);
        let fetch = Command::UidFetch { uids, items };
        self.link
            .must(&fetch, Asked::Other("list messages"), |untagged| {
                let Untagged::Fetched(fetched) = untagged else {
                    return;
                };
                damaged |= is_damaged(&fetched);
                // `n:*` also names the highest message when it is below n (RFC 9051 §9).
                let Some(uid) = fetched.uid.filter(|uid| *uid >= first) else {
                    return;
                };
                if !rest.contains(&uid) {
                    learn(found.entry(uid).or_default(), fetched);
                }
                if found.len() > pull.limit
                    && let Some((beyond, _)) = found.pop_last()
                {
                    rest.insert(beyond);
                }
            })
            .await?;
        self.expect_undamaged(damaged)?;
        let highest = rest.last().or_else(|| found.keys().next_back());
        self.expect_believable(highest.copied())?;
        rest.extend(cut(&mut found, pull.octets));
        let next = found
            .last_key_value()
            .map_or(0, |(last, _)| last.saturating_add(1));
        Ok(Arrivals {
            page: arrivals(selected, found),
            next,
            rest: rest.into_iter().collect(),
        })
    }

    /// Everything that is in the folder, each with what tells it when UIDs do not.
    async fn identify_all(&mut self, selected: &Selected) -> Result<Resync, MailError> {
        let all: Vec<u32> = self.uids_from(1).await?.into();
        let mut present = Vec::with_capacity(all.len());
        // Page by page, and of each header only its print: a large folder has a great many.
        for page in all.chunks(UIDS_IN_COMMAND) {
            let mut found: BTreeMap<u32, Fetched> = bare(page);
            let mut prints: BTreeMap<u32, [u8; 32]> = BTreeMap::new();
            self.ask_about(page, FetchItems::Headers, |uid, mut fetched| {
                let header = fetched.header.take();
                prints.extend(header.map(|header| (uid, fingerprint(&header))));
                if let Some(known) = found.get_mut(&uid) {
                    learn(known, fetched);
                }
            })
            .await?;
            present.extend(found.into_iter().map(|(uid, fetched)| {
                let print = prints.get(&uid).copied();
                let print = print.unwrap_or_else(|| fingerprint(b""));
                (arrival(selected, uid, fetched), print)
            }));
        }
        let next = all.last().map_or(1, |last| last.saturating_add(1));
        let restart = Position {
            uidvalidity: selected.uidvalidity,
            next,
        };
        self.upcoming = Some(Upcoming {
            position: restart,
            uids: VecDeque::new(),
        });
        Ok(Resync {
            present,
            restart: restart.into(),
            more: false,
        })
    }

    /// A message whose UID could not be read would be passed over for ever.
    fn expect_undamaged(&self, damaged: bool) -> Result<(), MailError> {
        if damaged {
            Err(self.link.garbled("it told of a message without a UID"))
        } else {
            Ok(())
        }
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

/// These messages, with nothing known of them.
fn bare(uids: &[u32]) -> BTreeMap<u32, Fetched> {
    uids.iter().map(|uid| (*uid, Fetched::default())).collect()
}

/// Adds what was told to what is known: changed flags may come between.
fn learn(known: &mut Fetched, told: Fetched) {
    known.flags = told.flags.or(known.flags.take());
    known.internal_date = told.internal_date.or(known.internal_date);
    known.size = told.size.or(known.size);
}

/// Whether the answer tells of no message that can be named. Changed flags, which nobody asked
/// for, may come without a UID (RFC 9051 §7.5.2).
fn is_damaged(fetched: &Fetched) -> bool {
    fetched.uid.is_none() && fetched.flags.is_none()
}

/// Cuts off what is beyond so many octets; answers the UIDs, ascending. The first stays.
fn cut(found: &mut BTreeMap<u32, Fetched>, octets: u64) -> Vec<u32> {
    let mut left = octets;
    let mut beyond = found.iter().skip_while(|(_, fetched)| {
        let size = fetched.size.unwrap_or_default();
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    let first = found.keys().next();
    let from = beyond.find(|(uid, _)| Some(*uid) != first);
    let Some(from) = from.map(|(uid, _)| *uid) else {
        return Vec::new();
    };
    found.split_off(&from).into_keys().collect()
}

fn arrivals(selected: &Selected, found: BTreeMap<u32, Fetched>) -> Vec<Arrival> {
    found
        .into_iter()
        .map(|(uid, fetched)| arrival(selected, uid, fetched))
        .collect()
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
        written_at: None,
    }
}
