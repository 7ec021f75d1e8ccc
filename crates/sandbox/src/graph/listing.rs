//! Lists of messages: in pages, filtered, ordered or searched.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome};
use super::dispatch::Mail;
use super::filter::{Filter, Kind, Property, Sorting, order, sortings};
use super::folders::{context, page_size};
use super::refusal::Refusal;
use super::search::{Search, sent_at};
use super::shape::Look;
use crate::mailboxes::{Order, Placed, Scope, Slice};

/// `GET …/messages`.
pub(super) fn answer(mail: Mail<'_>, scope: Scope) -> Outcome {
    let options = &mail.call.options;
    let select = options.select();
    let look = Look::of(mail.call, mail.mailbox, select.as_deref())?;
    let part = match options.get("$search") {
        Some(text) => searched(mail, scope, text)?,
        None => listed(mail, scope, &look)?,
    };
    let mut page = Map::new();
    page.insert(
        "@odata.context".to_owned(),
        json!(context(mail, "messages")),
    );
    if let Some(count) = part.count.filter(|_| options.counts()) {
        page.insert("@odata.count".to_owned(), json!(count));
    }
    let found = part.found.iter();
    page.insert(
        "value".to_owned(),
        found.map(|placed| look.message(placed)).collect(),
    );
    if part.has_more {
        // A search takes no `$skip`.
        let name = if options.get("$search").is_some() {
            SKIP_TOKEN
        } else {
            "$skip"
        };
        let skip = options.number(name)?.unwrap_or_default();
        let others = [(name, (skip + page_size(mail)?).to_string())];
        let next = mail.call.page(mail.mailbox.address(), &others);
        page.insert("@odata.nextLink".to_owned(), json!(next));
    }
    Ok(Answer::json(Value::Object(page)))
}

/// `GET …/messages/$count`: a number, as text.
pub(super) fn count(mail: Mail<'_>, scope: Scope) -> Outcome {
    let filter = mail.call.options.get("$filter");
    let filter = filter
        .map(|text| Filter::parse(text, PROPERTIES))
        .transpose()?;
    let look = Look::of(mail.call, mail.mailbox, None)?;
    let count = match &filter {
        None => mail.mailbox.held(scope),
        Some(filter) => {
            let all = mail
                .mailbox
                .slice(scope, within(Some(filter), None))
                .into_iter();
            all.filter(|placed| filter.meets(&|name| compared(&look, name, placed)))
                .count()
        }
    };
    Ok(Answer::octets("text/plain", count.to_string().into()))
}

/// A page of a list.
struct Part {
    found: Vec<Placed>,
    has_more: bool,
    /// How many there are in all, where that is known.
    count: Option<usize>,
}

impl Part {
    /// A page of all that was found.
    fn of(mut all: Vec<Placed>, skip: usize, top: usize) -> Self {
        let count = all.len();
        let has_more = count > skip.saturating_add(top);
        let found = all.drain(skip.min(count)..).take(top).collect();
        Self {
            found,
            has_more,
            count: Some(count),
        }
    }
}

fn listed(mail: Mail<'_>, scope: Scope, look: &Look<'_>) -> Result<Part, Refusal> {
    let options = &mail.call.options;
    let (top, skip) = (page_size(mail)?, options.skip()?);
    let filter = options
        .get("$filter")
        .map(|text| Filter::parse(text, PROPERTIES));
    let filter = filter.transpose()?;
    let sorting = options.get("$orderby");
    let sorting = sorting
        .map(|text| sortings(text, filter.as_ref(), PROPERTIES))
        .transpose()?;
    let order = match sorting.as_deref() {
        None => Some(Order::Newest),
        Some([Sorting { path, descending }]) if *path == RECEIVED => Some(if *descending {
            Order::Newest
        } else {
            Order::Oldest
        }),
        Some(_) => None,
    };
    match (filter, order) {
        (None, Some(order)) => {
            let count = mail.mailbox.held(scope);
            let slice = Slice {
                order,
                skip,
                most: top,
                ..Slice::ALL
            };
            let found = mail.mailbox.slice(scope, slice);
            Ok(Part {
                has_more: skip.saturating_add(found.len()) < count && !found.is_empty(),
                found,
                count: Some(count),
            })
        }
        (filter, order) => {
            let slice = within(filter.as_ref(), order);
            let mut all = mail.mailbox.slice(scope, slice);
            let met = |placed: &Placed| {
                filter
                    .as_ref()
                    .is_none_or(|filter| filter.meets(&|name| compared(look, name, placed)))
            };
            if order.is_some() && !options.counts() {
                return Ok(first_met(all, met, (skip, top)));
            }
            all.retain(met);
            if order.is_none() {
                sort(&mut all, &sorting.unwrap_or_default(), look);
            }
            Ok(Part::of(all, skip, top))
        }
    }
}

