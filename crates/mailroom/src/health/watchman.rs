//! Reports watches that are in trouble, and those that work again.

use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Stop};

use super::Board;
use super::board::{Report, Trouble, Turn};
use crate::{Bell, Cursors, Event, EventData, EventId, EventType, NewEvent};

/// Looks at the board every few seconds. A report that cannot be stored is made again.
#[derive(Debug)]
pub struct Watchman {
    board: Board,
    cursors: Arc<dyn Cursors>,
    bell: Bell,
    clock: Clock,
}

impl Watchman {
    /// A watchman of `board` who stores his reports by `cursors` and wakes the couriers for them.
    pub fn new(board: Board, cursors: Arc<dyn Cursors>, bell: Bell, clock: Clock) -> Self {
        Self {
            board,
            cursors,
            bell,
            clock,
        }
    }

    /// Watches until he is stopped.
    pub async fn run(self, stop: Stop) {
        let work = async {
            loop {
                for report in self.board.reports(self.clock.now()) {
                    self.report(&report).await;
                }
                self.clock.sleep(ROUND).await;
            }
        };
        stop.or(work).await;
    }

    async fn report(&self, report: &Report) {
        let now = self.clock.now();
        let event = self.event(report);
        let (mailbox, folder) = (&report.watch.mailbox, &report.watch.folder);
        if let (EventData::Trouble { reason, .. }, Turn::Begins(_)) = (&event.data, report.turn) {
            tracing::error!(%mailbox, %folder, kind = event.kind.as_str(), "{reason}");
        } else {
            tracing::info!(%mailbox, %folder, "the watch works again");
        }
        let new = NewEvent {
            sinks: report.to.sinks(event.kind).to_vec(),
            event,
            message: None,
            fingerprint: None,
            post_action: false,
        };
        match self.cursors.record(vec![new], now).await {
            Ok(_) => {
                self.board.reported(report);
                self.bell.ring();
            }
            Err(error) if error.is_told() => {
                tracing::debug!(%mailbox, %folder, code = error.code(), "a report waits");
            }
            Err(error) => tracing::warn!(
                %mailbox, %folder, code = error.code(),
                "a report could not be stored, it is tried again: {error}"
            ),
        }
    }

    fn event(&self, report: &Report) -> Event {
        let kind = match report.turn {
            Turn::Begins(Trouble::Refused) => EventType::MailboxAuthFailed,
            Turn::Begins(Trouble::Stalled) => EventType::MailboxStalled,
            Turn::Ends => EventType::MailboxRecovered,
        };
        // The time until which all was well names the trouble: told again, it is the same event.
        let id = EventId::of_watch(&report.watch, kind, &report.well_until.to_string());
        let last = report.last_error.as_ref();
        let reason = match report.turn {
            Turn::Ends => "the mailbox is watched again".to_owned(),
            Turn::Begins(_) => last.map_or_else(
                || {
                    format!(
                        "nothing was heard of the mailbox since {}",
                        report.well_until
                    )
                },
                |error| error.sentence.clone(),
            ),
        };
        Event {
            id,
            schema: Event::SCHEMA,
            kind,
            timestamp: self.clock.now(),
            mailbox: report.watch.mailbox.clone(),
            folder: Some(report.watch.folder.clone()),
            sequence: None,
            data: EventData::Trouble {
                code: last.map(|error| error.code.clone()),
                reason,
                event: None,
                sink: None,
            },
        }
    }
}

const ROUND: Duration = Duration::from_secs(5);
