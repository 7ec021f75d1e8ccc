//! Contacts and their folders (<https://learn.microsoft.com/graph/api/resources/contact>).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::access::{Need, Owner};
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::filter::{Kind as PropertyKind, Property};
use super::ids::{self, Kind};
use super::incoming::Incoming;
use super::items::{Form, Listing, page, take_over};
use super::letter::wrong;
use super::refusal::Refusal;
use super::shape::{picked, time};
use crate::mailboxes::Mailbox;

/// The contacts of every mailbox.
#[derive(Debug, Default)]
pub(crate) struct AddressBooks(Mutex<BTreeMap<String, AddressBook>>);

/// The contacts of one mailbox.
#[derive(Debug, Default)]
struct AddressBook {
    /// Name of each folder beside the usual one, whose number is 0.
    folders: BTreeMap<u64, String>,
    cards: BTreeMap<u64, Card>,
    last: u64,
}

#[derive(Debug, Clone)]
struct Card {
    folder: u64,
    fields: Map<String, Value>,
    created_at: Timestamp,
    modified_at: Timestamp,
    revision: u64,
}

/// What is asked of the contacts of a mailbox.
pub(super) async fn follow(
    call: &Call,
    owner: &Owner,
    (words, names): (&[&str], &[String]),
    incoming: Incoming,
) -> Outcome {
    let need = match call.method {
        Method::GET => Need::ReadContacts,
        _ => Need::WriteContacts,
    };
    let mailbox = owner.open(call, need)?;
    let given = match call.method {
        Method::POST | Method::PATCH => incoming.object(&call.graph.clock).await?,
        _ => Map::new(),
    };
    let shelf = Shelf {
        call,
        owner,
        mailbox: &mailbox,
    };
    call.graph.address_books.with(&owner.address, |book| {
        let (folder, words, names) = match words {
            ["contactfolders", _, rest @ ..] => {
                let folder = shelf.folder(book, &names[1])?;
                (Some(folder), rest, &names[2..])
            }
            _ => (None, words, names),
        };
        match (&call.method, words, folder) {
            (&Method::GET, ["contactfolders"], _) => shelf.folders(book),
            (&Method::POST, ["contactfolders"], _) => shelf.make_folder(book, &given),
            (&Method::GET, [], Some(folder)) => Ok(Answer::json(shelf.shown_folder(book, folder))),
            (&Method::DELETE, [], Some(folder)) => remove_folder(book, folder),
            (&Method::GET, ["contacts"], folder) => shelf.list(book, folder),
            (&Method::POST, ["contacts"], folder) => {
                shelf.make(book, folder.unwrap_or_default(), &given)
            }
            (&Method::GET, ["contacts", _], _) => {
                let number = shelf.number(book, &names[1])?;
                let shape = shelf.shape(number, &book.cards[&number]);
                picked(shape, &call.options, "contact").map(Answer::json)
            }
            (&Method::PATCH, ["contacts", _], _) => {
                let number = shelf.number(book, &names[1])?;
                shelf.change(book, number, &given)
            }
            (&Method::DELETE, ["contacts", _], _) => {
                let number = shelf.number(book, &names[1])?;
                book.cards.remove(&number);
                Ok(Answer::empty(StatusCode::NO_CONTENT))
            }
            (_, [] | ["contactfolders" | "contacts", ..], _) if words.len() <= 2 => {
                Err(Refusal::method(call.method.as_str()))
            }
            _ => Err(Refusal::segment(words.last().copied().unwrap_or_default())),
        }
    })
}

impl AddressBooks {
    fn with<T>(&self, address: &str, act: impl FnOnce(&mut AddressBook) -> T) -> T {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(books.entry(address.to_lowercase()).or_default())
    }

    /// Enters a contact into the usual folder of a mailbox.
    pub(super) fn enter(
        &self,
        address: &str,
        given: &Value,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let given = given.as_object().ok_or_else(|| wrong("contact"))?;
        let card = Card::read(USUAL, given, now)?;
        self.with(address, |book| {
            book.last += 1;
            book.cards.insert(book.last, card);
        });
        Ok(())
    }
}

/// A request for the contacts of a mailbox that is open to it.
#[derive(Clone, Copy)]
struct Shelf<'a> {
    call: &'a Call,
    owner: &'a Owner,
    mailbox: &'a Mailbox,
}