/// What a filter compares: Exchange knows times more exactly than Graph shows them.
fn compared(look: &Look<'_>, name: &str, placed: &Placed) -> Value {
    if name == RECEIVED {
        return json!(placed.message.received_at.to_string());
    }
    look.property(name, placed)
}

/// No more is looked at than a page takes.
fn first_met(all: Vec<Placed>, met: impl Fn(&Placed) -> bool, (skip, top): (usize, usize)) -> Part {
    let mut met = all.into_iter().filter(met).skip(skip);
    let found: Vec<Placed> = met.by_ref().take(top).collect();
    Part {
        found,
        has_more: met.next().is_some(),
        count: None,
    }
}

fn within(filter: Option<&Filter>, order: Option<Order>) -> Slice {
    let all = Slice {
        order: order.unwrap_or(Order::Newest),
        ..Slice::ALL
    };
    filter.map_or(all, |filter| {
        let (from, until) = filter.span(RECEIVED);
        Slice { from, until, ..all }
    })
}

fn sort(all: &mut [Placed], sorting: &[Sorting], look: &Look<'_>) {
    all.sort_by(|one, other| {
        order(sorting, &|name| look.property(name, one), &|name| {
            look.property(name, other)
        })
    });
}

fn searched(mail: Mail<'_>, scope: Scope, text: &str) -> Result<Part, Refusal> {
    let options = &mail.call.options;
    for other in ["$filter", "$orderby", "$skip"] {
        if options.get(other).is_some() {
            return Err(Refusal::query(format!(
                "The query parameter '{other}' is not supported with '$search'."
            )));
        }
    }
    let search = Search::parse(text)?;
    let (top, skip) = (
        page_size(mail)?,
        options.number(SKIP_TOKEN)?.unwrap_or_default(),
    );
    let mut all = mail.mailbox.slice(scope, Slice::ALL);
    all.retain(|placed| search.finds(&placed.message));
    all.sort_by_key(|placed| {
        let message = &placed.message;
        std::cmp::Reverse(sent_at(message.contents(), message))
    });
    all.truncate(MOST_FOUND);
    Ok(Part::of(all, skip, top))
}

const SKIP_TOKEN: &str = "$skiptoken";

const RECEIVED: &str = "receivedDateTime";

/// The most that a search finds.
const MOST_FOUND: usize = 250;

/// What messages can be filtered and ordered by.
const PROPERTIES: &[Property] = &[
    (RECEIVED, Kind::Time),
    ("sentDateTime", Kind::Time),
    ("createdDateTime", Kind::Time),
    ("lastModifiedDateTime", Kind::Time),
    ("isRead", Kind::Truth),
    ("isDraft", Kind::Truth),
    ("hasAttachments", Kind::Truth),
    ("subject", Kind::Text),
    ("importance", Kind::Text),
    ("internetMessageId", Kind::Text),
    ("conversationId", Kind::Text),
    ("parentFolderId", Kind::Text),
    ("from/emailAddress/address", Kind::Text),
    ("from/emailAddress/name", Kind::Text),
    ("sender/emailAddress/address", Kind::Text),
    ("sender/emailAddress/name", Kind::Text),
    ("flag/flagStatus", Kind::Text),
    ("inferenceClassification", Kind::Text),
    ("categories", Kind::List),
];
