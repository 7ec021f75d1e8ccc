//! Lists a folder from one time of receipt to the next: what is deleted meanwhile moves nothing.

use std::time::Duration;

use gatepost_host::Clock;
use jiff::Timestamp;
use url::Url;

use super::call::Call;
use super::changes::oldest_of;
use super::client::Graph;
use super::cursor::{Listing, Place};
use super::list::whole_seconds;
use super::resources::{MailFolder, Message};
use super::session::Session;
use super::settings::GraphSettings;
use crate::MailError;

/// How much of a folder one look goes through.
#[derive(Debug)]
pub(super) struct Budget {
    clock: Clock,
    until: Timestamp,
    pages: usize,
}

impl Budget {
    pub(super) fn new(settings: &GraphSettings) -> Self {
        let clock = settings.clock.clone();
        let until = clock.now().checked_add(LONGEST).unwrap_or(Timestamp::MAX);
        Self {
            clock,
            until,
            pages: MOST_PAGES,
        }
    }

    /// Takes one page, if there is time for it.
    pub(super) fn spend(&mut self) -> bool {
        let is_left = self.pages > 0 && self.clock.now() < self.until;
        self.pages = self.pages.saturating_sub(1);
        is_left
    }
}

impl Session {
    /// Goes on listing the folder behind `place`: answers what was not seen, at most `wanted` of
    /// it, oldest first, all of which is seen from then on, and whether that was all.
    pub(super) async fn list_on(
        &mut self,
        place: &mut Place,
        wanted: usize,
        budget: &mut Budget,
    ) -> Result<(Vec<Message>, bool), MailError> {
        let top = (wanted + 1).clamp(LEAST_LISTED, MOST_LISTED);
        let mut reached = whole_seconds(place.behind.unwrap_or(Timestamp::UNIX_EPOCH));
        let mut url = self.graph.listing_from(&place.folder, reached, top);
        let mut new: Vec<Message> = Vec::new();
        let mut passed = Vec::new();
        let is_end = loop {
            let call = Call::get(url.clone(), LIST);
            let (page, further) = self.graph.page::<Message>(call).await?;
            let last = page.iter().filter_map(|one| one.received_date_time).max();
            for message in page {
                let received_at = message.received_date_time;
                passed.push((message.id.clone(), received_at));
                if place.has_seen(&message.id, received_at) {
                    continue;
                }
                if place.was_there(received_at) {
                    place.see(&message.id, received_at);
                } else if !new.iter().any(|other| other.id == message.id) {
                    new.push(message);
                }
            }
            let before = reached;
            reached = last.map_or(reached, |last| whole_seconds(last).max(reached));
            let Some(further) = further else {
                break true;
            };
            if further == url {
                return Err(self.graph.garbled(LIST, "a page that leads to itself"));
            }
            if new.len() > wanted || !budget.spend() {
                break false;
            }
            url = if reached > before {
                self.graph.listing_from(&place.folder, reached, top)
            } else {
                // More of one second than one page holds.
                further
            };
        };
        let rest = new.split_off(new.len().min(wanted));
        for message in &new {
            place.see(&message.id, message.received_date_time);
        }
        let left = oldest_of(rest.iter().map(|one| one.received_date_time));
        let is_over = is_end && left.is_none();
        place.behind = left.or((!is_over).then_some(reached));
        if place.is_large() && place.listing != Listing::News {
            sum_up(place, place.behind.unwrap_or(reached), &passed);
        }
        Ok((new, is_over))
    }

    /// Notes that a listing is over.
    pub(super) fn end_listing(&self, place: &mut Place, is_over: bool, found: &MailFolder) {
        if !is_over {
            return;
        }
        if place.listing != Listing::News {
            let now = self.graph.settings().clock.now();
            place.has_listed_all(found.total_item_count, now);
        }
        place.until = None;
        place.listing = Listing::News;
    }
}

impl Graph {
    fn listing_from(&self, folder: &str, from: Timestamp, top: usize) -> Url {
        self.at(&["mailFolders", folder, "messages"])
            .with("$filter", &format!("receivedDateTime ge {from}"))
            .with("$orderby", "receivedDateTime asc")
            .with("$select", Message::OF_AN_ARRIVAL)
            .with("$top", &top.to_string())
            .url()
    }

    /// The newest messages of the folder with that id, with the times of their receipt.
    pub(super) async fn newest_of(
        &self,
        folder: &str,
    ) -> Result<Vec<(String, Option<Timestamp>)>, MailError> {
        let address = self.at(&["mailFolders", folder, "messages"]);
        let address = address
            .with("$select", "id,receivedDateTime")
            .with("$top", "100")
            .with("$orderby", "receivedDateTime desc");
        let (newest, _) = self.page::<Message>(Call::get(address.url(), LIST)).await?;
        let newest = newest.into_iter();
        Ok(newest.map(|one| (one.id, one.received_date_time)).collect())
    }
}

/// All that was received before `edge` was seen: only its time need be kept.
fn sum_up(place: &mut Place, edge: Timestamp, passed: &[(String, Option<Timestamp>)]) {
    let edge = whole_seconds(edge);
    let (below, rest): (Vec<_>, Vec<_>) = passed
        .iter()
        .partition(|(_, at)| at.is_some_and(|at| at < edge));
    let known = rest.into_iter().map(|(id, _)| id.as_str());
    let known = known.filter(|id| place.knows(id)).collect();
    let is_first = place.listing == Listing::First;
    let below = below.into_iter().map(|(id, _)| id.as_str());
    place.sum_up(edge, below, is_first.then_some(known));
}

const LIST: &str = "list messages";
const LEAST_LISTED: usize = 100;
/// The most that Graph takes.
const MOST_LISTED: usize = 1_000;
/// A look may take three minutes in all.
const LONGEST: Duration = Duration::from_secs(45);
const MOST_PAGES: usize = 64;