impl Shelf<'_> {
    fn folder(self, book: &AddressBook, id: &str) -> Result<u64, Refusal> {
        if id.eq_ignore_ascii_case("contacts") {
            return Ok(USUAL);
        }
        match ids::read(id, self.mailbox)? {
            (Kind::ContactFolder, number)
                if number == USUAL || book.folders.contains_key(&number) =>
            {
                Ok(number)
            }
            (Kind::ContactFolder, _) => Err(Refusal::folder_not_found()),
            _ => Err(Refusal::id_malformed()),
        }
    }

    fn number(self, book: &AddressBook, id: &str) -> Result<u64, Refusal> {
        match ids::read(id, self.mailbox)? {
            (Kind::Contact, number) if book.cards.contains_key(&number) => Ok(number),
            (Kind::Contact, _) => Err(Refusal::item_not_found()),
            _ => Err(Refusal::id_malformed()),
        }
    }

    fn folders(self, book: &AddressBook) -> Outcome {
        // The usual folder is not among them.
        let all = book
            .folders
            .keys()
            .map(|number| self.shown_folder(book, *number));
        let listing = Listing {
            name: "contactFolders",
            of: "contactFolder",
            properties: &[("displayName", PropertyKind::Text)],
        };
        page(self.call, self.owner, listing, all.collect())
    }

    fn shown_folder(self, book: &AddressBook, number: u64) -> Value {
        let name = book.folders.get(&number).map_or("Contacts", String::as_str);
        json!({
            "id": ids::write(Kind::ContactFolder, self.mailbox, number),
            "parentFolderId": ids::write(Kind::ContactFolder, self.mailbox, USUAL),
            "displayName": name,
        })
    }

    fn make_folder(self, book: &mut AddressBook, given: &Map<String, Value>) -> Outcome {
        let name = given.get("displayName").and_then(Value::as_str);
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| wrong("displayName"))?;
        if book
            .folders
            .values()
            .any(|known| known.to_lowercase() == name.to_lowercase())
        {
            return Err(Refusal::new(
                StatusCode::CONFLICT,
                "ErrorFolderExists",
                "A folder with the specified name already exists.",
            ));
        }
        book.last += 1;
        book.folders.insert(book.last, name.to_owned());
        Ok(Answer::created(self.shown_folder(book, book.last)))
    }

    fn list(self, book: &AddressBook, folder: Option<u64>) -> Outcome {
        let wanted = self
            .call
            .options
            .get("$search")
            .map(|text| text.trim_matches('"').to_lowercase());
        let all = book.cards.iter().filter(|(_, card)| {
            folder.is_none_or(|folder| folder == card.folder)
                && wanted.as_deref().is_none_or(|wanted| card.holds(wanted))
        });
        let all = all.map(|(number, card)| self.shape(*number, card));
        page(self.call, self.owner, LISTING, all.collect())
    }

    fn make(self, book: &mut AddressBook, folder: u64, given: &Map<String, Value>) -> Outcome {
        let card = Card::read(folder, given, self.call.at)?;
        book.last += 1;
        let shape = self.shape(book.last, &card);
        book.cards.insert(book.last, card);
        Ok(Answer::created(shape))
    }

    fn change(self, book: &mut AddressBook, number: u64, given: &Map<String, Value>) -> Outcome {
        let card = book
            .cards
            .get_mut(&number)
            .ok_or_else(Refusal::item_not_found)?;
        let mut changed = card.clone();
        take_over(&mut changed.fields, given, FORMS, (READ_ONLY, "contact"))?;
        changed.modified_at = self.call.at;
        changed.revision += 1;
        *card = changed;
        Ok(Answer::json(self.shape(number, card)))
    }

    fn shape(self, number: u64, card: &Card) -> Value {
        let change = format!("EQAAABYAAAC{number:08x}{:08x}", card.revision);
        let mut shape = Map::new();
        for (name, value) in [
            ("@odata.etag", json!(format!("W/\"{change}\""))),
            ("id", json!(ids::write(Kind::Contact, self.mailbox, number))),
            ("createdDateTime", time(card.created_at)),
            ("lastModifiedDateTime", time(card.modified_at)),
            ("changeKey", json!(change)),
            (
                "parentFolderId",
                json!(ids::write(Kind::ContactFolder, self.mailbox, card.folder)),
            ),
        ] {
            shape.insert(name.to_owned(), value);
        }
        for (name, form) in FORMS {
            let absent = match form {
                Form::Texts | Form::Addresses | Form::Objects => json!([]),
                Form::Object => json!({}),
                _ => Value::Null,
            };
            let value = card.fields.get(*name).filter(|value| !value.is_null());
            shape.insert((*name).to_owned(), value.cloned().unwrap_or(absent));
        }
        if shape["displayName"].is_null() {
            shape.insert("displayName".to_owned(), json!(card.name(" ", false)));
        }
        if shape["fileAs"].is_null() {
            shape.insert("fileAs".to_owned(), json!(card.name(", ", true)));
        }
        Value::Object(shape)
    }
}

