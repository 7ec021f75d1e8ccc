//! Lists of items that are whole in memory, and what may stand in an item.

use serde_json::{Map, Value, json};

use super::access::Owner;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::filter::{Filter, Property, order, sortings};
use super::letter::{is_address, wrong};
use super::refusal::Refusal;
use super::shape::picked;

/// What a list of items is called, and what its items can be filtered and ordered by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    /// In addresses of metadata.
    pub(super) name: &'static str,
    /// The type of an item.
    pub(super) of: &'static str,
    pub(super) properties: &'static [Property],
}

/// A page of these items, in the order that was asked for.
pub(super) fn page(call: &Call, owner: &Owner, listing: Listing, mut all: Vec<Value>) -> Outcome {
    let options = &call.options;
    let filter = options
        .get("$filter")
        .map(|text| Filter::parse(text, listing.properties));
    let filter = filter.transpose()?;
    if let Some(filter) = &filter {
        all.retain(|one| filter.meets(&|name| one[name].clone()));
    }
    if let Some(text) = options.get("$orderby") {
        let sortings = sortings(text, filter.as_ref(), listing.properties)?;
        all.sort_by(|one, other| {
            order(&sortings, &|name| one[name].clone(), &|name| {
                other[name].clone()
            })
        });
    }
    let top = options.top()?.or(call.preferences.page).unwrap_or(10);
    let skip = options.skip()?;
    let count = all.len();
    let shown = all.into_iter().skip(skip).take(top);
    let shown: Result<Vec<Value>, Refusal> =
        shown.map(|one| picked(one, options, listing.of)).collect();
    let mut page = Map::new();
    let context = format!(
        "{}/$metadata#users('{}')/{}",
        call.base, owner.oid, listing.name
    );
    page.insert("@odata.context".to_owned(), json!(context));
    if options.counts() {
        page.insert("@odata.count".to_owned(), json!(count));
    }
    page.insert("value".to_owned(), json!(shown?));
    if skip.saturating_add(top) < count {
        let next = call.page(&owner.address, &[("$skip", (skip + top).to_string())]);
        page.insert("@odata.nextLink".to_owned(), json!(next));
    }
    Ok(Answer::json(Value::Object(page)))
}

/// What a property of an item may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    Truth,
    Number,
    /// A list of texts.
    Texts,
    /// A list of `{name, address}`.
    Addresses,
    Object,
    Objects,
}

/// Takes what JSON says over into the fields of an item. What is only read is passed over.
pub(super) fn take_over(
    fields: &mut Map<String, Value>,
    given: &Map<String, Value>,
    forms: &[(&str, Form)],
    (read_only, of): (&[&str], &str),
) -> Result<(), Refusal> {
    for (name, value) in given {
        let form = forms.iter().find(|(known, _)| known == name);
        match form {
            Some((_, form)) if value.is_null() || form.fits(value) => {
                fields.insert(name.clone(), value.clone());
            }
            Some(_) => return Err(wrong(name)),
            None if name.starts_with('@') || read_only.contains(&name.as_str()) => {}
            None => {
                return Err(Refusal::bad(
                    "RequestBodyRead",
                    format!(
                        "The property '{name}' does not exist on type 'microsoft.graph.{of}'. Make sure to only use property names that are defined by the type."
                    ),
                ));
            }
        }
    }
    Ok(())
}

impl Form {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::OneOf(known) => value.as_str().is_some_and(|text| known.contains(&text)),
            Self::Truth => value.is_boolean(),
            Self::Number => value.is_i64(),
            Self::Texts => each(value, Value::is_string),
            Self::Addresses => each(value, |one| one["address"].as_str().is_some_and(is_address)),
            Self::Object => value.is_object(),
            Self::Objects => each(value, Value::is_object),
        }
    }
}

fn each(value: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|all| all.iter().all(fits))
}