impl Card {
    fn read(folder: u64, given: &Map<String, Value>, now: Timestamp) -> Result<Self, Refusal> {
        let mut fields = Map::new();
        take_over(&mut fields, given, FORMS, (READ_ONLY, "contact"))?;
        Ok(Self {
            folder,
            fields,
            created_at: now,
            modified_at: now,
            revision: 1,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields
            .get(name)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    fn name(&self, between: &str, surname_first: bool) -> String {
        let mut names = ["givenName", "surname"].map(|name| self.text(name));
        if surname_first {
            names.reverse();
        }
        let names: Vec<&str> = names.into_iter().flatten().collect();
        names.join(between)
    }

    /// Whether a word of its names or addresses begins so.
    fn holds(&self, wanted: &str) -> bool {
        let names = [
            "displayName",
            "givenName",
            "surname",
            "companyName",
            "nickName",
        ];
        let names = names.into_iter().filter_map(|name| self.text(name));
        let emails = self.fields.get("emailAddresses").and_then(Value::as_array);
        let emails = emails
            .into_iter()
            .flatten()
            .filter_map(|one| one["address"].as_str());
        names.chain(emails).any(|text| {
            let text = text.to_lowercase();
            text.starts_with(wanted) || text.split_whitespace().any(|word| word.starts_with(wanted))
        })
    }
}

fn remove_folder(book: &mut AddressBook, folder: u64) -> Outcome {
    if folder == USUAL {
        return Err(Refusal::bad(
            "ErrorDeleteDistinguishedFolder",
            "Distinguished folders cannot be deleted.",
        ));
    }
    book.folders.remove(&folder);
    book.cards.retain(|_, card| card.folder != folder);
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// The number of the folder that every mailbox has.
const USUAL: u64 = 0;

const LISTING: Listing = Listing {
    name: "contacts",
    of: "contact",
    properties: &[
        ("displayName", PropertyKind::Text),
        ("givenName", PropertyKind::Text),
        ("surname", PropertyKind::Text),
        ("companyName", PropertyKind::Text),
        ("emailAddresses", PropertyKind::List),
        ("categories", PropertyKind::List),
        ("createdDateTime", PropertyKind::Time),
        ("lastModifiedDateTime", PropertyKind::Time),
    ] as &[Property],
};

const READ_ONLY: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "parentFolderId",
];

const FORMS: &[(&str, Form)] = &[
    ("categories", Form::Texts),
    ("birthday", Form::Text),
    ("fileAs", Form::Text),
    ("displayName", Form::Text),
    ("givenName", Form::Text),
    ("initials", Form::Text),
    ("middleName", Form::Text),
    ("nickName", Form::Text),
    ("surname", Form::Text),
    ("title", Form::Text),
    ("yomiGivenName", Form::Text),
    ("yomiSurname", Form::Text),
    ("yomiCompanyName", Form::Text),
    ("generation", Form::Text),
    ("imAddresses", Form::Texts),
    ("jobTitle", Form::Text),
    ("companyName", Form::Text),
    ("department", Form::Text),
    ("officeLocation", Form::Text),
    ("profession", Form::Text),
    ("businessHomePage", Form::Text),
    ("assistantName", Form::Text),
    ("manager", Form::Text),
    ("homePhones", Form::Texts),
    ("mobilePhone", Form::Text),
    ("businessPhones", Form::Texts),
    ("spouseName", Form::Text),
    ("personalNotes", Form::Text),
    ("children", Form::Texts),
    ("emailAddresses", Form::Addresses),
    ("homeAddress", Form::Object),
    ("businessAddress", Form::Object),
    ("otherAddress", Form::Object),
];
